"""Twelve coupled oscillators: how their synchrony depends on each frequency and on the coupling."""

import numpy as np

from hessbench import Problem

N = 12


def rhs(xp, t, y, p):
    s, c = xp.sin(y), xp.cos(y)
    return p["omega"] + p["coupling"] / N * (c * xp.sum(s) - s * xp.sum(c))


def loss(xp, y0, y1, p):
    return xp.sum(xp.cos(y1)) ** 2 + xp.sum(xp.sin(y1)) ** 2


params = {"omega": 0.5 * np.sin(1.7 * np.arange(N)), "coupling": 0.8}
problem = Problem("kuramoto", rhs, loss, (0.0, 5.0), 0.4 * np.arange(N), params, wrt=("omega", "coupling"))
