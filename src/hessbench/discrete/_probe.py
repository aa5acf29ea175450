"""What a generated kernel computes at given points: slopes, first and second derivatives, for the checks of `_trust`.

Every kernel ends with the C function `probe` (`c/probe.c`).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

from .._model.derivatives import Array, Params
from ._compiled import Compiled
from ._field import NOTHING, Pattern, Twice, Values, patterns
from ._fold import Folded
from ._stepper import probe_directions
from ._workspace import Buffer


@dataclass(frozen=True, eq=False)
class Raw:
    """Of (sets, points): slopes (..., M), tangents (..., probes, M), the other slopes (..., M), entries."""

    slopes: Array
    tangents: Array
    alone: Array
    jacobian: Array
    stored: Array
    added: Array


class Probe:
    """Calls `probe`. `counts` of numbers in J, O and U for one point; `sizes` (M,) of the inputs, for their tangents."""

    def __init__(self, compiled: Compiled, counts: tuple[int, int, int], sizes: Array) -> None:
        k = compiled.kernel
        self.width, self.m, self.probes, self.counts = k.width, k.m, compiled.probes, counts
        self.table = Buffer(k.fixed)
        self.table.array[:] = compiled.fixed.array  # the coefficients of a quadratic kernel; else room
        self.code = compiled.code.probe
        self.code.argtypes, self.code.restype = [ctypes.c_long] * 3 + [ctypes.c_void_p] * 10, None
        self.w = probe_directions(k.m, self.probes) * sizes
        self._w = Buffer(self.w.size + 1)
        self._w.array[:-1] = self.w.ravel()

    def __call__(self, parameters: Array, t: Array, x: Array, q: Array, curved: bool) -> Raw:
        """At parameters (sets, size), times (sets, m), inputs and multipliers (sets, m, M)."""
        sets, points = t.shape
        blocks, rows = -(-points // self.width), (2 + self.probes) * self.m
        lanes = sets * blocks * self.width
        values, times, states, multipliers = Buffer(parameters.size + 1), *(self._laid(a) for a in (t[..., None], x, q))
        values.array[:-1] = parameters.ravel()
        f, jac, out, sums = Buffer(lanes * rows), *(Buffer(lanes * size) for size in self.counts)
        self.code(
            blocks, sets, parameters.shape[1], values.address, self.table.address, times.address, states.address,
            self._w.address, multipliers.address, f.address, jac.address, out.address if curved else None, sums.address,
        )  # fmt: skip
        slopes = f.array.reshape(sets, blocks * self.width, 2 + self.probes, self.m)[:, :points]
        entries = (
            a.array.reshape(sets, blocks, size, self.width)
            .swapaxes(2, 3)
            .reshape(sets, blocks * self.width, size)[:, :points]
            for a, size in zip((jac, out, sums), self.counts, strict=True)
        )
        return Raw(slopes[:, :, 0], slopes[:, :, 1:-1], slopes[:, :, -1], *entries)

    def _laid(self, a: Array) -> Buffer:
        """(sets, points, rows) as the kernel reads them, vectors filled up with the last point."""
        sets, points, rows = a.shape
        a = np.concatenate([a, np.repeat(a[:, -1:], -points % self.width, axis=1)], axis=1)
        out = Buffer(a.size)
        out.array[:] = a.reshape(sets, -1, self.width, rows).swapaxes(2, 3).ravel()
        return out


class KernelField:
    """A kernel as a `_field.Field`, at parameters `p` but for those that it is called with; `sizes` (M,) of its states."""

    def __init__(self, compiled: Compiled, folded: Folded, p: Params, sizes: Array) -> None:
        k, self.folded, self.p = compiled.kernel, folded, p
        self.n, self.count, self.half = k.n, len(k.active), k.n - k.m  # `half` of `q' = v`, whose entries are ones
        e, m, half, count = k.places, k.m, self.half, self.count
        self.kernel, self.active = k, np.array(k.active, dtype=int)
        self.probe = Probe(compiled, (len(e["J"]), k.entries, len(e["UU"]) + count), sizes[:m])
        self.parameters = compiled.params(p, folded.values(p)).array
        directions = self.parameters[self.parameters.size - 1 - self.probe.probes * count : -1]
        self.along = np.concatenate([self.probe.w, directions.reshape(self.probe.probes, count)], axis=1)
        self.inner = Pattern([*e["J"], *((r, m + j) for r, j in e["A"])], (m, m + count))
        first = [*((half + r, c) for r, c in e["J"]), *((half + r, k.n + j) for r, j in e["A"])]
        self.first = Pattern([*first, *((r, half + r) for r in range(half))], (k.n, k.n + count))
        self.second, self.take = patterns(e, k.n, count)[1:]

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        half, e, parameters = self.half, self.kernel.places, np.tile(self.parameters, (len(t), 1))
        parameters[:, self.active] = u
        multipliers = np.zeros((*y.shape[:-1], self.n - half)) if q is None else q[..., half:]
        both_orders = q is not None or self.count > 0  # A comes with the second derivatives
        raw = self.probe(parameters, t, y[..., : self.n - half], multipliers, both_orders)
        values = tuple(np.concatenate([y[..., half:], f], axis=-1) if half else f for f in (raw.slopes, raw.alone))
        ends = np.cumsum([len(e[name]) for name in self.kernel.stored])[:-1]
        stored = dict(zip(self.kernel.stored, np.split(raw.stored, ends, axis=-1), strict=True))
        moves = stored.get("A", np.zeros((*t.shape, 0)))
        inner = np.concatenate([raw.jacobian, moves], axis=-1)
        twice = _tangents(raw, self.inner, inner, self.along)
        if "J" in stored and both_orders:
            twice += self._stored_twice(raw, inner, np.concatenate([stored["J"], moves], axis=-1), multipliers)
        first, second = np.concatenate([inner, np.ones((*t.shape, half))], axis=-1) if half else inner, NOTHING
        if q is not None:
            shared = raw.added[..., : len(e["UU"])]
            curved = [stored["YY"], *([stored["YU"], shared] if "YU" in stored else [])]
            second = np.concatenate(curved, axis=-1)[..., self.take]
        return Values(values, first, second, twice)

    def _stored_twice(self, raw: Raw, inner: Array, other: Array, multipliers: Array) -> tuple[Twice, ...]:
        """J as it is stored beside as it is alone, and the sums of `A^T q`."""
        m = self.kernel.m
        sizes = self.inner.transposed_times(np.abs(inner), np.abs(multipliers))[..., m:]
        pulled = self.inner.transposed_times(inner, multipliers)[..., m:]
        products = tuple(_product(self.inner, inner, other, d) for d in self.along)
        return (*products, Twice(raw.added[..., len(self.kernel.places["UU"]) :], pulled, sizes))

    def slopes(self, t: Array, y: Array) -> Array:
        """(m, M) at times (m,) of the problem and states (m, N), at the parameters that it was made for."""
        z = np.concatenate([y, np.zeros((len(t), self.n - y.shape[1]))], axis=1)
        return self.values_at(self.folded.tau(t, self.p), z)

    def values_at(self, tau: Array, z: Array) -> Array:
        """The slopes (m, M) at folded times (m,) and states (m, M), at those parameters."""
        return self(tau[None], z[None], self.folded.values(self.p)[None]).values[0][0]


@dataclass(frozen=True, eq=False)
class KernelDerivatives:
    """Derivatives of the folded right-hand side as its kernel computes them (`_fold_derivatives.Folding`)."""

    field: KernelField

    @property
    def folded(self) -> Folded:
        return self.field.folded

    def first(self, tau: Array, z: Array, p: Params) -> tuple[Array, Array]:
        jac = self.field.first.dense(self._at(tau, z, None, p).first[0])
        return jac[..., : self.field.n], jac[..., self.field.n :]

    def second(self, tau: Array, z: Array, q: Array, p: Params) -> Array:
        inner = np.r_[: self.folded.problem.dim, self.field.n : self.field.n + self.field.count]
        return self.field.second.dense(self._at(tau, z, q, p).second[0])[:, inner[:, None], inner]

    def along(self, tau: Array, z: Array, q: Array, v: Array, p: Params) -> Array:
        return (self.second(tau, z, q, p) @ v[..., None])[..., 0]

    def _at(self, tau: Array, z: Array, q: Array | None, p: Params) -> Values:
        return self.field(tau[None], z[None], self.folded.values(p)[None], None if q is None else q[None])


def _tangents(raw: Raw, pattern: Pattern, entries: Array, along: Array) -> tuple[Twice, ...]:
    """Tangents of the slopes, against products with the entries."""
    return tuple(
        Twice(raw.tangents[..., k, :], pattern.times(entries, d), pattern.times(np.abs(entries), np.abs(d)))
        for k, d in enumerate(along)
    )


def _product(pattern: Pattern, ours: Array, theirs: Array, d: Array) -> Twice:
    return Twice(pattern.times(ours, d), pattern.times(theirs, d), pattern.times(np.abs(ours), np.abs(d)))
