"""The discrete adjoint with respect to initial state and parameters together: `u`, one column of tangents for each.

    forward    V_i = Phi + h a_ij K_j,   K_i = J_i V_i + A_i,   Phi_new = Phi + h b_i K_i     with  A = F_,u
    costate    q_i, lambda as in `_dense`;   gradient in the parameters:  l_p + sum of A_i^T q_i
    Hessian    X = sum over stages of V_i^T (YY_i V_i + 2 YU_i) + UU_i                         with  YY = q . F_,yy, ...
                   + Phi^T (l_11 Phi + 2 l_10 + 2 l_1p) + l_00 + 2 l_0p + l_pp;   H = (X + X^T) / 2

Parameters do not move, so they are no states: products have N rows, and `UU` is summed entry by entry. The sum over all stages
is one matrix product; its transpose gives the other mixed term. `V` starts from dy0/du: the identity in the columns of
`y0`, zero in those of the parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .._model.derivatives import Array
from ._stepper import SEED


@dataclass(frozen=True, eq=False)
class EndBlocks:
    """Value and derivatives of the loss by `y0` (N,), the state at the end (M,) and the parameters in the columns `params`.

    M is N, and one more where a running loss is integrated with the state. `l01` is (N, M), and so on. Active parameters
    that the loss itself does not read need not be there.
    """

    value: float
    params: Array
    l0: Array
    l1: Array
    lp: Array
    l00: Array
    l01: Array
    l11: Array
    l0p: Array
    l1p: Array
    lpp: Array


@dataclass(frozen=True, eq=False)
class Columns:
    """Where `y0` (a slice, or `None` if it is not in `wrt`) and the active parameters (P,) stand among `total` columns."""

    total: int
    y0: slice | None
    params: Array

    def start(self, states: int) -> Array:
        """The tangents at the start, (states, total)."""
        out = np.zeros((states, self.total))
        if self.y0 is not None:
            at = np.arange(self.y0.start, self.y0.stop)
            out[np.arange(at.size), at] = 1.0
        return out

    def gradient(self, end: EndBlocks, lam: Array, pulled: Array) -> Array:
        """From the costate at the start (M,) and the sums of `A^T q` (total,)."""
        out = pulled.copy()
        out[end.params] += end.lp
        if self.y0 is not None:
            out[self.y0] += end.l0 + lam[: end.l0.size]
        return out

    def hessian(self, end: EndBlocks, phi: Array, x: Array) -> Array:
        """From the tangents at the end (M, total) and the sum `x` (total, total) over all stages, which is overwritten."""
        m, p = end.l11 @ phi, end.params
        m[:, p] += 2 * end.l1p
        if self.y0 is not None:
            m[:, self.y0] += 2 * end.l01.T
            x[self.y0, self.y0] += end.l00
            x[self.y0, p] += 2 * end.l0p
        x += phi.T @ m
        x[p[:, None], p] += end.lpp
        return (x + x.T) / 2

    def product(self, end: EndBlocks, v1: Array, d: Array) -> tuple[Array, Array]:
        """Along `d` (total, k): the costates' derivatives at the end (M, k), and the loss's own part of the product (total, k).

        `v1` (M, k) are the derivatives of the state at the end.
        """
        dp, out = d[end.params], np.zeros(d.shape)
        out[end.params] = end.lpp @ dp + end.l1p.T @ v1
        at_end = end.l11 @ v1 + end.l1p @ dp
        if self.y0 is not None:
            d0 = d[self.y0]
            out[end.params] += end.l0p.T @ d0
            out[self.y0] = end.l00 @ d0 + end.l01 @ v1 + end.l0p @ dp
            at_end += end.l01.T @ d0
        return at_end, out


@cache
def _normal(count: int, probes: int) -> Array:
    return np.random.default_rng(SEED + 2).standard_normal((probes, count))


def parameter_directions(values: Array, probes: int, by_component: bool) -> Array:
    """Random directions (probes, P) in the active parameters, always the same, for the tangents in the error norm.

    Of the parameter's own size, or of unit variance where that is zero. With one `atol` for all, of unit variance at least:
    the tangents are then of the size of the state, and `atol` does not hide them.
    """
    size = np.abs(values)
    size = np.where(size > 0, size, 1.0) if by_component else np.maximum(1.0, size)
    return _normal(values.size, probes) * size
