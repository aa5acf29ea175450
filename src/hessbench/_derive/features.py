"""Features in time that an adaptive solver could step over: pulses, jumps and kinks at times that do not depend on the state.

The right-hand side is evaluated along an approximate solution on `GRID` intervals. Where it departs from polynomials of
degree four by more than `CHANGE` of its size, the interval is halved until it does not; steps have to end where the halves
meet. Every feature that is at least 1e-4 of the span wide is met by two points of the grid; narrower ones may be missed.
Conditions on the time (`t < 4`, `interp`, `maximum(t - 4, 0)`) are found by watching the right-hand side choose, and located to
round-off, so that integrators keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._model.derivatives import Array, Params
from .._model.problem import Problem
from .adjoint import bolza_slope
from .switches import Seen, reads_time, watched_in_time

GRID = 20_000
CHANGE = 1e-3
NODES = 5  # of the polynomials
APPROXIMATE = 1e-5  # relative error of the states along which the right-hand side is looked at
MOST_LOCATED = 200  # choices that are located to round-off, some milliseconds each
PROJECTED = 16  # components are compared, or as many random sums of them
CHUNK = 4096


def narrow_features(
    problem: Problem,
    p: Params,
    t_span: tuple[float, float],
    states: Callable[[Array], Array],
    steps: Array | None = None,
    slopes: Callable[[Array, Array], Array] | None = None,
    intervals: int = GRID,
) -> Array:
    """The times inside `t_span`, in its direction, at which a step must end so that no feature is stepped over.

    `states(t)` (m,) -> (m, N) is an approximate solution, smooth between its steps; with `steps` (k,), its own times, what
    those already resolve is left out. A jump or kink gives two times a few units of round-off apart, one on each side of it:
    a step between them changes nothing, and no other step has both sides in it. None for a problem that does not read the
    time.
    Cost: one evaluation at `intervals` + 1 times, by `slopes(t, y)` (m,), (m, N) -> (m, K) if that is given, else vectorised;
    where the right-hand side takes no batches, that many calls.
    """
    t0, t1 = map(float, t_span)
    functions = [problem.rhs] if problem.running_loss is None else [problem.rhs, problem.running_loss]
    start = states(np.array([t0]))[0]
    if problem.autonomous or not any(reads_time(f, t0, start, p) for f in functions):
        return np.empty(0)
    grid = np.linspace(t0, t1, intervals + 1)
    with np.errstate(all="ignore"):
        path = Path(problem, p, grid, states(grid), slopes)
        values = path.values()
        chosen = path.choices(functions) if path.batched else path.jumps(values)
        cut = (
            np.searchsorted(grid * np.sign(t1 - t0), [low * np.sign(t1 - t0) for low, _ in chosen], "right") - 1
        ).tolist()
        ends = unresolved(split(values, cut), grid, steps)
    margin = 8 * np.finfo(float).eps * max(abs(t0), abs(t1))
    sides = [side for low, high in chosen for side in (min(low, high) - margin, max(low, high) + margin)]
    out = np.unique([*ends, *sides])
    out = out[(out > min(t0, t1)) & (out < max(t0, t1))]
    return out if t1 > t0 else out[::-1]


def through(times: Array, states: Array, slopes: Array) -> Callable[[Array], Array]:
    """A smooth path for `narrow_features` through the steps (m,), (m, N), (m, N) of a solution: cubic between each two."""
    way = 1.0 if times[-1] > times[0] else -1.0

    def at(t: Array) -> Array:
        k = np.clip(np.searchsorted(way * times, way * t, "right") - 1, 0, times.size - 2)
        h = times[k + 1] - times[k]
        s = ((t - times[k]) / h)[:, None]
        u, h = 1 - s, h[:, None]
        value = (1 + 2 * s) * u**2 * states[k] + s**2 * (3 - 2 * s) * states[k + 1]
        return value + h * (s * u**2 * slopes[k] - s**2 * u * slopes[k + 1])

    return at


@dataclass(frozen=True, eq=False)
class Path:
    """Right-hand side and running loss along `states` (m, N) at the times `grid` (m,)."""

    problem: Problem
    p: Params
    grid: Array
    states: Array
    slopes: Callable[[Array, Array], Array] | None = None

    @cached_property
    def slope(self) -> Callable[[float, Array], Array]:
        """Both, at one time."""
        return bolza_slope(self.problem, self.p)

    @cached_property
    def batched(self) -> Params | None:
        """The parameters with which the functions take many times at once, states as columns; `None` if they do not."""
        n = self.problem.dim
        columns = {k: v[..., None] if np.ndim(v) and np.shape(v)[0] == n else v for k, v in self.p.items()}
        some = np.unique(np.linspace(0, len(self.grid) - 1, 12).astype(int))
        expected = np.array([self.slope(float(self.grid[i]), self.states[i]) for i in some])
        for p in (self.p, columns):
            try:
                found = self._together(self.grid[some], self.states[some], p)
            except Exception:  # whatever a function that was not written for batches does
                continue
            if found.shape == expected.shape and np.allclose(found, expected, rtol=1e-9, atol=0, equal_nan=True):
                return p
        return None

    def _together(self, t: Array, y: Array, p: Params) -> Array:
        out = [np.broadcast_to(self.problem.rhs(np, t, y.T, p), (self.problem.dim, len(t)))]
        if self.problem.running_loss is not None:
            out.append(np.broadcast_to(self.problem.running_loss(np, t, y.T, p), (1, len(t))))
        return np.concatenate(out).T

    def values(self) -> Array:
        """(m, K): each component divided by its largest size; many components as random sums of them."""
        p, out = None if self.slopes is not None else self.batched, []
        for start in range(0, len(self.grid), CHUNK):
            t, y = self.grid[start : start + CHUNK], self.states[start : start + CHUNK]
            if self.slopes is not None:
                out.append(self.slopes(t, y))
            elif p is None:
                out.append(np.array([self.slope(a, b) for a, b in zip(t.tolist(), y, strict=True)]))
            else:
                out.append(self._together(t, y, p))
        values = np.nan_to_num(np.concatenate(out), posinf=0.0, neginf=0.0)
        size = np.max(np.abs(values), axis=0)
        span = abs(self.grid[-1] - self.grid[0])
        floor = 1e-12 * np.maximum(np.max(size), np.max(np.abs(self.states)) / span)  # a sum that cancels is round-off
        floor = np.maximum(floor, self.uncertain() / CHANGE)
        values /= np.maximum(size, floor) + (floor == 0)
        if values.shape[1] > PROJECTED:
            values = values @ np.random.default_rng(0).choice([-1.0, 1.0], (values.shape[1], PROJECTED))
        return values

    def uncertain(self) -> Array:
        """By how much each component changes (K,) with the error of the states: much, where large terms cancel."""
        signs = np.random.default_rng(0).choice([-1.0, 1.0], self.states.shape[1])
        some = np.unique(np.linspace(0, len(self.grid) - 1, 12).astype(int))
        changes = [
            self.slope(t, y * (1 + APPROXIMATE * signs)) - self.slope(t, y)
            for t, y in zip(self.grid[some].tolist(), self.states[some], strict=True)
        ]
        return np.max(np.abs(np.nan_to_num(changes, posinf=0.0, neginf=0.0)), axis=0)

    def choices(self, functions: Sequence[Callable[..., Any]]) -> list[tuple[float, float]]:
        """Neighbouring numbers between which a choice on the time falls differently, for functions that take batches."""
        out: list[tuple[float, float]] = []
        assert self.batched is not None
        for f in functions:
            seen = watched_in_time(f, self.grid, self.states.T, self.batched)
            changed = np.zeros(len(self.grid) - 1, dtype=bool)
            for entry in seen.entries:
                if entry.outcome.ndim and entry.outcome.shape[-1] == len(self.grid):
                    differs = entry.outcome[..., 1:] != entry.outcome[..., :-1]
                    changed |= np.any(differs.reshape(-1, len(changed)), axis=0)
                out += [self._located(f, int(i)) for i in np.flatnonzero(changed)[:MOST_LOCATED]]
        return out

    def _located(self, f: Callable[..., Any], i: int) -> tuple[float, float]:
        def at(t: float) -> Seen:
            return watched_in_time(f, t, self.states[i], self.p)

        low, high = float(self.grid[i]), float(self.grid[i + 1])
        first = at(low)
        return bisected(low, high, lambda t: not first.crosses(at(t)))

    def jumps(self, values: Array) -> list[tuple[float, float]]:
        """Neighbouring numbers between which the slope jumps, in the shortest pieces: for functions that take no batches."""
        found = [self._jump(values, *piece) for piece in split(values) if piece[1] - piece[0] < NODES]
        return [jump for jump in found if jump is not None][:MOST_LOCATED]

    def _jump(self, values: Array, start: int, stop: int) -> tuple[float, float] | None:
        i = start + int(np.argmax(np.max(np.abs(np.diff(values[start : stop + 1], axis=0)), axis=1)))
        low, high, y = float(self.grid[i]), float(self.grid[i + 1]), self.states[i]
        left, right = self.slope(low, y), self.slope(high, y)

        def as_low(t: float) -> Any:
            now = self.slope(t, y)
            return np.linalg.norm(now - left) <= np.linalg.norm(now - right)

        below, above = bisected(low, high, as_low)
        gap = np.linalg.norm(self.slope(above, y) - self.slope(below, y))
        return (below, above) if gap > 0.3 * np.linalg.norm(right - left) else None


def split(values: Array, cut: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Pieces (start, stop) of `values` (m, K) in which polynomials through `NODES` points suffice, or that are shortest.

    Nothing is asked of the intervals `(i, i + 1)` for i in `cut`, which lie between pieces.
    """
    cut = sorted(set(cut))
    waiting = list(zip([0, *(i + 1 for i in cut)], [*cut, len(values) - 1], strict=True))
    pieces = []
    while waiting:
        start, stop = waiting.pop()
        piece = values[start : stop + 1]
        if len(piece) <= NODES or np.max(np.abs(interpolated(piece) - piece)) <= CHANGE:
            pieces.append((start, stop))
        else:
            middle = (start + stop) // 2
            waiting += [(start, middle), (middle, stop)]
    return sorted(pieces)


