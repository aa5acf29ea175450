"""The generic form for strategies that differentiate by the initial state alone: everything else becomes a constant state.

    z = (y, q, a, t0, t1),   dz/dtau = sigma (F, g, 0, 0, 0) at t = t0 + tau sigma,   sigma = t1 - t0,   tau in [0, 1]
    loss(z0, z1) = l(y0, y1, a, t0, t1) + q1

`q` is the integral of the running loss. Each part is there only where it is needed: without a free end time, time is not
normalised, so that `sigma = 1` and `tau = t`. The map from `x` to `z0` puts each component of `x` into a place of its own,
so gradient and Hessian by `x` are rows and columns of those by `z0`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._model.derivatives import Array, Derivatives, Params
from .._model.problem import TIMES, Problem
from .._model.result import Result
from .adjoint import bolza_slope
from .generated import joint_derivatives_of


@dataclass(frozen=True, eq=False)
class Augmented:
    """`problem`, whose `wrt` is its initial state and which has no running loss, in the place of `original`.

    `places` (n,) says where each component of the original's decision vector stands in the state of `problem`.
    """

    original: Problem
    problem: Problem
    places: Array
    note: str

    def start(self, x: Array) -> Array:
        """The initial state of `problem` that belongs to `x` (n,)."""
        z0 = self.problem.y0.copy()
        z0[self.places] = x
        return z0

    def pulled_back(self, result: Result) -> Result:
        """A result for `problem` at `start(x)` as the one for `original` at `x`."""
        note = f"{result.note}; {self.note}" if result.note else self.note
        grad, hess = np.asarray(result.grad)[self.places], np.asarray(result.hess)[np.ix_(self.places, self.places)]
        return replace(result, grad=grad, hess=hess, note=note)


def augmented(problem: Problem) -> Augmented:
    """`problem` with its running loss, and the parameters and times of its `wrt`, carried as states.

    Cost: one more state for the running loss, P for the parameters, and one for each free end time; strategies whose cost
    grows with the square or the cube of the dimension pay for them, though they do not move. Derivatives are generated
    unless those of the original cover parameters and time (`Derivatives.joint`).
    """
    n, running, varied, free = problem.dim, problem.running_loss, problem.varied, _free(problem)
    moving = n + (running is not None)
    at, stop = {"y0": slice(0, n)}, moving
    for key in (*varied, *free):
        start, stop = stop, stop + math.prod(problem.shapes[key])
        at[key] = slice(start, stop)
    shapes = {key: problem.shapes[key] for key in (*varied, *free)}
    span = dict(zip(TIMES, problem.t_span, strict=True))

    def unpacked(z: Any, p: Any) -> dict[str, Any]:
        return {**p, **span, **{key: z[at[key]].reshape(shape) for key, shape in shapes.items()}}

    def rhs(xp: Any, tau: Any, z: Any, p: Any) -> Any:
        y, own = z[:n], unpacked(z, p)
        sigma = own["t1"] - own["t0"]
        t = own["t0"] + tau * sigma if free else tau
        slope = problem.rhs(xp, t, y, own)
        if running is not None:
            slope = xp.concatenate([slope, 0 * y[:1] + running(xp, t, y, own)])
        slope = sigma * slope if free else slope
        resting = z[moving:]
        return xp.concatenate([slope, 0 * resting]) if shapes else slope

    def loss(xp: Any, z0: Any, z1: Any, p: Any) -> Any:
        value = problem.loss(xp, z0[:n], z1[:n], unpacked(z1, p))
        return value if running is None else value + xp.sum(z1[n:moving])

    places = np.concatenate([np.arange(at[key].start, at[key].stop) for key in problem.wrt])
    y0 = np.zeros(stop)
    y0[:n] = problem.y0
    y0[places] = problem.x0
    out = Problem(
        name=problem.name,
        rhs=rhs,
        loss=loss,
        t_span=(0.0, 1.0) if free else problem.t_span,
        y0=y0,
        params={key: value for key, value in problem.params.items() if key not in varied},
        autonomous=problem.autonomous and running is None,
        loss_uses_y0=problem.loss_uses_y0,
        dissipative=problem.dissipative,
        size=problem.size,
        written_in=problem.written_in,
        derivatives=_derivatives(problem, at, stop, unpacked),
        counters=problem.counters,
    )
    made = Augmented(problem, out, places, _note(problem))
    if problem.perturbed is None:
        return made
    return replace(made, problem=replace(out, perturbed=made.start(problem.perturbed)))


def _derivatives(
    problem: Problem, at: dict[str, slice], dim: int, unpacked: Callable[[Array, Params], dict[str, Any]]
) -> Derivatives | None:
    """Derivatives of the augmented right-hand side from hand-written ones of `(F, g)` by `u = (y, a, t)`, if there are any.

    With `T = du/dz` and `h = s_k (F, g)_k`, one row: `sigma h_,u T + h dsigma/dz`, and of that once more by z, in which
    `t0 + tau sigma` is linear: `sigma T^T h_,uu T + (h_,u T)^T dsigma/dz + (dsigma/dz)^T h_,u T`.
    """
    if problem.derivatives is None or problem.derivatives.joint is None:
        return None
    if not set(problem.varied) <= set(problem.derivatives.joint.names):
        return None
    joint, free, n = joint_derivatives_of(problem), _free(problem), problem.dim
    rows = n + (problem.running_loss is not None)
    kept = np.concatenate([np.arange(n), *(np.arange(at[key].start, at[key].stop) for key in problem.varied)]).astype(
        int
    )
    d_sigma = np.zeros(dim)
    for key in free:
        d_sigma[at[key]] = 1.0 if key == "t1" else -1.0

    def single(tau: float, z: Array, p: Params) -> tuple[float, float, Array, Array, dict[str, Any]]:
        own = unpacked(z, p)
        sigma = float(own["t1"] - own["t0"]) if free else 1.0
        t = float(own["t0"]) + tau * sigma if free else tau
        by_z = np.zeros((kept.size + 1, dim))  # T
        by_z[np.arange(kept.size), kept] = 1.0
        for key in free:
            by_z[-1, at[key]] = tau if key == "t1" else 1.0 - tau
        return t, sigma, by_z, bolza_slope(problem, own)(t, z[:n]), own

    def jac(tau: float, z: Array, p: Params) -> Array:
        t, sigma, by_z, slope, own = single(tau, z, p)
        out = np.zeros((dim, dim))
        out[:rows] = sigma * joint.jac(t, z[:n], own) @ by_z + np.outer(slope, d_sigma)
        return out

    def vjp(tau: float, z: Array, s: Array, p: Params) -> Array:
        t, sigma, by_z, slope, own = single(tau, z, p)
        return sigma * joint.vjp(t, z[:n], s[:rows], own) @ by_z + (s[:rows] @ slope) * d_sigma

    def vhp(tau: float, z: Array, s: Array, p: Params) -> Array:
        t, sigma, by_z, _, own = single(tau, z, p)
        out = sigma * by_z.T @ joint.vhp(t, z[:n], s[:rows], own) @ by_z
        if free:
            mixed = np.outer(joint.vjp(t, z[:n], s[:rows], own) @ by_z, d_sigma)
            out += mixed + mixed.T
        return out

    return Derivatives(
        vjp=np.vectorize(vjp, excluded={3}, signature="(),(n),(n)->(n)"),
        jac=np.vectorize(jac, excluded={2}, signature="(),(n)->(n,n)"),
        vhp=np.vectorize(vhp, excluded={3}, signature="(),(n),(n)->(n,n)"),
        source=joint.source,
    )


def _free(problem: Problem) -> tuple[str, ...]:
    return tuple(key for key in TIMES if key in problem.wrt)


def _note(problem: Problem) -> str:
    parts = ["running loss carried as a state"] if problem.running_loss is not None else []
    constant = ["parameters"] * bool(problem.varied) + ["end times"] * bool(_free(problem))
    parts += [f"{' and '.join(constant)} carried as constant states"] if constant else []
    return ", ".join(parts)
