"""The forward solve that finds the pieces: steps end at known times, and at roots that are located to round-off.

A root is sought in each step's interpolant at `SAMPLES` points; then the step is taken again, to the root, until that does
not move any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._errors import IntegrationError, Unsupported
from .._model.derivatives import Array
from ..discrete._events import Moment, Stop, coinciding
from ..discrete._known import always, through, too_often
from ..discrete._roots import CLOSE, FLAT, NEAR, PROBE, first_root, grazed
from ..discrete._smooth import Smooth
from .model import Model
from .segments import Node, Pieces, Segment
from .switched import Branch

SAMPLES, MOST_SWITCHES, STEPS = 8, 1000, 100_000


@dataclass(eq=False)
class Root:
    """A root that ends a segment: of guard `guard` of the branch, or of event `event`."""

    t: float
    z: Array
    guard: int | None
    event: int | None


@dataclass(eq=False)
class March:
    """One solution of `model` at the decision vector `x`, at relative tolerance `rtol`; `sizes` (M,) are those of z.

    By DOP853, or, if `stiff`, by Radau.
    """

    model: Model
    x: Array
    rtol: float
    sizes: Array
    stiff: bool = False
    branch: Branch = field(init=False)
    seen: dict[int, float] = field(default_factory=dict)  # largest size of the guards of each atom
    counts: dict[int, int] = field(default_factory=dict)  # of each event

    def __post_init__(self) -> None:
        problem = self.model.problem
        self.y0, self.p = problem.unpack(self.x)
        self.y0 = np.array(self.y0, dtype=float)
        self.a = self.x[self.model.places]
        self.t0, self.t1 = map(float, problem.times(self.x))
        self.span = self.t1 - self.t0
        self.n, self.name = problem.dim, problem.name
        self.event_sizes: dict[int, float] = {}

    def run(self) -> Pieces:
        """The pieces. Raises `Unsupported` for sliding and grazing, `IntegrationError` where the end is not reached."""
        first, last = Moment(self.t0, "t0"), Moment(self.t1, "t1")
        stops, items, t, y = self.model.events.stops(self.x), list[Segment | Node](), self.t0, self.y0
        self.enter(t, y)
        start, begin = first, y
        signs = self.event_signs(t, y)
        for stop in [*stops, None]:
            goal = last if stop is None else stop.moment
            if goal.kind == "fixed" and goal.t in (self.t0, self.t1):
                goal = first if goal.t == self.t0 else last
            while t != goal.t:
                z, root = self.advance(t, self.model.started(y), goal.t, signs)
                t, z = (goal.t, z) if root is None else (root.t, root.z)
                y = z[: self.n]
                end = goal if root is None else Moment(t, "root")
                items.append(Segment(self.branch, start, end, begin, y, float(z[self.n :].sum())))
                self.alone(t, y, root, (start.t, goal.t))
                start, begin = end, y
                if root is None:
                    continue
                node, ends = self.at_root(root, end, y)
                items.append(node)
                y = begin = node.after
                if ends:
                    return Pieces(items, first, end, self.y0, y)
                signs = self.event_signs(t, y)
            if stop is not None:
                self.model.events.same(start, goal)
                start = goal
                y = self.happens(stop, goal, y, items)
                begin = y
                if stop.event is not None:
                    self.enter(t, y)
                    signs = self.event_signs(t, y)
        if not any(isinstance(item, Segment) for item in items):
            items.append(Segment(self.branch, first, last, self.y0, y))
        return Pieces(items, first, last, self.y0, y)

    def enter(self, t: float, y: Array, crossed: Any = None) -> None:
        """Choose the branch that goes on from (t, y)."""
        switches = self.model.switches
        if switches is None:
            self.branch = self.model.plain_branch(self.x)
        else:
            self.branch = switches.enter(t, y, self.a, PROBE * self.span, self.seen, crossed)

    def alone(self, t: float, y: Array, root: Root | None, known: tuple[float, float]) -> None:
        """Raise `Unsupported` where an event has a root at a moment (t, y) of another kind, or close to `known` times."""
        event = None if root is None else root.event
        if event is not None and min(abs(t - one) for one in known) <= CLOSE * max(abs(t), abs(self.span)):
            raise coinciding(self.model.problem, t)
        for k, when in self.model.events.roots.items():
            v, other = self.v(t, y), self.model.problem.events[k]
            if k == event or not (other.jump or other.terminal) or abs(when.value(v)[0]) > NEAR * self.event_sizes[k]:
                continue
            first = when.first(v)[0]
            rate = float(first[: self.n] @ self.branch.slope(t, y, self.a)[: self.n] + first[-1]) * self.span
            if abs(rate) > FLAT * self.event_sizes[k] and other.direction * rate >= 0:
                raise coinciding(self.model.problem, t)

    def happens(self, stop: Stop, moment: Moment, y: Array, items: list[Segment | Node]) -> Array:
        """Add the node of a known time; the state behind it."""
        if stop.data is not None:
            items.append(Node(moment, y, y, data=stop.data))
            return y
        assert stop.event is not None
        jump = self.model.events.jumps[stop.event]
        after = y if jump is None else jump.value(self.v(moment.t, y))
        items.append(Node(moment, y, after, jump=jump))
        return after

    def at_root(self, root: Root, moment: Moment, y: Array) -> tuple[Node, bool]:
        """The node of a root, and whether the problem ends there; the branch behind it is entered."""
        if root.event is None:
            assert root.guard is not None and self.model.switches is not None
            guard = self.branch.guards[root.guard]
            self.counts[-1] = self.counts.get(-1, 0) + 1
            if self.counts[-1] > MOST_SWITCHES:
                raise IntegrationError(
                    f"problem {self.name!r}: more than {MOST_SWITCHES} switches of the right-hand side by "
                    f"t = {root.t:.6g}: it chatters."
                )
            self.enter(root.t, y, {guard.atom: guard.after})
            return Node(moment, y, y, root=guard.smooth), False
        event, jump = self.model.problem.events[root.event], self.model.events.jumps[root.event]
        self.counts[root.event] = self.counts.get(root.event, 0) + 1
        if self.counts[root.event] > event.most:
            raise too_often(self.model.problem, root.event, root.t)
        after = y if jump is None else jump.value(self.v(root.t, y))
        if jump is not None:
            self.enter(root.t, after)
        return Node(moment, y, after, jump=jump, root=self.model.events.roots[root.event]), event.terminal

    def v(self, t: Any, y: Array) -> Array:
        """(y, a, t), for one time or a batch (N, B)."""
        if np.ndim(t) == 0:
            return np.concatenate([y, self.a, [t]])
        return np.concatenate([y, np.repeat(self.a[:, None], t.size, axis=1), t[None]])

    def event_signs(self, t: float, y: Array) -> dict[int, float]:
        """The sign of each `when` just behind (t, y). Raises `Unsupported` where it rests on zero."""
        out = {}
        for k, root in self.model.events.roots.items():
            here = float(root.value(self.v(t, y))[0])
            self.event_sizes[k] = max(self.event_sizes.get(k, 0.0), abs(here))
            h = PROBE * self.span
            half = y + h / 2 * self.branch.slope(t, y, self.a)[: self.n]
            ahead = y + h * self.branch.slope(t + h / 2, half, self.a)[: self.n]
            there = float(root.value(self.v(t + h, ahead))[0])
            if abs(here) > max(NEAR * self.event_sizes[k], 1e-3 * abs(there - here)):
                out[k] = float(np.sign(here))
                continue
            out[k] = float(np.sign(there))
            if there == 0.0:
                raise always(self.model.problem, t)
            event = self.model.problem.events[k]
            if event.jump is not None and self.counts.get(k) and out[k] == event.direction:
                raise through(self.model.problem, t)
        return out

    @property
    def stepper(self) -> Any:
        """SciPy's class."""
        from scipy.integrate import DOP853, Radau

        return Radau if self.stiff else DOP853

    def advance(self, t: float, z: Array, goal: float, signs: dict[int, float]) -> tuple[Array, Root | None]:
        """The solution along the branch at `goal`, or the first root before it; `signs` go along."""
        branch, a, n = self.branch, self.a, self.n

        def slope(t: float, z: Array) -> Array:
            return branch.slope(t, z[:n], a)

        watching = bool(branch.guards or self.model.events.roots)
        with np.errstate(all="ignore"):
            atol: Any = 1e-3 * self.rtol * self.sizes
            stepper: Any = self.stepper(slope, t, z, goal, rtol=self.rtol, atol=atol)
            for _ in range(STEPS):
                before = (stepper.t, stepper.y.copy())
                message = stepper.step()
                if stepper.status == "failed" or not np.all(np.isfinite(stepper.y)):
                    raise IntegrationError(
                        f"The solution stopped at t = {stepper.t:.6g} of {goal:.6g}: {message or 'the state is not finite'}."
                    )
                self.sizes[:] = np.maximum(self.sizes, np.abs(stepper.y))
                if watching:
                    root = self.root_in(stepper, before, signs)
                    if root is not None:
                        return root.z, root
                if stepper.status == "finished":
                    return stepper.y, None
        raise IntegrationError(f"More than {STEPS} steps by t = {stepper.t:.6g} of {goal:.6g}.")

    def root_in(self, stepper: Any, before: tuple[float, Array], signs: dict[int, float]) -> Root | None:
        """The first root in the latest step."""
        dense, n = stepper.dense_output(), self.n
        times = np.linspace(before[0], stepper.t, SAMPLES + 1)[1:]
        states = dense(times)[:n]
        states[:, -1] = stepper.y[:n]
        v = self.v(times, states)
        found: list[tuple[float, int | None, int | None]] = []
        for g, values in enumerate(self.branch.values(v)):
            guard = self.branch.guards[g]
            self.seen[guard.atom] = max(self.seen.get(guard.atom, 0.0), float(np.max(np.abs(values))))
            at = first_root(
                lambda t, g=g: float(guard_value(self, g, dense, t)),
                before[0],
                times,
                values,
                1.0,
                self.seen[guard.atom],
            )
            if at is not None:
                found.append((at, g, None))
        for k, root in self.model.events.roots.items():
            values = root.value(v)[0]
            self.event_sizes[k] = max(self.event_sizes.get(k, 0.0), float(np.max(np.abs(values))))

            def value(t: float, root: Smooth = root) -> float:
                return float(root.value(self.v(t, dense(t)[:n]))[0])

            direction, sign, start = self.model.problem.events[k].direction, signs[k], before[0]
            rest, left = values, times
            while left.size:
                at = first_root(value, start, left, sign * rest, sign, self.event_sizes[k])
                if at is None:
                    break
                if direction == 0 or direction == -sign:
                    found.append((at, None, k))
                    break
                keep = left > at if stepper.direction > 0 else left < at
                left, rest, sign, start = left[keep], rest[keep], -sign, at
            else:
                signs[k] = sign
                continue
            if at is None:
                signs[k] = sign
        for at, g, k in sorted(found, key=lambda one: stepper.direction * one[0]):
            return self._located(before, at, g, k)
        return None

    def _located(self, before: tuple[float, Array], at: float, g: int | None, k: int | None) -> Root:
        """The root of guard `g` or event `k` near `at`, with the step from `before` taken to it: to round-off."""
        branch, n, (t, z) = self.branch, self.n, before

        def slope(t: float, z: Array) -> Array:
            return branch.slope(t, z[:n], self.a)

        def reached(at: float) -> Array:
            if at == t:
                return z
            with np.errstate(all="ignore"):
                atol: Any = 1e-3 * self.rtol * self.sizes
                stepper = self.stepper(slope, t, z, at, rtol=self.rtol, atol=atol, first_step=abs(at - t))
                while stepper.status == "running":
                    stepper.step()
            return stepper.y

        if g is not None:
            root, size = branch.guards[g].smooth, self.seen[branch.guards[g].atom]
        else:
            assert k is not None
            root, size = self.model.events.roots[k], self.event_sizes[k]
        end = reached(at)
        for _ in range(12):
            v = self.v(at, end[:n])
            value, first = float(root.value(v)[0]), root.first(v)[0]
            rate = float(first[:n] @ branch.slope(at, end[:n], self.a)[:n] + first[-1])
            if abs(rate * self.span) <= FLAT * size:
                raise Unsupported(grazed(at))
            move = value / rate
            new = at - move
            if abs(move) <= 2e-16 * max(abs(at), abs(self.span)) or (new - t) * (at - t) < 0:
                break
            at, end = new, reached(new)
        return Root(at, end, g, k)


def guard_value(march: March, g: int, dense: Any, t: float) -> float:
    """Guard `g` of the branch on the interpolant."""
    return march.branch.guards[g].smooth.value(march.v(t, dense(t)[: march.n]))[0]
