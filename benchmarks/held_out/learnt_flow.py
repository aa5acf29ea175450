"""A small neural ODE in three dimensions, six hidden units: 45 weights, seen at ten times."""

import numpy as np

from hessbench import Data, Problem

drawn = np.random.default_rng(3)
params = {
    "W": 0.6 * drawn.standard_normal((6, 3)),
    "b": np.zeros(6),
    "V": 0.6 * drawn.standard_normal((3, 6)),
    "c": np.zeros(3),
}
times = np.linspace(0.2, 2.0, 10)
seen = np.stack([np.cos(times), np.sin(times), times / 2], axis=1)


def rhs(xp, t, y, p):
    return p["V"] @ xp.tanh(p["W"] @ y + p["b"]) + p["c"]


def misfit(xp, t, y, d, p):
    return (y - d) ** 2


problem = Problem(
    "learnt-flow", rhs, None, (0.0, 2.0), [1.0, 0.0, 0.0], params, wrt=tuple(params), data=Data(times, seen, misfit)
)
