"""Calling the forward solve of a generated kernel: buffers, growth, the memory limit, errors in words."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._derivatives import Array
from .._errors import IntegrationError
from .._ivp import IVP
from ._build import load
from ._stepper import KICK_ROWS, TOO_SMALL_STEP, kicks, probe_directions

FIRST_CAPACITY = 64  # steps; doubled when they do not suffice
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


@dataclass(eq=False)
class Path:
    """What `forward` leaves for `backward`: number of steps, end state, tangents (probes, N), whether stages are stored."""

    steps: int
    y1: Array
    tangents: Array
    stored: bool


class Buffer:
    """Doubles that start at a multiple of 64 bytes, and their address."""

    __slots__ = ("address", "array")

    def __init__(self, size: int, old: Buffer | None = None) -> None:
        raw = np.zeros(size + 8)
        self.array = raw[(-raw.ctypes.data // 8) % 8 :][:size]
        self.address = self.array.ctypes.data
        if old is not None:
            self.array[: old.array.size] = old.array


class ForwardSolve:
    """A kernel's forward solve with its buffers; not to be shared between threads.

    Stages of all steps are stored if they take at most `limit` bytes, `per_step` a step; otherwise states at the starts of
    segments of `segment` steps, from which the stages are computed once more.
    """

    def __init__(self, kernel: Sizes, probes: int, limit: float, segment: int, per_step: int) -> None:
        self.code, self.file = load(kernel.source, kernel.level)
        self.stamp = self.file.with_suffix(".checked")
        self.sizes, self.probes, self.limit = kernel, probes, limit
        self.segment, self.per_step = segment, per_step
        self._forward = self.code.forward
        pointer, real, long = ctypes.c_void_p, ctypes.c_double, ctypes.c_long
        self._forward.argtypes = [pointer] * 3 + [real] * 5 + [long] * 5 + [pointer] * 7
        self._forward.restype = long
        self.fixed, self.info = Buffer(kernel.fixed), Buffer(6)
        self.kicks = Buffer(KICK_ROWS * probes * kernel.n)
        self.kicks.array[:] = kicks(kernel.n, probes).ravel()
        self.state = Buffer((1 + probes) * kernel.n)
        self.t = self.h = self.ys = self.x = self.times = None
        self.segment_x = self.segment_times = None
        self.capacity = 0
        self._reserve(FIRST_CAPACITY)

    def forward(self, y0: Array, p: Buffer, t_span: tuple[float, float], ivp: IVP, most: int | None = None) -> Path:
        """Integrate with error control from `y0` (N,); with `most`, stop after that many steps. Counts into `ivp`.

        Raises `IntegrationError` when the end is not reached.
        """
        t, t1 = t_span
        n, size, norm, evaluations, rejected, status = 0, 0.0, 0.0, 0, 0, FULL
        self._start(y0)
        while status == FULL and n != most:
            if n == self.capacity:
                self._reserve(2 * n)
            room = min(self.capacity, most) if most else self.capacity
            status = self._forward(
                self.state.address, p.address, self.fixed.address, t, t1, size, ivp.rtol, ivp.atol, n, ivp.max_steps, room, 0,
                self.segment, *self._addresses(), self.kicks.address, self.info.address,
            )  # fmt: skip
            did, again, t, size, norm, n = self.info.array.tolist()
            evaluations, rejected, n = evaluations + int(did), rejected + int(again), int(n)
        k, counters = self.sizes, ivp.counters
        counters.solves += 1
        counters.steps += n
        counters.rejected += rejected
        counters.rhs += evaluations
        counters.rhs_weighted += evaluations
        if status in (TOO_MANY, TOO_SMALL):
            why = TOO_SMALL_STEP if status == TOO_SMALL else f"more than max_steps = {ivp.max_steps} steps"
            raise IntegrationError(
                f"{ivp.method} stopped at t = {t:.6g} of {t1:.6g} with step size {size:.3g} and state norm {norm:.3g}: {why} "
                f"(rtol {ivp.rtol:g}, atol {ivp.atol:g})."
            )
        counters.jacobians += n * k.stages
        counters.contractions += n * k.stages
        return self._finish(n)

    def frozen(self, y0: Array, p: Buffer, t: Array, h: Array) -> Path:
        """Take exactly the steps of size `h` that begin at `t`."""
        self._start(y0)
        if self.capacity < t.size:
            self._reserve(t.size)
        assert self.t is not None and self.h is not None
        self.t.array[: t.size], self.h.array[: t.size] = t, h
        self._forward(
            self.state.address, p.address, self.fixed.address, t[0], t[-1] + h[-1], 0.0, 1.0, 1.0, 0, t.size + 1, t.size + 1,
            t.size, self.segment, *self._addresses(), self.kicks.address, self.info.address,
        )  # fmt: skip
        return self._finish(t.size)

    @property
    def checked(self) -> bool:
        """Whether this library has passed the gate, in this process or an earlier one."""
        return self.stamp.exists()

    def steps_of(self, path: Path) -> tuple[Array, Array]:
        """Starts and sizes of the steps of `path`, the latest one."""
        assert self.t is not None and self.h is not None
        return self.t.array[: path.steps].copy(), self.h.array[: path.steps].copy()

    def _start(self, y0: Array) -> None:
        n = self.sizes.n
        self.state.array[:n] = y0
        self.state.array[n:] = probe_directions(n, self.probes).ravel()

    def _finish(self, steps: int) -> Path:
        n, state = self.sizes.n, self.state.array.copy()
        return Path(steps, state[:n], state[n:].reshape(self.probes, n), self.x is not None)

    def _reserve(self, capacity: int) -> None:
        """Room for `capacity` steps, keeping what is there; stages are given up beyond the memory limit."""
        k, first = self.sizes, self.capacity == 0
        self.t, self.h = Buffer(capacity, self.t), Buffer(capacity, self.h)
        self.ys = Buffer((capacity // self.segment + 2) * k.n, self.ys)
        stages = capacity * k.stages + k.width
        if (first or self.x is not None) and capacity * self.per_step <= self.limit:
            self.x = Buffer(stages * k.m, self.x)
            self.times = Buffer(k.width if k.autonomous else stages, self.times)
        else:
            self.x = self.times = None
            stages = self.segment * k.stages + k.width
            self.segment_x, self.segment_times = Buffer(stages * k.m), Buffer(stages)
        self.capacity = capacity

    def _addresses(self, segment: bool = False) -> list[int | None]:
        stages = (self.segment_x, self.segment_times) if segment and self.x is None else (self.x, self.times)
        return [None if b is None else b.address for b in (self.t, self.h, self.ys, *stages)]
