"""Backprop of backprop, row by row ("BP2"), derivatives written by hand.

The costate system `F1(y, s) = (F, -J^T s)` has the Jacobian [[J, 0], [-G, -J^T]], with `J_ki = F_k,i` and
`G_ij = s_k F_k,ij`. Its own costate `w = (u, v)` obeys `dw/dt = -w . DF1`, which makes the 4N system `F2(y, s, u, v)`:

    dy/dt = F    ds/dt = -J^T s    du/dt = -J^T u + G v    dv/dt = J v

One solve forward (F) and one backward (F1) give the gradient `l_0 + s(t0)`. Then for each row i

    forward  by F2 from s(t0), u = 0, v = e_i to u, v at T
    backward by F1 from the costate c(T) = u + l_11 v + (l_01)_i
    H_i = (l_00)_i + l_01 v + c(t0)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, by_framework, derivatives_of, loss_blocks


@dataclass(frozen=True)
class HandAdjointRows(Strategy):
    """2 + 2N adaptive solves of N, 2N, and N times 4N and 2N states; an evaluation of `F2` is one Jacobian, one
    contraction and four products with a vector. `y` and `s` are integrated anew for every row.

    With `together=None` all rows form one system of 2N + 2 N^2 states forward and N + N^2 backward, with shared steps:
    `y`, `s`, `J` and `G` are computed once for all rows, and the products become those of matrices.

    All rows rest on the end state and on the gradient, whose errors they magnify. These two solves are therefore made at a
    thousandth of the tolerance. Not for dissipative problems, because the state is integrated backward.
    On `tensorflow`, right-hand side and derivatives are calls into it, as in the paper's measurements, and not written by hand.
    Source: arXiv:2301.08085, section 3, extended to losses of the initial state.
    """

    together: int | None = 1  # rows in one solve; `None` for all
    backends: ClassVar[tuple[str, ...]] = ("numpy", "tensorflow")
    limits: ClassVar[Limits] = Limits(reversible_only=True)
    variants: ClassVar = {"": {}, "batched": {"together": None}}

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        problem = by_framework(problem, backend)
        n, (t0, t1), p = problem.dim, problem.t_span, problem.constants
        d, (blocks, blocks_source) = derivatives_of(problem), loss_blocks(problem)
        sharper = replace(ivp, rtol=max(1e-3 * ivp.rtol, 1e-14), atol=1e-3 * ivp.atol)
        note = f"derivatives {d.source}, loss blocks {blocks_source}"

        def f(t, y):
            return problem.rhs(np, t, y, p)

        def f1(t, z):
            z = z.reshape(-1, n)  # y and the rows of C
            y, c = z[0], z[1:]
            slope = -d.vjp(t, y, c[0], p)[None] if len(c) == 1 else -d.matjac(t, y, c, p)
            return np.vstack([f(t, y), slope]).ravel()

        def f2(t, z):
            z = z.reshape(-1, n)  # y, s, the rows of U, the rows of V
            r, y, s = len(z) // 2, z[0], z[1]
            v, jacobian, out = z[r + 1 :], d.jac(t, y, p), np.empty_like(z)
            out[0] = f(t, y)
            out[1 : r + 1] = -z[1 : r + 1] @ jacobian
            out[2 : r + 1] += v @ d.vhp(t, y, s, p)
            out[r + 1 :] = v @ jacobian.T
            return out.ravel()

        def pull_back(y1, costates, ivp):
            at_end = np.vstack([y1, costates]).ravel()
            return ivp.solve(f1, (t1, t0), at_end).y1.reshape(-1, n)[1:]

        def hessian(x):
            y1 = sharper.solve(f, (t0, t1), x).y1
            end = blocks(x, y1, p)
            s0 = pull_back(y1, end.l1, sharper)[0]
            hess, step = np.empty((n, n)), self.together or n
            for i in (slice(first, first + step) for first in range(0, n, step)):
                units = np.eye(n)[i]
                start = np.vstack([x, s0, np.zeros_like(units), units]).ravel()
                w = ivp.solve(f2, (t0, t1), start).y1.reshape(-1, n)[2:]
                u, v = np.split(w, 2)
                hess[i] = end.l00[i] + v @ end.l01.T + pull_back(y1, u + v @ end.l11 + end.l01[i], ivp)
            return Result(end.value, end.l0 + s0, hess, note=note)

        return hessian
