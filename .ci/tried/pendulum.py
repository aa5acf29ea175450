"""What a user of the installed wheel writes."""

from hessbench import Problem


def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], -p["k"] * xp.sin(y[:1])])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


problem = Problem("pendulum", rhs, loss, (0.0, 3.0), [1.0, 0.2], {"k": 1.3}, wrt=("y0", "k"))
