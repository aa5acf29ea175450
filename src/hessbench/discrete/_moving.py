"""Terms at fixed times while an end time is an unknown: in folded time their places move (`_fold`).

    y_k = z(tau_k(u); u),   tau_k = (t_k - t0) / sigma,   dz/dtau = G(tau, z, u),   D = tau_k,u
    dy_k/du = Phi + G D          y_k,uu = z_,uu + (J Phi + A) D + D^T (J Phi + A)^T + (J G + G_,tau) D D^T + G tau_k,uu

`z_,uu` is what the sweeps give with the jumps of the costate at the places; the rest are terms of the same kind as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._model.derivatives import Array
from ._marked import Marked


@dataclass(frozen=True, eq=False)
class Slopes:
    """At K places: `G` (K, M) and its derivatives `J` (K, M, M) by the state, `A` (K, M, P) by the active parameters."""

    g: Array
    j: Array
    a: Array


@dataclass(frozen=True, eq=False)
class Moves:
    """Places `tau` (K,) of a span of length `sigma`, and where `t0` and `t1` are among P active parameters, if they are."""

    tau: Array
    sigma: float
    count: int
    t0: int | None
    t1: int | None

    def first(self) -> Array:
        """`tau_k,u` (K, P)."""
        out = np.zeros((self.tau.size, self.count))
        if self.t0 is not None:
            out[:, self.t0] = (self.tau - 1) / self.sigma
        if self.t1 is not None:
            out[:, self.t1] = -self.tau / self.sigma
        return out

    def second(self, weights: Array) -> Array:
        """`tau_k,uu` (P, P), summed with `weights` (K,)."""
        out, scale = np.zeros((self.count, self.count)), weights / self.sigma**2
        if self.t0 is not None:
            out[self.t0, self.t0] = 2 * scale @ (self.tau - 1)
        if self.t1 is not None:
            out[self.t1, self.t1] = 2 * scale @ self.tau
        if self.t0 is not None and self.t1 is not None:
            out[self.t0, self.t1] = out[self.t1, self.t0] = scale @ (1 - 2 * self.tau)
        return out

    def by_tau(self, slopes: Slopes) -> Array:
        """`G_,tau` (K, M), from the derivative by a free end time, of which it is a part; zero at a place that rests."""
        tau, out = self.tau[:, None], np.zeros(slopes.g.shape)
        if self.t0 is not None:
            part = self.sigma * slopes.a[:, :, self.t0] + slopes.g
            out = np.divide(part, 1 - tau, out=out, where=1 - tau > 0)
        if self.t1 is not None:
            part = self.sigma * slopes.a[:, :, self.t1] - slopes.g
            late = tau > (0.0 if self.t0 is None else 0.5)  # where less of it cancels
            out = np.divide(part, tau, out=out, where=np.broadcast_to(late, part.shape))
        return out


def moved(marked: Marked, read: list[int], params: Array, moves: Moves, slopes: Slopes) -> Marked:
    """`marked`, which reads the active parameters `read`, with all that comes from moving places; `params` are all columns."""
    n, count = marked.l11.shape[1], moves.count
    g, j, a, d = slopes.g[:, :n], slopes.j[:, :n, :n], slopes.a[:, :n], moves.first()
    q = marked.jumps[:, :n]
    along = np.einsum("kn,kn->k", q, g)

    def wide(l11: Array, l1p: Array, lpp: Array) -> tuple[Array, Array]:
        """By all parameters, with the terms of `G D` twice."""
        own, both = np.zeros((len(l1p), n, count)), np.zeros((count, count))
        own[:, :, read], both[np.ix_(read, read)] = l1p, lpp
        cross, bent = np.einsum("kn,knp->kp", g, own), np.einsum("kij,kj->ki", l11, g)
        both += cross.T @ d + d.T @ cross + d.T @ (np.einsum("kn,kn->k", g, bent)[:, None] * d)
        return own + bent[:, :, None] * d[:, None], both

    l1p, lpp = wide(marked.l11, marked.l1p, marked.lpp)
    l1p += np.einsum("ki,kij->kj", q, j)[:, :, None] * d[:, None]
    cross = np.einsum("kn,knp->kp", q, a)
    turned = np.einsum("kij,kj->ki", j, g) + moves.by_tau(slopes)[:, :n]
    lpp += cross.T @ d + d.T @ cross + d.T @ (np.einsum("kn,kn->k", q, turned)[:, None] * d) + moves.second(along)
    lp = np.zeros(count)
    lp[read] = marked.lp
    out = Marked(marked.marks, marked.value, marked.jumps, lp + along @ d, marked.l11, l1p, lpp, params)
    if marked.part11 is not None and marked.part1p is not None and marked.partpp is not None:
        out.part11 = marked.part11
        out.part1p, out.partpp = wide(marked.part11, marked.part1p, marked.partpp)
    else:
        out.part11 = marked.l11
        out.part1p, out.partpp = wide(marked.l11, marked.l1p, marked.lpp)
    return out
