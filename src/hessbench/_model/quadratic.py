"""Quadratic right-hand sides: a user gives the arrays, all derivatives follow.

    F_k = c_k + A_ki y_i + B_kij y_i y_j        F_k,i = A_ki + T_kij y_j        F_k,ij = T_kij = B_kij + B_kji

Galerkin-projected flows, reaction networks of second order and population models have this form. The second derivatives are
constant, and `F = c + (A + J(y)) y / 2`: who has the Jacobian `J` has the value almost for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._errors import InvalidInput
from .._storage.apart import Memo
from .derivatives import Array, Derivatives, Params


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


def symmetrised(bilinear: Array) -> tuple[Array, Array]:
    """`T_kij` as matrices (n, n^2): rows j, columns (k, i), for products with `y_j`; rows k, columns (i, j), with `s_k`."""
    n = len(bilinear)
    sym = bilinear + bilinear.transpose(0, 2, 1)
    return np.ascontiguousarray(sym.transpose(2, 0, 1)).reshape(n, n * n), sym.reshape(n, n * n)


def quadratic_derivatives(terms: Callable[[Params], Quadratic]) -> Derivatives:
    """Derivatives, in NumPy, of the quadratic right-hand side with the arrays `terms(p)`.

    The symmetrised form of `bilinear` is made once for each array, and the latest kept: parameters that are the same arrays at
    every call, as those of a `Problem` are, cost nothing. Do not change such an array in place.
    """
    latest = Memo()

    def matrices(bilinear: Array) -> tuple[Array, Array]:
        found = latest.value  # another thread may change it at any time
        if found is None or found[0] is not bilinear:
            found = latest.value = (bilinear, symmetrised(bilinear))
        return found[1]

    def jac(t: Array, y: Array, p: Params) -> Array:
        q = terms(p)
        n = y.shape[-1]
        out = (y @ matrices(q.bilinear)[0]).reshape(*y.shape[:-1], n, n)
        return out if q.linear is None else out + q.linear

    def vjp(t: Array, y: Array, s: Array, p: Params) -> Array:
        return (s[..., None, :] @ jac(t, y, p))[..., 0, :]

    def vhp(t: Array, y: Array, s: Array, p: Params) -> Array:
        n = y.shape[-1]
        out = (s @ matrices(terms(p).bilinear)[1]).reshape(*s.shape[:-1], n, n)
        lead = np.broadcast_shapes(y.shape, s.shape)[:-1]
        return out if out.shape[:-2] == lead else np.broadcast_to(out, (*lead, n, n)).copy()

    return Derivatives(vjp=vjp, jac=jac, vhp=vhp, quadratic=terms)
