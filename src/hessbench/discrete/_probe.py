"""What a generated kernel computes at given points: slopes, first and second derivatives, for the checks of `_trust`.

Both kinds of kernel end with the C function `probe` (`_probe_template`).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._model.derivatives import Array, Derivatives, Params
from ._columns_compiled import ColumnsCompiled
from ._compiled import Compiled, flat_params
from ._field import NOTHING, Pattern, Twice, Values
from ._fold import Folded
from ._forward import Buffer
from ._stepper import probe_directions


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

    def __init__(self, compiled: Any, counts: tuple[int, int, int], sizes: Array) -> None:
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
    """A kernel by the initial state alone as a `_field.Field`; `sizes` (n,) are those of its states."""

    def __init__(self, compiled: Compiled, params: Params, sizes: Array) -> None:
        k = compiled.kernel
        self.n, self.count, self.half = k.n, 0, k.n - k.m  # `half` of `q' = v`, whose entries are ones
        self.probe = Probe(compiled, (len(k.jacobian), len(k.contraction), 0), sizes[: k.m])
        self.parameters = flat_params(k.params, params).array
        self.inner = Pattern(k.jacobian, (k.m, k.m))
        moves = [(r, self.half + r) for r in range(self.half)]
        self.first = Pattern([*((self.half + r, c) for r, c in k.jacobian), *moves], (k.n, k.n))
        self.second = Pattern(k.contraction, (k.n, k.n))

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        m, half = self.n - self.half, self.half
        multipliers = np.zeros((*y.shape[:-1], m)) if q is None else q[..., half:]
        raw = self.probe(np.tile(self.parameters, (len(t), 1)), t, y[..., :m], multipliers, q is not None)
        both = (np.concatenate([y[..., half:], f], axis=-1) if half else f for f in (raw.slopes, raw.alone))
        first = np.concatenate([raw.jacobian, np.ones((*t.shape, half))], axis=-1)
        twice = _tangents(raw, self.inner, raw.jacobian, self.probe.w)
        return Values(tuple(both), first, raw.stored if q is not None else NOTHING, twice)

    def slopes(self, t: Array, y: Array) -> Array:
        """(m, N) at times (m,) and states (m, N)."""
        return self(t[None], y[None], np.zeros((1, 0))).values[0][0]

    def derivatives(self) -> Derivatives:
        """For the NumPy form, as the kernel computes them; parameters are those that it was made for, whatever `p` says."""
        n, none = self.n, np.zeros((1, 0))

        def flat(t: Array, y: Array, q: Array | None = None) -> Values:
            times = np.broadcast_to(t, y.shape[:-1]).reshape(1, -1)
            return self(times, y.reshape(1, -1, n), none, None if q is None else q.reshape(1, -1, n))

        def jac(t: Array, y: Array, p: Params) -> Array:
            return self.first.dense(flat(t, y).first).reshape(*y.shape, n)

        def vhp(t: Array, y: Array, s: Array, p: Params) -> Array:
            return self.second.dense(flat(t, y, s).second).reshape(*y.shape, n)

        def vjp(t: Array, y: Array, s: Array, p: Params) -> Array:
            return (s[..., None, :] @ jac(t, y, p))[..., 0, :]

        return Derivatives(vjp=vjp, jac=jac, vhp=vhp, source="of the kernel")


class ColumnsField:
    """A kernel with parameters as a `_field.Field`; `sizes` (M,) are those of its states."""

    def __init__(self, compiled: ColumnsCompiled, folded: Folded, p: Params, sizes: Array) -> None:
        k, self.folded, self.p = compiled.kernel, folded, p
        e, n = k.places, k.n
        self.n, self.count, self.active = n, len(k.active), np.array(k.active, dtype=int)
        self.probe = Probe(compiled, (k.jacobian, k.entries, len(e["UU"]) + self.count), sizes)
        self.parameters = compiled.params(p, folded.values(p)).array
        directions = self.parameters[self.parameters.size - 1 - self.probe.probes * self.count : -1]
        self.along = np.concatenate([self.probe.w, directions.reshape(self.probe.probes, self.count)], axis=1)
        self.first = Pattern([*e["J"], *((r, n + j) for r, j in e["A"])], (n, n + self.count))
        upper = [*e["YY"], *((r, n + j) for r, j in e["YU"]), *((n + i, n + j) for i, j in e["UU"])]
        mirrored = [i for i, (r, c) in enumerate(upper) if i >= len(e["YY"]) and r != c]
        self.take = np.array([*range(len(upper)), *mirrored], dtype=int)
        lower = [(upper[i][1], upper[i][0]) for i in mirrored]
        self.second = Pattern([*upper, *lower], (n + self.count, n + self.count))

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        parameters, multipliers = np.tile(self.parameters, (len(t), 1)), np.zeros(y.shape) if q is None else q
        parameters[:, self.active] = u
        raw = self.probe(parameters, t, y, multipliers, True)
        entries, shared = raw.jacobian.shape[-1], raw.added.shape[-1] - self.count
        first, curved = np.split(raw.stored, [self.first.rows.size], axis=-1)
        second = np.concatenate([curved, raw.added[..., :shared]], axis=-1)[..., self.take]
        other = np.concatenate([raw.jacobian, first[..., entries:]], axis=-1)
        sizes = self.first.transposed_times(np.abs(first), np.abs(multipliers))[..., self.n :]
        pulled = self.first.transposed_times(first, multipliers)[..., self.n :]
        twice = (
            *_tangents(raw, self.first, first, self.along),
            *(_product(self.first, first, other, d) for d in self.along),
            Twice(raw.added[..., shared:], pulled, sizes),
        )
        return Values((raw.slopes, raw.alone), first, second if q is not None else NOTHING, twice)

    def slopes(self, t: Array, y: Array) -> Array:
        """(m, M) at times (m,) of the problem and states (m, N), at the parameters that it was made for."""
        z = np.concatenate([y, np.zeros((len(t), self.n - y.shape[1]))], axis=1)
        tau = self.folded.tau(t, self.p)
        return self(tau[None], z[None], self.folded.values(self.p)[None]).values[0][0]


@dataclass(frozen=True, eq=False)
class ColumnsDerivatives:
    """Derivatives of the folded right-hand side as its kernel computes them (`_columns_numpy.Folding`)."""

    field: ColumnsField

    @property
    def folded(self) -> Folded:
        return self.field.folded

    def first(self, tau: Array, z: Array, p: Params) -> tuple[Array, Array]:
        """`J` (m, M, M) and `A` (m, M, P)."""
        jac = self.field.first.dense(self._at(tau, z, None, p).first[0])
        return jac[..., : self.field.n], jac[..., self.field.n :]

    def second(self, tau: Array, z: Array, q: Array, p: Params) -> Array:
        """`q . F_,vv` for v = (y, u), of shape (m, N + P, N + P)."""
        inner = np.r_[: self.folded.problem.dim, self.field.n : self.field.n + self.field.count]
        return self.field.second.dense(self._at(tau, z, q, p).second[0])[:, inner[:, None], inner]

    def along(self, tau: Array, z: Array, q: Array, v: Array, p: Params) -> Array:
        """The same times `v` (m, N + P)."""
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
