"""The gradient by the continuous adjoint: one solve forward, one of the costate backward.

ds_i/dt = -s_k F_k,i,   s(T) = l_1,   L_0 = l_0 + s(t0)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ._derivatives import Array
from ._generated import derivatives_of
from ._loss import loss_blocks

if TYPE_CHECKING:
    from ._ivp import IVP
    from ._problem import Problem


def adjoint_gradient(problem: Problem, ivp: IVP) -> Callable[[Array], tuple[float, Array]]:
    """`gradient(x)` -> (value, grad (n,)) for `wrt = ("y0",)`; `y(t)` comes from the forward solve's dense output.

    Cost: one solve of N states with dense output and one of N states with one vjp per evaluation.
    """
    derivatives = derivatives_of(problem)
    blocks, _ = loss_blocks(problem)
    t0, t1 = problem.t_span

    def gradient(x: Array) -> tuple[float, Array]:
        y0, p = problem.unpack(x)
        forward = ivp.solve(lambda t, y: problem.rhs(np, t, y, p), (t0, t1), y0, dense=True)
        y, at_end = forward.y, blocks(y0, forward.y1, p)
        backward = ivp.solve(lambda t, s: -derivatives.vjp(t, y(t), s, p), (t1, t0), at_end.l1)
        return at_end.value, at_end.l0 + backward.y1

    return gradient
