"""The gradient by the continuous adjoint: one solve forward, one of the costate backward.

ds_i/dt = -h_,i   s(T) = l_1        dm_a/dt = -h_,a   m(T) = l_a        h = s_k F_k + g

L_0 = l_0 + s(t0)   L_a = m(t0)   L_T = l_T + l_1 F + g at T   L_t0 = l_t0 - h(t0)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .._model.derivatives import Array, Params
from .generated import derivatives_of, joint_derivatives_of
from .loss import joint_loss, loss_blocks

if TYPE_CHECKING:
    from .._integrate.ivp import IVP
    from .._model.problem import Problem


def adjoint_gradient(problem: Problem, ivp: IVP) -> Callable[[Array], tuple[float, Array]]:
    """`gradient(x)` -> (value, grad (n,)), whatever `wrt` is; `y(t)` comes from the forward solve's dense output.

    Cost: one solve of N states (N + 1 with a running loss) with dense output and one of N + P states with one vjp per
    evaluation, P the number of parameters in `wrt`. `ivp` integrates; `gradient` raises what it does.
    """
    if problem.wrt != ("y0",) or problem.running_loss is not None:
        return _of_everything(problem, ivp)
    derivatives = derivatives_of(problem)
    blocks, _ = loss_blocks(problem)
    t0, t1 = problem.t_span

    def gradient(x: Array) -> tuple[float, Array]:
        y0, p = problem.unpack(x)
        forward = ivp.solve(lambda t, y: problem.rhs(np, t, y, p), (t0, t1), y0, dense=True)
        y, at_end = forward.y, blocks(y0, forward.y1, p)
        backward = ivp.solve(lambda t, s: -derivatives.vjp(t, y(t), s, p), (t1, t0), at_end.l1)
        return at_end.value, at_end.l0 + backward.y1

    return gradient


def bolza_slope(problem: Problem, p: Params) -> Callable[[float, Array], Array]:
    """`(F, g)` at parameters `p`, a function of `(t, z)`, `z` (N,) or longer; `F` alone without a running loss."""
    rhs, running, n = problem.rhs, problem.running_loss, problem.dim
    if running is None:
        return lambda t, z: rhs(np, t, z, p)
    return lambda t, z: np.append(rhs(np, t, z[:n], p), running(np, t, z[:n], p))


def bolza_start(problem: Problem, y0: Array) -> Array:
    """The state that `bolza_slope` integrates, at `t0`: `y0` (N,), and zero for the integral of a running loss."""
    return y0 if problem.running_loss is None else np.append(y0, 0.0)


def _of_everything(problem: Problem, ivp: IVP) -> Callable[[Array], tuple[float, Array]]:
    n, running = problem.dim, problem.running_loss is not None
    joint, (blocks, _) = joint_derivatives_of(problem), joint_loss(problem)
    width = n + sum(problem.params[key].size for key in problem.varied)
    order = canonical_order(problem)

    def gradient(x: Array) -> tuple[float, Array]:
        y0, p = problem.unpack(x)
        t0, t1 = map(float, problem.times(x))
        slope = bolza_slope(problem, p)
        forward = ivp.solve(slope, (t0, t1), bolza_start(problem, y0), dense=True)
        end = blocks(y0, forward.y1[:n], p)

        def with_g(s: Array) -> Array:
            return np.append(s[:n], 1.0) if running else s[:n]

        def costate(t: float, s: Array) -> Array:
            return -joint.vjp(t, forward.y(t)[:n], with_g(s), p)[:width]

        at_end = np.concatenate([end.first("y1"), end.first("a")])
        s = ivp.solve(costate, (t1, t0), at_end).y1
        by_t1 = end.first("t1") + with_g(at_end) @ slope(t1, forward.y1)
        by_t0 = end.first("t0") - with_g(s) @ slope(t0, y0)
        s[:n] += end.first("y0")
        value = end.value + forward.y1[n:].sum()
        return float(value), np.concatenate([s, by_t0, by_t1])[order]

    return gradient


def canonical_order(problem: Problem) -> Array:
    """Where each component of the decision vector stands in (y0, a, t0, t1), `a` the parameters in `wrt` in its order."""
    n, start = problem.dim, problem.dim
    at = {"y0": np.arange(n)}
    for key in problem.varied:
        at[key] = start + np.arange(problem.params[key].size)
        start += problem.params[key].size
    at.update(t0=np.array([start]), t1=np.array([start + 1]))
    return np.concatenate([at[key] for key in problem.wrt])
