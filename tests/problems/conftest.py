"""The one table of cases: every registered problem with its own defaults, and the further members of families below."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

import hessbench
from hessbench import Problem

FURTHER: dict[str, list[dict[str, Any]]] = {
    "brusselator": [{"n": 4}, {"n": 64}],
    "harmonic-oscillator": [{"d": 1}, {"d": 3, "omega": [0.7, -1.9, 3.1], "t": 2.3}],
    "kepler": [{"dim": 3}, {"mu": 1.3, "y0": [0.8, 0.3, -0.4, 1.1], "periods": 2}],
    "random-quadratic": [{"n": 1}, {"n": 7, "seed": 3}],
    "three-body": [
        {"start": "perturbed"},
        {"start": "simo"},
        {"dim": 3},
        {"masses": [1.0, 2.0, 0.5], "y0": [1, 0.2, -1, 0.1, 0.3, 1.1, 0.1, 0.5, -0.2, -0.6, 0.7, 0], "period": 1.5},
    ],
}


@dataclass(frozen=True)
class Case:
    """A problem family and the arguments of one member."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Problem:
        return hessbench.problem(self.name, **self.arguments)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.arguments.items())})"


# frozen dataclasses that hold a dictionary are not hashable, so what is kept for a case is kept by its text
CASES = [Case(name, arguments) for name in hessbench.problems() for arguments in [{}, *FURTHER.get(name, [])]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=str)


@cache
def once(compute: Callable[[Problem], Any], label: str) -> Any:
    return compute(next(case for case in CASES if str(case) == label).build())


@pytest.fixture
def problem(case: Case) -> Problem:
    return case.build()


@pytest.fixture
def computed_once(case: Case) -> Callable[[Callable[[Problem], Any]], Any]:
    """`computed_once(f)`: `f(problem)`, shared by all tests of one case."""
    return lambda compute: once(compute, str(case))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def flow(problem: Problem, x=None, tolerance: float = 1e-12, t1: float | None = None):
    """y(t1) and the monodromy dy(t1)/dy0 (n, n), from the variational equation with the hand-written Jacobian."""
    from hessbench import IVP

    n, p, d = problem.dim, problem.params, problem.derivatives
    assert d is not None
    x = problem.y0 if x is None else x
    t0, end = problem.t_span

    def variational(t, z):
        y, m = z[:n], z[n:].reshape(n, n)
        return np.concatenate([problem.rhs(np, t, y, p), (d.jac(t, y, p) @ m).ravel()])

    ivp = IVP("DOP853", rtol=tolerance, atol=tolerance)
    z = ivp.solve(variational, (t0, end if t1 is None else t1), np.concatenate([x, np.eye(n).ravel()])).y1
    return z[:n], z[n:].reshape(n, n)


@pytest.fixture(name="flow")
def _flow():
    return flow
