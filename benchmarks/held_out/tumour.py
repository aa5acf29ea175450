"""A tumour under four doses of a drug that comes and goes, seen six times: growth, kill and clearance."""

import numpy as np

from hessbench import Data, Event, Problem


def rhs(xp, t, y, p):
    size, drug = y[:1], y[1:]
    return xp.concatenate([p["grow"] * size * (1 - size / 40) - p["kill"] * drug * size, -p["clear"] * drug])


def dosed(xp, t, y, p):
    return y + np.array([0.0, 1.0])


def residual(xp, t, y, d, p):
    return xp.log(y[0]) - np.log(d)


problem = Problem(
    "tumour",
    rhs,
    None,
    (0.0, 35.0),
    [2.0, 0.0],
    {"grow": 0.25, "kill": 0.9, "clear": 0.5},
    wrt=("grow", "kill", "clear"),
    data=Data([5.0, 12.0, 18.0, 24.0, 30.0, 35.0], [4.0, 3.1, 2.4, 2.0, 4.9, 9.0], residual=residual),
    events=[Event(at=[7.0, 14.0, 21.0, 28.0], jump=dosed)],
)
