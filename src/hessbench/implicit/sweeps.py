"""Tangents, multipliers and second derivatives over the steps of Radau IIA, in NumPy.

With `W_j = (V_j, u_,u)`, Jacobians `J_j` and derivatives `A_j` by the active parameters at stage j, and the matrix
`N = 1 - h [A_ij J_j]` of a step, which is factorised already:

    tangents      N V = 1 (x) Phi_n + h A_ij A_j,   Phi_{n+1} = V_3
    multipliers   N^T m = e_3 (x) lambda_{n+1},     q_j = h sum_i A_ij m_i,   lambda_n = sum_i m_i
    gradient      l_p + sum of A_j^T q_j            Hessian  sum of W_j^T [q_j . F''] W_j, and the loss's own (`_columns`)
    products      v along d as V;  N^T m' = e_3 (x) lambda' + [q_j . F_,y.] w_j;  A_j^T q_j' + [q_j . F_,u.] w_j

All times are parts of the folded right-hand side (`discrete._fold`), so that steps do not move with the unknowns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._model.derivatives import Array, Params
from ..discrete._columns import Columns
from ..discrete._columns_numpy import Folding, Swept
from .radau import STAGES, A, C
from .stepper import Factors, Steps, factorised, solved


@dataclass(frozen=True, eq=False)
class Sweeps:
    """Sweeps over `path` at parameters `p`. Cost: `(3 M)^2` operations a step for each column, twice that for a product."""

    derivatives: Folding
    p: Params
    path: Steps
    columns: Columns

    def backward(self, at_end: Array) -> Swept:
        """Backward, from the costate at the end (M,)."""
        path, lam, at = self.path, at_end, self.columns.params
        q, pulled = np.empty(path.stages.shape), np.zeros(self.columns.total)
        for k in range(path.t.size - 1, -1, -1):
            q[k], lam = self._pulled(k, lam, np.zeros((STAGES, lam.size)))
            pulled[at] += np.tensordot(q[k], self._first(k)[1], 2)
        return Swept(lam, pulled, q)

    def curvature(self, swept: Swept) -> tuple[Array, Array]:
        """The tangents at the end (M, total), and the sum over all stages (total, total), as `Columns.hessian` takes them."""
        m, total, at = swept.lam.size, self.columns.total, self.columns.params
        n = self.derivatives.folded.problem.dim
        phi, out = self.columns.start(m), np.zeros((total, total))
        for k in range(self.path.t.size):
            v = self._tangents(k, phi, np.eye(total)[at])
            curved = self.derivatives.second(self._times(k), self.path.stages[k], swept.multipliers[k], self.p)
            for vj, c in zip(v[:, :n], curved, strict=True):
                z = c[:n, :n] @ vj
                z[:, at] += 2 * c[:n, n:]
                out += vj.T @ z
                out[at[:, None], at] += c[n:, n:]
            phi = v[-1]
        return phi, out

    def products(self, swept: Swept, directions: Array, at_end: Callable[[Array], tuple[Array, Array]]) -> Array:
        """The Hessian times `directions` (total, k); `at_end(v1)` is `Columns.product` of the loss for tangents (M, k)."""
        path, at, n = self.path, self.columns.params, self.derivatives.folded.problem.dim
        count, along = directions.shape[1], directions[self.columns.params]
        v = self.columns.start(swept.lam.size) @ directions
        stages = np.empty((path.t.size, *path.stages.shape[1:], count))
        for k in range(path.t.size):
            stages[k] = self._tangents(k, v, along)
            v = stages[k, -1]
        lam, out = at_end(v)
        for k in range(path.t.size - 1, -1, -1):
            bent, point = np.zeros((STAGES, *lam.shape)), (self._times(k), path.stages[k], swept.multipliers[k])
            for j in range(count):
                w = np.column_stack([stages[k, :, :n, j], np.tile(along[:, j], (STAGES, 1))])
                pushed = self.derivatives.along(*point, w, self.p)
                bent[:, :n, j] = pushed[:, :n]
                out[at, j] += pushed[:, n:].sum(axis=0)
            q, lam = self._pulled(k, lam, bent)
            out[at] += np.tensordot(self._first(k)[1], q, ([0, 1], [0, 1]))
        if self.columns.y0 is not None:
            out[self.columns.y0] += lam[:n]
        return out

    def _tangents(self, k: int, phi: Array, along: Array) -> Array:
        """Stages' tangents (3, M, columns) of step k from `phi` (M, columns), with `along` (P, columns) in the parameters."""
        h, moved = self.path.h[k], self._first(k)[1] @ along
        return solved(self._factors(k), phi + h * np.tensordot(A, moved, 1))

    def _pulled(self, k: int, lam: Array, more: Array) -> tuple[Array, Array]:
        """Multipliers `q` (3, M, ...) of step k and the costate at its start, from that at its end and `more` (3, M, ...)."""
        more[-1] += lam
        m = solved(self._factors(k), more, transposed=True)
        return self.path.h[k] * np.tensordot(A.T, m, 1), m.sum(axis=0)

    def _times(self, k: int) -> Array:
        return self.path.t[k] + C * self.path.h[k]

    def _first(self, k: int) -> tuple[Array, Array]:
        return self.derivatives.first(self._times(k), self.path.stages[k], self.p)

    def _factors(self, k: int) -> Factors:
        if self.path.factors:
            return self.path.factors[k]
        return factorised(self.path.h[k], self._first(k)[0])
