"""SUNDIALS CVODES in C: forward sensitivities, then one adjoint whose quadratures are gradient and Hessian.

y' = F,   V' = F_y V + F_u     forward;      s' = -F_y^T s     backward from l_1
gradient = l_u + V(t0)^T s(t0) + integral of s . F_u
Hessian  = W^T (second derivatives of l) W at the end + integral of W^T (s . F'') W,   W = (V, I)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import Accuracy, Limits, Result, Strategy, Vector


@dataclass(frozen=True)
class CvodesAdjoint(Strategy):
    """BDF of order 1 to 5 by SUNDIALS, for stiff problems: one solve of N states with K tangents, one backward of N states.

    K unknowns. Right-hand side, Jacobian and second derivatives are C, generated from the recorded right-hand side and compiled
    together with calls of the installed library (6 or newer). Newton matrices are N x N, dense or KLU's, for tangents and
    costate as well; tangents are corrected by themselves (staggered) and in the error norm; y and V come back by polynomials of
    the formula's own order, stored without a second forward solve where memory allows. The curvature is a quadrature of
    K (K + 1) / 2 numbers, whose error is controlled, so that no tangent of the costate is integrated: N states backward
    instead of N (1 + K). Solves at a tenth of the tolerance, as multistep errors accumulate.
    Not for problems that are not stiff, and not where K is in the hundreds. Steps do not end at jumps in time.
    Source: Hindmarsh et al., ACM TOMS 31 (2005) 363-396; Serban & Hindmarsh, CVODES, ASME IDETC 2005; Oezyurt & Barton, SIAM J.
    Sci. Comput. 26 (2005) 1725, for second-order adjoints.
    """

    sharpen: float = 0.1
    scales_by_component: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, times=True, records=True)
    accuracy: ClassVar[Accuracy] = Accuracy(factor=5e3)

    def missing(self) -> str | None:
        from hessbench.sundials import missing

        return missing()

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        from hessbench.sundials import prepare

        return prepare(problem, ivp, self.sharpen)
