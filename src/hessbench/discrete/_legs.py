"""A solve with events in NumPy.

At known times the state jumps. Where there are roots to be found, the solve goes step by step: they are looked for along the
quintic through both ends of a step, which is then taken again, to the root, until that does not move any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._errors import Unsupported
from .._model.derivatives import Array, Params
from ._crossed import Happened
from ._event_functions import Functions
from ._events import coinciding
from ._fold import Folded
from ._known import Known, always, through, too_often
from ._roots import CLOSE, FLAT, NEAR, PROBE, first_root, grazed
from ._stepper import Going, Trajectory

SAMPLES, MANY = 8, 12  # in a step, and corrections of a root


@dataclass(eq=False)
class Legs:
    """One solve with events, from where it is `going`; `targets` are the folded times at which steps end, the end included.

    `step(going, targets, most)` goes on to the last of the targets, or `most` steps; `along` are the tangents' `directions`.
    """

    functions: Functions
    folded: Folded
    step: Callable[[Going, Array, float], Trajectory]
    p: Params
    known: Known
    targets: Array
    going: Going
    along: Array

    def __post_init__(self) -> None:
        self.problem, self.n = self.folded.problem, self.folded.problem.dim
        self.a = self.folded.values(self.p)[: self.functions.events.places.size]
        t0, t1 = self.folded.t_span
        self.span, self.way = t1 - t0, 1.0 if t1 > t0 else -1.0
        self.sigma = float(self.p["t1"]) - float(self.p["t0"]) if self.folded.free else 1.0
        count = len(self.problem.events)
        self.signs, self.sizes, self.counts = np.zeros(count), np.zeros(count), np.zeros(count)
        self.parts: list[Trajectory] = []
        self.events: list[tuple[Any, ...]] = []

    def run(self) -> tuple[Trajectory, Happened]:
        """The steps, and what happened."""
        at = np.searchsorted(self.way * self.targets, self.way * self.known.tau)
        at[self.known.tau == self.folded.t_span[0]] = -1
        next_, jumped = 0, 0
        while True:
            before = jumped
            while jumped < at.size and at[jumped] < next_:
                self.happens(int(self.known.of[jumped]), jumped)
                jumped += 1
            if jumped > before or not self.parts:
                self.look()
            if next_ == self.targets.size:
                break
            goal = int(at[jumped]) if jumped < at.size else self.targets.size - 1
            next_ = self.towards(next_, goal)
        return self.finished()

    def finished(self) -> tuple[Trajectory, Happened]:
        """As `run`."""
        path, p = chained(self.parts, self.going.y[0]), self.a.size
        rows = [list(column) for column in zip(*self.events, strict=True)] or [[] for _ in range(5)]
        number = np.array(rows[3], dtype=int)
        first, second = np.zeros((number.size, p)), np.zeros((number.size, p, p))
        first[number >= 0], second[number >= 0] = (
            v[number[number >= 0]] for v in (self.known.first, self.known.second)
        )
        states = [np.reshape(column, (-1, path.y1.size)) for column in zip(*rows[4], strict=True)] or [path.y[:0]] * 2
        marks, tau, of = (np.array(column, dtype=float) for column in rows[:3])
        return path, Happened(marks, tau, of, number < 0, states[0], states[1], first, second)

    def towards(self, next_: int, goal: int) -> int:
        """On to target number `goal`, or to an event before it; the target that comes next."""
        roots, targets = self.functions.roots, self.targets[next_ : goal + 1]
        if not roots:
            self.parts.append(self.step(self.going, targets, np.inf))
            return goal + 1
        old = replace(self.going)
        part = self.step(self.going, targets, 1)
        found = [(at, e) for e in roots if (at := self.root_in(old, e)) is not None]
        if not found:
            self.parts.append(part)
            reached = next_ + len(part.marks)
            if reached > next_ and self.another(None):
                raise coinciding(self.problem, self.time())
            return reached
        at, e = min(found, key=lambda one: self.way * one[0])
        at = self.locate(old, at, e)
        close = CLOSE * max(abs(at), abs(self.span))
        if np.any(np.abs(self.targets - at) <= close) or self.another(e):
            raise coinciding(self.problem, self.time())
        self.counts[e] += 1
        if self.counts[e] > self.problem.events[e].most:
            raise too_often(self.problem, e, self.time())
        self.happens(e, None)
        self.look()
        return next_

    def locate(self, old: Going, at: float, e: int) -> float:
        """Take the step from `old` to the root of event `e` near `at`."""
        part = None
        for k in range(MANY + 1):
            self.going, part = replace(old), None
            if at != old.t:
                part = self.step(self.going, np.array([at]), np.inf)
                part.marks, part.seen = part.marks[:0], part.seen[:0]
            v = self.v(self.going.t, self.going.y[0])
            value, rate = self.value(e, v), self.rate(e, v) * self.sigma
            if abs(rate * self.span) <= FLAT * self.sizes[e]:
                raise Unsupported(grazed(self.time()))
            new = at - value / rate
            if k == MANY or abs(new - at) <= 2e-16 * max(abs(at), abs(self.span)) or (new - old.t) * self.way < 0:
                break
            at = new
        if part is not None:
            self.parts.append(part)
        return at

    def root_in(self, old: Going, e: int) -> float | None:
        """The first root of event `e`, in its direction, in the step from `old`."""
        ends, h = [(old.t, old.y[0]), (self.going.t, self.going.y[0])], self.going.t - old.t
        rows = []
        for t, z in ends:
            slope, first = (part[0] for part in self.functions.field(self.v(t, z)[None]))
            flow = np.concatenate([slope[: self.n], np.zeros(self.a.size), [1.0]])
            rows.append((z, h * self.sigma * slope, (h * self.sigma) ** 2 * (first @ flow)))
        values = np.array([rows[0][0], rows[0][1], rows[0][2], rows[1][0], rows[1][1], rows[1][2]])

        def states(x: Array) -> Array:
            b = 10 * x**3 - 15 * x**4 + 6 * x**5
            weights = np.array(
                [
                    1 - b, x - 6 * x**3 + 8 * x**4 - 3 * x**5, x**2 / 2 - 1.5 * x**3 + 1.5 * x**4 - x**5 / 2,
                    b, -4 * x**3 + 7 * x**4 - 3 * x**5, x**3 / 2 - x**4 + x**5 / 2,
                ]
            )  # fmt: skip
            return weights.T @ values

        def value(x: float) -> float:
            return self.value(e, self.v(old.t + x * h, states(np.array([x]))[0]))

        x = np.arange(1, SAMPLES + 1) / SAMPLES
        rest = np.array([self.value(e, self.v(old.t + a * h, z)) for a, z in zip(x, states(x), strict=True)])
        self.sizes[e] = max(self.sizes[e], np.abs(rest).max())
        sign, start, direction = self.signs[e], 0.0, self.problem.events[e].direction
        while x.size:
            try:
                at = first_root(value, start, x, sign * rest, sign, self.sizes[e])
            except Unsupported:
                raise Unsupported(grazed(self.folded.time(old.t + h / 2, self.p))) from None
            if at is None:
                break
            if direction in (0, -sign):
                self.signs[e] = sign
                return old.t + at * h
            sign, start = -sign, at
            x, rest = x[x > at], rest[x > at]
        self.signs[e] = sign
        return None

    def v(self, tau: float, z: Array) -> Array:
        """(y, a, t)"""
        return np.concatenate([z[: self.n], self.a, [self.folded.time(tau, self.p)]])

    def value(self, e: int, v: Array) -> float:
        """Of event function `e`."""
        return float(self.functions.roots[e].value(v)[0])

    def rate(self, e: int, v: Array) -> float:
        """Of its change in time."""
        slope = self.functions.slope.value(v)[: self.n]
        first = self.functions.roots[e].first(v)[0]
        return float(first[: self.n] @ slope + first[-1])

    def time(self) -> float:
        """Where the solve stands."""
        return self.folded.time(self.going.t, self.p)

    def another(self, e: int | None) -> bool:
        """Whether another event than `e` has a root where the solve stands, too."""
        v = self.v(self.going.t, self.going.y[0])
        for other in self.functions.roots:
            if other == e or abs(self.value(other, v)) > NEAR * self.sizes[other]:
                continue
            rate, direction = self.rate(other, v) * self.span * self.sigma, self.problem.events[other].direction
            if abs(rate) > FLAT * self.sizes[other] and direction * rate >= 0:
                return True
        return False

    def look(self) -> None:
        """The signs of event functions just behind where the solve stands."""
        t, z = self.going.t, self.going.y[0]
        for e in self.functions.roots:
            here = self.value(e, self.v(t, z))
            self.sizes[e] = max(self.sizes[e], abs(here))
            tau = PROBE * self.span
            h = tau * self.sigma
            half = z[: self.n] + h / 2 * self.functions.slope.value(self.v(t, z))[: self.n]
            ahead = z[: self.n] + h * self.functions.slope.value(self.v(t + tau / 2, half))[: self.n]
            there = self.value(e, self.v(t + tau, ahead))
            if abs(here) > max(NEAR * self.sizes[e], 1e-3 * abs(there - here)):
                self.signs[e] = np.sign(here)
                continue
            self.signs[e] = np.sign(there)
            if there == 0:
                raise always(self.problem, self.time())
            if self.counts[e] and self.signs[e] == self.problem.events[e].direction:
                raise through(self.problem, self.time())

    def happens(self, e: int, number: int | None) -> None:
        """Event `e` happens where the solve stands; `number` is that of a known one."""
        y, n, p, tau = self.going.y, self.n, self.a.size, self.going.t
        before, jump = y[0].copy(), self.functions.jump(e)
        v = self.v(tau, before)
        slope, first = self.functions.slope.value(v), jump.first(v)
        y = self.going.y = y.copy()
        y[0, :n] = jump.value(v)
        behind = self.functions.slope.value(self.v(tau, y[0]))
        flow = np.concatenate([slope[:n], np.zeros(p), [1.0]])
        if number is None:
            c = self.functions.roots[e].first(v)[0]
            rate = c @ flow
        else:
            c, rate = np.concatenate([np.zeros(n), self.known.first[number], [-1.0]]), -1.0
        slip = slope - behind
        slip[:n] = first @ flow - behind[:n]
        for w, by in zip(y[1:], self.along, strict=True):
            share = np.dot([1 - tau, tau], by[p:])  # of free ends of the span; zero where none is
            v = np.concatenate([w[:n], by[:p], [share]])
            w += slip * -(c @ v) / rate
            w[:n] += first @ v - v[:n]
        self.going.size = None
        self.events.append((self.going.taken, tau, e, -1 if number is None else number, (before, y[0].copy())))


def chained(parts: list[Trajectory], y1: Array) -> Trajectory:
    """The parts of a solve as one, whose state at the end is `y1` (N,)."""
    t, h, y = (np.concatenate([getattr(p, key) for p in parts]) for key in ("t", "h", "y"))
    whole = Trajectory(t, h, y, y1)
    if all(p.stages is not None for p in parts):
        whole.stages = np.concatenate([p.stages for p in parts if p.stages is not None])
    starts = np.cumsum([0, *(p.t.size for p in parts)])
    whole.marks = np.concatenate([start + p.marks for start, p in zip(starts, parts, strict=False)])
    whole.seen = np.concatenate([p.seen.reshape(-1, y1.size) for p in parts])
    whole.largest = np.max([p.largest for p in parts], axis=0)
    whole.limited = sum(p.limited for p in parts)
    return whole
