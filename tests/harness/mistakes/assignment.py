"""Item assignment into an array."""

from hessbench import Problem


def rhs(xp, t, y, p):
    dy = xp.zeros_like(y)
    dy[0] = y[1]
    dy[1] = -p["k"] * xp.sin(y[0])
    return dy


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
