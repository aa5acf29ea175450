"""Calling a kernel of `_columns_kernel`: gradient and Hessian by all columns, or products of the Hessian with directions."""

from __future__ import annotations

import ctypes

import numpy as np

from .._derivatives import Array, Params
from ._columns import Columns, EndBlocks, parameter_directions
from ._columns_kernel import ColumnsKernel
from ._compiled import flat_params
from ._forward import Buffer, ForwardSolve, Path

LEAST_SEGMENT = 1e6  # bytes of a segment's tangents and entries


def hessian_segment(kernel: ColumnsKernel) -> int:
    """Steps of a segment for which the tangents take about as much memory as the Hessian: adding to it is then cheap."""
    row = 8 * kernel.stages * (2 * kernel.n * kernel.columns + kernel.entries)
    return max(1, round(max(LEAST_SEGMENT, 16.0 * kernel.columns**2) / row / kernel.granule)) * kernel.granule


def products_segment(kernel: ColumnsKernel, limit: float) -> int:
    """Steps of a segment whose entries take at most `limit` bytes: with one segment they are computed once."""
    return max(1, int(limit / (8 * kernel.stages * kernel.entries) / kernel.granule)) * kernel.granule


class ColumnsCompiled(ForwardSolve):
    """One kernel with its buffers; not to be shared between threads. `limit`: bytes for the stages of all steps."""

    def __init__(self, kernel: ColumnsKernel, columns: Columns, probes: int, limit: float, segment: int) -> None:
        k, self.columns = kernel, columns
        self.kernel, self.padded = kernel, -(-k.columns // k.width) * k.width
        super().__init__(kernel, probes, limit, segment, 8 * k.stages * (2 * k.n + (not k.autonomous)))
        pointer, long = ctypes.c_void_p, ctypes.c_long
        signatures = {
            "costates": [long] * 3 + [pointer] * 11,
            "entries": [long] * 4 + [pointer] * 11,
            "all_tangents": [long] + [pointer] * 5,
            "push": [long] + [pointer] * 5,
            "pull_back": [long] + [pointer] * 7,
        }
        for name, types in signatures.items():
            function = getattr(self.code, name)
            function.argtypes, function.restype = types, None
        self.lam, self.pulled = Buffer(k.n), Buffer(k.columns)
        self.shared = Buffer(max(1, len(k.shared)) * k.width)
        self.phi = Buffer(k.n * self.padded)
        self.rows, self.cols = np.array(k.shared, dtype=int).reshape(-1, 2).T
        self._buffers: dict[str, Buffer] = {}

    def params(self, p: Params, values: Array, by_component: bool = False) -> Buffer:
        """The parameters and the random directions of the probes in the active ones, in the kernel's order."""
        return flat_params(self.kernel.params, p, parameter_directions(values, self.probes, by_component).ravel())

    def costates(self, path: Path, at_end: Array) -> tuple[Array, Array]:
        """The costate at the start (M,) and the sums of `A^T q` (total,), over the steps of `path`, the latest one."""
        k = self.kernel
        self._room("multipliers", (path.steps * k.stages + k.width if path.stored else self._stages(path)) * k.n)
        self._room("jacobians", self._stages(path) * k.jacobian)
        self._room("ends", (path.steps // self.segment + 1) * k.n)
        self.lam.array[:] = at_end
        self.pulled.array[:] = 0.0
        self.code.costates(
            path.steps, self.segment, path.stored, self.fixed.address, *self._addresses(segment=True),
            *self._at("multipliers", "jacobians"), self.lam.address, *self._at("ends"), self.pulled.address,
        )  # fmt: skip
        return self.lam.array.copy(), self.pulled.array.copy()

    def curvature(self, path: Path) -> tuple[Array, Array]:
        """After `costates`: the tangents at the end (M, total), and the sum over all stages (total, total)."""
        k, total = self.kernel, self.kernel.columns
        out, product = np.zeros((total, total)), np.empty((total, total))
        rows = min(self.segment, path.steps) * k.stages * k.n
        v, z = (self._room(name, rows * self.padded).reshape(rows, -1) for name in ("tangents", "contracted"))
        phi = self.phi.array.reshape(k.n, -1)
        phi[:, :total] = self.columns.start(k.n)
        self.shared.array[:] = 0.0
        for start in range(0, path.steps, self.segment):
            stop = self._entries(path, start)
            self.code.all_tangents(
                stop - start, self._size_of(start), *self._at("entries"), self.phi.address, *self._at("tangents", "contracted")
            )  # fmt: skip
            used = (stop - start) * k.stages * k.n
            np.matmul(v[:used, :total].T, z[:used, :total], out=product)
            out += product
        sums = self._shared()
        out[self.rows, self.cols] += sums
        out[self.cols, self.rows] += np.where(self.rows == self.cols, 0.0, sums)
        return phi[:, :total].copy(), out

    def products(self, path: Path, end: EndBlocks, directions: Array) -> Array:
        """After `costates`: the Hessian times `directions` (total, k)."""
        k, count = self.kernel, directions.shape[1]
        along, size = np.ascontiguousarray(directions.T), self._stages(path) // k.width * k.width
        self._room("pulled", size * k.n)
        self._room("pushed", self._buffers["pulled"].array.size * count)
        sums, v, kept = Buffer(count * k.columns * k.width), along @ self.columns.start(k.n).T, []
        self.shared.array[:] = 0.0
        starts = range(0, path.steps, self.segment)
        for start in starts:
            kept.append(v.copy())
            stop = self._entries(path, start)
            self._push(start, stop, along, v)
        shared = self._shared()[:, None]
        at_end, out = self.columns.product(end, v.T, directions)
        lam = np.ascontiguousarray(at_end.T)
        for start, v in zip(reversed(starts), reversed(kept), strict=True):
            if start + self.segment < path.steps:
                self._entries(path, start)
                self._push(start, start + self.segment, along, v)
            steps, each = min(self.segment, path.steps - start), 8 * k.columns * k.width
            for j in range(count):
                self.code.pull_back(
                    steps, self._size_of(start), *self._at("entries"), along[j].ctypes.data, self._pushed(j),
                    *self._at("pulled"), lam[j].ctypes.data, sums.address + j * each,
                )  # fmt: skip
        out += sums.array.reshape(count, k.columns, k.width).sum(axis=2).T
        np.add.at(out, self.rows, shared * directions[self.cols])
        apart = self.rows != self.cols
        np.add.at(out, self.cols[apart], shared[apart] * directions[self.rows[apart]])
        if self.columns.y0 is not None:
            out[self.columns.y0] += lam.T[: self.columns.y0.stop - self.columns.y0.start]
        return out

    def _push(self, start: int, stop: int, along: Array, v: Array) -> None:
        for j in range(len(along)):
            self.code.push(
                stop - start, self._size_of(start), *self._at("entries"), along[j].ctypes.data, v[j].ctypes.data,
                self._pushed(j),
            )  # fmt: skip

    def _pushed(self, j: int) -> int:
        return self._buffers["pushed"].address + 8 * j * self._buffers["pulled"].array.size

    def _entries(self, path: Path, start: int) -> int:
        """Entries of the segment that begins at step `start`; where it stops."""
        k, stop = self.kernel, min(start + self.segment, path.steps)
        self._room("entries", self._stages(path) * k.entries)
        self.code.entries(
            start, stop, self.segment, path.stored, self.fixed.address, *self._addresses(segment=True),
            *self._at("multipliers", "jacobians", "ends", "entries"), self.shared.address,
        )  # fmt: skip
        return stop

    def _stages(self, path: Path) -> int:
        """Room for the stages of a segment, filled up to a vector."""
        return min(self.segment, path.steps) * self.kernel.stages + self.kernel.width

    def _shared(self) -> Array:
        """The sums `UU` on their pattern."""
        return self.shared.array[: self.rows.size * self.kernel.width].reshape(-1, self.kernel.width).sum(axis=1)

    def _size_of(self, start: int) -> int:
        """The address of the size of step `start`."""
        assert self.h is not None
        return self.h.address + 8 * start

    def _room(self, name: str, size: int) -> Array:
        """At least `size` numbers that go by `name`."""
        if name not in self._buffers or self._buffers[name].array.size < size:
            self._buffers[name] = Buffer(size)
        return self._buffers[name].array[:size]

    def _at(self, *names: str) -> list[int]:
        return [self._buffers[name].address for name in names]
