"""log Gamma by functions that every namespace has, so that it can be recorded and differentiated.

With z = x + SHIFT, Stirling's series to z^-13 is right to 2e-16 for z >= 9:

    log Gamma(x) = (z - 1/2) log z - z + log(2 pi)/2 + S(z) - sum over j < SHIFT of log(x + j),   S(z) = 1/12z - 1/360z^3 + ...

Source: Abramowitz & Stegun (1964), 6.1.15 and 6.1.41.
"""

from __future__ import annotations

import math
from typing import Any

SHIFT = 9
SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def log_gamma(xp: Any, x: Any) -> Any:
    """log Gamma(x) for x > 0."""
    z, steps = x + SHIFT, 0.0
    for j in range(SHIFT):
        steps = steps + xp.log(x + j)
    return (z - 0.5) * xp.log(z) - z + 0.5 * math.log(2 * math.pi) + _rest(z) - steps


def log_gamma_ratio(xp: Any, x: Any, d: Any) -> Any:
    """log Gamma(x + d)/Gamma(x) for x > 0, d >= 0: without the cancellation of two large numbers where x is large."""
    z, steps = x + SHIFT, 0.0
    for j in range(SHIFT):
        steps = steps + xp.log1p(d / (x + j))
    return (z + d - 0.5) * xp.log1p(d / z) + d * xp.log(z) - d + _rest(z + d) - _rest(z) - steps


def _rest(z: Any) -> Any:
    over, total = 1 / (z * z), 0.0
    for c in reversed(SERIES):
        total = total * over + c
    return total / z
