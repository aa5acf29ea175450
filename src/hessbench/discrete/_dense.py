"""The discrete adjoint by dense matrix products, in segments of steps.

    forward    V_i = Phi + h a_ij J_j V_j,   Phi_new = Phi + h b_i J_i V_i                       (tangents of the stages)
    backward   q_i = h b_i lambda + h sum_{j>i} a_ji theta_j,  theta_i = J_i^T q_i,  lambda_old = lambda + sum_i theta_i
    curvature  C = sum over stages of V_i^T [q_i . F_,yy(Y_i)] V_i                                (one product)

`V` starts from the identity at the start of every segment, so that segments are independent and are walked backward with

    S <- Phi^T S Phi + C,   W <- W Phi,      from  S = l_11,  W = l_01,  lambda = l_1;      H = l_00 + W + W^T + S

One segment is the plain method. Several need only the states at the segments' starts, at the price of evaluating the
stages of the forward solve once more: no tangent is ever computed twice.
Source: the second-order adjoint of a Runge-Kutta method with its steps frozen; Hager, Numer. Math. 87 (2000) 247, gives
the first-order one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._integrate.pairs import Pair
from .._model.derivatives import Array, Derivatives, Params
from .._model.loss import LossBlocks
from ._columns import EndBlocks
from ._stepper import Trajectory, replay

BLOCK = 48  # rows at a time of a product that is symmetric; OpenBLAS takes 0.8 of the whole product's time, not 0.75


@dataclass(eq=False)
class Costate:
    """What is carried backward over the segments: `s` (N, N), `w` (N, N) or `None`, `lam` (N,)."""

    s: Array
    w: Array | None
    lam: Array

    @classmethod
    def at_end(cls, end: EndBlocks | LossBlocks, loss_uses_y0: bool = True) -> Costate:
        """Its value at `y1`."""
        return cls(end.l11, end.l01 if loss_uses_y0 else None, end.l1)

    def result(self, end: EndBlocks | LossBlocks) -> tuple[Array, Array]:
        """Gradient (N,) and Hessian (N, N) at `y0`."""
        if self.w is None:
            return end.l0 + self.lam, end.l00 + self.s
        hess = self.w + self.w.T  # symmetric to the bit
        hess += end.l00
        hess += self.s
        return end.l0 + self.lam, hess


def backward(
    f: Callable[[float, Array], Array],
    derivatives: Derivatives,
    p: Params,
    pair: Pair,
    path: Trajectory,
    end: Costate,
    segment: int,
) -> Costate:
    """Carry `end` from `y1` back to `y0` in segments of at most `segment` steps.

    Memory: `3 segment s N^2` numbers, and N for each step. Work per stage: products of `6 N^3` operations, one Jacobian, one
    contraction.
    """
    steps = path.t.size
    for stop in range(steps, 0, -segment):
        part = slice(max(0, stop - segment), stop)
        t, h = path.t[part], path.h[part]
        stages = path.stages[part] if path.stages is not None else replay(f, pair, t, h, path.y[part][0])[0]
        times = t[:, None] + pair.c * h[:, None]
        jacobians = path.jacobians[part] or derivatives.jac(times, stages, p)
        end = _one_segment(derivatives, p, pair, h, times, stages, jacobians, end)
    return end


def _one_segment(derivatives, p, pair: Pair, h: Array, times: Array, stages: Array, jacobians, end: Costate) -> Costate:
    steps, s, n = stages.shape
    lam, q = end.lam, np.empty((steps, s, n))
    for k in range(steps - 1, -1, -1):
        theta = np.empty((s, n))
        for i in range(s - 1, -1, -1):
            q[k, i] = h[k] * (pair.b[i] * lam + pair.a[i + 1 :, i] @ theta[i + 1 :])
            theta[i] = q[k, i] @ jacobians[k][i]
        lam = lam + theta.sum(axis=0)
    v, phi = np.empty((steps, s, n, n)), np.eye(n)
    known = np.empty((1 + s, n, n))  # Phi, J_i V_i
    flat, weights = known.reshape(1 + s, n * n), np.ones((1 + s, 1 + s))
    for k in range(steps):
        known[0] = phi
        weights[:s, 1:], weights[s, 1:] = h[k] * pair.a, h[k] * pair.b
        for i in range(s):
            np.dot(weights[i, : i + 1], flat[: i + 1], out=v[k, i].reshape(-1))
            if i or k:
                np.matmul(jacobians[k][i], v[k, i], out=known[i + 1])
            else:  # V is the identity
                known[1] = jacobians[0][0]
        phi = (weights[s] @ flat).reshape(n, n)
    mv = derivatives.vhp(times, stages, q, p) @ v
    curvature = symmetric_product(v.reshape(-1, n), mv.reshape(-1, n))
    s_new = phi.T @ (end.s @ phi) + curvature
    return Costate((s_new + s_new.T) / 2, None if end.w is None else end.w @ phi, lam)


def symmetric_product(v: Array, z: Array) -> Array:
    """`v^T z` (N, N) for `v` and `z` (m, N) where it is symmetric: the blocks on and above the diagonal, mirrored."""
    n = v.shape[1]
    out = np.empty((n, n))
    for a in range(0, n, BLOCK):
        b = min(a + BLOCK, n)
        np.matmul(v[:, a:b].T, z[:, a:], out=out[a:b, a:])
        out[b:, a:b] = out[a:b, b:].T
    return out
