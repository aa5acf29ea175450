"""Calling a generated kernel for the initial state alone."""

from __future__ import annotations

import ctypes

import numpy as np

from .._model.derivatives import Array, Params
from ._dense import Costate
from ._forward import ForwardSolve, Path
from ._kernel import Kernel
from ._workspace import Buffer, Workspace

CACHE_BYTES = 200_000  # of a segment's data: well inside a second-level cache


class Compiled(ForwardSolve):
    """One kernel. `limit`: bytes for the stages of all steps of all calls in flight."""

    def __init__(self, kernel: Kernel, probes: int, limit: float) -> None:
        k = self.kernel = kernel
        self.entries = len(k.jacobian) + k.m + len(k.contraction)
        segment = max(1, round(CACHE_BYTES / (8 * k.stages * (self.entries + k.m)) / k.granule)) * k.granule
        super().__init__(kernel, probes, limit, segment, 8 * k.stages * (k.m + (not k.autonomous)))
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
        swept, moved = (b.array.reshape(n, -1)[:, :n].copy() for b in (s, w))
        return Costate(swept, None if end.w is None else moved, lam.array.copy())


def flat_params(names: tuple[str, ...], p: Params, more: Array | None = None) -> Buffer:
    """The parameters `names` in the kernel's order, and `more` numbers behind them."""
    values = [np.asarray(p[key], dtype=np.float64).ravel() for key in names]
    flat = np.concatenate([*values, np.zeros(0) if more is None else more])
    out = Buffer(flat.size + 1)
    out.array[: flat.size] = flat
    return out
