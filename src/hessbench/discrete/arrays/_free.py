"""Gradients and products of the Hessian by products of derivatives alone, for as many states and parameters as memory holds.

    forward    k_i = F(Y_i),   with the tangents of the error norm by `push`
    backward   q_i = h b_i lambda + h sum_{j>i} a_ji theta_j,   (theta_i, A_i^T q_i) = pull(q_i),   lambda += sum theta_i
    product    v_i by `push`;   dq_i from dtheta_j as q_i from theta_j,   (dtheta_i, ...) = bend(v_i, q_i, dq_i)

from and to the loss, whose products come from an `ArrayFunction` of (y0, y1, u) too. A stage takes three vectors of M numbers:
state, multiplier and, for the direction at hand, tangent; the first may be computed again, from the start of its step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._integrate.ivp import IVP
from ..._integrate.pairs import Pair
from ..._model.derivatives import Array, Params
from ..._model.problem import no_end_loss
from .._columns import parameter_directions
from .._fold import Folded
from .._gate import look, slope_of
from .._linearised import Linearised
from .._options import NotCompiled, Options
from .._stepper import Tolerances, Trajectory, integrate, replay
from .._trust import doubles
from ._checked import complaint
from ._function import ArrayFunction
from ._namespace import of_inputs


@dataclass(frozen=True, eq=False)
class Tangent:
    """The slopes of tangents `w` (M, probes) at one stage with fixed directions `r` (probes, P) in the parameters, as `@`."""

    function: ArrayFunction
    t: float
    v: Array
    r: Array

    def __matmul__(self, w: Array) -> Array:
        moved = [self.function.push(self.t, self.v, np.concatenate(pair)) for pair in zip(w.T, self.r, strict=True)]
        return np.array(moved).T


@dataclass(eq=False)
class FreeEnd:
    """Value of the loss and its slopes by y0 (N,), the state at the end (M,) and the parameters (P,)."""

    value: float
    l0: Array
    l1: Array
    lp: Array
    at: Array
    marked: None = None


class FreeForm:
    """A `_linearised.Form` for products. Raises `CannotTrace` or `NotCompiled` with the reason.

    `operations`: about how many scalar code would take.
    """

    loss_in_c, end, slopes, sloped, functions, with_events = True, None, None, None, None, None
    name = "matrix-free form, derivatives as loops over arrays in C"

    def __init__(self, folded: Folded, options: Options, scheme: Pair) -> None:
        problem = folded.problem
        self.folded, self.scheme, self.probes = folded, scheme, options.probes
        n, m, count = problem.dim, folded.states, folded.columns.params.size
        p = doubles(problem.constants)

        def slope(xp: Any, t: Any, v: Any) -> Any:
            return folded.rhs(xp, t, v[:m], {**p, **folded.named(v[m:])})

        def loss(xp: Any, t: Any, v: Any) -> Any:
            return xp.reshape(problem.loss(xp, v[:n], v[n : 2 * n], {**p, **folded.named(v[2 * n :])}), (1,))

        self.n, self.m, self.f = n, m, ArrayFunction(*of_inputs(slope, m + count, m))
        self.loss = None if problem.loss is no_end_loss else ArrayFunction(*of_inputs(loss, 2 * n + count, 1))
        self.chooses, self.operations = self.f.switches, self.f.operations
        self.most_kept = options.memory / (8.0 * scheme.stages * m)

    def check(self, ivp: IVP) -> None:
        """Compile, and compare with NumPy. Raises `NotCompiled`, `CompilerError`, `Unavailable`."""
        folded, n = self.folded, self.n
        looked, slope = look(None, folded, ivp), slope_of(folded)
        self.f.compile()
        at = looked.points
        each = [
            (float(t), np.append(y, at.u), np.append(s, at.widths))
            for t, y, s in zip(at.t, at.y, at.sizes, strict=True)
        ]
        said = complaint(self.f, lambda t, v: slope(t, v[: self.m], v[self.m :]), each)
        if said is None and self.loss is not None:
            self.loss.compile()
            p = doubles(folded.problem.constants)

            def loss(t: float, v: Array) -> Array:
                named = {**p, **folded.named(v[2 * n :])} if at.u.size else p
                return np.reshape(folded.problem.loss(np, v[:n], v[n : 2 * n], named), (1,))

            ends = [
                (0.0, np.concatenate([at.y[0, :n], y[:n], at.u]), np.concatenate([at.sizes[0, :n], s[:n], at.widths]))
                for y, s in zip(at.y, at.sizes, strict=True)
            ]
            said = complaint(self.loss, loss, ends)
            said = None if said is None else f"{said} (the loss)"
        if said is not None:
            raise NotCompiled(f"the loops over arrays: it {said}")

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Trajectory:
        u = self.folded.values(p)
        r = parameter_directions(u, self.probes, ivp.by_component)

        def tangents(t: Array, y: Array) -> list[Tangent]:
            return [Tangent(self.f, float(s), np.append(z, u), r) for s, z in zip(t, y, strict=True)]

        span, start = self.folded.t_span, self.folded.start(y0)
        path = integrate(
            self._slope(u), tangents, self.scheme, span, start, ivp, self.probes, self.most_kept, None, tolerances, ends
        )
        path.jacobians = []
        return path

    def _slope(self, u: Array) -> Callable[[float, Array], Array]:
        return lambda t, z: self.f.value(t, np.append(z, u))

    def blocks(self, y0: Array, z1: Array, p: Params) -> FreeEnd:
        """The loss at the ends."""
        n, u = self.n, self.folded.values(p)
        at = np.concatenate([y0, z1[:n], u])
        value, slopes = 0.0, np.zeros(at.size)
        if self.loss is not None:
            value, slopes = float(self.loss.value(0.0, at)[0]), self.loss.pull(0.0, at, np.ones(1))
        running, l1 = z1[n:], slopes[n : 2 * n]
        value += float(running.sum())
        return FreeEnd(value, slopes[:n], np.append(l1, np.ones(running.size)), slopes[2 * n :], at)

    def swept(self, path: Trajectory, end: Any, p: Params) -> FreeSwept:
        return FreeSwept(self, path, end, self.folded.values(p))

    def checkpoints(self, path: Trajectory) -> int:
        return int(path.stages is None)


class FreeSwept:
    """The gradient (total,), and `products`; `hessian` is its products with all unit vectors."""

    gauss_newton: Array | None = None

    def __init__(self, form: FreeForm, path: Trajectory, end: FreeEnd, u: Array) -> None:
        self.form, self.path, self.end, self.u, self.columns = form, path, end, u, form.folded.columns
        lam, pulled = end.l1, end.lp.copy()
        self.q = np.empty((path.steps, form.scheme.stages, form.m))
        for k in range(path.steps - 1, -1, -1):
            t, stages = self._stages(k)
            theta = np.empty(stages.shape)
            for i in self._backward(k, lam, theta, self.q[k]):
                out = form.f.pull(t[i], np.append(stages[i], u), self.q[k, i])
                theta[i] = out[: form.m]
                pulled += out[form.m :]
            lam = lam + theta.sum(axis=0)
        self.grad = self._joined(end.l0 + lam[: form.n], pulled)

    def hessian(self) -> Array:
        """(total, total)"""
        hess = self.products(np.eye(self.columns.total))
        return (hess + hess.T) / 2

    def products(self, directions: Array) -> Array:
        """Of the Hessian with `directions` (total, k)."""
        return np.stack([self._product(d) for d in directions.T], axis=1)

    def _product(self, d: Array) -> Array:
        form, path, u = self.form, self.path, self.u
        f, n, m, a = form.f, form.n, form.m, form.scheme.a
        v0, du = np.zeros(m), d[self.columns.params]
        if self.columns.y0 is not None:
            v0[:n] = d[self.columns.y0]
        v, tangents = v0, np.empty(self.q.shape)
        for k in range(path.steps):
            t, stages = self._stages(k)
            slopes = np.empty(stages.shape)
            for i in range(len(t)):
                tangents[k, i] = v + path.h[k] * (a[i, :i] @ slopes[:i])
                slopes[i] = f.push(t[i], np.append(stages[i], u), np.append(tangents[k, i], du))
            v = v + path.h[k] * (form.scheme.b @ slopes)
        own = np.zeros(self.end.at.size)
        if form.loss is not None:
            along, none = np.concatenate([v0[:n], v[:n], du]), np.zeros(1)
            own = form.loss.bend(0.0, self.end.at, along, np.ones(1), none)
        lam, moved = np.append(own[n : 2 * n], np.zeros(m - n)), own[2 * n :].copy()
        q = np.empty(self.q.shape[1:])
        for k in range(path.steps - 1, -1, -1):
            t, stages = self._stages(k)
            theta = np.empty(stages.shape)
            for i in self._backward(k, lam, theta, q):
                at, along = np.append(stages[i], u), np.append(tangents[k, i], du)
                out = f.bend(t[i], at, along, self.q[k, i], q[i])
                theta[i] = out[:m]
                moved += out[m:]
            lam = lam + theta.sum(axis=0)
        return self._joined(own[:n] + lam[:n], moved)

    def _backward(self, k: int, lam: Array, theta: Array, q: Array) -> Any:
        """The stages of step k, the last first, with the multiplier of each written into `q` once those behind it are known."""
        a, b = self.form.scheme.a, self.form.scheme.b
        for i in range(len(q) - 1, -1, -1):
            q[i] = self.path.h[k] * (b[i] * lam + a[i + 1 :, i] @ theta[i + 1 :])
            yield i

    def _stages(self, k: int) -> tuple[list[float], Array]:
        path, pair = self.path, self.form.scheme
        part = slice(k, k + 1)
        stages = path.stages
        if stages is None:
            stages, k = replay(self.form._slope(self.u), pair, path.t[part], path.h[part], path.y[k])[0], 0
        return (path.t[part] + pair.c * path.h[part]).tolist(), stages[k]

    def _joined(self, by_y0: Array, by_parameters: Array) -> Array:
        out = np.zeros(self.columns.total)
        if self.columns.y0 is not None:
            out[self.columns.y0] = by_y0
        out[self.columns.params] += by_parameters
        return out


class FreeLinearised(Linearised):
    """`Linearised` whose loss has no matrices either."""

    def end_of(self, form: Any) -> tuple[Callable[..., Any], str]:
        return form.blocks, ""
