"""Calling a kernel for the initial state alone: one backward sweep gives gradient and Hessian."""

from __future__ import annotations

import ctypes

from .._model.derivatives import Array
from ._columns import EndBlocks
from ._compiled import Compiled
from ._dense import Costate
from ._forward import Path
from ._kernel import Kernel
from ._workspace import Workspace

CACHE_BYTES = 200_000  # of a segment's data: well inside a second-level cache


class StateSwept:
    """Gradient and Hessian, both there."""

    __slots__ = ("gauss_newton", "grad", "hess")

    def __init__(self, grad: Array, hess: Array) -> None:
        self.grad, self.hess = grad, hess
        self.gauss_newton: Array | None = None

    def hessian(self) -> Array:
        """(N, N)"""
        return self.hess

    def products(self, directions: Array) -> Array:
        """Of the Hessian with `directions` (N, k)."""
        return self.hess @ directions


class StateCompiled(Compiled):
    """A kernel whose sweep is dense or sparse."""

    def __init__(self, kernel: Kernel, probes: int, limit: float) -> None:
        k = kernel
        self.entries = len(k.places["J"]) + k.m + len(k.places["YY"])
        segment = max(1, round(CACHE_BYTES / (8 * k.stages * (self.entries + k.m)) / k.granule)) * k.granule
        super().__init__(k, probes, limit, segment, k.m)
        self._backward = self.code.backward
        self._backward.argtypes = [ctypes.c_long] * 4 + [ctypes.c_void_p] * 10
        self._backward.restype = None
        self.padded = -(-k.n // k.width) * k.width

    def workspace(self) -> Workspace:
        work, k = super().workspace(), self.kernel
        work.room("entries", (self.segment * k.stages + k.width) * self.entries)
        work.room("carried", (2 * k.n + 1) * self.padded)  # S and lambda, then W
        return work

    def swept(self, path: Path, end: EndBlocks) -> StateSwept:
        return StateSwept(*self.backward(path, Costate.at_end(end)).result(end))

    def backward(self, path: Path, end: Costate) -> Costate:
        """Carry `end` from `y1` to `y0` over the steps of `path`."""
        n, wide, work = self.kernel.n, self.padded, path.work
        carried, moves = work.named["carried"], end.w is not None
        rows = carried.array.reshape(-1, wide)
        if wide > n:
            rows[:, n:] = 0.0
        rows[:n, :n], rows[n, :n] = end.s, end.lam
        if moves:
            rows[n + 1 :, :n] = end.w
        s, row = carried.address, 8 * wide
        entries = work.named["entries"].address
        addresses = (*work.back, entries, s + n * row, s, s + (n + 1) * row if moves else None)
        for start, stop in self.segments(path):
            self._backward(start, stop, self.segment, path.stored, work.fixed.address, *addresses)
        rows = (rows if moves else rows[: n + 1]).copy()
        return Costate(rows[:n, :n], rows[n + 1 :, :n] if moves else None, rows[n, :n])
