"""Where steps have to end, so that no pulse, jump or kink at given times is stepped over.

That is what `narrow_features` finds along a trial solution. Times that the unknowns move are looked up anew at each point,
jumps at fixed times once. What there is nothing of at the problem's own point is not looked for elsewhere: a pulse that only
other parameters bring into the span is for a new `prepare`, at `problem.at(x)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from .._derive.adjoint import bolza_slope, bolza_start
from .._derive.features import GRID, narrow_features, through
from .._derive.switches import reads_time, watched
from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._integrate.pairs import pair
from .._model.counters import Counters
from .._model.derivatives import Array, Params
from .._model.problem import TIMES, Problem
from ._event_functions import Functions
from ._events import Events
from ._fold import Folded
from ._known import Known
from ._legs import Legs
from ._sizes import TRIAL, Solver
from ._stepper import Going, Tolerances, Trajectory, integrate

Slopes = Callable[[Array], Callable[[Array, Array], Array]]
SEEN = 8  # parts of a step: what is wider has several stages in it, and the error estimate sees it
LEAST = 200  # intervals of a grid in which features are looked for
FIXED = 1e-12  # of the span: two ends that are closer stand on both sides of a jump


@dataclass(frozen=True, eq=False)
class StepEnds:
    """The times at which steps end, as a function of the decision vector; `own` are those at the problem's own point."""

    problem: Problem
    method: str
    slopes: Slopes | None
    own: Array
    moving: bool

    @classmethod
    def of(cls, problem: Problem, method: str, slopes: Slopes | None = None) -> StepEnds:
        """Look for them at the problem's own point.

        `slopes(x)` gives a function of many times (m,) and states (m, N) that evaluates the right-hand side faster than NumPy.
        """
        x = problem.x0
        own = _found(problem, x, method, slopes)
        return cls(problem, method, slopes, own, own.size > 0 and _moving(problem, x, own))

    def at(self, x: Array) -> Array:
        """Those at `x` (n,), in the direction of integration; as parts of the span where an end time is in `wrt`."""
        if not self.own.size:
            return self.own
        problem = self.problem
        found = (
            _found(problem, x, self.method, self.slopes)
            if self.moving and not np.array_equal(x, problem.x0)
            else self.own
        )
        return inside(problem, x, found)


def inside(problem: Problem, x: Array, found: Array) -> Array:
    """Of the times `found` those inside the span at `x`; as parts of the span where an end time is in `wrt`."""
    t0, t1 = map(float, problem.times(x))
    within = found[(found - t0) * (found - t1) < 0]
    return (within - t0) / (t1 - t0) if set(TIMES) & set(problem.wrt) else within


def timed(problem: Problem, x: Array) -> bool:
    """Whether the right-hand side or the running loss reads the time."""
    y0, p = problem.unpack(x)
    functions = [problem.rhs] if problem.running_loss is None else [problem.rhs, problem.running_loss]
    return not problem.autonomous and any(reads_time(f, float(p["t0"]), y0, p) for f in functions)


def _found(problem: Problem, x: Array, method: str, slopes: Slopes | None) -> Array:
    y0, p = problem.unpack(x)
    t0, t1 = map(float, problem.times(x))
    if not timed(problem, x):
        return np.empty(0)
    f, start, span = bolza_slope(problem, p), bolza_start(problem, y0), (t0, t1)

    events = _Eventful.of(problem, x, f) if problem.events else None

    def solved(method: str) -> Trajectory:
        ivp = IVP(method, TRIAL, TRIAL, dim=problem.dim, by_component=True, counters=Counters())

        def attempt(tolerances: Tolerances, ivp: IVP) -> Trajectory:
            if events is not None:
                return events.solved(tolerances, ivp, start)
            return integrate(f, _none, pair(method), span, start, ivp, 0, tolerances=tolerances)

        return Solver(ivp, 0, attempt, lambda: (f, span, start))()

    try:
        path = solved("RK45")  # of low order: its steps are short enough for cubics between them
        steps = path.t if method == "RK45" else solved(method).t
    except IntegrationError:
        return np.empty(0)
    field, out = slopes and slopes(x), [np.empty(0)]
    for times, states in _smooth_parts(path, t1):
        moves = np.array([f(t, y) for t, y in zip(times.tolist(), states, strict=True)])
        if not np.isfinite(moves).all():
            moves = np.gradient(states, times, axis=0)
        along, ends = through(times, states, moves), (float(times[0]), float(times[-1]))
        own = np.append(steps[(steps - ends[0]) * (steps - ends[1]) <= 0], ends[1])
        seen = np.interp(np.arange(SEEN * (len(own) - 1) + 1) / SEEN, np.arange(len(own)), own)
        grid = max(LEAST, round(GRID * abs(ends[1] - ends[0]) / abs(t1 - t0)))
        out.append(
            narrow_features(problem, p, ends, lambda t, along=along: along(t)[:, : problem.dim], seen, field, grid)
        )
    return np.concatenate(out)


