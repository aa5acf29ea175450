"""A row of measurements: normal, log-normal or log10-normal, one observable to a column.

Columns behind those of the observables hold numbers that go with single measurements (a standard deviation that was measured,
too); formulas read them as variables, and they have no term of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.arrays import Array
from .._model.likelihood import HALF_LOG_2PI, Likelihood, Wrap

SCALES = {
    "lin": 0.0,
    "log": 1.0,
    "log10": 1.0 / math.log(10.0),
}  # of the logarithm in which noise is normal; 0: in none


@dataclass(frozen=True, eq=False)
class Measurements(Likelihood):
    """`formulas(xp, t, y, p, given)` -> means (k,) and sigmas (k,); `scales` names that of each column.

        lin    r^2/2 + log sigma + log(2 pi)/2,              r = (d - mean)/sigma
        log10  the same + log d + log log 10,                r = (log10 d - log10 mean)/sigma

    Source: PEtab 1, documentation of the data format, "Objective function".
    """

    formulas: Callable[..., Any]
    scales: tuple[str, ...]

    def __post_init__(self) -> None:
        for scale in self.scales:
            if scale not in SCALES:
                raise InvalidInput(f"a measurement is on the scale {scale!r}, expected one of {', '.join(SCALES)}.")

    def quantities(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> list[Any]:
        """Means and sigmas, with zeros and ones for the columns behind those of the observables."""
        k = len(self.scales)
        means, sigmas = self.formulas(xp, t, y, p, d[k:])
        rest = d.shape[0] - k
        return [xp.concatenate([means, xp.zeros(rest)]), xp.concatenate([sigmas, xp.ones(rest)])]

    def terms(self, xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        """See the class."""
        k = len(self.scales)
        means, sigmas = self.formulas(xp, t, y, p, d[k:])
        out = []
        for j, scale in enumerate(self.scales):
            factor, seen, mean, sigma = SCALES[scale], d[j], means[j], sigmas[j]
            if factor:
                r = factor * (xp.log(seen) - xp.log(mean)) / sigma
                constant = HALF_LOG_2PI - math.log(factor) + xp.log(seen)
            else:
                r, constant = (seen - mean) / sigma, HALF_LOG_2PI
            out.append(r * r / 2 + xp.log(sigma) + constant)
        return xp.concatenate([xp.stack(out), xp.zeros(d.shape[0] - k)])

    def information(self, *theta: Array) -> Array:
        """diag(1, 2) / sigma^2, the first times (d log mean)^2 on a logarithmic scale."""
        means, sigmas = theta
        k, out = len(self.scales), np.zeros((2, 2, *means.shape))
        for j, scale in enumerate(self.scales):
            factor = SCALES[scale]
            slope = factor / means[..., j] if factor else 1.0
            out[0, 0, ..., j] = (slope / sigmas[..., j]) ** 2
        out[1, 1, ..., :k] = 2 / sigmas[..., :k] ** 2
        return out

    def over(self, wrap: Wrap) -> Likelihood:
        """`wrap` is of functions of (xp, t, y, p)."""
        formulas = self.formulas

        def wrapped(xp: Any, t: Any, y: Any, p: Any, given: Any) -> Any:
            return wrap(lambda xp, t, y, p: formulas(xp, t, y, p, given))(xp, t, y, p)

        return replace(self, formulas=wrapped)

    def check(self, values: Array, mask: Array) -> None:
        """Raise `InvalidInput` for a measurement that has no logarithm and is on a logarithmic scale."""
        for j, scale in enumerate(self.scales):
            seen = values[mask[:, j], j]
            if SCALES[scale] and np.any(seen <= 0):
                raise InvalidInput(
                    f"a measurement is {seen[seen <= 0][0]:g}, but its observable is on the scale {scale!r}."
                )
