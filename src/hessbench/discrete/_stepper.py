"""Adaptive explicit Runge-Kutta steps whose error norm holds the state and random tangents of it.

    k_i = F(t_i, Y_i),  w_i' = J_i w_i    with  Y_i = y + h a_ij k_j,  w_i = w + h a_ij w_j',  J_i = F_,y(t_i, Y_i)

The error of the Hessian follows the errors of the tangents, about which the error of `y` says nothing: where the flow
contracts, `y` is easy to integrate with steps at which the variational equation is unstable. One random direction sees
every growing mode. The Jacobians that it takes are those that the sweeps need anyway.

Where the flow contracts by more than the machine's precision, a mode that has died out of `w` could grow again by many orders
of magnitude before it is seen, in steps that are slightly too long for stability; the costate, which starts at the other
end, would meet that growth undamped. So, every few steps, noise at the level of the tolerance is added to `w` (only there).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._integrate.pairs import MAX_FACTOR, MIN_FACTOR, SAFETY, Pair, first_step
from .._model.derivatives import Array

SEED = 20230125  # of the probes; any fixed number will do
KICK, KICK_EVERY, KICK_ROWS = 1.0, 4, 16  # size in units of the tolerance, steps between, number of different ones
TOO_SMALL_STEP = "the step became too small"
REMEDY = 'take strategy="implicit-adjoint" (Radau), which "auto" does'


class StepTooSmall(IntegrationError):
    """The error of a step stayed too large however short the step."""


@dataclass(frozen=True, eq=False)
class Tolerances:
    """Absolute tolerances `atol` (1 + probes, N) of state and tangents, and the tangents `start` (probes, N) at `y0`."""

    atol: Array
    start: Array

    @classmethod
    def scalar(cls, atol: float, n: int, probes: int) -> Tolerances:
        """One tolerance for everything; tangents of unit variance."""
        return cls(np.full((1 + probes, n), atol), probe_directions(n, probes))


@dataclass(eq=False)
class Trajectory:
    """Accepted steps: starts `t` (steps,), sizes `h` (steps,) and states `y` (steps, N), and the end state `y1` (N,).

    `stages` (steps, s, N) and `jacobians` (steps lists of s matrices (N, N)) are there if they were kept.
    """

    t: Array
    h: Array
    y: Array
    y1: Array
    stages: Array | None = None
    jacobians: list[list[Any]] = field(default_factory=list)
    largest: Array = field(default_factory=lambda: np.zeros((0, 0)))  # magnitudes (1 + probes, N) of state and tangents
    limited: int = 0  # steps whose size stability limited, not accuracy
    sized: Any = None  # `_sizes.Sized`, where the tolerances are from
    marks: Array = field(
        default_factory=lambda: np.zeros(0)
    )  # steps taken at each time where one had to end, the end last
    seen: Array = field(default_factory=lambda: np.zeros((0, 0)))  # the states (ends, N) there
    happened: Any = None  # `_crossed.Happened`, where there are events

    @property
    def steps(self) -> int:
        """Their number."""
        return self.t.size

    def sampled(self, most: int) -> tuple[Array, Array, Array]:
        """Starts (k,), sizes (k,) and states (k, N) of at most `most` steps, spread over all."""
        at = spread(self.t.size, most)
        return self.t[at], self.h[at], self.y[at]


def spread(count: int, most: int) -> Array:
    """At most `most` of the places 0 .. count - 1, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


@dataclass(eq=False)
class Going:
    """Where a solve stands that is taken in parts: time, state and tangents `y` (1 + probes, N), and steps taken.

    `size` is that of the next step; `None` where it has to be found.
    """

    t: float
    y: Array
    taken: int = 0
    size: float | None = None


@cache
def probe_directions(n: int, probes: int) -> Array:
    """Unit-variance random tangents (probes, N) at `y0`, always the same."""
    return np.random.default_rng(SEED).standard_normal((probes, n))


@cache
def kicks(n: int, probes: int) -> Array:
    """Noise (rows, probes, N) for the tangents, always the same."""
    return KICK * np.random.default_rng(SEED + 1).standard_normal((KICK_ROWS, probes, n))