def interpolated(values: Array) -> Array:
    """The polynomials through `NODES` equally spaced rows of `values` (m, K), at all of them."""
    m = len(values)
    nodes = np.linspace(0, m - 1, NODES).astype(int)
    at = np.arange(m)
    weights = np.ones((m, NODES))
    for j in range(NODES):
        for k in range(NODES):
            if k != j:
                weights[:, j] *= (at - nodes[k]) / (nodes[j] - nodes[k])
    return weights @ values[nodes]


def unresolved(pieces: list[tuple[int, int]], grid: Array, steps: Array | None) -> Array:
    """Where pieces meet, next to one that is shorter than the step that was taken over it."""
    met = [
        (before[1], min(before[1] - before[0], after[1] - after[0]))
        for before, after in pairwise(pieces)
        if before[1] == after[0]
    ]
    at, finest = np.array(met, dtype=int).reshape(-1, 2).T
    if steps is None:
        return grid[at]
    towards = 1.0 if grid[-1] > grid[0] else -1.0
    over = np.clip(np.searchsorted(towards * steps, towards * grid[at]), 1, len(steps) - 1)
    return grid[at[np.abs(steps[over] - steps[over - 1]) > finest * abs(grid[1] - grid[0])]]


def bisected(low: float, high: float, as_low: Callable[[float], Any]) -> tuple[float, float]:
    """The last number that is still as at `low` and the next one."""
    while True:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            return low, high
        low, high = (middle, high) if as_low(middle) else (low, middle)
