"""The derivative systems as counting numbers: what one evaluation of each costs, in multiples of `w`.

    F1 = (F, -s_k F_k,i)                                     gradient ODE, states z = (y, s)
    (F1, F1_,m dz_m)                                         forward-over-reverse row
    F2 = (F1, -c_k F1_k,m)                                   BP2 row, costate c of z
    (F1, P_ik F_k,j + P_jk F_k,i + s_k F_k,ij)               one pass ("DP"), P symmetric, its upper triangle computed

with `,i` the derivative by the state. Sources: arXiv:2301.08085, sections 2 and 3; Griewank & Walther, Evaluating Derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.problem import Problem
from ._modes import gradient, tangent
from ._number import Number, Tape, operations
from ._record import leaves, record

LIMITS: dict[str, tuple[float | None, float | None]] = {  # by operation rules, by Griewank & Walther
    "tangent": (4, 2.5),
    "gradient": (5, 4),
    "forward over reverse, row": (20, 10),
    "BP2, row forward": (25, 16),
    "BP2, row forward + backward": (30, 20),
    "one pass, Jacobian": (None, None),
    "one pass, N vjps": (25, None),  # times N
}
SYSTEMS = tuple(LIMITS)


@dataclass(frozen=True)
class Cost:
    """Operations of one evaluation of one system, against `w`, those of the right-hand side, and against two limits.

    `bound` follows from the rules for single operations, `literature` is Griewank & Walther's constant, both in multiples
    of `w`; `None` where there is none.
    """

    problem: str
    n: int
    w: int
    system: str
    operations: int
    bound: float | None
    literature: float | None

    @property
    def multiple(self) -> float:
        """Operations in units of `w`."""
        return self.operations / self.w

    @property
    def verdict(self) -> str:
        """`within` both limits, or `above` the larger one that is exceeded; `-` without limits."""
        limits = [limit for limit in (self.bound, self.literature) if limit is not None]
        broken = [limit for limit in limits if self.multiple > limit]
        return f"above {max(broken):g}" if broken else "within" if limits else "-"


def costs(problem: Problem, label: str) -> list[Cost]:
    """One `Cost` for each of `SYSTEMS`, in this order. Raises `InvalidInput` for a right-hand side that cannot be counted."""
    n = problem.dim
    y, f = record(problem, Tape())
    w = operations(f)
    if w == 0:
        raise InvalidInput(f"problem {label!r}: `rhs` does no arithmetic, so there is no unit to count in.")
    try:
        return [cost(label, n, w, name, count) for name, count in counts(y, f).items()]
    except InvalidInput as error:
        raise InvalidInput(f"problem {label!r} cannot be counted: {error}.") from error


def cost(label: str, n: int, w: int, system: str, count: int) -> Cost:
    """The count with the limits of its system."""
    bound, literature = LIMITS[system]
    if bound is not None and system == "one pass, N vjps":
        bound *= n
    return Cost(label, n, w, system, count, bound, literature)


def counts(y: Sequence[Number], f: Sequence[Number]) -> dict[str, int]:
    """Operations of one evaluation of each of `SYSTEMS`, for slopes `f` of states `y`."""
    tape, n = y[0].tape, len(y)
    s, v = (list(leaves(tape, (n,))) for _ in range(2))
    z, dz, c = [*y, *s], list(leaves(tape, (2 * n,))), list(leaves(tape, (2 * n,)))
    pulled = gradient(f, s, y)
    f1 = [*f, *pulled]
    f2 = [*f1, *gradient(f1, c, z)]
    units = [[tape.constant(float(i == j)) for j in range(n)] for i in range(n)]
    curvature = [tangent(pulled, y, unit) for unit in units]
    p = np.empty((n, n), dtype=object)
    for i in range(n):
        p[i, : i + 1] = p[: i + 1, i] = leaves(tape, (i + 1,))
    jacobian = np.array([tangent(f, y, unit) for unit in units], dtype=object).T
    by_rows = [gradient(f, list(row), y) for row in p]
    outputs = {
        "tangent": [*f, *tangent(f, y, v)],
        "gradient": f1,
        "forward over reverse, row": [*f1, *tangent(f1, z, dz)],
        "BP2, row forward": f2,
        "one pass, Jacobian": [*f1, *_upper(p @ jacobian, curvature)],
        "one pass, N vjps": [*f1, *_upper(by_rows, curvature)],
    }
    count = {name: operations(system) for name, system in outputs.items()}
    # the way back is evaluated at another time, so that nothing is shared
    count["BP2, row forward + backward"] = count["BP2, row forward"] + count["gradient"]
    return {name: count[name] for name in SYSTEMS}


def _upper(pj: Any, h: Any) -> list[Number]:
    """`(P J)_ij + (P J)_ji + h_ij` for i <= j."""
    return [pj[i][j] + pj[j][i] + h[i][j] for j in range(len(h)) for i in range(j + 1)]
