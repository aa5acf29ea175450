"""What an event does to derivatives: a jump at a place that does not move, with first and second derivatives.

An event at time T, at which y+ = h(v), v = (y, a, T), stands at the fixed place s of the solve. A state there goes along the
flow F- for D = T - s, jumps, and goes back along F+: of b = (y, a, s) and D, all at D = 0, with f = (F, 0, 1),

    z = h - D F+ + D^2/2 F+' f+       D_b = -c_b / c_D,   c = g(v) for a root, tau(a) - s - D for a known time
    S = z_b + z_D D_b                 z_b = h',   z_D = h' f- - F+                              (saltation matrix)
    lambda . S_bb = B + x D_b + (x D_b)^T + Z D_b^T D_b                 mu = -lambda . z_D / c_D
        B = lambda . h'' + mu c_bb,   x = B f- + F-'^T (h_y^T lambda + mu g_y) - (f.h)'^T F+'^T lambda      (g'' alone in x, Z)
        Z = f- . B f- + (h_y^T lambda + mu g_y) . F-' f- - 2 lambda . F+' (h' f-) + lambda . F+' f+

F' and h' with the rows of a and the time, which stay as they are. Derivatives are those of the exact flow.
Source: Rozenvasser, General sensitivity equations of discontinuous systems, Automation and Remote Control 28 (1967) 400; second
order by the Lagrangian, Griewank & Walther, Evaluating Derivatives, chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._model.derivatives import Array, Params
from ._event_functions import Functions
from ._fold import Folded
from ._marked import Marked


@dataclass(frozen=True, eq=False)
class Happened:
    """Events of a solve, in order (E,): steps before, folded times, numbers `of`, which are roots `found`; states (E, M).

    `first` (E, P) and `second` (E, P, P) are derivatives of the times of known ones by the parameters in `wrt`.
    """

    marks: Array
    tau: Array
    of: Array
    found: Array
    before: Array
    after: Array
    first: Array
    second: Array


class Crossed:
    """The events of a solve at parameters `p`: `maps` (E, M, M + total) are derivatives of the states behind them.

    By the states before, and by all unknowns.
    """

    def __init__(self, folded: Folded, functions: Functions, happened: Happened, p: Params) -> None:
        self.folded, self.functions, self.happened = folded, functions, happened
        n, m, k = folded.problem.dim, folded.states, functions.events.size
        count, a, own = len(happened.marks), folded.values(p), happened
        self.n, self.m, self.known = n, m, ~own.found
        self.before, there = np.empty((2, count, k))
        for v, z in ((self.before, own.before), (there, own.after)):
            v[:, :n], v[:, n : k - 1] = z[:, :n], a[: k - 1 - n]
            v[:, k - 1] = [folded.time(tau, p) for tau in own.tau.tolist()]
        ahead, behind = functions.field(self.before), functions.field(there)
        self.first_before, self.first_behind = ahead[1], behind[1]
        self.jumped, root = functions.first(self.before, own.of, own.found)
        self.flow = self._along(ahead[0])
        self.flow_behind = self._along(behind[0])
        self.c = np.where(own.found[:, None], root, 0.0)
        self.c[self.known, n : k - 1], self.c[self.known, k - 1] = own.first[self.known], -1.0
        self.rate = np.where(own.found, np.einsum("ek,ek->e", root, self.flow), -1.0)
        self.moved = -self.c / self.rate[:, None]  # D_b
        self.slip = ahead[0] - behind[0]  # z_D, as it is for the running loss
        self.slip[:, :n] = np.einsum("enk,ek->en", self.jumped, self.flow) - behind[0][:, :n]
        whole = self.slip[:, :, None] * self.moved[:, None]
        whole[:, :n] += self.jumped
        self.maps = np.zeros((count, m, m + folded.columns.total))
        self.maps[:, :, :n] = whole[:, :, :n]
        if m > n:
            self.maps[:, n, n] = 1.0
        self.maps[:, :, m + folded.columns.params] = whole[:, :, n:] @ self._turned

    def _along(self, slopes: Array) -> Array:
        """(E, K): v' along the flow."""
        out = np.zeros(self.before.shape)
        out[:, : self.n], out[:, -1] = slopes[:, : self.n], 1.0
        return out

    @cached_property
    def _turned(self) -> Array:
        """(E, P + 1, active): from (a, s) to the active parameters; s is a part of the span, whose ends may be free."""
        own, free = self.functions.events.places.size, self.folded.free
        out = np.zeros((len(self.before), own + 1, own + len(free)))
        out[:, np.arange(own), np.arange(own)] = 1.0
        for k, key in enumerate(free):
            out[:, own, own + k] = self.happened.tau if key == "t1" else 1 - self.happened.tau
        return out

    def curvature(self, lam: Array) -> tuple[Array, Array, Array]:
        """Second derivatives of `lam . S`, lam (E, M), by the states (E, N, N), mixed (E, N, R) and by the active parameters.

        The last ones (R, R) are added up over the events.
        """
        n, known, f = self.n, self.known, self.flow
        mu = -np.einsum("em,em->e", lam, self.slip) / self.rate
        bent = self.functions.second(self.before, self.happened.of, lam[:, :n], np.where(known, 0.0, mu))
        pulled = np.einsum("en,enk->ek", lam[:, :n], self.jumped)  # lambda . h'
        own = lam.copy()
        own[:, :n] = pulled[:, :n] + np.where(known, 0.0, mu)[:, None] * self.c[:, :n]
        there = np.einsum("em,emk->ek", lam, self.first_behind)
        back = np.einsum("en,enk->ek", there[:, :n], self.jumped)
        back[:, n:] += there[:, n:]
        here = np.einsum("em,emk->ek", own, self.first_before)
        along = np.einsum("ekj,ej->ek", bent, f)
        cross = along + here - back
        twice = np.einsum("ek,ek->e", f, along + here - 2 * back) + np.einsum("ek,ek->e", there, self.flow_behind)
        bent[known, n:-1, n:-1] += mu[known, None, None] * self.happened.second[known]
        outer = cross[:, :, None] * self.moved[:, None]
        bent += outer + outer.swapaxes(1, 2) + twice[:, None, None] * (self.moved[:, :, None] * self.moved[:, None])
        turned = self._turned
        mixed = bent[:, :, n:] @ turned
        return bent[:, :n, :n], mixed[:, :n], (turned.swapaxes(1, 2) @ mixed[:, n:]).sum(axis=0)

    @property
    def after(self) -> Array:
        """(E, M): the states behind."""
        return self.happened.after

    def joined(self, terms: Marked | None) -> Marked:
        """Terms and events, in order; at one time, terms come first."""
        n, m, params = self.n, self.m, self.folded.columns.params
        r, mine = params.size, self.happened.marks
        if terms is None:
            none = np.zeros((0, n, r))
            terms = Marked(
                np.zeros(0), 0.0, np.zeros((0, m)), np.zeros(r), np.zeros((0, n, n)), none, np.zeros((r, r)), params
            )
        if not mine.size:
            return terms
        order = np.argsort(np.concatenate([terms.marks, mine]), kind="stable")
        read = np.array([np.flatnonzero(params == k)[0] for k in terms.params], dtype=int)

        def placed(entries: Array) -> Array:
            return np.concatenate([entries, np.zeros((mine.size, *entries.shape[1:]))])[order]

        def wide(mixed: Array, own: Array) -> tuple[Array, Array]:
            """By all active parameters."""
            whole, both = np.zeros((*mixed.shape[:2], r)), np.zeros((r, r))
            whole[:, :, read], both[np.ix_(read, read)] = mixed, own
            return placed(whole), both

        lp = np.zeros(r)
        lp[read] = terms.lp
        l11, marks = placed(terms.l11), np.concatenate([terms.marks, mine])[order]
        out = Marked(marks, terms.value, placed(terms.jumps), lp, l11, *wide(terms.l1p, terms.lpp), params)
        if terms.part11 is None or terms.part1p is None or terms.partpp is None:
            out.part11, (out.part1p, out.partpp) = l11.copy(), wide(terms.l1p, terms.lpp)
        else:
            out.part11, (out.part1p, out.partpp) = placed(terms.part11), wide(terms.part1p, terms.partpp)
        out.events, out.at = self, np.flatnonzero(order >= terms.marks.size)
        return out
