"""CasADi: right-hand sides are traced with NumPy object arrays of SX scalars, so they need no port."""

from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np

from .._problem import Problem
from ._base import Backend


class CasadiBackend(Backend):
    """Symbolic. `rhs` traces the problem into an SX function of column vectors (or uses its MX override)."""

    name = "casadi"
    xp = np

    def asarray(self, a: Any) -> Any:
        return np.asarray(a)

    def elements(self, column: Any) -> np.ndarray:
        """A NumPy object array (n,) of the scalars of a symbolic column."""
        return np.array([column[i] for i in range(column.numel())], dtype=object)

    def rhs(self, problem: Problem) -> Callable[[Any, Any, Any], Any]:
        if "casadi" in problem.overrides:
            return lambda t, y, p: problem.overrides["casadi"](ca, t, y, p)

        def traced(t: Any, y: Any, p: Any) -> Any:
            return ca.vertcat(*problem.rhs(np, t, self.elements(y), p))

        return traced


BACKEND = CasadiBackend()
