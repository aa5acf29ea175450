"""Derivatives of quadratic right-hand sides, from their arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._model.derivatives import Array, Derivatives, Params
from .._model.quadratic import Quadratic
from .._storage.apart import Memo


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
