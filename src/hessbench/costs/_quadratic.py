"""The dense quadratic system `F_k = A_ki y_i + B_kij y_i y_j`: row by row against one pass, as the size grows.

The one-pass system is the published one, written by hand, with `G = A + B y` and `S_ij = s_k B_kij`, half the contraction:

    F = G y    J_kj = G_kj + B_kij y_i    ds = -s J    X = P J + S    dP = -(X + X^T)

Every operation that the formulas name is counted each time it is made, `dP` for i <= j. That gives the polynomials

    w = 2 N^3 + 2 N^2 - N    one pass = 8 N^3 + 7/2 N^2 - 3/2 N    BP2 row = 8 N^3 + 15 N^2 - 4 N

so that `N BP2 / one pass` grows like N. Source: arXiv:2301.08085, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._plugins.registry import problem
from ._number import Number, Tape, operations
from ._record import leaves
from ._systems import costs

SIZES = (2, 3, 4, 6, 8, 12, 16)


@dataclass(frozen=True)
class QuadraticCost:
    """Operations for N = `n`: of the right-hand side, of a BP2 row, of one pass by hand and by N vjps, and the ratios."""

    n: int
    w: int
    bp2_row: int
    one_pass: int
    one_pass_vjps: int

    @property
    def ratio(self) -> float:
        """`N BP2 row / one pass` with the Jacobian materialised."""
        return self.n * self.bp2_row / self.one_pass

    @property
    def ratio_vjps(self) -> float:
        """The same with N vjps and N Hessian-vector products."""
        return self.n * self.bp2_row / self.one_pass_vjps


def quadratic_costs(sizes: tuple[int, ...] = SIZES) -> list[QuadraticCost]:
    """One row for each N."""
    out = []
    for n in sizes:
        found = {cost.system: cost for cost in costs(problem("random-quadratic", n=n), f"random-quadratic, N = {n}")}
        tape = Tape(shared=False)
        a, b = (leaves(tape, shape, fixed=True) for shape in ((n, n), (n, n, n)))
        y, s, p = leaves(tape, (n,)), leaves(tape, (n,)), leaves(tape, (n, n))
        by_hand = operations(one_pass(a, b, y, s, p))
        row, vjps = (found[name] for name in ("BP2, row forward", "one pass, N vjps"))
        out.append(QuadraticCost(n, row.w, row.operations, by_hand, vjps.operations))
    return out


def polynomials(n: int) -> tuple[int, int, int, int]:
    """Operations for N = `n` in closed form: of `F`, of the gradient ODE, of a BP2 row and of one pass by hand."""
    cube, square = n**3, n**2
    half = (7 * square - 3 * n) // 2
    return 2 * cube + 2 * square - n, 4 * cube + 5 * square - 2 * n, 8 * cube + 15 * square - 4 * n, 8 * cube + half


def one_pass(a: Any, b: Any, y: Any, s: Any, p: Any) -> list[Number]:
    """The published system for arrays of counting numbers: N slopes of y, N of s, N (N + 1) / 2 of P, backward in time."""
    n = len(y)
    g = a + b @ y
    jacobian = g + np.swapaxes(b, 1, 2) @ y
    x = p @ jacobian + np.tensordot(s, b, 1)
    return [*(g @ y), *(s @ jacobian), *(x + x.T)[np.triu_indices(n)]]
