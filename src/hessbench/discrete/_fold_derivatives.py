"""Derivatives of a folded right-hand side (`_fold`) from those of the problem.

With `h = q . (F, g)`, `t = (1 - tau) t0 + tau t1` and `e` the gradient of `sigma = t1 - t0`, they follow from those by
`(y, a, t)`, whose linear map from `(y, u)` is `B`:

    first   sigma (F, g)_,. B + (F, g) e^T          second   sigma B^T h_,.. B + e (B^T h_,.)^T + (B^T h_,.) e^T
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .._derive.generated import generated_joint_derivatives
from .._errors import Unavailable
from .._model.derivatives import Array, Derivatives, JointDerivatives, Params
from ._fold import Folded


class Folding(Protocol):
    """Derivatives of a folded right-hand side by `(z, u)`, batched over stages: `tau` (m,), `z` and multipliers `q` (m, M)."""

    @property
    def folded(self) -> Folded: ...
    def first(self, tau: Array, z: Array, p: Params) -> tuple[Array, Array]:
        """`J` (m, M, M) and `A` (m, M, P)."""
        ...

    def second(self, tau: Array, z: Array, q: Array, p: Params) -> Array:
        """`q . F_,vv` for v = (y, u), of shape (m, N + P, N + P)."""
        ...

    def along(self, tau: Array, z: Array, q: Array, v: Array, p: Params) -> Array:
        """The same times `v` (m, N + P), of its shape."""
        ...


@dataclass(frozen=True, eq=False)
class StateDerivatives:
    """`Folding` of a problem by the initial state alone, from `given`: there is nothing to fold, and no parameter."""

    folded: Folded
    given: Derivatives

    @property
    def source(self) -> str:
        """Where the derivatives are from."""
        return self.given.source

    def first(self, tau: Array, z: Array, p: Params) -> tuple[Array, Array]:
        jac = self.given.jac(tau, z, p)
        return jac, np.zeros((*jac.shape[:-1], 0))

    def second(self, tau: Array, z: Array, q: Array, p: Params) -> Array:
        return self.given.vhp(tau, z, q, p)

    def along(self, tau: Array, z: Array, q: Array, v: Array, p: Params) -> Array:
        return (self.second(tau, z, q, p) @ v[..., None])[..., 0]


@dataclass(frozen=True, eq=False)
class FoldedDerivatives:
    """`Folding` from the derivatives of the problem by `(y, a, t)`."""

    folded: Folded
    joint: JointDerivatives

    @property
    def source(self) -> str:
        """Where the derivatives are from."""
        return self.joint.source

    def first(self, tau: Array, z: Array, p: Params) -> tuple[Array, Array]:
        """`J` (m, M, M) and `A` (m, M, P)."""
        f, n, m = self.folded, self.folded.problem.dim, self.folded.states
        t, sigma = self._time(tau, p)
        wide = self._inner(sigma * self._joint(tau, lambda d, at: d.jac(t[at], z[at, :n], p)), tau)
        if f.free:
            wide[..., self._clock] += self._slope(t, z, p)[..., None] * self._ends
        jac = np.zeros((*wide.shape[:-1], m))
        jac[..., :n] = wide[..., :n]
        return jac, wide[..., n:]

    def second(self, tau: Array, z: Array, q: Array, p: Params) -> Array:
        """`q . F_,vv` for v = (y, u), of shape (m, N + P, N + P)."""
        f, n = self.folded, self.folded.problem.dim
        t, sigma = self._time(tau, p)
        h = sigma * self._joint(tau, lambda d, at: d.vhp(t[at], z[at, :n], q[at], p))
        wide = self._inner(np.swapaxes(self._inner(h, tau), 1, 2), tau)
        if f.free:
            pulled = self._inner(self._joint(tau, lambda d, at: d.vjp(t[at], z[at, :n], q[at], p))[:, None], tau)[:, 0]
            wide[:, :, self._clock] += pulled[:, :, None] * self._ends
            wide[:, self._clock, :] += self._ends[:, None] * pulled[:, None, :]
        return wide

    def along(self, tau: Array, z: Array, q: Array, v: Array, p: Params) -> Array:
        """The same times `v` (m, N + P), of its shape, without the matrix."""
        f, n = self.folded, self.folded.problem.dim
        t, sigma = self._time(tau, p)
        if not f.free:
            return self.joint.hvp(t, z[:, :n], q, np.column_stack([v, 0 * tau]), p)[:, :-1]
        part, ends = {"t0": 1 - tau, "t1": tau}, v[:, self._clock]
        clock = sum(part[key] * ends[:, k] for k, key in enumerate(f.free))
        inner = np.column_stack([v[:, : -len(f.free)], clock])
        along = self._joint(tau, lambda d, at: d.hvp(t[at], z[at, :n], q[at], inner[at], p))
        out = self._inner((sigma * along)[:, None], tau)[:, 0]
        pulled = self._joint(tau, lambda d, at: d.vjp(t[at], z[at, :n], q[at], p))
        out += self._inner(pulled[:, None], tau)[:, 0] * (ends @ self._ends)[:, None]
        out[:, self._clock] += np.sum(pulled * inner, axis=1)[:, None] * self._ends
        return out

    def _joint(self, tau: Array, function: Callable[[JointDerivatives, Any], Array]) -> Array:
        """`function(derivatives, rows)` of `joint`, but where that is not finite at an end time that is not free, of `_still`.

        Time stands still there, but 0 times an infinite derivative by it would make everything nan, as for `sqrt(t)` at 0.
        """
        out = function(self.joint, slice(None))
        if len(self.folded.free) == 1:
            steep = (tau == (0.0 if self.folded.free == ("t1",) else 1.0)) & ~np.isfinite(
                out.reshape(len(out), -1)
            ).all(1)
            if steep.any():
                out = np.array(out)
                out[steep] = function(self._still, steep)
        return out

    @cached_property
    def _still(self) -> JointDerivatives:
        """Derivatives at the end time that is not free, which is a constant for them."""
        problem, end = self.folded.problem, float(self.folded.problem.t_span[0 if self.folded.free == ("t1",) else 1])
        functions = {
            key: lambda xp, t, y, p, f=f: f(xp, xp.asarray(end, dtype=y.dtype), y, p)
            for key in ("rhs", "running_loss")
            if (f := getattr(problem, key)) is not None
        }
        try:
            return generated_joint_derivatives(
                replace(problem, name=f"{problem.name}-still", overrides={}, **functions)
            )
        except Unavailable:
            return self.joint

    @property
    def _clock(self) -> slice:
        """Where the free end times stand in (y, u)."""
        return slice(-len(self.folded.free), None)

    @property
    def _ends(self) -> Array:
        """The gradient of `t1 - t0` by the free end times."""
        return np.array([{"t0": -1.0, "t1": 1.0}[key] for key in self.folded.free])

    def _time(self, tau: Array, p: Params) -> tuple[Array, float]:
        if not self.folded.free:
            return tau, 1.0
        t0, t1 = float(p["t0"]), float(p["t1"])
        return t0 + tau * (t1 - t0), t1 - t0

    def _slope(self, t: Array, z: Array, p: Params) -> Array:
        """`(F, g)` (m, M)."""
        problem, n = self.folded.problem, self.folded.problem.dim
        rows = [problem.rhs(np, float(s), y[:n], p) for s, y in zip(t, z, strict=True)]
        if problem.running_loss is None:
            return np.array(rows)
        more = [problem.running_loss(np, float(s), y[:n], p) for s, y in zip(t, z, strict=True)]
        return np.column_stack([rows, more])

    def _inner(self, a: Array, tau: Array) -> Array:
        """`a B`: columns (y, a, t) as columns (y, a, free end times)."""
        part = {"t0": 1 - tau, "t1": tau}
        clock = [_weighed(a[..., -1:], part[key][:, None, None]) for key in self.folded.free]
        return np.concatenate([a[..., :-1], *clock], axis=-1)


def _weighed(a: Array, by: Array) -> Array:
    """`a by`, zero where `by` is: at the start time does not move with `t1`, however steep the right-hand side is there."""
    shape = np.broadcast_shapes(a.shape, by.shape)
    return np.multiply(a, by, out=np.zeros(shape), where=np.broadcast_to(by != 0.0, shape))
