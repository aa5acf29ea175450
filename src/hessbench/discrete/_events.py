"""The events of a problem, recorded once: when they are, what they do to the state, and in which order.

v = (y, a, t),   y (N,) states, a (P,) the parameters in `wrt`, t the time
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._errors import InvalidInput, Unsupported
from .._model.derivatives import Array
from .._model.problem import Problem
from ._recording import Inputs
from ._smooth import Smooth, smooth


@dataclass(eq=False)
class Moment:
    """A time, and how it depends on the unknowns.

    kind: "t0", "t1"; "fixed"; "at" (`first` (P,) and `second` (P, P) are its derivatives by the parameters in `wrt`); "root"
    """

    t: float
    kind: str = "fixed"
    first: Array = field(default_factory=lambda: np.zeros(0))
    second: Array = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True, eq=False)
class Stop:
    """A known time at which something happens: rows of the data, or event number `event` at its time number `which`."""

    moment: Moment
    data: slice | None = None
    event: int | None = None
    which: int = 0


@dataclass(frozen=True, eq=False)
class Events:
    """Events and times of data of `problem`. Raises `InvalidInput` for a function that cannot be recorded."""

    problem: Problem

    @cached_property
    def places(self) -> Array:
        """Where the parameters a (P,) stand in the decision vector."""
        at = [np.arange(self.problem.blocks[key].start, self.problem.blocks[key].stop) for key in self.problem.varied]
        return np.concatenate([*at, np.zeros(0, dtype=int)]).astype(int)

    @cached_property
    def size(self) -> int:
        """K = N + P + 1, the length of v = (y, a, t)."""
        return self.problem.dim + self.places.size + 1

    @cached_property
    def jumps(self) -> list[Smooth | None]:
        """The jump of each event, of v = (y, a, t)."""
        return [
            None if e.jump is None else smooth(self.problem.name, "jump", of_state(self.problem, e.jump))
            for e in self.problem.events
        ]

    @cached_property
    def roots(self) -> dict[int, Smooth]:
        """The function `when` of each state event by its number, of v = (y, a, t)."""
        made = {
            k: smooth(self.problem.name, "when", of_state(self.problem, e.when))
            for k, e in enumerate(self.problem.events)
            if e.when is not None
        }
        for root in made.values():
            if not np.any(root.first(np.linspace(0.3, 0.9, self.size))) and all(n.fixed for n in root.nodes):
                raise InvalidInput(
                    f"problem {self.problem.name!r}: `when` of an event is constant, so that it never or always happens; it "
                    f"has to depend on t or y."
                )
        return made

    @cached_property
    def at(self) -> dict[int, Smooth]:
        """The times `at` of each event that depend on parameters, of a (P,)."""

        def times(f: Callable[..., Any]) -> Callable[[Any, Inputs], Any]:
            def of(xp: Any, inputs: Inputs) -> Any:
                own = {key: inputs.array(self.problem.shapes[key]) for key in self.problem.varied}
                return xp.reshape(xp.asarray(f(xp, {**self.problem.params, **own})), (-1,))

            return of

        made = {}
        for k, event in enumerate(self.problem.events):
            if isinstance(event.at, str):
                made[k] = smooth(self.problem.name, "at", times(lambda xp, p, key=event.at: p[key]))
            elif callable(event.at):
                made[k] = smooth(self.problem.name, "at", times(event.at))
        return made

    @cached_property
    def moving(self) -> bool:
        """Whether parameters in `wrt` move a known time."""
        return bool(self.at) and self.places.size > 0

    def known(self, a: Array) -> tuple[Array, Array, Array, Array]:
        """All events at known times, by number: times (J,), numbers (J,), derivatives by parameters (J, P) and (J, P, P)."""
        p, times, of, first, second = a.size, [np.zeros(0)], [np.zeros(0)], [np.zeros((0, a.size))], list[Array]()
        second.append(np.zeros((0, p, p)))
        for k, event in enumerate(self.problem.events):
            if event.when is not None:
                continue
            made = self.at.get(k)
            if made is None:
                times.append(event.at)
                first.append(np.zeros((event.at.size, p)))
                second.append(np.zeros((event.at.size, p, p)))
            else:
                times.append(made.value(a))
                first.append(made.first(a))
                second.append(np.zeros((made.size, p, p)))
                if made.second_entries:
                    each = made.second(np.repeat(a[:, None], made.size, axis=1), np.eye(made.size))
                    second[-1] = np.moveaxis(each, -1, 0)
            of.append(np.full(times[-1].size, float(k)))
        return np.concatenate(times), np.concatenate(of), np.concatenate(first), np.concatenate(second)

    def stops(self, x: Array) -> list[Stop]:
        """Data and events at known times at the decision vector `x`, in order: at one time, data before jumps.

        Raises `InvalidInput` where a parameter has moved one out of the time span.
        """
        problem, a = self.problem, x[self.places]
        t0, t1 = map(float, problem.times(x))
        sign, out, fixed = np.sign(t1 - t0), list[Stop](), dict[float, Moment]()

        def moment(t: float) -> Moment:
            return fixed.setdefault(t, Moment(t))

        if problem.data is not None:
            times = problem.data.times
            edges = [0, *(np.flatnonzero(np.diff(times)) + 1).tolist(), times.size]
            for start, stop in pairwise(edges):
                out.append(Stop(moment(float(times[start])), data=slice(start, stop)))
        counts = dict[int, int]()
        for t, of, first, second in zip(*self.known(a), strict=True):
            k, varies = int(of), bool(np.any(first) or np.any(second))
            which = counts[k] = counts.get(k, -1) + 1
            out.append(Stop(Moment(float(t), "at", first, second) if varies else moment(float(t)), None, k, which))
        for stop in out:
            if not sign * t0 <= sign * stop.moment.t <= sign * t1:
                raise outside(problem, stop.moment.t, t0, t1)
        return sorted(out, key=lambda s: (sign * s.moment.t, s.event is not None))

    def same(self, one: Moment, other: Moment) -> None:
        """Raise `Unsupported` where two moments at one time move differently with the unknowns."""
        moves = [m.first if m.kind == "at" else np.zeros(self.places.size) for m in (one, other)]
        free = any(m.kind in self.problem.wrt for m in (one, other))
        if one is not other and (free or not np.array_equal(moves[0], moves[1])):
            raise coinciding(self.problem, one.t)


def outside(problem: Problem, t: float, t0: float, t1: float) -> InvalidInput:
    """The refusal of a known time outside of the time span."""
    return InvalidInput(
        f"problem {problem.name!r}: data or an event is at t = {t:g}, outside of the time span ({t0:g}, {t1:g})."
    )


def coinciding(problem: Problem, t: float) -> Unsupported:
    """The refusal of two moments at one time that move differently."""
    return Unsupported(
        f"problem {problem.name!r}: two events, or an event and data or an end of the time span, coincide at t = {t:.6g}, and "
        f"the unknowns move them apart: derivatives would be those of one side. Move one a little."
    )


def arguments(problem: Problem, inputs: Inputs) -> tuple[Any, Any, dict[str, Any]]:
    """`(t, y, p)` of symbols; parameters that are not in `wrt` are numbers."""
    y = inputs.array((problem.dim,))
    own = {key: inputs.array(problem.shapes[key]) for key in problem.varied}
    return inputs.array(()), y, {**problem.params, **own}


def of_state(problem: Problem, f: Callable[..., Any]) -> Callable[[Any, Inputs], Any]:
    """`f(xp, t, y, p)` of the inputs v = (y, a, t)."""

    def of(xp: Any, inputs: Inputs) -> Any:
        t, y, p = arguments(problem, inputs)
        return f(xp, t, y, p)

    return of


def slope_of(problem: Problem) -> Callable[[Any, Inputs], Any]:
    """The slopes (M,) of the state and, where there is one, of the running loss, of the inputs v = (y, a, t)."""

    def both(xp: Any, inputs: Inputs) -> Any:
        t, y, p = arguments(problem, inputs)
        slope = xp.asarray(problem.rhs(xp, t, y, p))
        if problem.running_loss is None:
            return slope
        return xp.concatenate([slope, xp.reshape(xp.asarray(problem.running_loss(xp, t, y, p)), (1,))])

    return both
