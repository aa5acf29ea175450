"""Calling a kernel of `kernel`: the forward solve, gradient, Hessian and products over its steps."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from ..discrete._build import load
from ..discrete._columns import Columns, EndBlocks
from ..discrete._stepper import TOO_SMALL_STEP, StepTooSmall, Tolerances, spread
from ..discrete._workspace import Buffer
from .kernel import Kernel
from .radau import STAGES, loosened

TOO_MANY, TOO_SMALL, FULL = -1, -2, -3  # what `forward` returns when it stops early
FIRST_ROOM, EACH = 64, 512  # steps that there is room for at first, and after which Python sees Ctrl-C


class Path:
    """What `forward` leaves: steps, end state and tangents, magnitudes (1 + probes, N), and the buffers of the sweeps.

    `lu` and `pivots` are `None` where the factors of all steps take too much memory: they are then made again.
    """

    def __init__(self, kernel: Kernel, rows: int, keeps: bool) -> None:
        self.k, self.steps, self.limited, self.room = kernel, 0, 0, 0
        self.state, self.largest = Buffer(rows * kernel.n), Buffer(rows * kernel.n)
        self.fixed, self.info = Buffer(kernel.fixed), Buffer(7)
        self.t = self.h = self.y = self.x = Buffer(0)
        self.lu: Buffer | None = Buffer(0) if keeps else None
        self.pivots = np.zeros(0, dtype=np.int32)
        self.sized: Any = None
        self.q = Buffer(0)

    def reserve(self, room: int, limit: float) -> None:
        """Room for so many steps, keeping what is there; factors are given up beyond `limit` bytes."""
        k, n = self.k, self.k.n
        self.t, self.h, self.y = Buffer(room, self.t), Buffer(room, self.h), Buffer(room * n, self.y)
        self.x, self.room = Buffer(room * STAGES * n, self.x), room
        if self.lu is not None and 8.0 * room * k.lu > limit:
            self.lu = None
        if self.lu is not None:
            self.lu = Buffer(room * k.lu, self.lu)
            pivots = np.zeros(room * STAGES * n, dtype=np.int32)
            pivots[: self.pivots.size] = self.pivots
            self.pivots = pivots

    @property
    def y1(self) -> Array:
        """The state at the end (N,)."""
        return self.state.array[: self.k.n].copy()

    @property
    def magnitudes(self) -> Array:
        return self.largest.array.reshape(-1, self.k.n)

    def sampled(self, most: int) -> tuple[Array, Array, Array]:
        """Starts (k,), sizes (k,) and states (k, N) of at most `most` steps, spread over all."""
        at = spread(self.steps, most)
        return self.t.array[at], self.h.array[at], self.y.array.reshape(-1, self.k.n)[at]

    @property
    def back(self) -> tuple[int | None, ...]:
        """The addresses that the sweeps take first."""
        lu = None if self.lu is None else self.lu.address
        return (self.fixed.address, self.t.address, self.h.address, self.x.address, lu, self.pivots.ctypes.data)


class Found:
    """A path as `discrete._sizes` and `discrete._depth` look at it."""

    def __init__(self, path: Path) -> None:
        self.path, self.largest, self.sampled, self.limited = path, path.magnitudes.copy(), path.sampled, 0
        self.y1, self.steps, self.sized = path.y1, path.steps, None
        self.stiffest = float(path.info.array[6])


class Compiled:
    """One kernel; any number of threads may call it at once. `limit`: bytes for factors, and for tangents, of one call."""

    def __init__(self, kernel: Kernel, columns: Columns, probes: int, limit: float) -> None:
        self.kernel, self.columns, self.probes, self.limit = kernel, columns, probes, limit
        self.code, self.file = load(kernel.source, kernel.level)
        self.stamp = self.file.with_suffix(".checked")
        pointer, real, long = ctypes.c_void_p, ctypes.c_double, ctypes.c_long
        signatures = {
            "forward": [pointer] * 3 + [real] * 5 + [pointer] + [long] * 3 + [pointer] * 9,
            "costates": [long] + [pointer] * 9,
            "entries": [long] + [pointer] * 7,
            "push": [long] + [pointer] * 10,
            "pull": [long] + [pointer] * 12,
            "probe": [long] + [pointer] * 9,
        }
        for name, types in signatures.items():
            function = getattr(self.code, name)
            function.argtypes, function.restype = types, long if name == "forward" else None

    def forward(
        self, y0: Array, values: Buffer, directions: Array, t_span: tuple[float, float], ivp: IVP, tolerances: Tolerances,
        ends: Array | None = None, most: int | None = None,
    ) -> Found:  # fmt: skip
        """Integrate from `y0` (N,) at parameters `values`; `directions` (probes, P) of the tangents in the active ones.

        At each of the times `ends` a step ends; with `most`, stop after so many steps. Counts into `ivp`.
        Raises `IntegrationError` when the end is not reached.
        """
        (t, t1), n, size, evaluations, rejected, status = t_span, 0, 0.0, 0, 0, FULL
        targets = [t1] if ends is None else [t1, *ends[::-1].tolist()]
        path, along, atol = Path(self.kernel, 1 + self.probes, True), Buffer(directions.size + 1), Buffer(y0.size * 9)
        path.state.array[:] = np.concatenate([y0, tolerances.start.ravel()])
        along.array[:-1], atol.array[: tolerances.atol.size] = directions.ravel(), tolerances.atol.ravel()
        path.reserve(FIRST_ROOM, self.limit)
        while status == FULL and n != most:
            if n == path.room:
                path.reserve(2 * n, self.limit)
            room = min(path.room, n + EACH, most or path.room)
            lu = None if path.lu is None else path.lu.address
            status = self.code.forward(
                path.state.address, values.address, path.fixed.address, t, targets[-1], size, ivp.rtol,
                loosened(ivp.rtol), atol.address, n, ivp.max_steps, room, along.address, path.t.address, path.h.address,
                path.y.address, path.x.address, lu, path.pivots.ctypes.data, path.largest.address, path.info.address,
            )  # fmt: skip
            did, again, t, size, _, steps, _ = path.info.array.tolist()
            evaluations, rejected, n = evaluations + int(did), rejected + int(again), int(steps)
            if status == 0 and len(targets) > 1:
                targets.pop()
                status = FULL
        path.steps = n
        ivp.counters.add(steps=n, rhs=evaluations, rejected=rejected, size=y0.size / ivp.dim)
        if status in (TOO_MANY, TOO_SMALL):
            raise _stopped(status, t, t_span[1], size, path.y1, ivp)
        return Found(path)


class CompiledSwept:
    """The backward sweep over the steps of `found`: the gradient (total,), and then the Hessian or products, once."""

    def __init__(self, compiled: Compiled, found: Found, end: EndBlocks) -> None:
        self.compiled, self.path, self.end, k = compiled, found.path, end, compiled.kernel
        self.gauss_newton: Array | None = None
        path, columns = found.path, compiled.columns
        path.q, lam, sums = Buffer(path.steps * STAGES * k.n), Buffer(k.n), Buffer(len(k.active) + 1)
        lam.array[:] = end.l1
        compiled.code.costates(path.steps, *path.back, lam.address, path.q.address, sums.address)
        pulled = np.zeros(columns.total)
        pulled[columns.params] = sums.array[:-1]
        self.grad = columns.gradient(end, lam.array.copy(), pulled)

    def products(self, directions: Array) -> Array:
        """The Hessian times `directions` (total, k), as many at once as a panel holds."""
        path, k, columns, code = self.path, self.compiled.kernel, self.compiled.columns, self.compiled.code
        count, width = directions.shape[1], k.width
        stages, (c, t, h, x, *_) = path.steps * STAGES, path.back
        first, second = Buffer(stages * len(k.places["A"]) + 1), Buffer(stages * k.second + 1)
        code.entries(path.steps, c, t, h, x, path.q.address, first.address, second.address)
        kept, out = Buffer(stages * k.n * width), np.empty((columns.total, count))
        v, lam = Buffer(k.n * width), Buffer(k.n * width)
        d, sums = Buffer(len(k.active) * width + 1), Buffer(len(k.active) * width + 1)
        start, back, d_, sums_ = columns.start(k.n), path.back, d.address, sums.address
        for j in range(0, count, width):
            own = directions[:, j : j + width]
            along, size = own[columns.params], own.shape[1]
            _panel(v, width, start @ own)
            _panel(d, width, along)
            sums.array[:] = 0.0
            code.push(path.steps, *back, first.address, d_, v.address, kept.address)
            at_end, part = columns.product(self.end, _read(v, k.n, width, size), own)
            _panel(lam, width, at_end)
            code.pull(path.steps, *back, first.address, second.address, d_, kept.address, lam.address, sums_)
            part[columns.params] += _read(sums, len(k.active), width, size)
            if (at := columns.y0) is not None:
                part[at] += _read(lam, at.stop - at.start, width, size)
            out[:, j : j + size] = part
        return out

    def hessian(self) -> Array:
        """(total, total), of which both triangles are computed and the mean is taken."""
        out = self.products(np.eye(self.compiled.columns.total))
        return (out + out.T) / 2


def _panel(buffer: Buffer, width: int, rows: Array) -> None:
    """Write rows (m, k) into a panel of `width` columns, with zeros behind them."""
    into = buffer.array[: rows.shape[0] * width].reshape(-1, width)
    into[:, : rows.shape[1]], into[:, rows.shape[1] :] = rows, 0.0


def _read(buffer: Buffer, m: int, width: int, count: int) -> Array:
    """The first `count` columns of a panel's rows (m, k)."""
    return buffer.array[: m * width].reshape(-1, width)[:, :count].copy()


def _stopped(status: int, t: float, t1: float, size: float, y: Array, ivp: IVP) -> IntegrationError:
    norm = float(np.linalg.norm(np.nan_to_num(y, nan=np.inf)))
    why = f"more than max_steps = {ivp.max_steps} steps" if status == TOO_MANY else TOO_SMALL_STEP
    return (IntegrationError if status == TOO_MANY else StepTooSmall)(
        f"Radau IIA stopped at t = {t:.6g} of {t1:.6g} with step size {size:.3g} and state norm {norm:.3g}: {why} "
        f"(rtol {ivp.rtol:g})."
    )
