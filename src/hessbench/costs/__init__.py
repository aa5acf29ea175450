"""Cost bounds: exact operation counts of the derivative systems, solves per Hessian, and measured times beside them.

Private, but for the report: `suite_costs(suite())`, `quadratic_costs()`, `quadratic_solves()`, `times(problem, costs)` and
`quadratic_times()` return plain rows: frozen dataclasses whose properties are the ratios and verdicts; see docs/bounds.md.
"""

from ._quadratic import QuadraticCost, polynomials, quadratic_costs
from ._solves import Solves, quadratic_solves, solves
from ._suite import Instance, instance, sizes, suite, suite_costs
from ._systems import SYSTEMS, Cost, cost, costs
from ._times import TIMED, Times, quadratic_times, times

__all__ = [
    "SYSTEMS",
    "TIMED",
    "Cost",
    "Instance",
    "QuadraticCost",
    "Solves",
    "Times",
    "cost",
    "costs",
    "instance",
    "polynomials",
    "quadratic_costs",
    "quadratic_solves",
    "quadratic_times",
    "sizes",
    "solves",
    "suite",
    "suite_costs",
    "times",
]
