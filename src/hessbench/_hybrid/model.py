"""What users declared (data, events) and what was found (switches), recorded once for a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._derive.adjoint import bolza_slope
from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.events import Event
from .._model.problem import TIMES, Problem
from ..discrete._data import check_shape
from .recording import Inputs
from .segments import Moment
from .smooth import Smooth, smooth
from .switched import Branch, Switched, arguments, switched


@dataclass(frozen=True, eq=False)
class Stop:
    """A known time at which something happens: rows of the data, or the jump of event number `event`."""

    moment: Moment
    data: slice | None = None
    event: int | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """A problem in pieces. `switches` is `None` where the right-hand side has none that the unknowns move."""

    problem: Problem
    switches: Switched | None

    @property
    def declared(self) -> bool:
        """Whether the problem has data or events of its own."""
        return self.problem.data is not None or bool(self.problem.events)

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
    def data(self) -> tuple[Smooth | None, Smooth | None]:
        """Loss and residuals of v = (y, a, t) and a row of the values, which follows behind."""
        data, name = self.problem.data, self.problem.name
        assert data is not None and data.mask is not None
        row = data.values.shape[1:]

        def made(what: str, f: Callable[..., Any], total: bool) -> Smooth:
            def terms(xp: Any, inputs: Inputs) -> Any:
                t, y, p = arguments(self.problem, inputs)
                d, mask = inputs.array(row), inputs.array(row)
                out = f(xp, t, y, d, p)
                check_shape(self.problem, what, np.shape(out))
                out = mask * out if np.shape(out) == row else out
                return xp.sum(out) if total else out

            return smooth(name, f"data.{what}", terms, self.size)

        return (
            None if data.loss is None else made("loss", data.loss, True),
            None if data.residual is None else made("residual", data.residual, False),
        )

    def data_inputs(self, v: Array, rows: slice) -> Array:
        """v (K, B) with the values and masks of `rows` behind it."""
        data = self.problem.data
        assert data is not None and data.mask is not None
        count = rows.stop - rows.start
        return np.concatenate([v, data.values[rows].reshape(count, -1).T, data.mask[rows].reshape(count, -1).T])

    @cached_property
    def jumps(self) -> list[Smooth | None]:
        """The jump of each event, of v = (y, a, t)."""
        return [
            None if e.jump is None else smooth(self.problem.name, "jump", _of_state(self.problem, e.jump))
            for e in self.problem.events
        ]

    @cached_property
    def roots(self) -> dict[int, Smooth]:
        """The function `when` of each state event by its number, of v = (y, a, t)."""
        made = {
            k: smooth(self.problem.name, "when", _of_state(self.problem, e.when))
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
    def loss(self) -> Smooth:
        """The loss of (y0, y1, a, t0, t1)."""
        problem = self.problem

        def ends(xp: Any, inputs: Inputs) -> Any:
            y0, y1 = inputs.array((problem.dim,)), inputs.array((problem.dim,))
            own = {key: inputs.array(problem.shapes[key]) for key in problem.varied}
            return problem.loss(xp, y0, y1, {**problem.params, **own, **{key: inputs.array(()) for key in TIMES}})

        return smooth(problem.name, "loss", ends)

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
        for k, event in enumerate(problem.events):
            if k in self.at:
                made = self.at[k]
                times, first = made.value(a), made.first(a)
                for i, t in enumerate(times.tolist()):
                    second = made.second(a, np.eye(times.size)[i])
                    varies = bool(np.any(first[i]) or np.any(second))
                    out.append(Stop(Moment(t, "at", first[i], second) if varies else moment(t), event=k))
            elif event.at is not None:
                out += [Stop(moment(t), event=k) for t in event.at.tolist()]
        for stop in out:
            if not sign * t0 <= sign * stop.moment.t <= sign * t1:
                raise InvalidInput(
                    f"problem {problem.name!r}: data or an event is at t = {stop.moment.t:g}, outside of the time span "
                    f"({t0:g}, {t1:g})."
                )
        return sorted(out, key=lambda s: (sign * s.moment.t, s.event is not None))

    def plain_branch(self, x: Array) -> Branch:
        """The right-hand side as it is, at the parameters of `x`."""
        problem = self.problem
        _, p = problem.unpack(x)
        slope = bolza_slope(problem, p)
        return Branch((), problem.rhs, problem.running_loss, lambda t, y, a: slope(t, self.started(y)))

    def started(self, y: Array) -> Array:
        """(y, 0) where there is a running loss."""
        return y if self.problem.running_loss is None else np.append(y, 0.0)


def _of_state(problem: Problem, f: Callable[..., Any]) -> Callable[[Any, Inputs], Any]:
    def of(xp: Any, inputs: Inputs) -> Any:
        t, y, p = arguments(problem, inputs)
        return f(xp, t, y, p)

    return of


def model(problem: Problem, as_is: bool = False) -> Model | None:
    """What makes `problem` smooth in pieces only; `None` where nothing does. `as_is` looks for no switches."""
    found = None if as_is else switched(problem)
    if found is not None and not found.moving():
        found = None
    if found is None and problem.data is None and not problem.events:
        return None
    for k, event in enumerate(problem.events):
        assert isinstance(event, Event), k
    return Model(replace(problem), found)
