"""`np.concatenate` of parts of the state, which have names of their own."""

import numpy as np

from hessbench import Problem


def rhs(xp, t, y, p):
    angle, speed = y[:1], y[1:]
    return np.concatenate([speed, -p["k"] * xp.sin(angle)])


def loss(xp, y0, y1, p):
    return xp.sum(y1**2)


problem = Problem("pendulum", rhs, loss, (0.0, 1.0), [1.0, 0.5], {"k": 2.0})
