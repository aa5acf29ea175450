"""Fixed steps that hit all times at which a solution meets something (`Course`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._integrate.fixed_step import Tableau, direction_from, enough_steps, write_step
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from .course import Course, Order

STEP, SEEN, NOTHING, JUMP = range(4)


@dataclass(frozen=True, eq=False)
class Turns:
    """What a fixed-step integrator does, one turn after the other, each entry an array (turns,).

    `kind`: a step, a state that is compared with data, nothing, or (`JUMP` and on) the jump of event number `kind - JUMP`.
    A step goes from `share` of leg number `leg` by `1 / parts` of its length; `number` is that of the time of the data.
    """

    kind: Array
    leg: Array
    share: Array
    parts: Array
    number: Array

    @property
    def steps(self) -> int:
        """How many of them are steps."""
        return int(np.sum(self.kind == STEP))


def turns(course: Course, order: Order, counts: Array, multiple: int = 1) -> Turns:
    """What is to be done on a `course` in this `order`, with `counts` (places,) steps on each leg.

    Filled up with nothing to `multiple` times a whole number of turns.
    """
    rows = list[tuple[float, ...]]()
    for k, (place, count) in enumerate(zip(order, counts.tolist(), strict=True)):
        rows += [(STEP, k, i / count, count, 0) for i in range(count)]
        if place.data >= 0:
            rows.append((SEEN, k, 1.0, 1, place.data))
        elif place.event >= 0 and course.jump(place.event) is not None:
            rows.append((JUMP + place.event, k, 1.0, 1, 0))
    rows += [(NOTHING, 0, 0.0, 1, 0)] * (-len(rows) % multiple)
    kind, leg, share, parts, number = (np.array(column) for column in zip(*rows, strict=True))
    return Turns(kind.astype(int), leg.astype(int), share.astype(float), parts.astype(float), number.astype(int))


def counts_for(course: Course, order: Order, scheme: Tableau, ivp: IVP, *points: Array) -> Array:
    """Steps of `scheme` on each leg (places,) of a `course` that are enough at all `points` (n,), which have this `order`.

    For a tenth of the tolerance of `ivp`, because second derivatives are less accurate than what is looked at.
    Raises `IntegrationError` when `max_steps` on a leg are not enough.
    """
    return np.max(
        [_counts(course, order, scheme, max(0.1 * ivp.rtol, 1e-13), ivp.max_steps, x) for x in points], axis=0
    )


def _counts(course: Course, order: Order, scheme: Tableau, tol: float, most: int, x: Array) -> Array:
    """Leg by leg, each from the end of the one before."""
    problem, (y0, p) = course.problem, course.problem.unpack(x)
    clock, inner, off = course.clock(np, p, order), course.inner(x, order), direction_from(y0)
    states, counts = [y0, y0 + off, y0 - off], np.zeros(len(order), dtype=int)
    sizes = np.zeros(2)

    def over(k: int, n: int) -> list[Array]:
        h, middle, out = (clock[k + 1] - clock[k]) / n, (clock[k] + clock[k + 1]) / 2, list[Array]()
        for y in states:
            for i in range(n):
                y = write_step(
                    scheme, lambda t, y: problem.rhs(np, middle + inner[k] * (t - middle), y, p), clock[k] + i * h, y, h
                )
            out.append(y)
        return out

    for k, place in enumerate(order):
        sizes = np.maximum(sizes, [np.max(np.abs(states[0])), np.max(np.abs(states[1] - states[2])) / 2])
        if place.apart:

            def ends(n: int, k: int = k) -> tuple[Array, Array]:
                y, above, below = over(k, n)
                return y, (above - below) / 2

            counts[k] = enough_steps(problem.name, scheme, tol, ends, 1, most, (float(sizes[0]), float(sizes[1])))
            states = over(k, 2 * int(counts[k]))
        jump = course.jump(place.event) if place.event >= 0 else None
        if jump is not None:
            states = [np.asarray(jump(np, clock[k + 1], y, p), dtype=float) for y in states]
    return counts
