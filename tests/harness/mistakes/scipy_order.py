"""Arguments as for `solve_ivp`."""

from hessbench import Problem


def rhs(t, y):
    return [y[1], -2.0 * y[0]]


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
