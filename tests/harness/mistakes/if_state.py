"""`if` on a state."""

from hessbench import Problem


def rhs(xp, t, y, p):
    force = -p["k"] * y[0]
    if y[0] > 0.0:
        force = 2.0 * force
    return xp.stack([y[1], force])


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
