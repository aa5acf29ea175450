"""Terms of the loss at times between the ends, such as those of data, and events: what they add to gradient, Hessian, products.

loss += sum over k of l_k(y_k, a),   y_k the state at the k-th place, at which a step ends
costate    lambda grows by l_k,y where it passes the place on its way back;   gradient in the parameters: + l_k,a
Hessian    + Phi_k^T (l_k,yy Phi_k + 2 l_k,ya) + l_k,aa,   Phi_k the tangents at the place (`_columns`)
Gauss-Newton: the same without second derivatives of residuals, and without those of the solution
event      y+ = S(y, a) (`_crossed`): lambda- = S_,y^T lambda+,  gradient + lambda+ . S_,a,  Phi+ = S_,y Phi- + S_,a
           Hessian: as a term with the second derivatives of lambda+ . S
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._model.derivatives import Array


class Jumps(Protocol):
    """Events: `maps` (E, M, M + total) are derivatives of the state behind by that before, and by all unknowns."""

    maps: Array

    @property
    def m(self) -> int:
        """M."""
        ...

    @property
    def after(self) -> Array:
        """(E, M): the states behind."""
        ...

    def curvature(self, lam: Array) -> tuple[Array, Array, Array]:
        """Of `lam . S`, lam (E, M): by the states (E, N, N), mixed (E, N, R) and by parameters (R, R), added up."""
        ...


@dataclass(eq=False)
class Marked:
    """Derivatives of the terms at K places, `marks` (K,) steps from the start, in order, by state and parameters `params` (R,).

    `params` are their columns. By places: `jumps` (K, M) are l_,y, with a zero behind where a running loss is carried, `l11`
    (K, N, N), `l1p` (K, N, R); added over them: `value`, `lp` (R,), `lpp` (R, R). `part11`, `part1p` and `partpp` are what
    Gauss-Newton takes for the second derivatives; `None` where it takes these.

    `events` (E,) happen at the places number `at` (E,), where there are no terms; `turn` fills in what depends on costates.
    """

    marks: Array
    value: float
    jumps: Array
    lp: Array
    l11: Array
    l1p: Array
    lpp: Array
    params: Array
    part11: Array | None = None
    part1p: Array | None = None
    partpp: Array | None = None
    events: Jumps | None = None
    at: Array | None = None

    def turn(self, behind: Array) -> None:
        """The events' part of the derivatives, from the costates (K, M) behind their places."""
        if self.events is None:
            return
        self.lp += self.pulled(behind)[self.params]
        lam = behind[self.at]
        self.l11[self.at], self.l1p[self.at], own = self.events.curvature(lam)
        self.lpp += own

    def pulled(self, behind: Array) -> Array:
        """(total, ...): `lam . S_,u` of the events, from the costates or their derivatives (K, M, ...) behind all places."""
        if self.events is None:
            return np.zeros(())
        return np.einsum("em...,emu->u...", behind[self.at], self.events.maps[:, :, self.events.m :])

    def map(self, k: int) -> Array | None:
        """The derivatives (M, M + total) of the event at place k, if there is one."""
        if self.events is None or self.at is None:
            return None
        e = np.searchsorted(self.at, k)
        return self.events.maps[e] if e < self.at.size and self.at[e] == k else None

    def of(self, first: int, stop: int) -> tuple[int, int]:
        """The places after steps `first` + 1 .. `stop`; those at the start belong to the first segment."""
        from_ = int(np.searchsorted(self.marks, first, "right")) if first else 0
        return from_, int(np.searchsorted(self.marks, stop, "right"))

    @property
    def most(self) -> int:
        """Their number K."""
        return self.marks.size

    def product(self, v: Array, along: Array) -> tuple[Array, Array]:
        """Derivatives of the jumps (k, K, M) along tangents `v` (k, K, M) and directions (k, R); the terms' own part (k, R)."""
        n = self.l11.shape[1]
        y = np.ascontiguousarray(v[:, :, :n])
        jumps = np.zeros(v.shape)
        jumps[:, :, :n] = np.einsum("mij,kmj->kmi", self.l11, y) + np.einsum("mir,kr->kmi", self.l1p, along)
        return jumps, along @ self.lpp + np.einsum("mir,kmi->kr", self.l1p, y)


class Sums:
    """What the terms add to the Hessian (total, total), and to that of Gauss-Newton, added up place by place."""

    def __init__(self, marked: Marked, total: int) -> None:
        self.marked = marked
        self._whole = self._part = np.zeros((total, total))
        if marked.part11 is not None:
            self._part = np.zeros((total, total))

    @property
    def whole(self) -> Array:
        """With all second derivatives."""
        return self._with(self._whole, self.marked.lpp)

    @property
    def part(self) -> Array:
        """Of Gauss-Newton."""
        m = self.marked
        return self.whole if m.partpp is None else self._with(self._part, m.partpp)

    def _with(self, sums: Array, own: Array) -> Array:
        out, at = sums.copy(), self.marked.params
        out[at[:, None], at] += own
        return out

    def add(self, from_: int, stop: int, phi: Array) -> None:
        """The places `from_` .. `stop` - 1 with tangents `phi` (stop - from_, M, total)."""
        if from_ == stop:
            return
        m, at = self.marked, slice(from_, stop)
        n, total = m.l11.shape[1], phi.shape[2]
        phi = np.ascontiguousarray(phi[:, :n])
        rows = phi.reshape(-1, total).T
        self._whole += rows @ self._curved(m.l11[at], m.l1p[at], phi)
        if m.part11 is not None and m.part1p is not None:
            self._part += rows @ self._curved(m.part11[at], m.part1p[at], phi)

    def _curved(self, l11: Array, l1p: Array, phi: Array) -> Array:
        z = l11 @ phi
        z[:, :, self.marked.params] += 2 * l1p
        return z.reshape(-1, phi.shape[2])
