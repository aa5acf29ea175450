"""CasADi: problems are traced with NumPy object arrays of SX scalars, so they need no port."""

import warnings
from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np

from .._model.problem import Problem
from ._base import Backend, float64


class CasadiBackend(Backend):
    """Symbolic. Right-hand side and loss become functions of SX or MX columns."""

    name = "casadi"
    xp = np

    def asarray(self, a: Any) -> np.ndarray:
        return float64(a)

    def elements(self, column: Any) -> np.ndarray:
        """A NumPy object array (n,) of the scalars of an SX column."""
        return np.array([column[i] for i in range(column.numel())], dtype=object)

    def traced(self, name: str, f: Callable[..., Any], *sizes: int) -> ca.Function:
        """The CasADi function of `f(*vectors)`, called once with object arrays of SX scalars of the given sizes."""
        columns = [ca.SX.sym(f"a{i}", size) for i, size in enumerate(sizes)]
        with warnings.catch_warnings():  # of NumPy functions of a single SX, which do what is wanted
            warnings.filterwarnings("ignore", "\\s*casadi: a numpy function was called", FutureWarning)
            out = f(*map(self.elements, columns))
        return ca.Function(name, columns, [ca.vertcat(*out.ravel()) if isinstance(out, np.ndarray) else ca.SX(out)])

    def rhs(self, problem: Problem) -> Callable[[Any, Any, Any], Any]:
        """`f(t, y, p)` of a column `y`, SX or MX, with NumPy parameters `p`; its override where the problem has one."""
        if "casadi" in problem.overrides:
            return lambda t, y, p: problem.overrides["casadi"](ca, t, y, p)

        def f(t: Any, y: Any, p: Any) -> Any:
            return self.traced("rhs", lambda t, y: problem.rhs(np, t[0], y, p), 1, y.numel())(t, y)

        return f

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        def all_three(x: Any) -> tuple[Any, Any, Any]:
            value = f(x)
            h, g = ca.hessian(value, x)
            return value, g, h

        return all_three


BACKEND = CasadiBackend()
