"""CasADi: problems are traced with NumPy object arrays of SX scalars, so they need no port."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import Backend, Ranks, float64

if TYPE_CHECKING:
    import casadi as ca

    from .._model.derivatives import Array, Params
    from .._model.problem import Problem


class CasadiBackend(Backend):
    """Symbolic. Right-hand side and loss become functions of SX or MX columns; `value_grad_hessian` takes one of those, not
    a function of arrays.
    """

    name = "casadi"
    order = 2
    operations = ("derivatives",)
    ranks = Ranks(derivatives=4, reference=1, contractions=3)
    xp = np

    def __init__(self) -> None:
        import casadi

        self.ca: Any = casadi

    def asarray(self, a: Any) -> np.ndarray:
        return float64(a)

    def elements(self, column: Any) -> np.ndarray:
        """A NumPy object array (n,) of the scalars of an SX column."""
        return np.array([column[i] for i in range(column.numel())], dtype=object)

    def traced(self, name: str, f: Callable[..., Any], *sizes: int) -> ca.Function:
        """The CasADi function of `f(*vectors)`, called once with object arrays of SX scalars of the given sizes."""
        ca = self.ca
        columns = [ca.SX.sym(f"a{i}", size) for i, size in enumerate(sizes)]
        with warnings.catch_warnings():  # of NumPy functions of a single SX, which do what is wanted
            warnings.filterwarnings("ignore", "\\s*casadi: a numpy function was called", FutureWarning)
            out = f(*map(self.elements, columns))
        return ca.Function(name, columns, [ca.vertcat(*out.ravel()) if isinstance(out, np.ndarray) else ca.SX(out)])

    def rhs(self, problem: Problem) -> Callable[[Any, Any, Any], Any]:
        """`f(t, y, p)` of a column `y`, SX or MX, with NumPy parameters `p`; its override where the problem has one."""
        if "casadi" in problem.overrides:
            return lambda t, y, p: problem.overrides["casadi"](self.ca, t, y, p)

        def f(t: Any, y: Any, p: Any) -> Any:
            return self.traced("rhs", lambda t, y: problem.rhs(np, t[0], y, p), 1, y.numel())(t, y)

        return f

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        def all_three(x: Any) -> tuple[Any, Any, Any]:
            value = f(x)
            h, g = self.ca.hessian(value, x)
            return value, g, h

        return all_three

    def derivatives(self, problem: Problem) -> list[Callable[..., Array]]:
        """Of symbolic expressions, by SX scalars; by MX matrices where the problem has an override of its own."""
        ca, n = self.ca, problem.dim
        varied = [key for key in problem.wrt if key != "y0"]  # other parameters become constants
        sizes = [problem.params[key].size for key in varied]

        def rhs(t: Any, y: Any, *values: Any) -> Any:
            own = {key: v.reshape(problem.params[key].shape) for key, v in zip(varied, values, strict=True)}
            return problem.rhs(np, t[0], y, {**problem.params, **own})

        matrix_form = "casadi" in problem.overrides and not varied
        kind: Any = ca.MX if matrix_form else ca.SX
        t, y, s = kind.sym("t"), kind.sym("y", n), kind.sym("s", n)
        values = [kind.sym(key, size) for key, size in zip(varied, sizes, strict=True)]
        slope = (
            self.rhs(problem)(t, y, problem.params)
            if matrix_form
            else self.traced("rhs", rhs, 1, n, *sizes)(t, y, *values)
        )
        pulled = ca.jtimes(slope, y, s, True)

        def batched(out: Any, *shape: int) -> Callable[..., Array]:
            function = ca.Function("derivative", [t, y, s, *values], [ca.densify(out)])

            def call(t: Any, y: Array, s: Array, p: Params) -> Array:
                lead = np.broadcast_shapes(np.shape(t), y.shape[:-1], s.shape[:-1])
                m = int(np.prod(lead))
                columns = [np.broadcast_to(a, (*lead, n)).reshape(m, n).T for a in (y, s)]
                constant = [np.repeat(np.reshape(p[key], (-1, 1)), m, axis=1) for key in varied]
                blocks = function(np.broadcast_to(t, lead).reshape(1, m), *columns, *constant).full()  # side by side
                return np.swapaxes(blocks.T.reshape(*lead, *shape, n), -len(shape) - 1, -1)

            return call

        return [batched(pulled), batched(ca.jacobian(slope, y), n), batched(ca.jacobian(pulled, y), n)]
