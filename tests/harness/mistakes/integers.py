"""An initial state of integers, which is fine."""

from hessbench import Problem


def rhs(xp, t, y, p):
    return xp.stack([y[1], -p["k"] * xp.sin(y[0])])


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1, 2], {"k": 2.0})
