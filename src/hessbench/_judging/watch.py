"""Calls of one strategy that the gate watches: at every point, again in random order, and from a second thread.

A strategy that is right at first, at one point or on one thread only is not right. Results that are the same to the last
bit as the first one at their point cost one comparison; every other one is measured against the reference.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import HessbenchError
from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from .gate import PERTURBED, Seen, errors
from .reference import Reference, reference
from .scaled import Yardstick, yardstick_of

DRAWN = "at a drawn point"
SECOND_THREAD = "from a second thread"
SHARE = 0.1  # of the time of the timed calls that calls in between may take
OFTEN = 0.05  # the probability of one behind a timed call
KEPT = 50

Fingerprint = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Target:
    """A point `x` (n,) with its reference, what differences from it are divided by, and its name; empty for the own point."""

    x: Array
    against: Reference
    measure: Yardstick
    name: str


def targets(problem: Problem, drawn: Array | None, allowed: float) -> list[Target]:
    """The problem's own point, its perturbed one, and one that was drawn, each where there is one.

    `allowed` is the strategy's threshold. Raises `NoReference` where a point has none.
    """
    named = [(problem.x0, ""), (problem.perturbed, PERTURBED), (drawn, DRAWN)]
    out = []
    for x, name in named:
        if x is not None:
            against = reference(problem, x)
            out.append(Target(x, against, yardstick_of(problem, x, against, allowed), name))
    return out


class Watch:
    """Counts calls of `run(x)`, compares what it returns with references, and remembers what the gate has to see.

    `seed` sets the order of the calls that are made again, `allowed` is the strategy's threshold. All calls get one array,
    whose content changes, so that a result that was kept by the identity of `x` shows.
    """

    def __init__(self, run: Callable[[Array], Result], points: Sequence[Target], seed: int, allowed: float) -> None:
        self.run, self.points, self.seen, self.calls = run, points, list[Seen](), 0
        self.agreement = max(point.against.agreement for point in points)
        self.allowed = max(allowed, 10 * self.agreement)
        self._rng = np.random.default_rng([seed, 1])
        self._first: dict[int, tuple[Result, Fingerprint]] = {}
        self._buffer = points[0].x.copy()
        self._spent = 0.0

    def check(self, which: int, result: Result, how: str = "") -> Result:
        """Compare a result of the call just made at `points[which]`, and hand it back; `how` it was called, if specially."""
        self.calls += 1
        mine, point = fingerprint(result), self.points[which]
        first, known = self._first.setdefault(which, (result, mine))
        if result is not first and mine == known:
            return result
        found = errors(result, point.against, point.x, point.measure)
        when = how or ("" if result is first else f"in call {self.calls}")
        seen = Seen(found, " ".join(filter(None, (point.name, when))))
        if len(self.seen) < KEPT or found.worst > max(one.errors.worst for one in self.seen):
            self.seen.append(seen)
        return result

    def call(self, which: int) -> Result:
        """Call at `points[which]` and compare."""
        return self.check(which, self.run(self.at(which)))

    def at(self, which: int) -> Array:
        """The array (n,) that every call gets, holding `points[which]` now."""
        self._buffer[:] = self.points[which].x
        return self._buffer

    def call_from_second_thread(self) -> None:
        """Call once at the last of the points from another thread, and compare.

        Raises `HessbenchError` where that fails and the same call on this thread does not.
        """
        which = len(self.points) - 1
        x, point, box = self.at(which), self.points[which], list[Result | BaseException]()

        def work() -> None:
            try:
                box.append(self.run(x))
            except BaseException as error:
                box.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join()
        found, how = box[0], ""
        if isinstance(found, BaseException):
            self.run(self.at(which))
            raise HessbenchError(f"called {SECOND_THREAD}, it raised {type(found).__name__}: {found}")
        if not self._right(found, point) and self._right(self.run(self.at(which)), point):
            how = SECOND_THREAD
        self.check(which, found, how)

    def _right(self, result: Result, point: Target) -> bool:
        return errors(result, point.against, point.x, point.measure).worst <= self.allowed

    def after_timed(self, result: Result, seconds: float, spent: float) -> None:
        """Compare the result of a timed call at the own point, and now and then call somewhere else in between.

        `seconds` is what one call takes, `spent` what all timed calls took.
        """
        self.check(0, result)
        if self._rng.random() < OFTEN and self._spent + seconds <= SHARE * spent:
            start = time.perf_counter()
            self.call(int(self._rng.integers(len(self.points))))
            self._spent += time.perf_counter() - start

    def again(self, limit: float, rounds: int = 1) -> None:
        """Call again at all points in random order, `rounds` times; stop when that took `limit` seconds."""
        start = time.perf_counter()
        for _ in range(rounds):
            for which in self._rng.permutation(len(self.points)):
                if time.perf_counter() - start > limit:
                    return
                self.call(int(which))


def fingerprint(result: Result) -> Fingerprint:
    """All bits of a result, and its shapes: equal ones need one comparison with the reference only. Some 1 us."""
    grad, hess = np.asarray(result.grad), np.asarray(result.hess)
    return result.value, grad.shape, grad.dtype, grad.tobytes(), hess.shape, hess.dtype, hess.tobytes()
