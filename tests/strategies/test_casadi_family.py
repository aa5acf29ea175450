"""CasADi's integrators: which are right in the state, in parameters and in a running loss, and which is silently wrong."""

import numpy as np
import pytest

import hessbench
from hessbench import IntegrationError
from hessbench.backends import available

from .helpers import decay, error

if not available("casadi"):
    pytest.skip("casadi is not installed", allow_module_level=True)

RIGHT = [f"casadi-integrator{variant}" for variant in ("", "/bdf", "/rk", "/collocation")]
ALL = [*RIGHT, "casadi-integrator/cvodes-defaults"]


@pytest.mark.parametrize("name", ALL)
def test_the_oscillator_has_its_closed_form_by_the_initial_state(name):
    problem = hessbench.problem("harmonic-oscillator")
    result = hessbench.hessian(problem, problem.perturbed, name, rtol=1e-9)
    value, grad, hess = problem.exact(problem.perturbed)
    assert error(result.hess, hess) < 1e-6
    assert error(result.grad, grad) < 1e-6
    assert result.value == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", RIGHT)
def test_the_hessian_by_a_parameter_and_the_state_has_its_closed_form(name):
    a, y, t = 0.9, 1.3, 0.7
    e = np.exp(-2 * a * t)
    expected = [[4 * t * t * y * y * e, -4 * t * y * e], [-4 * t * y * e, 2 * e]]
    np.testing.assert_allclose(hessbench.hessian(decay(), strategy=name, rtol=1e-9).hess, expected, rtol=1e-6)


@pytest.mark.parametrize("name", RIGHT)
def test_a_running_loss_is_added(name):
    # the integral of y^2 is y0^2 (1 - exp(-2 a T)) / (2 a)
    problem = decay(wrt=("y0",), running_loss=lambda xp, t, y, p: xp.sum(y * y))
    e = np.exp(-2 * 0.9 * 0.7)
    result = hessbench.hessian(problem, strategy=name, rtol=1e-9)
    assert result.hess.item() == pytest.approx(2 * e + (1 - e) / 0.9, rel=1e-6)


@pytest.mark.parametrize("name", RIGHT)
def test_time_may_run_backward(name):
    # forced by t, so that a wrong sign of the time shows: y' = a t, L = (y0 - a T^2 / 2)^2
    problem = decay(t_span=(0.7, 0.0), rhs=lambda xp, t, y, p: p["a"] * t + 0.0 * y)
    half = 0.7**2 / 2
    result = hessbench.hessian(problem, strategy=name, rtol=1e-9)
    np.testing.assert_allclose(result.hess, [[2 * half**2, -2 * half], [-2 * half, 2]], rtol=1e-6)
    assert result.value == pytest.approx((1.3 - 0.9 * half) ** 2, rel=1e-7)


@pytest.mark.parametrize("name", RIGHT)
def test_polynomial_control_is_right_where_quadratures_are_controlled_or_steps_are_fixed(name):
    problem = hessbench.problem("polynomial-control")
    for x in (problem.x0, problem.perturbed):
        result, (_, grad, hess) = hessbench.hessian(problem, x, name, rtol=1e-10), problem.exact(x)
        assert error(result.hess, hess) < 1e-7
        assert error(result.grad, grad) < 1e-7


def test_the_defaults_of_cvodes_are_silently_wrong_by_parameters_at_a_tight_tolerance():
    problem = hessbench.problem("polynomial-control")
    for x in (problem.x0, problem.perturbed):
        result, (value, grad, hess) = (
            hessbench.hessian(problem, x, "casadi-integrator/cvodes-defaults", rtol=1e-10),
            problem.exact(x),
        )
        assert result.value == pytest.approx(value, rel=1e-7)
        assert error(result.grad, grad) > 0.02
        assert error(result.hess, hess) > 0.02


def test_control_of_the_quadratures_alone_repairs_the_defaults():
    problem = hessbench.problem("polynomial-control")
    strategy = type(hessbench.strategies()["casadi-integrator"].load())(options={"quad_err_con": True})
    result = hessbench.hessian(problem, strategy=strategy, rtol=1e-10)
    assert error(result.hess, problem.exact(problem.x0)[2]) < 1e-7


def test_the_defaults_of_cvodes_are_right_on_the_same_problem_by_the_initial_state():
    problem = hessbench.problem("polynomial-control", wrt="y0")
    result = hessbench.hessian(problem, strategy="casadi-integrator/cvodes-defaults", rtol=1e-10)
    assert error(result.hess, problem.exact(problem.x0)[2]) < 1e-8


@pytest.mark.parametrize("name", ["casadi-integrator", "casadi-integrator/bdf"])
def test_the_four_integrations_of_cvodes_are_counted(name):
    problem = hessbench.problem("polynomial-control")
    loose, tight = (hessbench.hessian(problem, strategy=name, rtol=rtol).counters for rtol in (1e-4, 1e-10))
    assert loose.solves == tight.solves == 6  # forward, adjoint and tangents; an adjoint integrates forward first
    assert loose.steps < tight.steps < tight.rhs < tight.rhs_weighted


def test_fixed_steps_are_counted():
    problem = hessbench.problem("driven-pendulum")
    rk, gauss = (hessbench.hessian(problem, strategy=name, rtol=1e-5).counters for name in RIGHT[2:])
    assert (rk.rhs, gauss.rhs) == (4 * rk.steps, 4 * gauss.steps)


def test_a_solve_that_fails_is_an_error_that_names_the_integrator():
    with pytest.raises(IntegrationError, match=r"^casadi, cvodes: .*TOO_MUCH_WORK"):
        hessbench.hessian(hessbench.problem("driven-pendulum"), strategy="casadi-integrator", rtol=1e-9, max_steps=9)


def test_the_symbolic_strategy_can_be_had_as_matrix_expressions():
    problem = hessbench.problem("driven-pendulum")
    sx, mx = (hessbench.hessian(problem, strategy=f"casadi-symbolic{v}", rtol=1e-5) for v in ("", "/mx"))
    assert ("SX" in sx.note, "MX" in mx.note) == (True, True)
    np.testing.assert_allclose(mx.hess, sx.hess, rtol=1e-10)
