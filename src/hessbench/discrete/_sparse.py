"""The matrix-adjoint form for sparse Jacobians, in NumPy and SciPy: no tangent of the whole solution is ever formed.

Walking backward over the steps, with the stages' tangents `V_i` of one step alone (from the identity),

    Z_i = h b_i S Phi + h sum_{j>i} a_ji T_j,   T_i = J_i^T Z_i + [q_i . F_,yy] V_i,   S <- S Phi + sum_i T_i
    V_i = 1 + h a_ij J_j V_j,   Phi = 1 + h b_i J_i V_i;     W <- W Phi;     q_i as in `_dense`

which is the derivative of the costate recursion by `y_n`. Every product has a sparse factor but `S Phi`, once per step:
`O(s nnz N + N^3)` operations a step, against `O(s N^3)` of the dense form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._integrate.pairs import Pair
from .._model.derivatives import Array, Derivatives, Params
from ._dense import Costate
from ._stepper import Trajectory, replay


def matrices(derivatives: Derivatives, t: Array, y: Array, p: Params) -> list[Any]:
    """Sparse Jacobians at times (s,) and states (s, N)."""
    from scipy.sparse import csr_array

    where = derivatives.jac_sparsity
    assert where is not None and derivatives.jac_values is not None
    rows = derivatives.jac_values(t, y, p)
    return [csr_array((row, (where.rows, where.cols)), shape=(where.n, where.n)) for row in rows]


def backward(
    f: Callable[[float, Array], Array],
    derivatives: Derivatives,
    p: Params,
    pair: Pair,
    path: Trajectory,
    end: Costate,
) -> Costate:
    """Carry `end` from `y1` back to `y0`; `derivatives` give values on a pattern. Memory: `3 s N^2` numbers."""
    from scipy.sparse import csr_array

    second = derivatives.vhp_sparsity
    assert second is not None and derivatives.vhp_values is not None
    s, n = pair.stages, path.y1.size
    eye, v, w = np.eye(n), np.empty((s, n, n)), np.empty((s, n, n))
    flat = w.reshape(s, n * n)
    for k in range(path.t.size - 1, -1, -1):
        t, h = path.t[k : k + 1], path.h[k]
        stages = path.stages[k] if path.stages is not None else replay(f, pair, t, path.h[k : k + 1], path.y[k])[0][0]
        times = t + pair.c * h
        jacobians = path.jacobians[k] if path.jacobians else matrices(derivatives, times, stages, p)
        q, theta = np.empty((s, n)), np.empty((s, n))
        for i in range(s - 1, -1, -1):
            q[i] = h * (pair.b[i] * end.lam + pair.a[i + 1 :, i] @ theta[i + 1 :])
            theta[i] = q[i] @ jacobians[i]
        for i in range(s):
            v[i] = eye + (h * pair.a[i, :i] @ flat[:i]).reshape(n, n)
            w[i] = jacobians[i] @ v[i]
        phi = eye + ((h * pair.b) @ flat).reshape(n, n)
        contracted = derivatives.vhp_values(times, stages, q, p)
        moved = end.s @ phi
        for i in range(s - 1, -1, -1):
            z = h * pair.b[i] * moved + (h * pair.a[i + 1 :, i] @ flat[i + 1 :]).reshape(n, n)
            curvature = csr_array((contracted[i], (second.rows, second.cols)), shape=(n, n))
            w[i] = jacobians[i].T @ z + curvature @ v[i]
        moved += w.sum(axis=0)
        end = Costate((moved + moved.T) / 2, None if end.w is None else end.w @ phi, end.lam + theta.sum(axis=0))
    return end
