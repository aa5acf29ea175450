"""The NumPy form of `_columns`: one product for each block of stages, derivatives in batches of limited memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._integrate.pairs import Pair
from .._model.derivatives import Array, Params
from ._columns import Columns, EndBlocks
from ._fold_derivatives import Folding
from ._marked import Sums
from ._stepper import Trajectory, replay


@dataclass(frozen=True, eq=False)
class Tangents:
    """Slopes `J w + A r` of tangents `w` (M, probes) with fixed directions `r` in the parameters; `drift` is `A r`."""

    jacobian: Array
    drift: Array

    def __matmul__(self, w: Array) -> Array:
        return self.jacobian @ w + self.drift


def tangents(derivatives: Folding, p: Params, directions: Array) -> Callable[[Array, Array], list[Tangents]]:
    """What `integrate` asks for, with `directions` (probes, P) in the active parameters."""

    def at(tau: Array, z: Array) -> list[Tangents]:
        jac, by_params = derivatives.first(tau, z, p)
        return [Tangents(j, a @ directions.T) for j, a in zip(jac, by_params, strict=True)]

    return at


@dataclass(eq=False)
class Swept:
    """What the backward sweep leaves: the costate at the start (M,), sums of `A^T q` (total,), multipliers (steps, s, M)."""

    lam: Array
    pulled: Array
    multipliers: Array


@dataclass(frozen=True, eq=False)
class Sweeps:
    """Sweeps over the steps of `path` at parameters `p`; `limit` bounds the bytes of stages and derivatives that are kept.

    `sums` are those of terms between the ends, to which `curvature` adds.
    """

    f: Callable[[float, Array], Array]
    derivatives: Folding
    p: Params
    pair: Pair
    path: Trajectory
    columns: Columns
    limit: float
    sums: Sums | None = None

    def backward(self, at_end: Array) -> Swept:
        """The costate's sweep, from its value at the end (M,)."""
        s, m, steps = self.pair.stages, at_end.size, self.path.t.size
        a, b, lam, behind = self.pair.a, self.pair.b, at_end, self._room()
        q, pulled = np.empty((steps, s, m)), np.zeros(self.columns.total)
        for part in reversed(list(self._parts(self._first_bytes))):
            jac, by_params = self._first(part)
            h = self.path.h[part]
            for k in range(h.size - 1, -1, -1):
                lam = self._jumped(lam, part.start + k + 1, behind)
                theta, multipliers = np.empty((s, m)), q[part.start + k]
                for i in range(s - 1, -1, -1):
                    multipliers[i] = h[k] * (b[i] * lam + a[i + 1 :, i] @ theta[i + 1 :])
                    theta[i] = multipliers[i] @ jac[k, i]
                lam = lam + theta.sum(axis=0)
            pulled[self.columns.params] += np.tensordot(q[part], by_params, 3)
        lam = self._jumped(lam, 0, behind)
        if self.sums is not None:
            self.sums.marked.turn(behind)
        return Swept(lam, pulled, q)

    def _jumped(self, lam: Array, k: int, behind: Array, jumps: Array | None = None) -> Array:
        """The costate, or columns of its derivatives (M, count), before the terms and events between the ends at step `k`.

        `jumps` (K, ...) are those of the terms by default; `behind` (K, ...) gets the costates behind events.
        """
        if self.sums is None:
            return lam
        marked = self.sums.marked
        jumps = marked.jumps if jumps is None else jumps
        for i in np.flatnonzero(marked.marks == k)[::-1]:
            behind[i], map_ = lam, marked.map(int(i))
            lam = jumps[i] + (lam if map_ is None else map_[:, : len(lam)].T @ lam)
        return lam

    def _passed(self, v: Array, k: int, along: Array) -> tuple[Array, list[Array]]:
        """Tangents (M, count) behind all places at step `k`, and those before each; `along` (total, count) in the unknowns."""
        kept: list[Array] = []
        if self.sums is not None:
            marked = self.sums.marked
            for i in np.flatnonzero(marked.marks == k):
                kept.append(v)
                map_ = marked.map(int(i))
                v = v if map_ is None else map_[:, : len(v)] @ v + map_[:, len(v) :] @ along
        return v, kept

    def curvature(self, swept: Swept) -> tuple[Array, Array]:
        """The tangents at the end (M, total), and the sum over all stages (total, total)."""
        s, m, total, at = self.pair.stages, swept.lam.size, self.columns.total, self.columns.params
        sums, own = self.sums, np.eye(total)
        n = self.derivatives.folded.problem.dim
        out = np.zeros((total, total))
        phi, kept = self._passed(self.columns.start(m), 0, own)
        bytes_of = self._first_bytes + 16 * s * m * total + 24 * s * (n + at.size + 1) ** 2
        for part in self._parts(bytes_of):
            jac, by_params = self._first(part)
            h, v = self.path.h[part], np.empty((part.stop - part.start, s, m, total))
            slopes = np.empty((s, m, total))
            for k in range(h.size):
                for i in range(s):
                    v[k, i] = phi + h[k] * np.tensordot(self.pair.a[i, :i], slopes[:i], 1)
                    slopes[i] = jac[k, i] @ v[k, i]
                    slopes[i][:, at] += by_params[k, i]
                phi = phi + h[k] * np.tensordot(self.pair.b, slopes, 1)
                phi, before = self._passed(phi, part.start + k + 1, own)
                kept += before
            if sums is not None:
                sums.add(*sums.marked.of(part.start, part.stop), np.reshape(kept, (len(kept), m, total)))
            kept = []
            tau, stages = self._stages(part)
            curved = self.derivatives.second(
                tau.ravel(), stages.reshape(-1, m), swept.multipliers[part].reshape(-1, m), self.p
            )
            rows = v[:, :, :n].reshape(-1, n, total)
            z = curved[:, :n, :n] @ rows
            z[:, :, at] += 2 * curved[:, :n, n:]
            out += rows.reshape(-1, total).T @ z.reshape(-1, total)
            out[at[:, None], at] += curved[:, n:, n:].sum(axis=0)
        return phi, out

    def products(self, swept: Swept, directions: Array, at_end: Callable[[Array], tuple[Array, Array]]) -> Array:
        """The Hessian times `directions` (total, k), by products with the derivatives alone: no matrix of P rows and columns.

        `at_end(v1)` is `Columns.product` of the loss for tangents `v1` (M, k) at the end.
        """
        s, m, at, n = self.pair.stages, swept.lam.size, self.columns.params, self.derivatives.folded.problem.dim
        count, a, b, along = directions.shape[1], self.pair.a, self.pair.b, directions[at]
        v, stages, jacobians, noted = self.pushed(self.columns.start(m) @ directions, along, directions)
        lam, out = at_end(v)
        moved, behind = None, self._room(count)
        if self.sums is not None:
            marked = self.sums.marked
            jumps, own = marked.product(np.moveaxis(noted, 2, 0), directions[marked.params].T)
            out[marked.params] += own.T
            moved = np.moveaxis(jumps, 0, 2)
        for part, jac in zip(reversed(list(self._parts(self._first_bytes))), reversed(jacobians), strict=True):
            tau, points = self._stages(part)
            flat = (tau.ravel(), points.reshape(-1, m), swept.multipliers[part].reshape(-1, m))
            steps = part.stop - part.start
            pushed, q = np.empty((steps, s, n + at.size, count)), np.empty((steps, s, m, count))
            for j in range(count):
                u = np.column_stack([stages[part, :, :n, j].reshape(-1, n), np.tile(along[:, j], (steps * s, 1))])
                pushed[..., j] = self.derivatives.along(*flat, u, self.p).reshape(steps, s, -1)
            h = self.path.h[part]
            for k in range(steps - 1, -1, -1):
                lam = self._jumped(lam, part.start + k + 1, behind, moved)
                theta = np.empty((s, m, count))
                for i in range(s - 1, -1, -1):
                    q[k, i] = h[k] * (b[i] * lam + np.tensordot(a[i + 1 :, i], theta[i + 1 :], 1))
                    theta[i] = jac[k, i].T @ q[k, i]
                    theta[i][:n] += pushed[k, i, :n]
                lam = lam + theta.sum(axis=0)
            out[at] += pushed[:, :, n:].sum(axis=(0, 1))
            by_params = self._first(part)[1]
            out[at] += np.tensordot(by_params, q, ([0, 1, 2], [0, 1, 2]))
        lam = self._jumped(lam, 0, behind, moved)
        if self.sums is not None:
            out += self.sums.marked.pulled(behind)
        if self.columns.y0 is not None:
            out[self.columns.y0] += lam[:n]
        return out

    def _room(self, *more: int) -> Array:
        """(K, M, ...): for the costates behind the places between the ends."""
        return np.zeros((0 if self.sums is None else self.sums.marked.most, self.path.y1.size, *more))

    def pushed(self, v: Array, along: Array, directions: Array) -> tuple[Array, Array, list[Array], Array]:
        """Tangents `v` (M, k) at the start with directions `along` (P, k) in the parameters, carried to the end (M, k).

        With those of all stages (steps, s, M, k), the Jacobians that were used, in parts, and those at the places between the
        ends (K, M, k); `directions` (total, k) are those in all unknowns.
        """
        s, (m, count), a, jacobians = self.pair.stages, v.shape, self.pair.a, []
        v, noted = self._passed(v, 0, directions)
        stages = np.empty((self.path.t.size, s, m, count))
        for part in self._parts(self._first_bytes):
            jac, by_params = self._first(part)
            moved, slopes, h = by_params @ along, np.empty((s, m, count)), self.path.h[part]
            jacobians.append(jac)
            for k in range(h.size):
                for i in range(s):
                    stages[part.start + k, i] = v + h[k] * np.tensordot(a[i, :i], slopes[:i], 1)
                    slopes[i] = jac[k, i] @ stages[part.start + k, i] + moved[k, i]
                v, before = self._passed(
                    v + h[k] * np.tensordot(self.pair.b, slopes, 1), part.start + k + 1, directions
                )
                noted += before
        return v, stages, jacobians, np.reshape(noted, (len(noted), m, count))

    @property
    def _first_bytes(self) -> int:
        """For each step, of `J`, of `A` and of what they are made from."""
        m = self.path.y1.size
        return 24 * self.pair.stages * m * (m + self.columns.total + 1)

    def _parts(self, bytes_of_step: int) -> Iterator[slice]:
        """The steps in parts that take at most `limit` bytes."""
        steps, size = self.path.t.size, max(1, int(self.limit / bytes_of_step))
        for start in range(0, steps, size):
            yield slice(start, min(steps, start + size))

    def _stages(self, part: slice) -> tuple[Array, Array]:
        t, h = self.path.t[part], self.path.h[part]
        if self.path.stages is None:
            each = zip(t[:, None], h[:, None], self.path.y[part], strict=True)  # from its own state: events are between
            stages = np.concatenate([replay(self.f, self.pair, *one)[0] for one in each])
        else:
            stages = self.path.stages[part]
        return t[:, None] + self.pair.c * h[:, None], stages

    def _first(self, part: slice) -> tuple[Array, Array]:
        tau, stages = self._stages(part)
        jac, by_params = self.derivatives.first(tau.ravel(), stages.reshape(-1, stages.shape[-1]), self.p)
        return jac.reshape(*tau.shape, *jac.shape[1:]), by_params.reshape(*tau.shape, *by_params.shape[1:])


