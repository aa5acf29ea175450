"""One problem under another name."""

from hessbench import Problem


def rhs(xp, t, y, p):
    return xp.stack([y[1], -p["k"] * xp.sin(y[0])])


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


pendulum = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
