"""Forward variational equations of first and second order, and the chain rule to the loss.

    dy_k/dt = F_k                                        y(t0) = y0
    dV/dt   = F_y V                                      V_ki  = dy_k/dy0_i           V(t0) = 1
    dU_k/dt = F_k,l U_l + V^T F_k,,  V                   U_kij = d2y_k/dy0_i dy0_j    U(t0) = 0

gradient = l_0 + V^T l_1,   Hessian = l_00 + l_01 V + (l_01 V)^T + V^T l_11 V + l_1k U_kij  at T
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, derivatives_of, loss_blocks


@dataclass(frozen=True)
class Variational(Strategy):
    """One solve of N + N^2 + N^2 (N + 1) / 2 states: U is kept for i <= j. Nothing is integrated backward.

    Each evaluation is one Jacobian, N contractions (the second derivative of F, by unit vectors) and 5 N^4 operations.
    Fast below 10 states; not above, where an adjoint costs O(N^3). The error norm is dominated by the N^3 / 2 components of
    U. Source: Griewank & Walther, Evaluating Derivatives, section 13.1; in astrodynamics "state transition tensors".
    """

    limits: ClassVar[Limits] = Limits(max_dim=32)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        n, derivatives, (blocks, source) = problem.dim, derivatives_of(problem), loss_blocks(problem)
        eye, (i, j) = np.eye(n), np.triu_indices(n)

        def hessian(x):
            y0, p = problem.unpack(x)

            def slope(t, z):
                y, v, u = z[:n], z[n : n + n * n].reshape(n, n), z[n + n * n :].reshape(n, -1)
                jac, second = derivatives.jac(t, y, p), derivatives.vhp(t, y, eye, p)
                curved = (v.T @ (second @ v))[:, i, j]
                return np.concatenate([problem.rhs(np, t, y, p), (jac @ v).ravel(), (jac @ u + curved).ravel()])

            start = np.concatenate([y0, eye.ravel(), np.zeros(n * i.size)])
            end = ivp.solve(slope, problem.t_span, start).y1
            y1, v, u = end[:n], end[n : n + n * n].reshape(n, n), end[n + n * n :].reshape(n, -1)
            loss = blocks(y0, y1, p)
            cross, hess = loss.l01 @ v, np.zeros((n, n))
            hess[i, j] = hess[j, i] = loss.l1 @ u
            hess += loss.l00 + cross + cross.T + v.T @ loss.l11 @ v
            note = f"derivatives {derivatives.source}, loss blocks {source}"
            return Result(loss.value, loss.l0 + loss.l1 @ v, hess, note=note)

        return hessian
