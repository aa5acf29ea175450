"""Calling a kernel by columns: gradient and Hessian by state and parameters, or products of the Hessian with directions."""

from __future__ import annotations

import ctypes

import numpy as np

from .._model.derivatives import Array
from ._columns import Columns, EndBlocks
from ._compiled import Compiled
from ._forward import Path
from ._kernel import Kernel
from ._marked import Marked, Sums
from ._workspace import Buffer, Workspace

LEAST_SEGMENT = 1e6  # bytes of a segment's tangents and entries


def hessian_segment(kernel: Kernel) -> int:
    """Steps of a segment for which the tangents take about as much memory as the Hessian: adding to it is then cheap."""
    row = 8 * kernel.stages * (2 * kernel.n * kernel.columns + kernel.entries)
    return max(1, round(max(LEAST_SEGMENT, 16.0 * kernel.columns**2) / row / kernel.granule)) * kernel.granule


def products_segment(kernel: Kernel, limit: float) -> int:
    """Steps of a segment whose entries take at most `limit` bytes: with one segment they are computed once."""
    return max(1, int(limit / (8 * kernel.stages * max(1, kernel.entries)) / kernel.granule)) * kernel.granule


class Places(ctypes.Structure):
    """Where terms and events between the ends stand, as the kernel takes it (`columns.c`)."""

    _fields_ = [("count", ctypes.c_long)] + [
        (name, ctypes.c_void_p) for name in ("marks", "jumps", "which", "maps", "after", "behind")
    ]


class ColumnsSwept:
    """The gradient, with the multipliers of all stages in the workspace of `path`."""

    def __init__(self, compiled: ColumnsCompiled, path: Path, end: EndBlocks) -> None:
        self.compiled, self.path, self.end = compiled, path, end
        self.gauss_newton: Array | None = None
        lam, pulled = compiled.costates(path, end)
        if end.marked is not None and end.marked.events is not None:
            end.marked.turn(compiled.behind(path.work, end.marked.most))
        self.grad = compiled.columns.gradient(end, lam, pulled)

    def hessian(self) -> Array:
        """(total, total)"""
        columns, marked = self.compiled.columns, self.end.marked
        sums = None if marked is None else Sums(marked, columns.total)
        phi, x = self.compiled.curvature(self.path, sums)
        if sums is not None:
            self.gauss_newton = columns.hessian(self.end, phi, sums.part)
            x += sums.whole
        return columns.hessian(self.end, phi, x)

    def products(self, directions: Array) -> Array:
        """Of the Hessian with `directions` (total, k)."""
        return self.compiled.products(self.path, self.end, directions)


