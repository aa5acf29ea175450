"""How large the states of a problem are along its solution."""

from __future__ import annotations

import warnings

import numpy as np

from .._model.arrays import Array
from .._model.problem import Problem

STEPS = 2000


def state_sizes(problem: Problem, x: Array) -> Array:
    """The largest `|y_i|` along the solution at `x`, (dim,), from a rough solve by LSODA, which stiffness does not stop.

    What was seen so far where it fails or takes more than `STEPS` steps.
    """
    from scipy.integrate import LSODA

    y0, p = problem.unpack(x)
    (t0, t1), y0 = map(float, problem.times(x)), np.asarray(y0, dtype=np.float64)
    largest = np.abs(y0)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            slope = np.abs(problem.rhs(np, t0, y0.copy(), p)) * abs(t1 - t0)
            atol = 1e-6 * largest + 1e-9 * slope + 1e-200
            solver = LSODA(lambda t, y: problem.rhs(np, t, y, p), t0, y0.copy(), t1, rtol=1e-4, atol=atol)
            for _ in range(STEPS):
                if solver.status != "running":
                    break
                solver.step()
                if not np.all(np.isfinite(solver.y)):
                    break
                largest = np.maximum(largest, np.abs(solver.y))
    except Exception:  # the functions are the user's: the sizes at the start are something, too
        return largest
    return largest
