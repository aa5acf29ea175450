"""Recording a right-hand side and differentiating what was recorded."""

import numpy as np
import pytest

from hessbench import Problem
from hessbench._integrate.pairs import pair
from hessbench.discrete._build import vector_width
from hessbench.discrete._compiled_state import StateCompiled
from hessbench.discrete._fold import Folded
from hessbench.discrete._gate import look, passes
from hessbench.discrete._graph import CannotTrace
from hessbench.discrete._kernel import generate
from hessbench.discrete._trace import trace

from .helpers import case, needs_compiler

FUNCTIONS = {
    "exp and log": lambda xp, t, y, p: xp.log(1 + xp.exp(-y[::-1])),
    "sines": lambda xp, t, y, p: xp.sin(y) * xp.cos(y[::-1]) + xp.tan(y / 4),
    "hyperbolic": lambda xp, t, y, p: xp.tanh(y) + xp.sinh(y[::-1]) / xp.cosh(y),
    "roots and quotients": lambda xp, t, y, p: xp.sqrt(1 + y**2) / (2 + y[::-1] ** 3) - (3 + y) ** -1.5,
    "merged powers": lambda xp, t, y, p: (1 + y) ** 0.5 * (1 + y) - y[::-1] ** 2 / (1 + y[::-1]) ** 3,
    "general powers": lambda xp, t, y, p: (2 + y) ** 0.3 - 2**y,
    "where": lambda xp, t, y, p: xp.where(y > 0.45, y * y, 0.9 * y - 0.2025 + 0 * y) * p["a"],
    "parameters in a matrix product": lambda xp, t, y, p: p["m"] @ (y * y) - p["a"] * y,
    "time": lambda xp, t, y, p: y * xp.sin(3 * t) + xp.exp(-t) * y[::-1] ** 2,
    "constant slopes": lambda xp, t, y, p: 0 * y + 1.0,
    "shared sums": lambda xp, t, y, p: xp.sum(y) * y - xp.sum(y) ** 2,
}


def problem_of(rhs):
    return Problem(
        "traced", rhs, lambda xp, y0, y1, p: xp.sum(y1 * y1), (0.1, 0.5), np.array([0.4, 0.7]),
        params={"a": 0.7, "m": np.array([[0.3, -0.2], [0.5, 0.1]])},
    )  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("name", FUNCTIONS)
def test_generated_derivatives_agree_with_differences(name):
    from hessbench import IVP

    problem, scheme = problem_of(FUNCTIONS[name]), pair("RK45")
    compiled = StateCompiled(generate(trace(problem), scheme, 1, vector_width()), 1, 1e9)
    ivp = IVP("RK45", 1e-6, 1e-6, dim=2)
    looked = look(None, Folded(problem), ivp)
    assert passes(compiled, Folded(problem), scheme, ivp, looked) is None


@pytest.mark.parametrize("name", ["three-body", "kepler", "harmonic-oscillator"])
def test_mechanical_structure_is_found(name):
    assert trace(case(name)).second_order


@pytest.mark.parametrize("name", ["sir", "driven-pendulum", "brusselator"])
def test_no_mechanical_structure_is_seen_where_there_is_none(name):
    assert not trace(case(name)).second_order


def test_brusselator_has_the_sparsity_that_its_derivatives_declare():
    problem = case("brusselator")
    kernel = generate(trace(problem), pair("RK45"), 1, 8)
    declared = zip(problem.derivatives.jac_sparsity.rows, problem.derivatives.jac_sparsity.cols, strict=True)
    assert set(kernel.jacobian) == set(declared)


@pytest.mark.parametrize(
    ("rhs", "reason"),
    [
        (lambda xp, t, y, p: y if y[0] > 0 else -y, "branches"),
        (lambda xp, t, y, p: y * float(y[0]), "Python number"),
        (lambda xp, t, y, p: y[:1], "shape"),
        (lambda xp, t, y, p: np.linalg.inv(np.outer(y, y)) @ y, "it calls `inv`"),
        (lambda xp, t, y, p: y[::2, 0], "raised IndexError"),
    ],
)
def test_what_cannot_be_recorded_says_why(rhs, reason):
    with pytest.raises(CannotTrace, match=reason):
        trace(problem_of(rhs))
