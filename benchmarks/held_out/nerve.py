"""FitzHugh and Nagumo's nerve, fitted to forty samples of its voltage."""

import numpy as np

from hessbench import Data, Problem


def rhs(xp, t, y, p):
    v, w = y[:1], y[1:]
    return xp.concatenate([p["c"] * (v - v**3 / 3 + w), -(v - p["a"] + p["b"] * w) / p["c"]])


def misfit(xp, t, y, d, p):
    return (y[0] - d) ** 2 / 0.02


times = np.linspace(0.5, 20.0, 40)
data = Data(times, 1.8 * np.sin(0.6 * times), misfit)
params = {"a": 0.2, "b": 0.2, "c": 3.0}
problem = Problem("nerve", rhs, None, (0.0, 20.0), [-1.0, 1.0], params, wrt=("a", "b", "c"), data=data)
