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
from ._marked import Marked
from ._stepper import SEED


@dataclass(eq=False)
class EndBlocks:
    """Value and derivatives of the loss by `y0` (N,), the state at the end (M,) and the parameters in the columns `params`.

    M is N, and one more where a running loss is integrated with the state. `l01` is (N, M), and so on; it is `None` where the
    loss does not use `y0`. Active parameters that the loss itself does not read need not be there: without any, `params` and
    the blocks by them are `None`.

    `value` holds that of the terms between the ends too.
    """

    value: float
    l0: Array
    l1: Array
    l00: Array
    l01: Array | None
    l11: Array
    params: Array | None = None
    lp: Array | None = None
    l0p: Array | None = None
    l1p: Array | None = None
    lpp: Array | None = None
    marked: Marked | None = None  # terms between the ends

    def add_running_loss(self, integral: float) -> None:
        """Its integral is the last state and a term of the loss."""
        self.value += integral
        self.l1 = np.append(self.l1, 1.0)
        n = self.l1.size
        self.l11 = filled(self.l11, n, n)
        if self.l01 is not None:
            self.l01 = filled(self.l01, self.l01.shape[0], n)
        if self.l1p is not None:
            self.l1p = filled(self.l1p, n, self.l1p.shape[1])


def filled(a: Array, rows: int, columns: int) -> Array:
    """`a` with zeros behind it."""
    out = np.zeros((rows, columns))
    out[: a.shape[0], : a.shape[1]] = a
    return out


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
        if end.params is not None:
            out[end.params] += end.lp
        if end.marked is not None:
            out[end.marked.params] += end.marked.lp
        if self.y0 is not None:
            out[self.y0] += end.l0 + lam[: end.l0.size]
        return out

    def hessian(self, end: EndBlocks, phi: Array, x: Array) -> Array:
        """From the tangents at the end (M, total) and the sum `x` (total, total) over all stages, which is overwritten."""
        m, p, y0 = end.l11 @ phi, end.params, self.y0
        if y0 is not None:
            x[y0, y0] += end.l00
            if end.l01 is not None:
                m[:, y0] += 2 * end.l01.T
        if p is not None:
            assert end.l1p is not None and end.l0p is not None
            m[:, p] += 2 * end.l1p
            x[p[:, None], p] += end.lpp
            if y0 is not None:
                x[y0, p] += 2 * end.l0p
        x += phi.T @ m
        return (x + x.T) / 2

    def product(self, end: EndBlocks, v1: Array, d: Array) -> tuple[Array, Array]:
        """Along `d` (total, k): the costates' derivatives at the end (M, k), and the loss's own part of the product (total, k).

        `v1` (M, k) are the derivatives of the state at the end.
        """
        out, at_end, p, y0 = np.zeros(d.shape), end.l11 @ v1, end.params, self.y0
        if y0 is not None:
            out[y0] = end.l00 @ d[y0]
            if end.l01 is not None:
                out[y0] += end.l01 @ v1
                at_end += end.l01.T @ d[y0]
        if p is not None:
            assert end.lpp is not None and end.l1p is not None
            out[p] += end.lpp @ d[p] + end.l1p.T @ v1
            at_end += end.l1p @ d[p]
            if y0 is not None and end.l0p is not None:
                out[p] += end.l0p.T @ d[y0]
                out[y0] += end.l0p @ d[p]
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
