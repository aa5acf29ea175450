"""What an event does to costates: a jump at a place that does not move, with first and second derivatives.

An event at time T, at which y+ = h(v), v = (y, a, T), stands at T of the point. A state there goes along the flow F- for
D = T(a) - T, jumps, and goes back along F+: of b = (y, a) and D, all at D = 0, with f = (F, 0, 1),

    S = h' + (h' f- - F+) D_b,   D_b = T_,a                                                       (saltation matrix)
    lambda . S_bb = B + x D_b + (x D_b)^T + Z D_b^T D_b                 mu = lambda . (h' f- - F+)
        B = lambda . h'' + mu T_,aa,   x = B f- + F-'^T (h_y^T lambda) - (f.h)'^T F+'^T lambda        (h'' alone in x and Z)
        Z = f- . B f- + (h_y^T lambda) . F-' f- - 2 lambda . F+' (h' f-) + lambda . F+' f+

F' and h' with the rows of a and the time, which stay as they are; a running loss is one more row of F.
Source: Rozenvasser, General sensitivity equations of discontinuous systems, Automation and Remote Control 28 (1967) 400; second
order by the Lagrangian, Griewank & Walther, Evaluating Derivatives, chapter 5.
"""

from __future__ import annotations

import numpy as np

from .._model.derivatives import Array
from ..discrete._events import Moment
from ..discrete._smooth import Smooth

Slopes = tuple[Array, Array]


class Crossing:
    """An event at v = (y, a, T) (K,), at `moment`; `ahead` and `behind` are the slopes (M,) and their derivatives (M, K) there.

    `maps` (M, K - 1) are derivatives by (y, a) of the states behind it and, with a running loss, of its integral: that one's
    own derivative 1 by itself is left out.
    """

    def __init__(self, n: int, jump: Smooth | None, v: Array, moment: Moment, ahead: Slopes, behind: Slopes) -> None:
        self.n, self.jump, self.v, self.moment = n, jump, v, moment
        self.ahead, self.behind = ahead, behind
        k = v.size
        self.jumped = np.eye(n, k) if jump is None else jump.first(v)
        self.flow, self.flow_behind, self.moved = np.zeros((3, k))
        for flow, slopes in ((self.flow, ahead[0]), (self.flow_behind, behind[0])):
            flow[:n], flow[-1] = slopes[:n], 1.0
        if moment.kind == "at":
            self.moved[n:-1] = moment.first
        self.slip = ahead[0] - behind[0]
        self.slip[:n] = self.jumped @ self.flow - behind[0][:n]
        whole = np.outer(self.slip, self.moved)
        whole[:n] += self.jumped
        self.maps = whole[:, :-1]

    def curvature(self, lam: Array) -> Array:
        """The second derivatives (K - 1, K - 1) by (y, a) of what `maps` are the first of, with the multipliers `lam` (M,)."""
        n, k = self.n, self.v.size
        bent = np.zeros((k, k)) if self.jump is None else self.jump.second(self.v, lam[:n])
        if self.moment.kind != "at":
            return bent[:-1, :-1]
        pulled = lam.copy()
        pulled[:n] = lam[:n] @ self.jumped[:, :n]
        there = lam @ self.behind[1]
        back = there[:n] @ self.jumped
        back[n:] += there[n:]
        along, here = bent @ self.flow, pulled @ self.ahead[1]
        cross = along + here - back
        twice = self.flow @ (along + here - 2 * back) + there @ self.flow_behind
        outer = np.outer(cross, self.moved)
        bent = bent + outer + outer.T + twice * np.outer(self.moved, self.moved)
        bent[n:-1, n:-1] += (lam @ self.slip) * self.moment.second
        return bent[:-1, :-1]

    def pulled(self, z: Array, lam: Array, rows: int) -> Array:
        """Costates before the event from those `z` (r, K - 1) behind it, whose multipliers are `lam` (M,).

        They are `rows` rows by (y, a), of which the first one is that of the loss, and a symmetric block; behind these there
        may be rows and a block once more, without second derivatives.
        """
        width = z.shape[1]
        maps, s = np.eye(width), slice(rows, rows + width)
        maps[: self.n] = self.maps[: self.n]
        out = z @ maps
        out[0] += self.maps[self.n :].sum(axis=0)
        out[s] = maps.T @ out[s] + self.curvature(lam)
        if len(z) > rows + width:
            out[-width:] = maps.T @ out[-width:]
        return out