def integrate(
    f: Callable[[float, Array], Array],
    jac: Callable[[Array, Array], Sequence[Any]],
    pair: Pair,
    t_span: tuple[float, float],
    y0: Array,
    ivp: IVP,
    probes: int,
    most_kept: float = np.inf,
    linearise: Callable[[float, Array], tuple[Array, Any]] | None = None,
    tolerances: Tolerances | None = None,
    ends: Array | None = None,
    going: Going | None = None,
    most: float = np.inf,
) -> Trajectory:
    """Integrate `y' = f(t, y)` in either direction at the tolerances of `ivp`, which also counts, or at those given.

    At each of the times `ends`, in the direction of integration, a step ends.

    `jac(t, y)`, with (s,) and (s, N), gives s matrices (N, N), dense or sparse, or anything else that gives the slopes
    (N, probes) of tangents (N, probes) by `@`. One call of it for each accepted step (none
    without probes), s evaluations of `f` for each attempted one. `linearise(t, y)`, where given, takes the place of both: the
    slope (N,) and the matrix from one evaluation. Stages and Jacobians are kept if there are no more than `most_kept`
    steps. Raises `IntegrationError` when the end is not reached.

    `going` is a solve to go on with, which is moved along: until the end, or for `most` steps.
    """
    (t, t1), s, n, keep = t_span, pair.stages, y0.size, True
    taken = 0
    targets = [t1] if ends is None else [t1, *ends[::-1].tolist()]
    a, c = pair.extended()
    way, counters = np.sign(t1 - t), ivp.counters
    tolerances = tolerances or Tolerances.scalar(ivp.atol, n, probes)
    rtol, atol, limited = ivp.rtol, tolerances.atol, 0
    slopes, y, calls = np.empty((s + 1, 1 + probes, n)), np.vstack([y0, tolerances.start]), 2
    if going is not None:
        t, y, taken = going.t, going.y.copy(), going.taken
    largest = np.abs(y)
    points, first = np.empty((s + 1, n)), None
    matrices: list[Any] = [None] * (s + 1)

    def slope(i: int, t: float, y: Array) -> Array:
        if linearise is None:
            return f(t, y)
        value, matrices[i] = linearise(t, y)
        return value

    slopes[0, 0] = slope(0, t, y[0])
    if going is None or going.size is None:
        scale = atol[0] + np.abs(y[0]) * rtol
        size = float(first_step(np, f, t, t1 - t, y[0], slopes[0, 0], scale, pair.exponent))
    else:
        size = going.size
    out: list[tuple[float, float, Array]] = []
    met: list[tuple[int, Array]] = []
    stages, jacobians, before = [], [], 0
    with np.errstate(all="ignore"):
        while (t1 - t) * way > 0 and len(out) < most:
            shortest = 10 * abs(np.nextafter(t, way * np.inf) - t)
            size, rejected = max(size, shortest), False
            while True:
                if not size >= shortest or taken + len(out) >= ivp.max_steps:
                    _count(counters, calls, len(out), before, ivp, n)
                    raise stopped(pair.name, t, t1, size, float(np.linalg.norm(y[0])), ivp, taken + len(out), limited)
                asked, stop = size, targets[-1]
                end = stop if (t + way * size - stop) * way > 0 else t + way * size
                h = end - t
                size = abs(h)
                points[0] = y[0]
                for i in range(1, s + 1):
                    points[i] = y[0] + h * (a[i, :i] @ slopes[:i, 0])
                    slopes[i, 0] = slope(i, t + c[i] * h, points[i])
                calls += s
                new, near = points[s : s + 1], points[s - 1 : s]
                error = _norm(pair, h, slopes[:, :1], y[:1], new, (1 + probes) * n, rtol, atol[:1])
                batch = None
                if error < 1 and probes:
                    new_ones = 0 if first is None else 1  # the first stage's is the last one of the step before
                    if linearise is None:
                        batch = [*([first] * new_ones), *jac(t + c[new_ones:] * h, points[new_ones:])]
                    else:
                        batch = matrices.copy()
                    last = w = y[1:]
                    for i in range(s + 1):
                        last, w = w, y[1:] + h * _combined(a[i, :i], slopes[:i, 1:]) if i else w
                        slopes[i, 1:] = (batch[i] @ w.T).T
                    new, near = np.vstack([new, w]), np.vstack([near, last])
                    error = _norm(pair, h, slopes, y, new, new.size, rtol, atol)
                if error < 1:
                    break
                factor = SAFETY * error**pair.exponent if np.isfinite(error) else MIN_FACTOR
                size, rejected, before = size * max(MIN_FACTOR, factor), True, before + 1
            out.append((t, h, y[0].copy()))
            if keep and len(out) > most_kept:
                keep, stages, jacobians = False, [], []
            if keep:
                stages.append(points[:s].copy())
                if batch is not None:
                    jacobians.append(batch[:-1])
            first = None if batch is None else batch[-1]
            grow = MAX_FACTOR if error == 0 else min(MAX_FACTOR, SAFETY * error**pair.exponent)
            size *= min(1.0, grow) if rejected else grow
            reach = _stretch(h, slopes[s] - slopes[s - 1], new - near, rtol, atol, new)
            limited += reach > pair.limited
            if reach > pair.stretch:
                size = min(size, abs(h) * pair.stretch / reach)
            if end == stop:
                targets.pop()
                met.append((len(out), new[0].copy()))
                size = max(size, asked)  # a step that was cut short says nothing of the next one
            t, y = end, new.copy()
            largest = np.maximum(largest, np.abs(y))
            if first is not None and (count := taken + len(out)) % KICK_EVERY == 0:
                noise = kicks(n, probes)[count // KICK_EVERY % KICK_ROWS]
                y[1:] += noise * (atol[1:] + rtol * np.abs(y[1:]))
                slopes[s, 1:] = (first @ y[1:].T).T
            slopes[0], matrices[0] = slopes[s], matrices[s]
    _count(counters, calls, len(out), before, ivp, n)
    counters.solves -= taken > 0  # one of several parts
    ts, hs, ys = (np.array(column) for column in zip(*out, strict=True))
    made = Trajectory(ts, hs, ys, y[0], np.array(stages) if keep else None, jacobians, largest, limited)
    if met:
        made.marks, made.seen = (np.array(column, dtype=float) for column in zip(*met, strict=True))
    if going is not None:
        going.t, going.y, going.taken, going.size = t, y, taken + len(out), size
    return made


def replay(f: Callable[[float, Array], Array], pair: Pair, t: Array, h: Array, y: Array) -> tuple[Array, Array]:
    """The stages (steps, s, N) of given steps from `y` (N,), and the end state (N,)."""
    s = pair.stages
    stages, slopes = np.empty((t.size, s, y.size)), np.empty((s, y.size))
    for n in range(t.size):
        for i in range(s):
            stages[n, i] = y + h[n] * (pair.a[i, :i] @ slopes[:i])
            slopes[i] = f(t[n] + pair.c[i] * h[n], stages[n, i])
        y = y + h[n] * (pair.b @ slopes)
    return stages, y


def _combined(weights: Array, rows: Array) -> Array:
    """`weights_i rows_i`; `np.tensordot` takes five times as long for few numbers."""
    return (weights @ rows.reshape(len(rows), -1)).reshape(rows.shape[1:])


def _norm(pair: Pair, h: float, slopes: Array, old: Array, new: Array, size: int, rtol: float, atol: Array) -> float:
    """SciPy's error norm of the rows (s + 1, rows, N), as a share of `size` components; `atol` is (rows, N)."""
    scale = atol + rtol * np.maximum(np.abs(old), np.abs(new))
    squares = [float(np.sum((_combined(e, slopes) / scale) ** 2)) for e in pair.errors]
    if squares[0] == 0:
        return 0.0
    share = squares[0] if len(squares) == 1 else squares[0] ** 2 / (squares[0] + 0.01 * squares[1])
    return abs(h) * float(np.sqrt(share / size))


def _stretch(h: float, up: Array, across: Array, rtol: float, atol: Array, new: Array) -> float:
    """Step size times the Jacobian's largest eigenvalue, from slopes that differ by `up` at rows that differ by `across`.

    Hairer & Wanner, section IV.2. Differences are weighed as the error is; those of a few units in the last place say nothing.
    """
    weights = 1.0 / (atol + rtol * np.abs(new))
    down = float(np.sum((across * weights) ** 2))
    return abs(h) * float(np.sqrt(np.sum((up * weights) ** 2) / down)) if down > new.size * (7e-15 / rtol) ** 2 else 0.0


def _count(counters, calls: int, steps: int, rejected: int, ivp: IVP, n: int) -> None:
    counters.solves += 1
    counters.steps += steps
    counters.rejected += rejected
    counters.rhs += calls
    counters.rhs_weighted += calls * n / ivp.dim


def stopped(
    name: str, t: float, t1: float, size: float, norm: float, ivp: IVP, steps: int, limited: int
) -> IntegrationError:
    """Why a solve ended early, after `steps` steps of which stability limited some."""
    many = steps >= ivp.max_steps
    why = f"more than max_steps = {ivp.max_steps} steps" if many else TOO_SMALL_STEP
    if limited > steps / 2:
        why += f"; stability limited {limited} of {steps} steps, so the problem is stiff: {REMEDY}"
    norm = norm if np.isfinite(norm) else np.inf
    return (IntegrationError if many else StepTooSmall)(
        f"{name} stopped at t = {t:.6g} of {t1:.6g} with step size {size:.3g} and state norm {norm:.3g}: {why} "
        f"(rtol {ivp.rtol:g}{'' if ivp.by_component else f', atol {ivp.atol:g}'})."
    )
