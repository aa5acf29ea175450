"""Terms of the loss at times between the ends, such as those of data: what they add to gradient, Hessian and products.

loss += sum over k of l_k(y_k, a),   y_k the state at the k-th place, at which a step ends
costate    lambda grows by l_k,y where it passes the place on its way back;   gradient in the parameters: + l_k,a
Hessian    + Phi_k^T (l_k,yy Phi_k + 2 l_k,ya) + l_k,aa,   Phi_k the tangents at the place (`_columns`)
Gauss-Newton: the same without second derivatives of residuals, and without those of the solution
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._model.derivatives import Array


@dataclass(eq=False)
class Marked:
    """Derivatives of the terms at K places, `marks` (K,) steps from the start, in order, by state and parameters `params` (R,).

    `params` are their columns. By places: `jumps` (K, M) are l_,y, with a zero behind where a running loss is carried, `l11`
    (K, N, N), `l1p` (K, N, R); added over them: `value`, `lp` (R,), `lpp` (R, R). `part11`, `part1p` and `partpp` are what
    Gauss-Newton takes for the second derivatives; `None` where it takes these.
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
        self.marked, self.whole = marked, np.zeros((total, total))
        at = marked.params
        self.whole[at[:, None], at] = marked.lpp
        self.part = self.whole
        if marked.part11 is not None:
            self.part = np.zeros((total, total))
            self.part[at[:, None], at] = marked.partpp

    def add(self, from_: int, stop: int, phi: Array) -> None:
        """The places `from_` .. `stop` - 1 with tangents `phi` (stop - from_, M, total)."""
        if from_ == stop:
            return
        m, at = self.marked, slice(from_, stop)
        n, total = m.l11.shape[1], phi.shape[2]
        phi = np.ascontiguousarray(phi[:, :n])
        rows = phi.reshape(-1, total).T
        self.whole += rows @ self._curved(m.l11[at], m.l1p[at], phi)
        if m.part11 is not None and m.part1p is not None:
            self.part += rows @ self._curved(m.part11[at], m.part1p[at], phi)

    def _curved(self, l11: Array, l1p: Array, phi: Array) -> Array:
        z = l11 @ phi
        z[:, :, self.marked.params] += 2 * l1p
        return z.reshape(-1, phi.shape[2])
