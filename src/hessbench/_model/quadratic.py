"""Quadratic right-hand sides: a user gives the arrays, all derivatives follow.

    F_k = c_k + A_ki y_i + B_kij y_i y_j        F_k,i = A_ki + T_kij y_j        F_k,ij = T_kij = B_kij + B_kji

Galerkin-projected flows, reaction networks of second order and population models have this form. The second derivatives are
constant, and `F = c + (A + J(y)) y / 2`: who has the Jacobian `J` has the value almost for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._errors import InvalidInput
from .arrays import Array


@dataclass(frozen=True, eq=False)
class Quadratic:
    """The arrays `bilinear` (n, n, n), `linear` (n, n) and `constant` (n,) of `F`; the last two are zero where `None`.

    `bilinear[k]` need not be symmetric. Raises `InvalidInput` for shapes that do not match.
    """

    bilinear: Array
    linear: Array | None = None
    constant: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.bilinear)
        for name, axes in (("bilinear", 3), ("linear", 2), ("constant", 1)):
            value = getattr(self, name)
            if value is not None and np.shape(value) != (n,) * axes:
                raise InvalidInput(
                    f"`{name}` of a quadratic right-hand side has shape {np.shape(value)}, expected {(n,) * axes}, because "
                    f"`bilinear` has {n} rows."
                )

    def jac(self, y: Array) -> Array:
        """The Jacobian (n, n) at `y` (n,), from the arrays as they were given."""
        out = self.bilinear @ y + y @ self.bilinear
        return out if self.linear is None else out + self.linear

    def value(self, y: Array, jac: Array) -> Array:
        """`F` (n,) at `y` (n,), where the Jacobian is `jac` (n, n)."""
        out = jac @ y
        if self.linear is not None:
            out += self.linear @ y
        out *= 0.5
        return out if self.constant is None else out + self.constant

    def magnitude(self, y: Array) -> float:
        """The largest component of `F` at `y`, were all terms added by their absolute values: the scale of round-off."""
        size = np.abs(y)
        out = (np.abs(self.bilinear) @ size) @ size
        if self.linear is not None:
            out = out + np.abs(self.linear) @ size
        if self.constant is not None:
            out = out + np.abs(self.constant)
        return float(out.max())
