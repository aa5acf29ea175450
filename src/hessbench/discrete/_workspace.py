"""The memory that a kernel works in: one workspace for each call in flight, given back when the call's path is dropped."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

FIRST_CAPACITY = 64  # steps; doubled when they do not suffice
KEPT = 2.0**26  # bytes of stages that a workspace may keep for the next call; beyond, taking them anew costs little


class Buffer:
    """Doubles that start at a multiple of 64 bytes, and their address."""

    __slots__ = ("address", "array")

    def __init__(self, size: int, old: Buffer | None = None) -> None:
        raw = np.zeros(size + 8)
        self.array = raw[(-raw.ctypes.data // 8) % 8 :][:size]
        self.address = self.array.ctypes.data
        if old is not None:
            self.array[: old.array.size] = old.array


class Shared:
    """The workspaces of one kernel. Their stored stages take at most `limit` bytes together, `per_step` a step.

    What waits to be used again is given up before a call in flight has to do without.
    """

    def __init__(self, limit: float, per_step: int) -> None:
        self.limit, self.per_step = limit, per_step
        self.waiting: list[Workspace] = []
        self.lock, self.held, self.capacity = threading.Lock(), 0, FIRST_CAPACITY

    def allows(self, before: int, steps: int) -> bool:
        """Take room for the stages of `steps` steps in the place of `before` ones, if there is any."""
        more = (steps - before) * self.per_step
        with self.lock:
            while self.held + more > self.limit and self.waiting:
                try:
                    self.held -= self.waiting.pop(0).stored * self.per_step
                except IndexError:  # another thread has taken the last one
                    break
            if self.held + more > self.limit:
                return False
            self.held += more
            return True

    def wait(self, work: Workspace) -> None:
        """Keep a workspace that its call is done with."""
        self.capacity = work.capacity
        if work.stored * self.per_step > KEPT:
            self.release(work.stored)
        else:
            self.waiting.append(work)

    def release(self, steps: int) -> None:
        """Give back the room of `steps` steps."""
        with self.lock:
            self.held -= steps * self.per_step


class Workspace:
    """Buffers of one call. Stages of all steps are stored if memory allows; otherwise states at the starts of segments.

    `ahead` and `back` are what the kernel's sweeps take: the addresses of starts, sizes and states of the steps, of the stages
    and of their times, or of those of one segment; `met` those of the times at which steps end, of how many steps were taken
    there, and of the states. `k` is the kernel, `rows` how many vectors of N numbers the state holds:
    itself and the tangents.
    """

    def __init__(self, k: Any, rows: int, segment: int, fixed: Buffer, shared: Shared) -> None:
        self.k, self.segment, self.shared = k, segment, shared
        self.fixed, self.info = Buffer(k.fixed, fixed), Buffer(8)
        self.state, self.atol, self.largest = (Buffer(rows * k.n) for _ in range(3))
        self.t = self.h = self.ys = Buffer(0)
        self.x: Buffer | None = None
        self.times: Buffer | None = None
        self.segment_x: Buffer | None = None
        self.segment_times: Buffer | None = None
        self.capacity = self.stored = 0
        self.named: dict[str, Buffer] = {}
        self.places: Any = None  # of terms and events between the ends, as the sweeps take them
        self.ends, self.met = 0, (0, 0, 0)
        self.room_for_ends(1)
        self.ahead: tuple[int | None, ...] = ()
        self.back: tuple[int | None, ...] = ()
        self.reserve(shared.capacity)

    def reserve(self, capacity: int) -> None:
        """Room for `capacity` steps, keeping what is there; stages are given up beyond the memory limit."""
        k, first = self.k, self.capacity == 0
        self.t, self.h = Buffer(capacity, self.t), Buffer(capacity, self.h)
        self.ys = Buffer((capacity // self.segment + 2) * k.n, self.ys)
        stages = capacity * k.stages + k.width
        if (first or self.x is not None) and self.shared.allows(self.stored, capacity):
            self.stored = capacity
            self.x = Buffer(stages * k.m, self.x)
            self.times = Buffer(k.width if k.autonomous else stages, self.times)
        else:
            self.shared.release(self.stored)
            self.stored, self.x, self.times = 0, None, None
            stages = self.segment * k.stages + k.width
            self.segment_x, self.segment_times = Buffer(stages * k.m), Buffer(stages)
        self.capacity = capacity
        self.ahead, self.back = self._addresses(False), self._addresses(True)

    def room_for_ends(self, count: int) -> None:
        """Room for `count` times at which steps end."""
        if count > self.ends:
            self.targets, self.marks, self.seen = Buffer(count), Buffer(count), Buffer(count * self.k.n)
            self.ends, self.met = count, (self.targets.address, self.marks.address, self.seen.address)

    def refresh(self) -> None:
        """Room for stages again, if others had taken it and it is free by now."""
        k, stages = self.k, self.capacity * self.k.stages + self.k.width
        if self.x is None and self.shared.allows(0, self.capacity):
            self.stored = self.capacity
            self.x, self.times = Buffer(stages * k.m), Buffer(k.width if k.autonomous else stages)
            self.ahead, self.back = self._addresses(False), self._addresses(True)

    def _addresses(self, segment: bool) -> tuple[int | None, ...]:
        stages = (self.segment_x, self.segment_times) if segment and self.x is None else (self.x, self.times)
        return (self.t.address, self.h.address, self.ys.address, *(None if b is None else b.address for b in stages))

    def room(self, name: str, size: int) -> Buffer:
        """At least `size` numbers that go by `name`."""
        found = self.named.get(name)
        if found is None or found.array.size < size:
            found = self.named[name] = Buffer(size)
        return found

    def at(self, *names: str) -> list[int]:
        """The addresses of what goes by `names`."""
        return [self.named[name].address for name in names]
