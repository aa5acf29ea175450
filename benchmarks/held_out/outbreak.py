"""An epidemic whose contacts fall at day 20 and whose hospital has a limit: the limit is a switch in the state."""

from hessbench import Problem


def rhs(xp, t, y, p):
    s, e, i, h = y[:1], y[1:2], y[2:3], y[3:]
    beta = xp.where(t < 20.0, p["before"], p["after"])
    new = beta * s * i
    admitted = xp.minimum(0.2 * i, p["beds"] + 0.02 * i)
    return xp.concatenate([-new, new - 0.25 * e, 0.25 * e - 0.2 * i - admitted, admitted - 0.1 * h])


def loss(xp, y0, y1, p):
    return xp.sum((y1[3:] - 0.05) ** 2) + xp.sum(y1[:1] ** 2)


params = {"before": 0.9, "after": 0.4, "beds": 0.004}
problem = Problem(
    "outbreak", rhs, loss, (0.0, 60.0), [0.99, 0.005, 0.005, 0.0], params, wrt=("before", "after", "beds")
)