def _smooth_parts(path: Trajectory, t1: float) -> Iterator[tuple[Array, Array]]:
    """Times (m,) and states (m, M) of the steps between events, with both ends."""
    times, states, happened = np.append(path.t, t1), np.vstack([path.y, path.y1]), path.happened
    if happened is None:
        yield times, states
        return
    marks, first = np.unique(happened.marks, return_index=True)
    start = 0
    for mark, event in [*zip(marks.astype(int).tolist(), first, strict=True), (path.steps, None)]:
        if mark > start:
            part = states[start : mark + 1].copy()
            if event is not None:
                part[-1] = happened.before[event]
            yield times[start : mark + 1], part
        start = mark


@dataclass(frozen=True, eq=False)
class _Eventful:
    """A trial solve with events, in the time of the problem itself."""

    functions: Functions
    folded: Folded
    p: Params
    known: Known
    targets: Array
    f: Callable[[float, Array], Array]

    @classmethod
    def of(cls, problem: Problem, x: Array, f: Callable[[float, Array], Array]) -> _Eventful:
        """That of `problem` at `x` with the right-hand side `f`."""
        wrt = tuple(key for key in problem.wrt if key not in TIMES) or ("y0",)
        t0, t1 = map(float, problem.times(x))
        fixed = replace(problem, wrt=wrt, t_span=(t0, t1), exact=None, perturbed=None)
        folded, p = Folded(fixed), problem.unpack(x)[1]
        functions = Functions(Events(fixed))
        known, way = Known.at(functions, folded, p), 1.0 if t1 > t0 else -1.0
        targets = way * np.union1d(way * known.tau[known.tau != t0], way * t1)
        return cls(functions, folded, p, known, targets, f)

    def solved(self, tolerances: Tolerances, ivp: IVP, start: Array) -> Trajectory:
        """From `start` (M,)."""

        def step(going: Going, targets: Array, most: float) -> Trajectory:
            span = (going.t, float(targets[-1]))
            return integrate(
                self.f,
                _none,
                pair(ivp.method),
                span,
                start,
                ivp,
                0,
                np.inf,
                None,
                tolerances,
                targets[:-1],
                going,
                most,
            )

        going, none = Going(self.folded.t_span[0], start[None]), np.zeros((0, 0))
        legs = Legs(self.functions, self.folded, step, self.p, self.known, self.targets, going, none)
        path, path.happened = legs.run()
        return path


def _moving(problem: Problem, x: Array, found: Array) -> bool:
    """Whether the unknowns may move what was found: a smooth feature, or a choice that reads a parameter in `wrt`."""
    y0, p = problem.unpack(x)
    if not problem.varied:
        return False
    span = abs(problem.t_span[1] - problem.t_span[0])
    gaps = np.diff(np.sort(found), prepend=-np.inf, append=np.inf)
    if np.any(np.minimum(gaps[:-1], gaps[1:]) > FIXED * span):
        return True
    with np.errstate(all="ignore"):
        seen = [
            watched(f, t, y0, p, problem.varied)
            for f in (problem.rhs, problem.running_loss)
            if f is not None
            for t in (*problem.t_span, *found[:: max(1, found.size // 8)].tolist())
        ]
    return any(one.entries or one.escaped for one in seen)


def _none(t: Array, y: Array) -> list[Array]:
    return []
