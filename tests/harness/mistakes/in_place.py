"""A state is changed in place."""

from hessbench import Problem


def rhs(xp, t, y, p):
    y[0] *= 2.0
    return xp.stack([y[1], -p["k"] * y[0]])


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
