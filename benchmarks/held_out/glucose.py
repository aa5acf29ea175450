"""Glucose and insulin after an injection (Bergman's minimal model), fitted to twelve samples."""

import numpy as np

from hessbench import Data, Problem

TIMES = np.array([2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 50.0, 70.0, 100.0, 140.0, 180.0])


def rhs(xp, t, y, p):
    glucose, action, insulin = y[:1], y[1:2], y[2:]
    return xp.concatenate([
        p["effect"] * (p["basal"] - glucose) - action * glucose,
        p["gain"] * insulin - p["decay"] * action,
        -p["clear"] * insulin,
    ])  # fmt: skip


def residual(xp, t, y, d, p):
    return (y[0] - d) / 5.0


params = {"effect": 0.031, "gain": 1.3e-5, "decay": 0.012, "clear": 0.14, "basal": 90.0}
seen = 90 + 180 * np.exp(-TIMES / 30) + 4 * np.cos(TIMES)
problem = Problem(
    "glucose",
    rhs,
    None,
    (0.0, 180.0),
    [290.0, 0.0, 360.0],
    params,
    wrt=("effect", "gain", "decay", "clear"),
    data=Data(TIMES, seen, residual=residual),
)
