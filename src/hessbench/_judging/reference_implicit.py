"""The methods behind references of stiff problems: two collocation formulas, differentiated in two ways.

    Y_i = y_n + h a_ij F(t_n + c_j h, Y_j),   y_{n+1} = Y_s        (both formulas are stiffly accurate and L-stable)
    M = 1 - h [a_ij J_j]                                           (sN x sN, at the converged stages)

- `implicit_adjoint`: Lobatto IIIC (order 2s - 2) backward through its steps: `M V = 1`, `M^T m = e_s lambda`,
  `q_j = h a_ij m_i`, `lambda <- sum_i m_i`, `S <- V_s^T S V_s + V_j^T [q_j . F_,yy] V_j`
- `implicit_forward`: Radau IIA (order 2s - 1) with its first and second derivatives carried forward:
  `M V = Phi`, `M U = W + h a_ij F_,yy[V_j, V_j]`, `Phi <- V_s`, `W <- U_s`

They share the Newton iteration for the stages and nothing else. Source of the formulas: Hairer & Wanner, Solving Ordinary
Differential Equations II, sections IV.5, IV.8 and IV.12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from .._errors import IntegrationError
from .._model.derivatives import Array, Derivatives
from .._model.loss import LossBlocks
from .._model.problem import Problem
from .reference_methods import PROBED, Check, probes

STAGES = 5
ITERATIONS = 40
CONVERGED = 4e-16  # of the largest size of a component, update of the stages
STALLED = 1e-9  # from here on an iteration that does not gain has reached round-off
SLOW = 0.3  # gain of an iteration above which the Jacobians are renewed
CHUNK = 4e6  # numbers in the Jacobians, or in the second derivatives, that are there at one time

Blocks = Callable[..., LossBlocks]


@dataclass(frozen=True, eq=False)
class Collocation:
    """`a` (s, s) and `c` (s,) of a stiffly accurate formula."""

    a: Array
    c: Array


@cache
def radau_iia(s: int) -> Collocation:
    """Radau IIA: nodes are zeros of the (s-1)th derivative of `x^(s-1) (x - 1)^s`; `a` integrates degree s - 1 exactly."""
    shape = np.polynomial.Polynomial.fromroots([0.0] * (s - 1) + [1.0] * s).deriv(s - 1)
    c = np.sort(np.real(shape.roots()))
    c[-1] = 1.0
    powers = np.arange(s)
    a = np.linalg.solve((c[:, None] ** powers).T, (c[:, None] ** (powers + 1) / (powers + 1)).T).T
    return Collocation(a, c)


@cache
def lobatto_iiic(s: int) -> Collocation:
    """Lobatto IIIC: nodes with both ends, `a_i1 = b_1`, and the others such that polynomials of degree s - 2 are integrated."""
    shape = np.polynomial.Polynomial.fromroots([0.0] * (s - 1) + [1.0] * (s - 1)).deriv(s - 2)
    c = np.sort(np.real(shape.roots()))
    c[0], c[-1] = 0.0, 1.0
    powers = np.arange(s)
    b = np.linalg.solve((c[:, None] ** powers).T, 1.0 / (powers + 1))
    few = powers[:-1]
    wanted = c[:, None] ** (few + 1) / (few + 1) - b[0] * (
        few == 0
    )  # (s, s - 1), less the first column, whose node is 0
    a = np.linalg.solve((c[1:, None] ** few).T, wanted.T).T
    return Collocation(np.column_stack([np.full(s, b[0]), a]), c)


@dataclass(frozen=True, eq=False)
class Steps:
    """The solution of `problem` (by its initial state alone) by one formula: `stages` (steps, s, N) between `times`."""

    problem: Problem
    derivatives: Derivatives
    p: Any
    scheme: Collocation
    times: Array
    stages: Array

    @property
    def end(self) -> Array:
        """The state at the end."""
        return self.stages[-1, -1]

    def linearised(self, order: Any) -> Iterator[tuple[int, Array, tuple[Array, Array]]]:
        """Step number, times of the stages (s,) and LU factors of `M`, for the steps in `order`."""
        (steps, s, n), h = self.stages.shape, np.diff(self.times)
        many = max(1, int(CHUNK / (s * n * n)))
        eye = np.eye(s * n)
        for start in range(0, steps, many):
            chosen = order[start : start + many]
            t = self.times[chosen][:, None] + self.scheme.c * h[chosen][:, None]
            jacobians = self.derivatives.jac(t, self.stages[chosen], self.p)
            for k, t_k, jacobian in zip(chosen, t, jacobians, strict=True):
                yield int(k), t_k, lu_factor(eye - h[k] * coupled(self.scheme.a, jacobian))


def coupled(a: Array, jacobians: Array) -> Array:
    """`[a_ij J_j]` (sN, sN) of `jacobians` (s, N, N)."""
    s, n = jacobians.shape[:2]
    return np.einsum("ij,jkl->ikjl", a, jacobians).reshape(s * n, s * n)


def solved(problem: Problem, x: Array, times: Array, derivatives: Derivatives, scheme: Collocation) -> Steps:
    """The stages of all steps from `x` (N,), to round-off. Raises `IntegrationError` where Newton does not converge."""
    y, p = problem.unpack(x)
    s, n, largest = len(scheme.c), x.size, np.abs(y)
    out = np.empty((len(times) - 1, s, n))

    def slopes(t: Array, stages: Array) -> Array:
        return np.array([problem.rhs(np, float(a), b, p) for a, b in zip(t, stages, strict=True)])

    for k, (start, stop) in enumerate(pairwise(times)):
        h = stop - start
        t, stages, before = start + scheme.c * h, np.tile(y, (s, 1)), np.inf
        jacobian = np.repeat(derivatives.jac(float(start), y, p)[None], s, axis=0)
        factors = lu_factor(np.eye(s * n) - h * coupled(scheme.a, jacobian), check_finite=False)
        for _ in range(ITERATIONS):
            residual = y + h * scheme.a @ slopes(t, stages) - stages
            update = lu_solve(factors, residual.ravel(), check_finite=False).reshape(s, n)
            stages = stages + update
            size = np.maximum(np.max(np.abs(stages), axis=0), 1e-6 * largest)
            change = float(np.max(np.abs(update) / np.where(size > 0, size, 1.0)))
            if change <= CONVERGED or (before < STALLED and change > 0.5 * before):
                break
            if not np.isfinite(change):
                raise IntegrationError(f"the stages of an implicit step are not finite at t = {start:.6g}")
            if change > SLOW * before:
                factors = lu_factor(np.eye(s * n) - h * coupled(scheme.a, derivatives.jac(t, stages, p)))
            before = change
        else:
            raise IntegrationError(f"the stages of an implicit step do not converge at t = {start:.6g}")
        out[k], y = stages, stages[-1]
        largest = np.maximum(largest, np.abs(y))
    return Steps(problem, derivatives, p, scheme, times, out)


def implicit_adjoint(steps: Steps, x: Array, places: Array, moving: int, blocks: Blocks) -> Check:
    """Value, gradient and Hessian by the components `places` of the initial state `x`, backward through the steps.

    `moving`, how many components of the state change, is of no use here.
    """
    n, s, a = x.size, len(steps.scheme.c), steps.scheme.a
    sizes, derivatives = np.diff(steps.times), steps.derivatives
    end = blocks(x, steps.end, steps.p)
    lam, second, cross = end.l1, end.l11, end.l01
    start = np.tile(np.eye(n), (s, 1))
    last = np.zeros((s, n))
    for k, t, factors in steps.linearised(np.arange(len(sizes))[::-1]):
        tangents = lu_solve(factors, start).reshape(s, n, n)
        last[-1] = lam
        m = lu_solve(factors, last.ravel(), trans=1).reshape(s, n)
        q = sizes[k] * a.T @ m
        phi = tangents[-1]
        second = phi.T @ second @ phi
        for v, curvature in zip(tangents, derivatives.vhp(t, steps.stages[k], q, steps.p), strict=True):
            second = second + v.T @ curvature @ v
        cross, lam = cross @ phi, m.sum(0)
    hess = end.l00 + cross + cross.T + second
    return Check(end.value, (end.l0 + lam)[places], hess[np.ix_(places, places)])


def implicit_forward(steps: Steps, x: Array, places: Array, moving: int, blocks: Blocks) -> Check:
    """The same by derivatives carried forward; the Hessian by products with `probes` from `PROBED` unknowns on."""
    n, s, a = x.size, len(steps.scheme.c), steps.scheme.a
    sizes = np.diff(steps.times)
    first = np.eye(n)[:, places]  # (N, n), dy/dx
    along = np.eye(places.size) if places.size < PROBED else probes(places.size)  # (n, r)
    second = np.zeros((n, places.size, along.shape[1]))  # d^2 y / dx dx . along
    shape = (s, n, *second.shape[1:])
    for k, t, factors in steps.linearised(np.arange(len(sizes))):
        tangents = lu_solve(factors, np.tile(first, (s, 1))).reshape(s, n, -1)
        bent = np.array(
            [
                contracted(steps.derivatives, t_i, y_i, v, v @ along, moving, steps.p)
                for t_i, y_i, v in zip(t, steps.stages[k], tangents, strict=True)
            ]
        )
        forced = second + sizes[k] * np.tensordot(a, bent, 1)
        first, second = tangents[-1], lu_solve(factors, forced.reshape(s * n, -1)).reshape(shape)[-1]
    end = blocks(x, steps.end, steps.p)
    direct, mixed = end.l00[np.ix_(places, places)], end.l01[places] @ first
    hess = (direct + mixed + mixed.T + first.T @ end.l11 @ first) @ along + np.tensordot(end.l1, second, 1)
    grad = end.l0[places] + end.l1 @ first
    return Check(end.value, grad, hess) if places.size < PROBED else Check(end.value, grad, None, hess)


def contracted(derivatives: Derivatives, t: float, y: Array, v: Array, w: Array, moving: int, p: Any) -> Array:
    """`F_k,ij v_ia w_jb` (N, n, r) at one state `y` (N,), for `v` (N, n) and `w` (N, r); zero from `k = moving` on."""
    n = y.size
    many = max(1, int(CHUNK / n**2))
    eye, out = np.eye(n), np.zeros((n, v.shape[1], w.shape[1]))
    for start in range(0, moving, many):
        stop = min(start + many, moving)
        out[start:stop] = v.T @ (derivatives.vhp(t, y, eye[start:stop], p) @ w)
    return out
