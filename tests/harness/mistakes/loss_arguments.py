"""A loss of the end state alone."""

from hessbench import Problem


def rhs(xp, t, y, p):
    return xp.stack([y[1], -p["k"] * xp.sin(y[0])])


def loss(y1):
    return (y1**2).sum()


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
