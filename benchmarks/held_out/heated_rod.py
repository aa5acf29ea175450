"""Heat in a rod of thirty cells whose conductivity grows with temperature, by two coefficients and the loss of heat."""

import numpy as np

from hessbench import Problem

CELLS = 30


def rhs(xp, t, y, p):
    between = (y[1:] + y[:-1]) / 2
    flow = (p["k0"] + p["k1"] * between) * (y[1:] - y[:-1]) * CELLS
    inside = xp.concatenate([flow[:1], flow[1:] - flow[:-1], -flow[-1:]]) * CELLS
    return inside - p["h"] * y**4


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["seen"]) ** 2)


place = (np.arange(CELLS) + 0.5) / CELLS
params = {"k0": 0.05, "k1": 0.08, "h": 0.6, "seen": 0.6 - 0.2 * place}
problem = Problem("heated-rod", rhs, loss, (0.0, 1.0), np.exp(-6 * place**2), params, wrt=("k0", "k1", "h"))
