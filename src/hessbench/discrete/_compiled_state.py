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
        for name, size in (("s", k.n * self.padded), ("w", k.n * self.padded), ("lam", k.n)):
            work.room(name, size)
        return work

    def swept(self, path: Path, end: EndBlocks) -> StateSwept:
        return StateSwept(*self.backward(path, Costate.at_end(end)).result(end))

    def backward(self, path: Path, end: Costate) -> Costate:
        """Carry `end` from `y1` to `y0` over the steps of `path`."""
        n, work = self.kernel.n, path.work
        s, w, lam = (work.named[name] for name in ("s", "w", "lam"))
        for buffer, value in ((s, end.s), (w, end.w)):
            if value is not None:
                rows = buffer.array.reshape(n, -1)
                rows[:, :n] = value
                if self.padded > n:
                    rows[:, n:] = 0.0
        lam.array[:] = end.lam
        addresses = (
            *work.back,
            *work.at("entries", "lam", "s"),
            None if end.w is None else w.address,
        )
        for start, stop in self.segments(path):
            self._backward(start, stop, self.segment, path.stored, work.fixed.address, *addresses)
        swept = s.array.reshape(n, -1)[:, :n].copy()
        moved = None if end.w is None else w.array.reshape(n, -1)[:, :n].copy()
        return Costate(swept, moved, lam.array.copy())
