"""Right-hand side, vjp and contraction of a problem in each framework, as calls without arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .. import backends
from .._errors import Unsupported
from .._model.problem import Problem

PLAIN = tuple(name for name in backends.known(2, "vjp", "jvp") if not backends.about(name).apart)
TENSORFLOW = ("tensorflow", "tensorflow-eager", "tensorflow-xla")  # as a graph, as the backend has it; without; by XLA
PACKAGES = ("numpy", "numba", *PLAIN, "casadi", *TENSORFLOW)
OPERATIONS = ("rhs", "vjp", "contraction")


@dataclass(frozen=True)
class Calls:
    """One operation from NumPy to NumPy (`call`), with the framework's own arrays (`native`), and both ways with a result of
    the same shape and hardly any work (`idle_...`; `None` where the framework's own arrays are NumPy's).
    """

    call: Callable[[], Any]
    native: Callable[[], Any]
    idle_call: Callable[[], Any] | None = None
    idle_native: Callable[[], Any] | None = None


def calls(package: str, problem: Problem, operation: str) -> Calls:
    """The calls of one operation at one fixed state and costate, traced and compiled.

    Raises `Unsupported` where it would have to be written by hand and is not.
    """
    s = np.cos(np.arange(problem.dim))
    make = {"numpy": _numpy, "numba": _numba, "casadi": _casadi}.get(package)
    return make(problem, operation, s) if make else _backend(package, problem, operation, s)


def _numpy(problem: Problem, operation: str, s: np.ndarray) -> Calls:
    d, y, p = problem.derivatives, problem.y0, problem.params
    if d is None:
        raise Unsupported(f"Nobody has written the derivatives of {problem.name} for NumPy.")
    runs = {
        "rhs": lambda: problem.rhs(np, 0.0, y, p),
        "vjp": lambda: d.vjp(0.0, y, s, p),
        "contraction": lambda: d.vhp(0.0, y, s, p),
    }
    return Calls(runs[operation], runs[operation])


@cache
def _compiled() -> dict[str, Callable[..., Any]]:
    import numba

    def rhs(y, s, a, flat, by_y, by_s):
        return (a + (flat @ y).reshape(a.shape)) @ y

    def vjp(y, s, a, flat, by_y, by_s):
        return s @ (a + (by_y @ y).reshape(a.shape))

    def contraction(y, s, a, flat, by_y, by_s):
        return (s @ by_s).reshape(s.size, s.size)

    return {"rhs": numba.njit(rhs), "vjp": numba.njit(vjp), "contraction": numba.njit(contraction)}


def _numba(problem: Problem, operation: str, s: np.ndarray) -> Calls:
    if problem.name != "random-quadratic":
        raise Unsupported(f"Nobody has written {problem.name} for numba.")
    n, y, a, b = problem.dim, problem.y0, problem.params["A"], problem.params["B"]
    symmetrised = np.ascontiguousarray(b + b.transpose(0, 2, 1))
    flat, by_y, by_s = b.reshape(n * n, n), symmetrised.reshape(n * n, n), symmetrised.reshape(n, n * n)
    run = _compiled()[operation]
    return Calls(lambda: run(y, s, a, flat, by_y, by_s), lambda: run(y, s, a, flat, by_y, by_s))


def _backend(package: str, problem: Problem, operation: str, s: np.ndarray) -> Calls:
    name, _, how = package.partition("-")
    b: Any = backends.backend(name)
    f, p, y = b.rhs(problem), b.params(problem), problem.y0
    eye = b.asarray(np.eye(problem.dim))

    def rhs(t, y, s, p):
        return f(t, y, p)

    def vjp(t, y, s, p):
        return b.vjp(lambda y: f(t, y, p), y, s)[1]

    def contraction(t, y, s, p):
        return b.jvp(lambda y: vjp(t, y, s, p), y, eye)[1]

    def idle(t, y, s, p):
        return s[:, None] * y[None, :] if operation == "contraction" else s + y

    def both_ways(function: Callable[..., Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
        if how:
            compiled = function if how == "eager" else b.compile(function, xla=True)
            from_numpy = b.called(compiled)
        else:
            from_numpy, compiled = b.on_numpy(function), b.compile(function)
        own = [b.asarray(a) for a in (0.0, y, s)]
        if name == "jax":
            return lambda: from_numpy(0.0, y, s, p), lambda: compiled(*own, p).block_until_ready()
        return lambda: from_numpy(0.0, y, s, p), lambda: compiled(*own, p)

    function = {"rhs": rhs, "vjp": vjp, "contraction": contraction}[operation]
    return Calls(*both_ways(function), *both_ways(idle))


def _casadi(problem: Problem, operation: str, s: np.ndarray) -> Calls:
    import casadi as ca

    n, y = problem.dim, problem.y0
    t_sym, y_sym, s_sym = ca.MX.sym("t"), ca.MX.sym("y", n), ca.MX.sym("s", n)
    slope = backends.backend("casadi").rhs(problem)(t_sym, y_sym, problem.params)
    pulled = ca.jtimes(slope, y_sym, s_sym, True)
    out = {"rhs": lambda: slope, "vjp": lambda: pulled, "contraction": lambda: ca.jacobian(pulled, y_sym)}[operation]()
    idle = s_sym @ y_sym.T if operation == "contraction" else s_sym + y_sym

    def both_ways(expression: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
        run = ca.Function("run", [t_sym, y_sym, s_sym], [ca.densify(expression)])
        own = [ca.DM(a) for a in (0.0, y, s)]
        if operation == "contraction":
            return lambda: run(0.0, y, s).full(), lambda: run(*own)
        return lambda: run(0.0, y, s).full().ravel(), lambda: run(*own)

    return Calls(*both_ways(out), *both_ways(idle))
