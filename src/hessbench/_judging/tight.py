"""Tight solves behind references: tolerances by each component's own size, steps that end where they must."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from .._derive.adjoint import bolza_slope, bolza_start
from .._derive.features import narrow_features, through
from .._errors import IntegrationError
from .._model.derivatives import Array
from .._model.problem import Problem

WINDOWS = 64
SMALLEST = 1e-12  # of a component's largest size: what is smaller need not be known in relative terms
MOST_STEPS = 200_000
BEYOND = 10  # times its own size: what terms that cancel would make of a component within a step, if it is stiff
STIFF = 10  # times the steps of the first solve, by LSODA at 1e-8, from which on explicit steps are given up


@dataclass(frozen=True, eq=False)
class Path:
    """A solution (y, q): accepted `times` (m,) and `states` (m, K), with as many more columns as the loss has integrals."""

    times: Array
    states: Array
    calls: int

    @property
    def end(self) -> Array:
        """The state at the end, (K,)."""
        return self.states[-1]


@dataclass(frozen=True, eq=False)
class Tight:
    """How a problem is solved at one point: the sizes (K,) of its components, and the times (k,) where a step must end."""

    problem: Problem
    sizes: Array
    ends: Array
    largest: Array = field(default_factory=lambda: np.empty(0))  # (K,), along the first solution
    rough: int = 0  # steps of the first solve

    def solve(
        self, x: Array, method: str = "DOP853", rtol: float = 1e-13, max_step: float = np.inf, most: int = MOST_STEPS
    ) -> Path:
        """The solution at `x` by a stepper of SciPy, started anew at each end.

        Raises `IntegrationError` when it does not come to the end, within `most` steps.
        """
        y0, p = self.problem.unpack(x)
        t0, t1 = map(float, self.problem.times(x))
        slope, z = bolza_slope(self.problem, p), bolza_start(self.problem, y0)
        return march(slope, [t0, *self.ends_at(x), t1], z, method, rtol, rtol * self.sizes, max_step, most)

    def ends_at(self, x: Array) -> Array:
        """The inner times where a step must end: those strictly between the end times at `x`."""
        t0, t1 = sorted(map(float, self.problem.times(x)))
        return self.ends[(self.ends > t0) & (self.ends < t1)]

    def value(self, x: Array, path: Path) -> float:
        """The loss of a solution at `x`."""
        y0, p = self.problem.unpack(x)
        n = self.problem.dim
        return float(self.problem.loss(np, y0, path.end[:n], p) + path.end[n:].sum())


def march(
    slope: Any, times: list[float], z: Array, method: str, rtol: float, atol: Array, max_step: float, most: int
) -> Path:
    """Solve from each of `times` to the next."""
    from scipy import integrate

    stepper_class, calls = getattr(integrate, method), 0

    def counted(t: float, z: Array) -> Array:
        nonlocal calls
        calls += 1
        return slope(t, z)

    span, at, states = abs(times[-1] - times[0]), [times[0]], [z]
    with np.errstate(all="ignore"):
        for start, stop in pairwise(times):
            if abs(stop - start) < 1e-12 * span:  # the two sides of a jump
                z = z + (stop - start) * counted(start, z)
                at.append(stop)
                states.append(z)
                continue
            stepper = stepper_class(counted, start, z, stop, rtol=max(rtol, 2.3e-14), atol=atol, max_step=max_step)
            while stepper.status == "running":
                message = stepper.step()
                z = np.array(stepper.y)
                if stepper.status == "failed" or not np.all(np.isfinite(z)) or len(at) > most:
                    why = message or ("the state is not finite" if len(at) <= most else f"more than {most} steps")
                    raise IntegrationError(f"{method} stopped at t = {stepper.t:.6g} of {times[-1]:.6g}: {why}")
                at.append(stepper.t)
                states.append(z)
    return Path(np.array(at), np.array(states), calls)


def tight(problem: Problem, x: Array) -> Tight:
    """Sizes from a first solve at 1e-8, then the ends of steps that the features of the right-hand side ask for.

    Raises `IntegrationError` where the first solve does not come to its end.
    """
    y0, p = problem.unpack(x)
    t0, t1 = map(float, problem.times(x))
    z0, span = bolza_start(problem, y0), abs(t1 - t0)
    slope = bolza_slope(problem, p)
    with np.errstate(all="ignore"):
        first = np.abs(np.nan_to_num(slope(t0, z0))) * span
    guess = np.where(z0 != 0, np.abs(z0), 1e-3 * first)
    guess = np.where(guess > 0, guess, 1e-2 * np.max(guess, initial=0.0) or 1.0)
    guess = np.maximum(guess, round_off(slope, t0, z0, 0.01 * span))
    plan = Tight(problem, guess, np.empty(0))

    def sized(plan: Tight, path: Path) -> Tight:
        sizes = amplitudes(path.times, path.states, guess)
        step = span / len(path.times)
        for i in np.linspace(0, len(path.times) - 1, 9).astype(int):
            sizes = np.maximum(sizes, round_off(slope, float(path.times[i]), path.states[i], step))
        return replace(plan, sizes=sizes, largest=np.max(np.abs(path.states), axis=0), rough=len(path.times))

    path = _first(plan, x)
    plan = sized(plan, path)
    ends = narrow_features(problem, p, (t0, t1), _smooth(problem, p, path), path.times)
    if ends.size:
        plan = replace(plan, ends=ends)
        plan = sized(plan, _first(plan, x))
    return plan


def round_off(slope: Any, t: float, z: Array, step: float) -> Array:
    """The sizes (K,) below which components are round-off of what is added up in `slope` over a step, for solves at 1e-13.

    A component that decays within the step forgets what was added before: `1 / |f_i,i|` takes the step's place.
    """
    added, decay = terms(slope, t, z), np.zeros(z.size)
    with np.errstate(all="ignore"):
        for i in np.flatnonzero(step * added > np.abs(z)):
            moved = np.array(z)
            moved[i] += 1e-8 * (abs(z[i]) or 1.0)
            decay[i] = (slope(t, z)[i] - slope(t, moved)[i]) / (moved[i] - z[i])
    return 2e-3 * added / (1 / step + np.maximum(np.nan_to_num(decay, posinf=0.0), 0.0))


def terms(slope: Any, t: float, z: Array) -> Array:
    """By how much each component of `slope` changes (K,), per relative change of the state: the size of what cancels in it."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (3, z.size))
    with np.errstate(all="ignore"):
        moved = np.abs(np.array([slope(t, z * (1 + 1e-8 * row)) for row in signs]) - slope(t, z)) / 1e-8
    return np.max(np.nan_to_num(moved, posinf=0.0), axis=0)


