"""A problem with a closed form by state and parameter, and the error relative to the largest entry."""

import numpy as np

from hessbench import Problem


def error(got, true):
    return np.max(np.abs(got - true)) / np.max(np.abs(true))


def decay(**changes):
    """y' = -a y on (0, T), loss y(T)^2: L = y0^2 exp(-2 a T), by x = (a, y0)."""
    given = {
        "name": "decay",
        "rhs": lambda xp, t, y, p: -p["a"] * y,
        "loss": lambda xp, y0, y1, p: xp.sum(y1 * y1),
        "t_span": (0.0, 0.7),
        "y0": np.array([1.3]),
        "params": {"a": np.array([0.9])},
        "wrt": ("a", "y0"),
        "loss_uses_y0": False,
    }
    return Problem(**{**given, **changes})
