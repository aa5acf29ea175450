"""An adaptive solve through all that is met at known times, one leg after the other, with what a way back needs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .._integrate.ivp import IVP, Solution
from .._model.derivatives import Array
from ..discrete._events import Stop
from .course import Course, Place, slack_at
from .crossing import Crossing


@dataclass(eq=False)
class Legs:
    """`stops` are the places and `times` (1 + places,) those of the start and of them; `paths` the solution before each place.

    `seen` (count, N) are the states that are compared with data, `jumped` those on both sides of each place with an event,
    `end` (M,) what the solve ends with. Solutions go through places of the data, at which `path(t)` interpolates.
    """

    course: Course
    x: Array
    times: Array
    stops: list[tuple[Place, Stop | None]]
    paths: list[Solution | None]
    seen: Array
    end: Array
    jumped: dict[int, tuple[Array, Array]] = field(default_factory=dict)

    def inner(self, k: int) -> Callable[[float], float]:
        """Times of the leg before place number `k` as the right-hand side may be asked at them: not at the ends themselves."""
        return inside(self.times[k], self.times[k + 1], slack_at(self.times))

    def crossing(
        self, k: int, slope: Callable[[float, Array], Array], jac: Callable[[float, Array], Array]
    ) -> Crossing | None:
        """What the event at place number `k` does to costates, by slopes (M,) and their derivatives (M, K); `None`: nothing."""
        place, stop = self.stops[k]
        assert stop is not None
        jump, moment = self.course.model.events.jumps[place.event], stop.moment
        if jump is None and moment.kind != "at":
            return None
        t, slack = moment.t, slack_at(self.times) * np.sign(self.times[-1] - self.times[0])
        first, last = (t == end for end in (self.times[0], self.times[-1]))
        sides = zip((t if first else t - slack, t if last else t + slack), self.jumped[k], strict=True)
        ahead, behind = ((slope(at, y), jac(at, y)) for at, y in sides)
        v = np.concatenate([self.jumped[k][0], self.x[self.course.model.places], [t]])
        return Crossing(self.course.problem.dim, jump, v, moment, ahead, behind)


def inside(start: float, end: float, slack: float) -> Callable[[float], float]:
    """Times between `start` and `end`, moved from both ends by `slack` where the leg is long enough for that."""
    length = abs(end - start)
    if length <= 4 * slack:
        return float
    middle, share = (start + end) / 2, 1 - 2 * slack / length
    return lambda t: middle + share * (t - middle)


def travelled(
    course: Course, ivp: IVP, slope: Callable[[float, Array], Array], x: Array, start: Array, dense: bool = True
) -> Legs:
    """Solve `slope(t, z)` (M,) from `start` (M,) at `x` (n,), with all jumps of the `course`; `dense` keeps interpolants.

    M is N, or N + 1 with a running loss. Raises `IntegrationError` as `ivp.solve` does.
    """
    problem, n = course.problem, course.problem.dim
    p, stops = problem.unpack(x)[1], course.stops(x)
    t0, t1 = map(float, problem.times(x))
    times = np.array([t0, *(t1 if stop is None else stop.moment.t for _, stop in stops)])
    legs = Legs(course, x, times, stops, [None] * len(stops), np.zeros((course.count, n)), start)
    slack, z, t, h, waiting = slack_at(times), start, t0, None, list[int]()
    for k, (place, stop) in enumerate(stops):
        if place.data >= 0:
            waiting.append(k)
            continue
        here, inner = times[k + 1], inside(t, times[k + 1], slack)
        path = None
        if here != t:
            path = ivp.solve(
                lambda t, z, inner=inner: slope(inner(t), z), (t, here), z, dense=dense or bool(waiting), h=h
            )
            h = path.h
        for j in waiting:
            at = times[j + 1]
            y = z if path is None or at == t else path.y1 if at == here else path.y(at)
            legs.seen[stops[j][0].data], legs.paths[j] = y[:n], path
        legs.paths[k], waiting, t = path, [], here
        z = z if path is None else path.y1
        if stop is not None:
            before, jump = z[:n], course.jump(place.event)
            if jump is not None:
                z = np.concatenate([np.asarray(jump(np, here, before, p), dtype=float), z[n:]])
            legs.jumped[k] = before, z[:n]
    legs.end = z
    return legs
