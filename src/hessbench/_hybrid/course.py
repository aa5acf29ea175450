"""What a solution meets on its way at known times, for strategies that take it as it comes: data, doses and kinks.

    S(x) = (y at each time of the data, y at the end, integral of the running loss)     loss(x) = l(S, x)
    gradient = (m . S)_,x + l_,x      Hessian = (m . S)_,xx + (S_,x, 1)^T l'' (S_,x, 1),      m = l_,S held fixed

so that a strategy differentiates no more than the states: once the tangents S_,x, twice the sum m . S. Gauss-Newton leaves out
(m . S)_,xx and the second derivatives of residuals. Source: Griewank & Walther, Evaluating Derivatives, chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from .._derive.loss import joint_layout
from .._model.derivatives import Array
from .._model.loss import JointLoss
from .._model.problem import Problem
from .._model.result import Result
from ..discrete._differentiate import reachable
from ..discrete._events import Moment, Stop
from ..discrete._smooth import Smooth
from ..discrete._writing import defined, portable
from .model import Model

ULPS = 8  # of the largest time: how far from the ends of a leg the right-hand side is asked


class Place(NamedTuple):
    """What is met next: time number `data` of the data, time number `which` of event number `event`, or (both -1) the end.

    `apart` says whether it is at another time than what is before.
    """

    data: int = -1
    event: int = -1
    which: int = 0
    apart: bool = True


Order = tuple[Place, ...]


class Course:
    """The data, and the events at known times, of a problem that is smooth between them. Nothing is solved here.

    Raises `InvalidInput` where losses, jumps or times cannot be recorded.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, self.model = problem, Model(problem, None)
        times = np.zeros(0) if problem.data is None else problem.data.times
        self.edges = (
            np.array([0, *(np.flatnonzero(np.diff(times)) + 1), times.size]) if times.size else np.zeros(1, int)
        )
        self.count = len(self.edges) - 1
        fixed, self.first_of = [np.array(problem.t_span), times[self.edges[:-1]]], dict[int, int]()
        self.moving = [k for k, event in enumerate(problem.events) if k in self.model.events.at]
        for k, event in enumerate(problem.events):
            if k not in self.moving:
                self.first_of[k] = sum(map(len, fixed))
                fixed.append(event.at)
        self.fixed = np.concatenate(fixed)
        at = self.fixed.size
        for k in self.moving:
            self.first_of[k], at = at, at + self.model.events.at[k].size
        with np.errstate(all="ignore"):
            self.terms(problem.x0, np.ones((self.count + 1) * problem.dim + 1))  # records all losses

    def stops(self, x: Array) -> list[tuple[Place, Stop | None]]:
        """All places at `x` (n,) in order, the end last, and what they are.

        Raises `InvalidInput` for a time out of the time span, `Unsupported` where two coincide that unknowns move apart.
        """
        events, (t0, t1) = self.model.events, map(float, self.problem.times(x))
        first, last = Moment(t0, "t0"), Moment(t1, "t1")
        before, out = first, list[tuple[Place, Stop | None]]()
        for stop in [*events.stops(x), None]:
            here = last if stop is None else stop.moment
            if here.kind == "fixed" and here.t in (t0, t1):
                here = first if here.t == t0 else last
            if not (apart := here.t != before.t):
                events.same(before, here)
            before = here
            if stop is None:
                out.append((Place(apart=apart), None))
            elif stop.data is not None:
                number = int(np.searchsorted(self.edges, stop.data.start))
                out.append((Place(number, apart=apart), stop))
            else:
                assert stop.event is not None
                out.append((Place(-1, stop.event, stop.which, apart), stop))
        return out

    def order(self, x: Array) -> Order:
        """In which order all is met at `x` (n,): what is traced for one order serves every `x` that has it."""
        return tuple(place for place, _ in self.stops(x))

    def clock(self, xp: Any, p: Any, order: Order, asarray: Callable[[Any], Any] = np.asarray) -> Any:
        """The time of the start and of each place (1 + places,), in the framework of `xp`, from its parameters `p`.

        The ends are those of `t_span`.
        """
        times = [asarray(self.fixed)]
        for k in self.moving:
            at = self.problem.events[k].at
            if isinstance(at, str):
                times.append(xp.reshape(p[at], (-1,)))
            else:
                times.append(self._at[k](xp, [p[key] for key in self.problem.varied], lambda xp, p=p, at=at: at(xp, p)))
        where = [0]
        for place in order:
            known = 1 if place.event < 0 else self.first_of[place.event] + place.which
            where.append(known if place.data < 0 else 2 + place.data)
        return (xp.concatenate(times) if self.moving else times[0])[np.array(where)]

    def inner(self, x: Array, order: Order) -> Array:
        """The share of each leg (places,), about its middle, in which the right-hand side may be asked: all but round-off.

        One that has a kink at a place is then asked on the side that the leg is on.
        """
        clock = self.clock(np, self.problem.unpack(x)[1], order)
        lengths, slack = np.abs(np.diff(clock)), slack_at(clock)
        return np.where(lengths > 4 * slack, 1.0 - 2 * slack / np.where(lengths > 0, lengths, 1.0), 1.0)

    def jump(self, event: int) -> Callable[..., Any] | None:
        """`h(xp, t, y, p)` of an event, for any framework."""
        own = self.problem.events[event].jump
        if own is None:
            return None

        def after(xp: Any, t: Any, y: Any, p: Any) -> Any:
            given = [y, *(p[key] for key in self.problem.varied), t]
            return self._jumps[event](xp, given, lambda xp: own(xp, t, y, p))

        return after

    @cached_property
    def _jumps(self) -> dict[int, Written]:
        return {k: Written(jump) for k, jump in enumerate(self.model.events.jumps) if jump is not None}

    @cached_property
    def _at(self) -> dict[int, Written]:
        return {k: Written(at) for k, at in self.model.events.at.items()}

    def states(self, s: Array) -> tuple[Array, Array, float]:
        """The parts of S: states at the times of the data (count, N) and at the end (N,), and the integral."""
        n = self.problem.dim
        return s[: self.count * n].reshape(self.count, n), s[-n - 1 : -1], float(s[-1])

    def terms(self, x: Array, s: Array) -> Terms:
        """The loss and its derivatives at `x` (n,), where the states are S = `s` (count N + N + 1,)."""
        seen, y1, integral = self.states(s)
        n, places = self.problem.dim, self.model.places
        size, a, blocks = x.size, x[places], self.problem.blocks
        loss = self.loss(x, y1)
        first, second = loss.grad[:-2], loss.hess[:-2, :-2]
        grad = np.zeros(size)
        grad[places] = first[2 * n :]
        if "y0" in blocks:
            grad[blocks["y0"]] += first[:n]
        value, slopes, whole, part = self.data(seen, a)
        value += loss.value + integral
        grad[places] += slopes[:, n:].sum(axis=0)
        multipliers = np.concatenate([slopes[:, :n].ravel(), first[n : 2 * n], [1.0]])
        return Terms(self, value, grad, multipliers, second, whole, part)

    def loss(self, x: Array, y1: Array) -> JointLoss:
        """The loss of the ends, at `x` (n,) and the state `y1` (N,) at the end."""
        y0, smooth = np.array(self.problem.unpack(x)[0], dtype=float), self.model.loss
        ends = np.concatenate([y0, y1, x[self.model.places], np.array(self.problem.times(x), dtype=float)])
        return JointLoss(
            float(smooth.value(ends)[0]), smooth.first(ends)[0], smooth.second(ends, np.ones(1)), self.layout
        )

    @cached_property
    def layout(self) -> dict[str, slice]:
        """Where (y0, y1, a, t0, t1) stand in the derivatives of the loss."""
        return joint_layout(self.problem)[1]

    def data(self, seen: Array, a: Array) -> tuple[float, Array, Array, Array]:
        """Of the data alone, at states `seen` (count, N) and parameters `a` (P,): value, and derivatives by u = (y, a).

        First ones (count, N + P) at each time, second ones (count, N + P, N + P), and what Gauss-Newton takes for these.
        """
        data, width = self.problem.data, self.problem.dim + a.size
        if data is None:
            return 0.0, np.zeros((0, width)), np.zeros((0, width, width)), np.zeros((0, width, width))
        of = np.repeat(np.arange(self.count), np.diff(self.edges))
        v = np.concatenate([seen[of].T, np.repeat(a[:, None], of.size, axis=1), data.times[None]])
        rows = slice(0, of.size)
        value, first = self.model.data_first(v, rows)
        whole, part = (np.moveaxis(self._summed(d)[:-1, :-1], -1, 0) for d in self.model.data_second(v, rows))
        return value, self._summed(first)[:-1].T, whole, part

    def _summed(self, by_row: Array) -> Array:
        """(..., count): what stands for each row (..., rows), added up at each time."""
        return np.add.reduceat(by_row, self.edges[:-1], axis=-1)

    @property
    def said(self) -> str:
        """For the note."""
        kinds = [f"data at {self.count} times"] if self.count else []
        doses = sum(len(np.atleast_1d(event.at)) for k, event in enumerate(self.problem.events) if k not in self.moving)
        doses += sum(self.model.events.at[k].size for k in self.moving)
        return " and ".join([*kinds, *([f"{doses} events"] if doses else [])])


