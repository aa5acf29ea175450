"""Jumps at known times, and what all solves with events have in common: directions of tangents, refusals in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import IntegrationError, Unsupported
from .._model.derivatives import Array, Params
from ._columns import parameter_directions
from ._event_functions import Functions
from ._events import coinciding, outside
from ._fold import Folded


@dataclass(frozen=True, eq=False)
class Known:
    """Jumps at known times, in order: folded times `tau` (J,), numbers of events `of` (J,), derivatives of the times."""

    tau: Array
    of: Array
    first: Array
    second: Array

    @classmethod
    def at(cls, functions: Functions, folded: Folded, p: Params) -> Known:
        """Those at parameters `p`. Raises `InvalidInput` for one outside of the span, `Unsupported` for coinciding ones."""
        events, problem = functions.events, folded.problem
        t0, t1 = float(p["t0"]), float(p["t1"])
        way = 1.0 if t1 > t0 else -1.0
        times, of, first, second = events.known(folded.values(p)[: events.places.size])
        keep = np.isin(of, functions.numbers)
        order = np.flatnonzero(keep)[np.argsort(way * times[keep], kind="stable")]
        times, of, first, second = times[order], of[order], first[order], second[order]
        if times.size and (way * times[0] < way * t0 or way * times[-1] > way * t1):
            raise outside(problem, times[0] if way * times[0] < way * t0 else times[-1], t0, t1)
        cls._apart(folded, times, first, t0, t1)
        return cls(folded.tau(times, p), of, first, second)

    @staticmethod
    def _apart(folded: Folded, times: Array, first: Array, t0: float, t1: float) -> None:
        """Raise `Unsupported` where two of the times, those of data or ends of the span coincide and move differently."""
        problem = folded.problem
        seen = np.zeros(0) if problem.data is None else np.unique(problem.data.times)
        every = np.concatenate([times, seen, [t0, t1]])
        by_time = np.argsort(every, kind="stable")
        alike = np.flatnonzero(np.diff(every[by_time]) == 0)
        moves = np.concatenate([first, np.zeros((seen.size + 2, first.shape[1]))]) if alike.size else first
        for k in alike:
            both = by_time[k : k + 2]
            free = any(every.size - 2 + i in both for i, key in enumerate(("t0", "t1")) if key in folded.free)
            if free or np.any(moves[both[0]] != moves[both[1]]):
                raise coinciding(problem, float(every[both[0]]))


def directions(folded: Folded, p: Params, probes: int, by_component: bool) -> Array:
    """The tangents' directions (probes, P + 2) in parameters, t0 and t1; zero in ends that are not free."""
    own = parameter_directions(folded.values(p), probes, by_component)
    out, count = np.zeros((probes, own.shape[1] - len(folded.free) + 2)), own.shape[1] - len(folded.free)
    out[:, :count] = own[:, :count]
    for k, key in enumerate(folded.free):
        out[:, count + (key == "t1")] = own[:, count + k]
    return out


def always(problem: Any, t: float) -> Unsupported:
    """The refusal of an event function that rests on zero."""
    return Unsupported(
        f"problem {problem.name!r}: `when` of an event stays at zero from t = {t:.6g} on: it always happens."
    )


def through(problem: Any, t: float) -> Unsupported:
    """The refusal of a jump that does not lead away from its event."""
    return Unsupported(
        f"problem {problem.name!r}: behind the event at t = {t:.6g} the solution goes on through it: the jump does not lead "
        f"away (a ball at rest)."
    )


def too_often(problem: Any, e: int, t: float) -> IntegrationError:
    """The refusal of an event that happens more often than it may."""
    return IntegrationError(
        f"problem {problem.name!r}: an event happened more than `most` = {problem.events[e].most} times by t = {t:.6g}. Raise "
        f"`most`, or end the time span before the events pile up."
    )
