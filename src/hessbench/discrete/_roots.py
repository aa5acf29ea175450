"""The first root of a function within one step, from samples of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import Unsupported
from .._model.derivatives import Array

GRAZED = 1e-9  # of the size of a switch: closer to its root without a crossing is a touch
NEAR = 1e-12  # of the size of its terms: closer to zero a switch is at its root
PROBE = 1e-6  # of the time span: how far behind a root one looks on which side the solution is
FLAT = 1e-8  # of the size: an event function that changes less along the span does not cross zero
CLOSE = 1e-13  # of the span: times that are not apart
DIP = 0.05  # of the size: a lowest sample below that may have a root beside it


def first_root(
    value: Callable[[float], float], start: float, times: Array, positive: Array, sign: float, size: float
) -> float | None:
    """The first root of `sign value(t)` behind `start`; its samples at `times` (m,) are `positive` until there is one.

    A root at `start` itself, on the way to the positive side, does not count. Raises `Unsupported` where the function only
    touches zero.
    """
    from scipy import optimize

    below = np.flatnonzero(positive < 0)
    stop = int(below[0]) if below.size else len(times)
    for i in range(1, stop - 1):  # a dip between samples
        if positive[i] <= min(positive[i - 1], positive[i + 1]) and positive[i] < DIP * size:
            low, high = sorted((float(times[i - 1]), float(times[i + 1])))
            dip: Any = optimize.minimize_scalar(
                lambda t: sign * value(t), bounds=(low, high), method="bounded", options={"xatol": 1e-10 * (high - low)}
            )
            if abs(dip.fun) <= GRAZED * size and positive[i] > 10 * GRAZED * size:
                raise Unsupported(grazed(dip.x))
            if dip.fun < 0:
                return _between(value, float(times[i - 1]), float(dip.x))
    if not below.size:
        return None
    left = float(times[stop - 1]) if stop else start
    if not stop and sign * value(left) <= 0:
        inner = np.linspace(left, times[0], 33)[1:]
        inside = np.array([sign * value(t) for t in inner])
        up = np.flatnonzero(inside > 0)
        if not up.size:
            return left
        left = float(inner[up[0]])
        if not np.any(inside[up[0] :] < 0):
            return None
    return _between(value, left, float(times[stop]))


def _between(value: Callable[[float], float], low: float, high: float) -> float:
    """The root between two times. Raises `Unsupported` where the signs there are round-off."""
    from scipy import optimize

    brentq: Any = optimize.brentq
    if value(low) * value(high) > 0:
        raise Unsupported(grazed(low))
    return float(brentq(value, low, high, xtol=1e-300, rtol=1e-15))


def grazed(t: float) -> str:
    """The refusal."""
    return (
        f"At t = {t:.6g} the solution only just touches a switch or an event (it grazes it): there is no derivative, because a "
        f"small change of the unknowns decides whether it is crossed."
    )