def slack_at(times: Array) -> float:
    """How far from the end of a leg the right-hand side is asked: some units in the last place of the largest of `times`."""
    return ULPS * float(np.finfo(float).eps * np.max(np.abs(times)))


class Written:
    """A recorded function as one of any framework: users may have mixed NumPy's arrays into it. With conditions, as it is."""

    def __init__(self, recorded: Smooth) -> None:
        nodes, self.function = reachable(recorded.nodes), None
        if not any(node.condition or node.op == "select" for node in nodes):
            leaf = {k: f"y[{k}:{k + 1}]" for k in range(recorded.inputs)}
            self.function = defined(f"def f(xp, y):\n{portable(recorded.nodes, leaf, recorded.inputs)}\n")

    def __call__(self, xp: Any, given: list[Any], own: Callable[[Any], Any]) -> Any:
        """Of the arrays `given`, one behind the other; `own(xp)` is the function as the user wrote it."""
        if self.function is None:
            return own(xp)
        return self.function(xp, xp.concatenate([xp.reshape(a, (-1,)) for a in given]))


@dataclass(frozen=True, eq=False)
class Terms:
    """The loss at one point: `value`, direct gradient `grad` (n,), `multipliers` m of S, and second derivatives.

    `ends` are those by (y0, y1, a); `whole` and `part` (count, N + P, N + P) those at the times of the data.
    """

    course: Course
    value: float
    grad: Array
    multipliers: Array
    ends: Array
    whole: Array
    part: Array

    def result(self, grad: Array, hess: Array, tangents: Array, note: str) -> Result:
        """All of it, from gradient (n,) and Hessian (n, n) of m . S and the tangents (count N + N + 1, n) of S."""
        course, size = self.course, grad.size
        n, places, blocks = course.problem.dim, course.model.places, course.problem.blocks
        by_a, by_y0 = np.zeros((places.size, size)), np.zeros((n, size))
        by_a[np.arange(places.size), places] = 1.0
        if "y0" in blocks:
            by_y0[:, blocks["y0"]] = np.eye(n)
        seen = tangents[: course.count * n].reshape(course.count, n, size)
        w = np.concatenate([seen, np.broadcast_to(by_a, (course.count, *by_a.shape))], axis=1)
        u = np.concatenate([by_y0, tangents[-n - 1 : -1], by_a])
        ends = u.T @ self.ends @ u
        whole, part = (np.einsum("kia,kij,kjb->ab", w, d, w, optimize=True) for d in (self.whole, self.part))
        gauss_newton = part + ends if course.count else None
        return Result(self.value, grad + self.grad, hess + whole + ends, note=note, gauss_newton=gauss_newton)
