"""Twenty-four places on a circle of latitude (Lorenz 1996): data assimilation by the initial state."""

import numpy as np

from hessbench import Problem

N = 24


def rolled(xp, y, k):
    return xp.concatenate([y[k:], y[:k]])


def rhs(xp, t, y, p):
    return (rolled(xp, y, 1) - rolled(xp, y, N - 2)) * rolled(xp, y, N - 1) - y + p["force"]


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["seen"]) ** 2) + xp.sum((y0 - p["before"]) ** 2)


place = np.arange(N)
before = 8.0 + np.sin(place) + 0.5 * np.cos(3.0 * place)
params = {"force": 8.0, "seen": 4.0 * np.sin(2.0 * place), "before": before}
problem = Problem("weather", rhs, loss, (0.0, 0.6), before + 0.1, params)