class ColumnsCompiled(Compiled):
    """A kernel whose sweep is by columns."""

    def __init__(self, kernel: Kernel, columns: Columns, probes: int, limit: float, segment: int) -> None:
        k, self.columns = kernel, columns
        self.padded = -(-k.columns // k.width) * k.width
        super().__init__(kernel, probes, limit, segment, 2 * k.n)
        pointer, long = ctypes.c_void_p, ctypes.c_long
        signatures = {
            "costates": [long] * 4 + [pointer] * 13,
            "entries": [long] * 4 + [pointer] * 12,
            "all_tangents": [long] * 2 + [pointer] * 7,
            "push": [long] * 2 + [pointer] * 7,
            "pull_back": [long] * 2 + [pointer] * 9,
        }
        for name, types in signatures.items():
            function = getattr(self.code, name)
            function.argtypes, function.restype = types, None
        self.rows, self.cols = np.array(k.shared, dtype=int).reshape(-1, 2).T

    def workspace(self) -> Workspace:
        work, k = super().workspace(), self.kernel
        sizes = {
            "lam": k.n,
            "pulled by params": k.columns,
            "sums": max(1, len(k.active)) * k.width,
            "shared": max(1, len(k.shared)) * k.width,
            "phi": k.n * self.padded,
        }
        for name, size in sizes.items():
            work.room(name, size)
        return work

    def swept(self, path: Path, end: EndBlocks) -> ColumnsSwept:
        return ColumnsSwept(self, path, end)

    def costates(self, path: Path, end: EndBlocks) -> tuple[Array, Array]:
        """The costate at the start (M,) and the sums of `A^T q` (total,), over the steps of `path`."""
        k, work = self.kernel, path.work
        work.room("multipliers", (path.steps * k.stages + k.width if path.stored else self._stages(path)) * k.n)
        work.room("jacobians", self._stages(path) * len(k.jacobian))
        work.room("ends", (path.steps // self.segment + 1) * k.n)
        lam, pulled = work.named["lam"].array, work.named["pulled by params"].array
        lam[:], pulled[:], work.named["sums"].array[:] = end.l1, 0.0, 0.0
        _mark(work, end.marked, k.n)
        rest = work.at("multipliers", "jacobians", "lam", "ends", "sums", "pulled by params")
        addresses = (*work.back, _places(work), *rest)
        for start, stop in self.segments(path):
            self.code.costates(start, stop, self.segment, path.stored, work.fixed.address, *addresses)
        return lam.copy(), pulled.copy()

    def behind(self, work: Workspace, count: int) -> Array:
        """The costates behind the places (count, M), or their derivatives along the latest direction."""
        return work.named["behind"].array[: count * self.kernel.n].reshape(count, -1)

    def curvature(self, path: Path, sums: Sums | None = None) -> tuple[Array, Array]:
        """After `costates`: the tangents at the end (M, total), and the sum over all stages (total, total).

        `sums` get the tangents at the places of terms between the ends.
        """
        k, total, work = self.kernel, self.kernel.columns, path.work
        out, product = np.zeros((total, total)), np.empty((total, total))
        rows = min(self.segment, path.steps) * k.stages * k.n
        v, z = (work.room(key, rows * self.padded).array[: rows * self.padded] for key in ("tangents", "contracted"))
        v, z, phi = v.reshape(rows, -1), z.reshape(rows, -1), work.named["phi"].array.reshape(k.n, -1)
        phi[:, :total] = self.columns.start(k.n)
        work.named["shared"].array[:] = 0.0
        starts = range(0, path.steps, self.segment)
        ends = [min(start + self.segment, path.steps) for start in starts]
        places = [(0, 0) if sums is None else sums.marked.of(*part) for part in zip(starts, ends, strict=True)]
        most = max((last - first for first, last in places), default=0)
        kept = work.room("kept tangents", most * k.n * self.padded).array[: most * k.n * self.padded]
        for start, (first, last) in zip(starts, places, strict=True):
            stop = self._entries(path, start)
            self.code.all_tangents(
                start, stop - start, _size_of(work, start), *work.at("entries"), _places(work),
                *work.at("phi", "tangents", "contracted", "kept tangents"),
            )  # fmt: skip
            if sums is not None:
                sums.add(first, last, kept.reshape(most, k.n, -1)[: last - first, :, :total])
            used = (stop - start) * k.stages * k.n
            np.matmul(v[:used, :total].T, z[:used, :total], out=product)
            out += product
        shared = self._shared(work)
        out[self.rows, self.cols] += shared
        out[self.cols, self.rows] += np.where(self.rows == self.cols, 0.0, shared)
        return phi[:, :total].copy(), out

    def products(self, path: Path, end: EndBlocks, directions: Array) -> Array:
        """After `costates`: the Hessian times `directions` (total, k)."""
        k, count, work = self.kernel, directions.shape[1], path.work
        along, size = np.ascontiguousarray(directions.T), self._stages(path) // k.width * k.width
        pulled = work.room("pulled", size * k.n).array.size
        work.room("pushed", pulled * count)
        sums, v, kept = Buffer(count * k.columns * k.width), along @ self.columns.start(k.n).T, []
        work.named["shared"].array[:] = 0.0
        marked, places = end.marked, 0 if end.marked is None else end.marked.most
        noted = work.room("kept", max(1, count * places * k.n)).array[: count * places * k.n]
        starts = range(0, path.steps, self.segment)
        for start in starts:
            kept.append(v.copy())
            stop = self._entries(path, start)
            self._push(work, start, stop, along, v)
        shared = self._shared(work)[:, None]
        at_end, out = self.columns.product(end, v.T, directions)
        if marked is not None:
            jumps, own = marked.product(noted.reshape(count, places, k.n), along[:, marked.params])
            out[marked.params] += own.T
            work.room("moved jumps", jumps.size).array[: jumps.size] = jumps.ravel()
        lam, events = np.ascontiguousarray(at_end.T), marked is not None and marked.events is not None
        turned = work.room("turned", max(1, count * places * k.n))
        for start, v in zip(reversed(starts), reversed(kept), strict=True):
            if start + self.segment < path.steps:
                self._entries(path, start)
                self._push(work, start, start + self.segment, along, v)
            steps, each = min(self.segment, path.steps - start), 8 * k.columns * k.width
            for j in range(count):
                if events:
                    work.places.behind = turned.address + 8 * j * places * k.n
                moved = 0 if marked is None else work.named["moved jumps"].address + 8 * j * places * k.n
                self.code.pull_back(
                    start, steps, _size_of(work, start), *work.at("entries"), _places(work), moved, along[j].ctypes.data,
                    _pushed(work, j), *work.at("pulled"), lam[j].ctypes.data, sums.address + j * each,
                )  # fmt: skip
        if marked is not None and events:
            behind = turned.array[: count * places * k.n].reshape(count, places, k.n)
            out += marked.pulled(np.moveaxis(behind, 0, 2))
        out += sums.array.reshape(count, k.columns, k.width).sum(axis=2).T
        np.add.at(out, self.rows, shared * directions[self.cols])
        apart = self.rows != self.cols
        np.add.at(out, self.cols[apart], shared[apart] * directions[self.rows[apart]])
        if self.columns.y0 is not None:
            out[self.columns.y0] += lam.T[: self.columns.y0.stop - self.columns.y0.start]
        return out

    def _push(self, work: Workspace, start: int, stop: int, along: Array, v: Array) -> None:
        places = work.places
        for j in range(len(along)):
            kept = work.named["kept"].address + 8 * j * places.count * self.kernel.n
            self.code.push(
                start, stop - start, _size_of(work, start), *work.at("entries"), _places(work), along[j].ctypes.data,
                v[j].ctypes.data, _pushed(work, j), kept,
            )  # fmt: skip

    def _entries(self, path: Path, start: int) -> int:
        """Entries of the segment that begins at step `start`; where it stops."""
        k, stop, work = self.kernel, min(start + self.segment, path.steps), path.work
        work.room("entries", self._stages(path) * k.entries)
        self.code.entries(
            start, stop, self.segment, path.stored, work.fixed.address, *work.back, _places(work),
            *work.at("multipliers", "jacobians", "ends", "entries", "shared"),
        )  # fmt: skip
        return stop

    def _stages(self, path: Path) -> int:
        """Room for the stages of a segment, filled up to a vector."""
        return min(self.segment, path.steps) * self.kernel.stages + self.kernel.width

    def _shared(self, work: Workspace) -> Array:
        """The sums `UU` on their pattern."""
        sums = work.named["shared"].array[: self.rows.size * self.kernel.width]
        return sums.reshape(-1, self.kernel.width).sum(axis=1)


NOWHERE = Places()


def _mark(work: Workspace, marked: Marked | None, states: int) -> None:
    """Write down the places of terms and events between the ends, and what happens there."""
    if marked is None:
        work.places = NOWHERE
        return
    count, events = marked.most, marked.events
    marks, jumps = work.room("marks", max(1, count)), work.room("jumps", max(1, count * states))
    marks.array[:count], jumps.array[: count * states] = marked.marks, marked.jumps.ravel()
    places = work.places = Places(count, marks.address, jumps.address)
    if events is None:
        return
    which, after = work.room("which", count).array[:count], work.room("after", count * states).array[: count * states]
    which[:], which[marked.at] = -1.0, np.arange(len(events.maps))
    after.reshape(count, states)[marked.at] = events.after
    parts = events.maps[:, :, :states], events.maps[:, :, states:]
    flat = np.hstack([part.reshape(len(part), -1) for part in parts]).ravel()
    work.room("maps", flat.size).array[: flat.size] = flat
    work.room("behind", count * states)
    places.which, places.maps, places.after, places.behind = work.at("which", "maps", "after", "behind")


def _places(work: Workspace) -> int:
    """The address of the places."""
    return ctypes.addressof(work.places)


def _size_of(work: Workspace, start: int) -> int:
    """The address of the size of step `start`."""
    return work.h.address + 8 * start


def _pushed(work: Workspace, j: int) -> int:
    """The address of the tangents along direction `j`."""
    return work.named["pushed"].address + 8 * j * work.named["pulled"].array.size
