"""Running loss and end times folded into the right-hand side, so that initial state and parameters are all that is left.

    z = (y, integral of g),   dz/dtau = sigma (F, g)(t, y, a),   t = t0 + tau sigma,   sigma = t1 - t0,   tau in [0, 1]

Only a free end time makes time run from 0 to 1; otherwise `tau = t` and `sigma = 1`. Active parameters are `u = (a, t0, t1)`:
the parameters in `wrt`, and the end times that are free. Derivatives: `_fold_derivatives`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._model.derivatives import Array, Params
from .._model.problem import TIMES, Problem, no_end_loss
from ._columns import Columns, EndBlocks
from ._loss_kernel import end_blocks, joint_end_blocks


class Watched(Mapping[str, Any]):
    """Parameters that remember which of them were read."""

    def __init__(self, values: Params) -> None:
        self.values_of, self.read = values, dict[str, None]()

    def __getitem__(self, key: str) -> Any:
        self.read[key] = None
        return self.values_of[key]

    def __iter__(self) -> Iterator[str]:
        self.read.update(dict.fromkeys(self.values_of))
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)


@dataclass(frozen=True, eq=False)
class Folded:
    """A problem whose `wrt` is more than the initial state, or that has a running loss, as the sweeps take it.

    M states (N, and one with a running loss), P active parameters.
    """

    problem: Problem

    @cached_property
    def free(self) -> tuple[str, ...]:
        """The end times in `wrt`, first `t0`."""
        return tuple(key for key in TIMES if key in self.problem.wrt)

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of the active parameters."""
        return (*self.problem.varied, *self.free)

    @property
    def states(self) -> int:
        """M."""
        return self.problem.dim + (self.problem.running_loss is not None)

    @property
    def params(self) -> dict[str, Array]:
        """The parameters of the problem and the free end times."""
        own = {key: np.asarray(self.problem.constants[key]) for key in self.free}
        return {**self.problem.params, **own}

    @property
    def t_span(self) -> tuple[float, float]:
        """Of the integration."""
        return (0.0, 1.0) if self.free else self.problem.t_span

    @cached_property
    def columns(self) -> Columns:
        """Where the states and active parameters stand in the decision vector."""
        at = self.problem.blocks
        places = [np.arange(at[key].start, at[key].stop) for key in self.varied]
        return Columns(self.problem.x0.size, at.get("y0"), np.concatenate(places or [np.zeros(0, dtype=int)]))

    def values(self, p: Params) -> Array:
        """The active parameters (P,)."""
        return np.concatenate([np.ravel(p[key]) for key in self.varied] or [np.zeros(0)])

    def named(self, u: Array) -> dict[str, Array]:
        """The active parameters `u` (P,) by name; end times too."""
        sizes = [np.size(self.problem.constants[key]) for key in self.varied]
        parts = np.split(u, np.cumsum(sizes)[:-1]) if sizes else []
        return {
            key: part.reshape(np.shape(self.problem.constants[key]))
            for key, part in zip(self.varied, parts, strict=True)
        }

    def name(self, k: int) -> str:
        """What unknown `k` of (z, u) is called."""
        if k < self.states:
            return f"y[{k}]" if k < self.problem.dim else "the running loss"
        k -= self.states
        for key in self.varied:
            size = np.size(self.problem.constants[key])
            if k < size:
                return f"{key}[{k}]" if np.ndim(self.problem.constants[key]) else key
            k -= size
        raise IndexError(k)

    def time(self, tau: float, p: Params) -> float:
        """The time that `tau` stands for."""
        return float(p["t0"]) + tau * (float(p["t1"]) - float(p["t0"])) if self.free else tau

    def tau(self, t: Array, p: Params) -> Array:
        """The inverse of `time`."""
        return (t - float(p["t0"])) / (float(p["t1"]) - float(p["t0"])) if self.free else t

    def start(self, y0: Array) -> Array:
        """The state at the start (M,)."""
        return y0 if self.problem.running_loss is None else np.append(y0, 0.0)

    def rhs(self, xp: Any, tau: Any, z: Any, p: Any) -> Any:
        """The slope (M,) for any namespace."""
        problem, n = self.problem, self.problem.dim
        t0, t1 = (p[key] if key in self.free else problem.constants[key] for key in TIMES)
        t, sigma = (t0 + tau * (t1 - t0), t1 - t0) if self.free else (tau, 1.0)
        slope = problem.rhs(xp, t, z[:n], p)
        if problem.running_loss is not None:
            slope = xp.concatenate([slope, xp.reshape(problem.running_loss(xp, t, z[:n], p), (1,))])
        return sigma * slope if self.free else slope

    def slope(self, p: Params) -> Callable[[float, Array], Array]:
        """`rhs` in NumPy at parameters `p`."""
        return lambda tau, z: np.asarray(self.rhs(np, tau, z, p))

    def end(self, compiled: bool, z1: Array | None = None) -> tuple[Callable[[Array, Array, Params], EndBlocks], str]:
        """`blocks(y0 (N,), z1 (M,), p)` and where they come from: C if `compiled` and possible, else a framework; "" for none.

        They are checked at the problem's own point, where `z1` (M,) is the state at the end. Hand-written ones, where a
        loss reads no active parameter, come first.
        """
        problem, n, m = self.problem, self.problem.dim, self.states
        if problem.loss is no_end_loss:
            return lambda y0, z1, p: _nothing(n, z1), ""
        y1, uses_y0, seen = None if z1 is None else z1[:n], problem.loss_uses_y0, self._read_by_loss
        read = tuple(key for key in problem.varied if key in seen)
        keys = (*seen, *TIMES)  # no others are handed to a framework
        if not (read or self.free):
            own, source = end_blocks(replace(problem, wrt=("y0",), perturbed=None), compiled, y1)

            whole = problem.of_state_alone or problem.loss_blocks is not None

            def by_ends(y0: Array, z1: Array, p: Params) -> EndBlocks:
                loss = own(y0, z1[:n], p if whole else {key: p[key] for key in keys})
                l01 = loss.l01 if uses_y0 else None
                end = EndBlocks(loss.value, loss.l0, loss.l1, loss.l00, l01, loss.l11)
                if m > n:
                    end.add_running_loss(float(z1[n]))
                return end

            return by_ends, source
        names = (*read, *self.free)
        blocks, source = joint_end_blocks(replace(problem, wrt=names, perturbed=None), compiled, y1)
        params = np.concatenate([np.arange(problem.blocks[key].start, problem.blocks[key].stop) for key in names])
        count = sum(problem.params[key].size for key in read)
        y0_, y1_ = slice(0, n), slice(n, 2 * n)  # in the joint Hessian; then the parameters and both end times
        u = 2 * n + np.array([*range(count), *(count + TIMES.index(key) for key in self.free)], dtype=int)

        def at_end(y0: Array, z1: Array, p: Params) -> EndBlocks:
            made = blocks(y0, z1[:n], {key: p[key] for key in keys})
            g, h, by_u = made.grad, made.hess, made.hess[:, u]
            end = EndBlocks(made.value, g[y0_], g[y1_], h[y0_, y0_], h[y0_, y1_] if uses_y0 else None, h[y1_, y1_])
            end.params, end.lp, end.l0p, end.l1p, end.lpp = params, g[u], by_u[y0_], by_u[y1_], by_u[u]
            if m > n:
                end.add_running_loss(float(z1[n]))
            return end

        return at_end, source

    @cached_property
    def _read_by_loss(self) -> tuple[str, ...]:
        """The parameters that the loss reads."""
        problem, seen = self.problem, Watched(self.problem.constants)
        problem.loss(np, problem.y0.copy(), problem.y0 + 0.1, seen)
        return tuple(seen.read)


def _nothing(n: int, z1: Array) -> EndBlocks:
    """Blocks of no loss of `n` states."""
    none = np.zeros((n, n))
    end = EndBlocks(0.0, none[0], none[0], none, None, none)
    if z1.size > n:
        end.add_running_loss(float(z1[n]))
    return end
