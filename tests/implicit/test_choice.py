"""What `strategy="auto"` chooses, that it says why, and that a method that is named is obeyed or refused."""

import numpy as np
import pytest

import hessbench
from hessbench import Problem, Unsupported
from hessbench.implicit.choice import spectral_radius, stiffness

from .helpers import bolza, robertson


def chain(n=60, d=40.0):
    """Diffusion of a hump: rho = 4 d at every time; two points rest at zero, but for round-off."""
    x = np.sin(2 * np.pi * np.arange(n) / n)

    def rhs(xp, t, y, p):
        return p["d"] * (xp.concatenate([y[1:], y[:1]]) - 2 * y + xp.concatenate([y[-1:], y[:-1]]))

    return Problem("chain", rhs, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 100.0), x, {"d": d}, ("d",))


def test_a_stiff_problem_is_solved_implicitly_and_the_note_says_why():
    result = hessbench.hessian(robertson(), rtol=1e-6)
    assert result.note.startswith("Radau IIA 5")
    assert "auto: implicit, because the problem is stiff: stability asks for some 2" in result.note
    assert result.warnings == ()


def test_another_problem_is_solved_explicitly():
    result = hessbench.hessian(bolza(), rtol=1e-6)
    assert result.note.startswith("compiled form") or result.note.startswith("NumPy form")
    assert "auto: explicit, because the problem is not stiff" in result.note


def test_products_choose_as_hessians_do():
    problem = robertson()
    prepared = hessbench.prepare_products(problem, rtol=1e-6)
    assert type(prepared.strategy).__name__ == "ImplicitAdjoint"
    hess = hessbench.hessian(problem, rtol=1e-6).hess
    d = np.eye(6)[:, 3:4] * 0.04
    assert np.allclose(prepared(None, d).products, hess @ d, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("method", "name"), [("Radau", "ImplicitAdjoint"), ("RK45", "DiscreteAdjoint")])
def test_a_method_that_is_named_is_obeyed(method, name):
    prepared = hessbench.prepare(bolza(), rtol=1e-4, method=method)
    assert type(prepared.strategy).__name__ == name
    assert prepared.ivp.method == method


def test_a_method_that_nobody_has_is_refused():
    with pytest.raises(Unsupported, match="has the methods DOP853, RK45, Radau, not 'BDF'"):
        hessbench.prepare(bolza(), method="BDF")


def test_a_strategy_that_is_named_is_obeyed():
    assert type(hessbench.prepare(robertson(), "discrete-adjoint", rtol=1e-4).strategy).__name__ == "DiscreteAdjoint"
    assert hessbench.prepare(bolza(), "implicit-adjoint", rtol=1e-4).ivp.method == "Radau"


def test_the_spectral_radius_is_that_of_the_jacobian():
    problem = chain()
    assert spectral_radius(problem, 0.0, problem.y0, np.ones(60)) == pytest.approx(160.0, rel=0.15)


def test_states_that_are_zero_but_for_round_off_do_not_hide_stiffness():
    found = stiffness(chain(d=400.0))
    assert found.stability == pytest.approx(1600 * 100 / 4.6, rel=0.15)
    assert found.stiff


def test_units_do_not_matter():
    problem, unit = robertson(), np.array([1e9, 1e-9, 1.0])

    def rhs(xp, t, y, p):
        return problem.rhs(xp, t, y / p["unit"], p) * p["unit"]

    other = Problem(
        "units", rhs, problem.loss, problem.t_span, problem.y0 * unit, {**problem.params, "unit": unit}, ("k",)
    )
    assert stiffness(other).stability == pytest.approx(stiffness(problem).stability, rel=0.2)
    assert stiffness(other).stiff


def test_a_trial_solve_that_fails_is_said():
    problem = Problem("blow-up", lambda xp, t, y, p: y * y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 2.0), np.ones(1))
    prepared = hessbench.prepare(problem, rtol=1e-4)
    assert "a trial solve did not come to its end" in prepared.why
