"""Calling a generated kernel for the initial state alone."""

from __future__ import annotations

import ctypes

import numpy as np

from .._derivatives import Array, Params
from ._dense import Costate
from ._forward import Buffer, ForwardSolve, Path
from ._kernel import Kernel

CACHE_BYTES = 200_000  # of a segment's data: well inside a second-level cache


class Compiled(ForwardSolve):
    """One kernel with its buffers; not to be shared between threads. `limit`: bytes for the stages of all steps."""

    def __init__(self, kernel: Kernel, probes: int, limit: float) -> None:
        k = self.kernel = kernel
        entries = len(k.jacobian) + k.m + len(k.contraction)
        segment = max(1, round(CACHE_BYTES / (8 * k.stages * (entries + k.m)) / k.granule)) * k.granule
        super().__init__(kernel, probes, limit, segment, 8 * k.stages * (k.m + (not k.autonomous)))
        self._backward = self.code.backward
        self._backward.argtypes = [ctypes.c_long] * 3 + [ctypes.c_void_p] * 10
        self._backward.restype = None
        self.padded = -(-k.n // k.width) * k.width
        self.work = Buffer((self.segment * k.stages + k.width) * entries)
        self.s, self.w, self.lam = Buffer(k.n * self.padded), Buffer(k.n * self.padded), Buffer(k.n)

    def backward(self, path: Path, end: Costate) -> Costate:
        """Carry `end` from `y1` to `y0` over the steps of `path`, the latest one that was integrated."""
        n = self.kernel.n
        for buffer, value in ((self.s, end.s), (self.w, end.w)):
            if value is not None:
                rows = buffer.array.reshape(n, -1)
                rows[:, :n] = value
                if self.padded > n:
                    rows[:, n:] = 0.0
        self.lam.array[:] = end.lam
        self._backward(
            path.steps, self.segment, path.stored, self.fixed.address, *self._addresses(segment=True), self.work.address,
            self.lam.address, self.s.address, None if end.w is None else self.w.address,
        )  # fmt: skip
        s, w = (b.array.reshape(n, -1)[:, :n].copy() for b in (self.s, self.w))
        return Costate(s, None if end.w is None else w, self.lam.array.copy())


def flat_params(names: tuple[str, ...], p: Params, more: Array | None = None) -> Buffer:
    """The parameters `names` in the kernel's order, and `more` numbers behind them."""
    values = [np.asarray(p[key], dtype=np.float64).ravel() for key in names]
    flat = np.concatenate([*values, np.zeros(0) if more is None else more])
    out = Buffer(flat.size + 1)
    out.array[: flat.size] = flat
    return out
