"""Calling the forward solve of a generated kernel: growth, pauses for signals, errors in words."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from .._integrate.ivp import IVP
from .._model.derivatives import Array
from ._build import load
from ._stepper import KICK_ROWS, Tolerances, kicks, spread, stopped
from ._workspace import Buffer, Shared, Workspace

PAUSE = 0.02  # seconds after which a running kernel comes back to Python, which then sees Ctrl-C
FIRST_PACE = 1e-3  # seconds of a step, until one was measured
TOO_MANY, TOO_SMALL, FULL = -1, -2, -3  # what `forward` returns when it stops early


class Sizes(Protocol):
    """What a kernel says of itself: source, optimisation, doubles per vector, states, inputs, stages, fixed numbers."""

    @property
    def source(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def m(self) -> int: ...
    @property
    def stages(self) -> int: ...
    @property
    def fixed(self) -> int: ...
    @property
    def autonomous(self) -> bool: ...


class Path:
    """What `forward` leaves for `backward`: number of steps, end state, tangents (probes, N), whether stages are stored.

    `largest` (1 + probes, N) are the largest magnitudes of state and tangents, `limited` counts steps whose size stability
    limited. Its workspace is free for another call when the path is dropped.
    """

    __slots__ = (
        "ends",
        "happened",
        "largest",
        "limited",
        "probes",
        "sized",
        "steps",
        "stored",
        "tangents",
        "work",
        "y1",
    )
    y1: Array
    tangents: Array
    largest: Array

    def __init__(self, work: Workspace, probes: int) -> None:
        self.work, self.probes, self.steps, self.stored, self.limited, self.ends = work, probes, 0, False, 0, 0
        self.sized: Any = None  # `_sizes.Sized`, where the tolerances are from
        self.happened: Any = None  # `_crossed.Happened`, where there are events

    def ended(self, steps: int, limited: int = 0) -> Path:
        """With what the workspace holds after `steps` steps."""
        n, state = self.work.k.n, self.work.state.array.copy()
        self.steps, self.stored, self.limited = steps, self.work.x is not None, limited
        self.y1, self.tangents = state[:n], state[n:].reshape(self.probes, n)
        self.largest = self.work.largest.array.reshape(-1, n).copy()
        return self

    @property
    def marks(self) -> Array:
        """Steps that were taken (ends,) at each time at which one had to end; the last one is the end."""
        return self.work.marks.array[: self.ends]

    @property
    def seen(self) -> Array:
        """The states (ends, N) there."""
        return self.work.seen.array[: self.ends * self.work.k.n].reshape(self.ends, -1)

    def sampled(self, most: int) -> tuple[Array, Array, Array]:
        """Starts (k,), sizes (k,) and states (k, N) of at most `most` steps, spread over all.

        In second order, `q'` is left at zero; where stages are not stored, there are none.
        """
        k, work, at = self.work.k, self.work, spread(self.steps, most)
        if work.x is None:
            return np.zeros(0), np.zeros(0), np.zeros((0, k.n))
        first, states = at * k.stages, np.zeros((at.size, k.n))
        for column in range(k.m):
            states[:, column] = work.x.array[(first // k.width * k.m + column) * k.width + first % k.width]
        return work.t.array[at], work.h.array[at], states

    def __del__(self) -> None:
        self.work.shared.wait(self.work)


class Pace:
    """How many steps a kernel is to take before Python looks for signals again: about `PAUSE` seconds' worth.

    Measured as it runs; results do not depend on it.
    """

    __slots__ = ("each",)

    def __init__(self) -> None:
        self.each = FIRST_PACE

    def steps(self) -> int:
        """At least one."""
        return max(1, int(PAUSE / self.each))

    def took(self, steps: int, seconds: float) -> None:
        """Learn from the last call."""
        self.each = seconds / max(1, steps)


class ForwardSolve:
    """A kernel's forward solve; any number of threads may call it at once, each in a workspace of its own.

    Stages of all steps are stored if those of all calls in flight take at most `limit` bytes, `per_step` a step; otherwise
    states at the starts of segments of `segment` steps, from which the stages are computed once more. `fixed` is what
    every call finds in the table that the kernel keeps of numbers that depend on parameters alone.
    """

    def __init__(self, kernel: Sizes, probes: int, limit: float, segment: int, per_step: int) -> None:
        self.code, self.file = load(kernel.source, kernel.level)
        self.stamp = self.file.with_suffix(".checked")
        self.sizes, self.probes, self.segment = kernel, probes, segment
        self.shared, self.ahead, self.back = Shared(limit, per_step), Pace(), Pace()
        self._forward = self.code.forward
        pointer, real, long = ctypes.c_void_p, ctypes.c_double, ctypes.c_long
        self._forward.argtypes = (
            [pointer] * 3 + [real, pointer, long, long, real, real, pointer] + [long] * 5 + [pointer] * 10
        )
        self._forward.restype = long
        self.fixed = Buffer(kernel.fixed)
        self.kicks = Buffer(KICK_ROWS * probes * kernel.n)
        self.kicks.array[:] = kicks(kernel.n, probes).ravel()

    def forward(
        self,
        y0: Array,
        p: Buffer,
        t_span: tuple[float, float],
        ivp: IVP,
        most: int | None = None,
        tolerances: Tolerances | None = None,
        ends: Array | None = None,
    ) -> Path:
        """Integrate with error control from `y0` (N,); with `most`, stop after that many steps. Counts into `ivp`.

        At the tolerances of `ivp`, or at those given. At each of the times `ends`, in the direction of integration, a step
        ends. Raises `IntegrationError` when the end is not reached.
        """
        t, t1 = t_span
        n, size, norm, evaluations, rejected, limited, next_, status = 0, 0.0, 0.0, 0, 0, 0, 0, FULL
        path = self._start(y0, tolerances or Tolerances.scalar(ivp.atol, y0.size, self.probes))
        work, count = path.work, self._targets(path, t1, ends)
        targets, marks, seen = work.met
        while status == FULL and n != most:
            if n == work.capacity:
                work.reserve(2 * n)
            room, start = min(work.capacity, n + self.ahead.steps(), most or work.capacity), perf_counter()
            before = n
            status = self._forward(
                work.state.address, p.address, work.fixed.address, t, targets, next_, count, size, ivp.rtol,
                work.atol.address, n, ivp.max_steps, room, 0, self.segment, *work.ahead, marks, seen, self.kicks.address,
                work.largest.address, work.info.address,
            )  # fmt: skip
            did, again, t, size, norm, n, held, next_ = work.info.array.tolist()
            evaluations, rejected, n, next_ = (
                evaluations + int(did) - (before > 0),
                rejected + int(again),
                int(n),
                int(next_),
            )
            limited += int(held)
            self.ahead.took(n - before + int(again), perf_counter() - start)
        k, counters = self.sizes, ivp.counters
        counters.add(steps=n, rhs=evaluations, rejected=rejected)
        if status in (TOO_MANY, TOO_SMALL):
            raise stopped(ivp.method, t, t1, size, norm, ivp, n, limited)
        counters.jacobians += n * k.stages
        counters.contractions += n * k.stages
        return path.ended(n, limited)

    def frozen(self, y0: Array, p: Buffer, t: Array, h: Array) -> Path:
        """Take exactly the steps of size `h` that begin at `t`."""
        path = self._start(y0, Tolerances.scalar(1.0, y0.size, self.probes))
        work = path.work
        if work.capacity < t.size:
            work.reserve(t.size)
        work.t.array[: t.size], work.h.array[: t.size] = t, h
        count = self._targets(path, t[-1] + h[-1], None)
        targets, marks, seen = work.met
        self._forward(
            work.state.address, p.address, work.fixed.address, t[0], targets, 0, count, 0.0, 1.0, work.atol.address, 0,
            t.size + 1, t.size + 1, t.size, self.segment, *work.ahead, marks, seen, self.kicks.address,
            work.largest.address, work.info.address,
        )  # fmt: skip
        return path.ended(t.size)

    @property
    def checked(self) -> bool:
        """Whether this library has passed the gate, in this process or an earlier one."""
        return self.stamp.exists()

    def steps_of(self, path: Path) -> tuple[Array, Array]:
        """Starts and sizes of the steps of `path`."""
        return path.work.t.array[: path.steps].copy(), path.work.h.array[: path.steps].copy()

    def workspace(self) -> Workspace:
        """A new one."""
        return Workspace(self.sizes, 1 + self.probes, self.segment, self.fixed, self.shared)

    def segments(self, path: Path) -> Iterator[tuple[int, int]]:
        """The steps of `path` in runs of whole segments, from the last one back to the first, each short enough for a signal.

        What is done between two turns is taken for the work on a run.
        """
        stop, seg = path.steps, self.segment
        while stop > 0:
            start = max(0, (stop - 1) // seg - (max(1, self.back.steps() // seg) - 1)) * seg
            before = perf_counter()
            yield start, stop
            self.back.took(stop - start, perf_counter() - before)
            stop = start

    def _targets(self, path: Path, t1: float, ends: Array | None) -> int:
        """Write down the times at which steps of `path` end, the last one at `t1`; their number."""
        work, count = path.work, 1 if ends is None else 1 + ends.size
        work.room_for_ends(count)
        path.ends, targets = count, work.targets.array
        if count > 1:
            targets[: count - 1] = ends
        targets[count - 1] = t1
        return count

    def _start(self, y0: Array, tolerances: Tolerances) -> Path:
        """A path of no steps yet, in a workspace that nobody else uses."""
        try:
            work = self.shared.waiting.pop()
        except IndexError:
            work = self.workspace()
        path, n = Path(work, self.probes), self.sizes.n
        if work.x is None:
            work.refresh()
        work.state.array[:n] = y0
        work.state.array[n:] = tolerances.start.ravel()
        work.atol.array[:] = tolerances.atol.ravel()
        work.largest.array[:] = 0.0
        return path
