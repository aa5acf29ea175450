"""Costate and Hessian costate in one backward pass ("differential programming"), derivatives written by hand.

ds_i/dt  = -s_k F_k,i                                        s(T) = l_1
dP_ij/dt = -(P_ik F_k,j + P_jk F_k,i + s_k F_k,ij)           P(T) = l_11
dW_ij/dt = -W_ik F_k,j                                       W(T) = l_01    (only if the loss depends on y0)

gradient = l_0 + s(t0),   Hessian = l_00 + W + W^T + P  at t0
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, derivatives_of, loss_blocks


@dataclass(frozen=True)
class HandAdjoint(Strategy):
    """One forward solve of N states, one backward solve of N^2 + N (2 N^2 + N if the loss depends on `y0`).

    Each backward evaluation is one Jacobian, one contraction and one matrix product of cost 2 N^3 (4 N^3).
    With `state="dense"` the state comes from the forward solve's dense output; with `state="backward"` it is integrated
    backward along with the costate, as in the paper, which diverges on dissipative problems.
    Not for large sparse systems: `P` is dense. Source: arXiv:2301.08085, section 2; `W` extends it to losses of `y0`.
    """

    state: str = "dense"
    variants: ClassVar = {"": {}, "backward": {"state": "backward"}}

    def why_not(self, problem):
        return Limits(reversible_only=self.state == "backward").refusal(problem)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        n, (t0, t1) = problem.dim, problem.t_span
        derivatives, (blocks, blocks_source) = derivatives_of(problem), loss_blocks(problem)
        rows = 2 * n + 1 if problem.loss_uses_y0 else n + 1  # s, P and, where needed, W
        reintegrate = self.state == "backward"

        def hessian(x):
            y0, p = problem.unpack(x)

            def f(t, y):
                return problem.rhs(np, t, y, p)

            forward = ivp.solve(f, (t0, t1), y0, dense=not reintegrate)
            end = blocks(y0, forward.y1, p)

            def costate(t, y, m):
                out = derivatives.matjac(t, y, m, p)
                pj = out[1 : n + 1]
                out[1 : n + 1] = pj + pj.T + derivatives.vhp(t, y, m[0], p)
                return -out

            def with_state(t, z):
                y, m = z[:n], z[n:].reshape(rows, n)
                return np.concatenate([f(t, y), costate(t, y, m).ravel()])

            def along(t, z):
                return costate(t, forward.y(t), z.reshape(rows, n)).ravel()

            at_end = np.vstack([end.l1, end.l11, end.l01])[:rows].ravel()
            if reintegrate:
                z = ivp.solve(with_state, (t1, t0), np.concatenate([forward.y1, at_end])).y1[n:]
            else:
                z = ivp.solve(along, (t1, t0), at_end).y1
            m = z.reshape(rows, n)
            w = m[n + 1 :] if problem.loss_uses_y0 else np.zeros((n, n))
            note = f"derivatives {derivatives.source}, loss blocks {blocks_source}"
            return Result(end.value, end.l0 + m[0], end.l00 + w + w.T + m[1 : n + 1], note=note)

        return hessian
