"""From a matrix of second derivatives to covariance and intervals of the unknowns.

covariance = H^-1,   interval = x_i -+ z sqrt(covariance_ii),   z the quantile of N(0, 1) at (1 + level)/2      (Laplace)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .._errors import InvalidInput
from .arrays import Array

SMALLEST = 1e-14  # eigenvalue of a matrix scaled to a diagonal of ones
SAID = 0.3  # of the largest entry of a direction: unknowns that it is said to consist of


def inverse(matrix: Array, names: Sequence[str], what: str) -> Array:
    """The inverse of the symmetric part of `matrix` (n, n). Raises `InvalidInput` that names the direction where it is flat."""
    matrix = (matrix + matrix.T) / 2
    size = np.sqrt(np.abs(np.diag(matrix)))
    if not np.all(np.isfinite(matrix)):
        raise InvalidInput(f"The {what} is not finite: there is no covariance at this point.")
    empty = [name for name, s in zip(names, size, strict=True) if s == 0]
    if empty:
        raise InvalidInput(
            f"The {what} is not positive definite: it is zero by {' and '.join(empty)}, which is not determined. Take it out "
            f"of `wrt`, or observe something that depends on it."
        )
    scaled = matrix / np.outer(size, size)
    values, vectors = np.linalg.eigh(scaled)
    if values[0] <= SMALLEST:
        along = combination(vectors[:, 0] / size, vectors[:, 0], names)
        why = "curved downward, so that this is no minimum," if values[0] < -1e-10 else "flat"
        raise InvalidInput(
            f"The {what} is not positive definite: it is {why} along {along}; a combination of the unknowns is not determined. "
            f"Take one of them out of `wrt`, or add data or a loss (a prior) that determine it."
        )
    return np.linalg.inv(scaled) / np.outer(size, size)


def combination(direction: Array, shares: Array, names: Sequence[str]) -> str:
    """A direction in words: the unknowns whose `shares` (n,) of it are large, with how far each moves."""
    order = [k for k in np.argsort(-np.abs(shares)) if abs(shares[k]) >= SAID * np.max(np.abs(shares))]
    unit = direction / np.max(np.abs(direction[order]))
    return "(" + ", ".join(f"{names[k]}: {unit[k]:+.2g}" for k in order) + ")"


def intervals(
    x: Array, deviations: Array, level: float, blocks: Mapping[str, slice], shapes: Mapping[str, tuple[int, ...]],
    logs: Mapping[str, str],
) -> dict[str, tuple[Array, Array]]:  # fmt: skip
    """Lower and upper ends by name, in the shape of each; of a logarithm in `logs` those of what it is the logarithm of."""
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise InvalidInput(f"`level` is {level!r}; expected a number between 0 and 1, such as 0.95.")
    reach = float(ndtri((1 + level) / 2)) * deviations
    out = {}
    for name, at in blocks.items():
        ends = ((x[at] - reach[at]).reshape(shapes[name]), (x[at] + reach[at]).reshape(shapes[name]))
        out[logs.get(name, name)] = (np.exp(ends[0]), np.exp(ends[1])) if name in logs else ends
    return out
