"""Backprop of backprop through the solver, row by row: the reverse mode applied to the costate system by the reverse mode.

    F1(y, s) = (F, -s_k F_k,i)                      the costate system, 2N states
    F2(z, w) = (F1, -w_k F1_k,i), z = (y, s)        the costate system of the costate system, 4N states

One solve forward (F) and one backward (F1) give the gradient `l_0 + s(t0)`. Then for each row i, from `w = (0, e_i)` at t0:

    forward  by F2: w(T) = (u, v)
    backward by F1 from the costate u + l_11 v + (l_01)_i: c(t0)
    H_i = (l_00)_i + l_01 v + c(t0)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, loss_blocks
from hessbench.backends import known


@dataclass(frozen=True)
class ReverseOverReverse(Strategy):
    """2 + 2N adaptive solves of N, 2N, and N times 4N and 2N states, each evaluation of which makes at most two nested
    vector-Jacobian products; memory does not grow with the number of steps.

    All rows rest on the end state and on the gradient, whose errors they magnify (7.7e-5 at a tolerance of 1e-9 on a perturbed
    three-body orbit, 1e-7 with these two exact). These two solves are therefore made at a thousandth of the tolerance.

    Not for speed: every row integrates the state, the costate and their adjoints anew. Not for dissipative problems, because
    the state is integrated backward. Source: arXiv:2301.08085, section 3 ("BP2"), extended to losses of the initial state.
    """

    backends: ClassVar[tuple[str, ...]] = known(2, "vjp", "value_grad_hessian")
    limits: ClassVar[Limits] = Limits(reversible_only=True)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        n, (t0, t1), p = problem.dim, problem.t_span, backend.params(problem)
        blocks, _ = loss_blocks(problem, backend)
        sharper = replace(ivp, rtol=max(1e-3 * ivp.rtol, 1e-14), atol=1e-3 * ivp.atol)

        def extended(f):
            def costate(t, z, p):
                half = z.shape[0] // 2
                slope, pulled = backend.vjp(lambda y: f(t, y, p), z[:half], z[half:])
                return backend.xp.concatenate((slope, -pulled))

            return costate

        f = backend.rhs(problem)
        f1 = extended(f)
        systems = {1: f, 2: f1, 4: extended(f1)}
        fields = {k: backend.field(system, p, t0, np.tile(problem.x0, k)) for k, system in systems.items()}

        def hessian(x):
            y1 = sharper.solve(fields[1], (t0, t1), x).y1
            end = blocks(x, y1, problem.params)

            def pull_back(costate, ivp=ivp):
                return ivp.solve(fields[2], (t1, t0), np.concatenate([y1, costate])).y1[n:]

            s0 = pull_back(end.l1, sharper)
            hess = np.empty((n, n))
            for i, unit in enumerate(np.eye(n)):
                w = ivp.solve(fields[4], (t0, t1), np.concatenate([x, s0, np.zeros(n), unit])).y1[2 * n :]
                u, v = w[:n], w[n:]
                hess[i] = end.l00[i] + end.l01 @ v + pull_back(u + end.l11 @ v + end.l01[i])
            return Result(end.value, end.l0 + s0, hess)

        return hessian
