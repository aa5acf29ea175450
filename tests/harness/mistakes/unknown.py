"""A mistake of nobody's list."""

from hessbench import Problem


def rhs(xp, t, y, p):
    return xp.stack([y[1], -p["k"] * xp.sin(y[0]) + [1, 2].index(3)])


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
