"""A problem with data and everything beside: two terms, masks, replicates, data at both ends, running loss and end loss."""

import numpy as np

from hessbench import Data, Limits, Problem
from hessbench.builtin_strategies.discrete_adjoint import DiscreteAdjoint

TIMES = np.array([0.0, 0.31, 0.31, 0.55, 1.2, 1.2, 1.7, 2.0])
VALUES = np.array([[0.9, 0.4], [0.7, 0.5], [0.8, 0.1], [0.4, 0.9], [0.1, 0.8], [0.2, np.nan], [-0.3, 0.2], [-0.4, 0.6]])
MASK = np.ones(VALUES.shape, dtype=bool)
MASK[3, 0] = False
EVERYTHING = ("theta", "y0", "noise", "kappa")


def rhs(xp, t, y, p):
    x, v = y[:1], y[1:]
    return xp.concatenate([v * p["theta"][0] - x * x / 5, -p["theta"][1] * xp.sin(x) - p["kappa"] * v + xp.cos(2 * t)])


def running(xp, t, y, p):
    return p["kappa"] * xp.sum(y**2) + t * y[0] * y[1] / 3


def end(xp, y0, y1, p):
    return xp.sum(y0 * y1**2) * p["theta"][1] + p["kappa"] ** 2 * y1[0] + y0[1] ** 3


def misfit(xp, t, y, d, p):
    r = (y - d) * (1 + t) / p["noise"]
    return xp.log(1 + r * r) + xp.log(p["noise"]) * p["theta"][0]


def residual(xp, t, y, d, p):
    return (y * y[::-1] - d) * p["kappa"] + xp.exp(y) / 4


def everything(wrt=EVERYTHING, **changed):
    """The problem, by any of its unknowns."""
    given = {
        "running_loss": running, "loss": end, "data": Data(TIMES, VALUES, misfit, residual, MASK), "t_span": (0.0, 2.0),
    }  # fmt: skip
    parts = {**given, **changed}
    params = {"theta": [1.1, 1.7], "noise": [0.5, 0.8], "kappa": 0.3}
    return Problem("data-and-everything", rhs, parts.pop("loss"), parts.pop("t_span"), [0.8, 0.3], params, wrt, **parts)


class InPieces(DiscreteAdjoint):
    """The strategy as it is for problems without data, so that the harness goes over the pieces."""

    limits = Limits(parameters=True, running_loss=True, times=True)