def amplitudes(times: Array, states: Array, guess: Array) -> Array:
    """For each component the smallest, over `WINDOWS` parts of the span, of its largest size in that part.

    That is the size down to which it has to be known in relative terms: 1e-9 for an infection that grows from there to 1.
    """
    part = np.minimum((WINDOWS * (times - times[0]) / (times[-1] - times[0])).astype(int), WINDOWS - 1)
    size = np.abs(states)
    largest = np.max(size, axis=0)
    # a step belongs to all the parts that it reaches into, so that each part has a value
    out = np.full(states.shape[1], np.inf)
    for k in range(WINDOWS):
        first, last = np.searchsorted(part, k), np.searchsorted(part, k, "right")
        inside = size[max(first - 1, 0) : last + 1]
        out = np.minimum(out, np.max(inside, axis=0))
    out = np.maximum(out, SMALLEST * largest)
    return np.where(out > 0, out, guess)


def _first(plan: Tight, x: Array) -> Path:
    """A solve at 1e-8: by LSODA, which does not mind stiffness, or by DOP853 where that one does not come to its end."""
    try:
        return plan.solve(x, "LSODA", 1e-8)
    except IntegrationError:
        return plan.solve(x, "DOP853", 1e-8)


def _smooth(problem: Problem, p: Any, path: Path) -> Any:
    """The states along a path, by cubics between its steps.

    Where a component's terms would carry it `BEYOND` its own size within one step, its slope is what the state's error
    makes of it; there that of a monotone interpolant is taken.
    """
    from scipy.interpolate import PchipInterpolator

    kept = np.append(np.abs(np.diff(path.times)) > 0, True)
    times, states = path.times[kept], path.states[kept][:, : problem.dim]

    def slope(t: float, y: Array) -> Array:
        return np.asarray(problem.rhs(np, t, y, p))

    with np.errstate(all="ignore"):
        slopes = np.array([slope(t, y) for t, y in zip(times.tolist(), states, strict=True)])
        added = np.array([terms(slope, t, y) for t, y in zip(times.tolist(), states, strict=True)])
        stiff = added * np.abs(np.gradient(times))[:, None] > BEYOND * np.max(np.abs(states), axis=0)
        if np.any(stiff) and len(times) > 2:
            way = np.sign(times[-1] - times[0])
            slopes = np.where(stiff, way * PchipInterpolator(way * times, states).derivative()(way * times), slopes)
    return through(times, states, np.nan_to_num(slopes))