class AnySweeps(Protocol):
    """`Sweeps` over steps of any integrator."""

    @property
    def columns(self) -> Columns: ...
    def backward(self, at_end: Array) -> Swept: ...
    def curvature(self, swept: Swept) -> tuple[Array, Array]: ...
    def products(self, swept: Swept, directions: Array, at_end: Callable[[Array], tuple[Array, Array]]) -> Array: ...


class ColumnsSwept:
    """The gradient (total,), with the multipliers of all stages. `sums` are those of `sweeps`, where there are any."""

    def __init__(self, sweeps: AnySweeps, end: EndBlocks, sums: Sums | None = None) -> None:
        self.sweeps, self.end, self.sums, self.swept = sweeps, end, sums, sweeps.backward(end.l1)
        self.grad = sweeps.columns.gradient(end, self.swept.lam, self.swept.pulled)
        self.gauss_newton: Array | None = None

    def hessian(self) -> Array:
        """(total, total)"""
        columns, end, sums = self.sweeps.columns, self.end, self.sums
        with np.errstate(all="ignore"):
            phi, x = self.sweeps.curvature(self.swept)
            if sums is not None:
                self.gauss_newton = columns.hessian(end, phi, sums.part)
                x += sums.whole
            return columns.hessian(end, phi, x)

    def products(self, directions: Array) -> Array:
        """Of the Hessian with `directions` (total, k)."""
        return self.sweeps.products(
            self.swept, directions, lambda v1: self.sweeps.columns.product(self.end, v1, directions)
        )
