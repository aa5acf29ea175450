"""The tangent of the costate system, all columns at once.

    forward   dy/dt  = F                                       y(t0)  = y0
              dV/dt  = F_y V                                   V(t0)  = 1
    backward  ds/dt  = -s_k F_k,i                              s(T)  = l_1
              dS/dt  = -(F_y^T S + (s_k F_k,ij) V)             S(T)  = l_11 V(T) + l_01^T

    gradient = l_0 + s(t0),   Hessian = l_00 + l_01 V(T) + S(t0)

`S` is the derivative of the costate along the columns of `V`, so its slope is the jvp of a vjp of `F`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Result, Strategy, Vector, loss_blocks
from hessbench.backends import known


@dataclass(frozen=True)
class ForwardOverReverse(Strategy):
    """One forward and one backward solve of N + N^2 states; an evaluation is N tangents of `F` or of its vjp.

    The backward solve reads y and V from the dense output of the forward one: N^2 numbers times 7 (DOP853) are kept per step.
    Not for long runs of large systems, for that memory. Source: Griewank & Walther, Evaluating Derivatives, section 5.1,
    applied to the continuous adjoint; arXiv:2301.08085, section 2.
    """

    backends: ClassVar[tuple[str, ...]] = known(2, "vjp", "jvp", "value_grad_hessian")

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        n, (t0, t1), p, xp = problem.dim, problem.t_span, backend.params(problem), backend.xp
        blocks, _ = loss_blocks(problem, backend)
        f = backend.rhs(problem)

        def joined(vector, matrix):
            return xp.reshape(xp.concatenate((vector[None, :], matrix)), (-1,))  # rows: vector, then matrix

        def forward_slope(t, z, p):
            z = xp.reshape(z, (n + 1, n))
            return joined(*backend.jvp(lambda y: f(t, y, p), z[0], z[1:]))

        def backward_slope(t, z, forward, p):
            z, forward = xp.reshape(z, (n + 1, n)), xp.reshape(forward, (n + 1, n))

            def costate_slope(y_and_s):
                return -backend.vjp(lambda y: f(t, y, p), y_and_s[:n], y_and_s[n:])[1]

            at, along = xp.concatenate((forward[0], z[0])), xp.concatenate((forward[1:], z[1:]))
            return joined(*backend.jvp(costate_slope, at, along))

        like = np.vstack([problem.x0, np.eye(n)]).ravel()
        ahead = backend.field(forward_slope, p, t0, like)
        back = backend.field(backward_slope, p, t0, like, like)

        def hessian(x):
            forward = ivp.solve(ahead, (t0, t1), np.vstack([x, np.eye(n)]).ravel(), dense=True)
            y1, v1 = forward.y1[:n], forward.y1[n:].reshape(n, n)
            end = blocks(x, y1, problem.params)
            at_end = np.vstack([end.l1, end.l11 @ v1 + end.l01.T]).ravel()
            z = ivp.solve(lambda t, z: back(t, z, forward.y(t)), (t1, t0), at_end).y1.reshape(n + 1, n)
            return Result(end.value, end.l0 + z[0], end.l00 + end.l01 @ v1 + z[1:])

        return hessian
