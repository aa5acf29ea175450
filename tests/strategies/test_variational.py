"""Variational equations, in NumPy and by Taylor series in heyoka, against closed forms and the literature."""

import numpy as np
import pytest

import hessbench
from hessbench import IntegrationError, Problem, Unsupported

FIGURE_8 = [11.105175285488, 17.794001574122, 80.034375438763, 80.034375438763, 2625.748745062, 10533.634532745]
STRATEGIES = ["variational", "heyoka-taylor"]


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    if request.param.startswith("heyoka"):
        pytest.importorskip("heyoka")
    return request.param


def quadratic(**changes):
    """y' = a y^2 on (0, 1): y(1) = y0 / (1 - a y0), loss y(1); first-order flow alone would give a zero Hessian."""
    given = {
        "name": "quadratic",
        "rhs": lambda xp, t, y, p: p["a"] * y * y,
        "loss": lambda xp, y0, y1, p: xp.sum(y1),
        "t_span": (0.0, 1.0),
        "y0": np.array([0.4]),
        "params": {"a": np.array([0.8])},
    }
    return Problem(**{**given, **changes})


def test_the_second_derivative_of_the_flow_has_its_closed_form(strategy):
    y, a = 0.4, 0.8
    result = hessbench.hessian(quadratic(), strategy=strategy, rtol=1e-11)
    assert result.value == pytest.approx(y / (1 - a * y), rel=1e-9)
    assert result.grad.item() == pytest.approx((1 - a * y) ** -2, rel=1e-9)
    assert result.hess.item() == pytest.approx(2 * a * (1 - a * y) ** -3, rel=1e-9)


def test_the_flow_by_a_parameter_and_the_state_has_its_closed_form(strategy):
    y, a = 0.4, 0.8
    u = 1 - a * y
    expected = np.array([[2 * y**3, 2 * y], [2 * y, 2 * a]]) / u**3
    result = hessbench.hessian(quadratic(wrt=("a", "y0")), strategy=strategy, rtol=1e-11)
    np.testing.assert_allclose(result.hess, expected, rtol=1e-9)
    np.testing.assert_allclose(result.grad, [y * y / u**2, 1 / u**2], rtol=1e-9)


def test_a_running_loss_is_added(strategy):
    # the integral of y is -log(1 - a y0) / a, whose second derivative by y0 is a / (1 - a y0)^2
    y, a = 0.4, 0.8
    problem = quadratic(running_loss=lambda xp, t, y, p: xp.sum(y))
    result = hessbench.hessian(problem, strategy=strategy, rtol=1e-11)
    assert result.hess.item() == pytest.approx(2 * a * (1 - a * y) ** -3 + a * (1 - a * y) ** -2, rel=1e-9)


def test_the_oscillator_has_its_closed_form(strategy):
    problem = hessbench.problem("harmonic-oscillator", d=2)
    result = hessbench.hessian(problem, problem.perturbed, strategy, rtol=1e-12)
    value, grad, hess = problem.exact(problem.perturbed)
    assert result.value == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(result.grad, grad, atol=1e-10 * np.max(np.abs(hess)))
    np.testing.assert_allclose(result.hess, hess, atol=1e-10 * np.max(np.abs(hess)))


def test_the_figure_8_has_the_spectrum_of_the_literature(strategy):
    result = hessbench.hessian(hessbench.problem("three-body"), strategy=strategy, rtol=1e-11)
    np.testing.assert_allclose(np.linalg.eigvalsh(result.hess)[6:], FIGURE_8, rtol=1e-6)


def test_explicit_time_and_a_loss_of_both_ends_are_right_at_a_perturbed_point(strategy):
    problem = hessbench.problem("generic-cubic")
    true = hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-12)
    result = hessbench.hessian(problem, problem.perturbed, strategy, rtol=1e-9)
    assert np.max(np.abs(result.hess - true.hess)) < 1e-7 * np.max(np.abs(true.hess))
    assert np.max(np.abs(result.grad - true.grad)) < 1e-7 * np.max(np.abs(true.grad))


def test_the_steps_of_the_variational_system_are_counted_with_its_size():
    problem = hessbench.problem("harmonic-oscillator", d=2)
    counters = hessbench.hessian(problem, strategy="variational", rtol=1e-6).counters
    assert counters.solves == 1
    assert counters.rhs_weighted == counters.rhs * (4 + 16 + 40) / 4
    assert (counters.jacobians, counters.contractions) == (counters.rhs, 4 * counters.rhs)


def test_dropped_curvature_of_the_flow_is_seen(monkeypatch):
    problem = hessbench.problem("generic-cubic")
    true = hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-10).hess
    monkeypatch.setattr(np, "triu_indices", lambda n: (np.arange(n), np.arange(n)))  # mixed derivatives are lost
    wrong = hessbench.hessian(problem, problem.perturbed, "variational", rtol=1e-6).hess
    assert np.max(np.abs(wrong - true)) > 1e-2 * np.max(np.abs(true))


@pytest.mark.parametrize(("name", "most"), [("variational", 32), ("heyoka-taylor", 16)])
def test_more_states_than_are_sensible_are_refused(name, most):
    if name.startswith("heyoka"):
        pytest.importorskip("heyoka")
    with pytest.raises(Unsupported, match=rf"^It is limited to {most} states, and this problem has {most + 1}\.$"):
        hessbench.prepare(hessbench.problem("random-quadratic", n=most + 1), name)


def test_a_right_hand_side_with_branches_is_refused_by_heyoka():
    pytest.importorskip("heyoka")
    problem = quadratic(rhs=lambda xp, t, y, p: xp.where(y > 0, y, -y))
    with pytest.raises(Unsupported, match=r"^heyoka can not trace the right-hand side: TypeError.*without branches\.$"):
        hessbench.prepare(problem, "heyoka-taylor")


def test_a_solution_that_blows_up_is_an_error_of_heyoka():
    pytest.importorskip("heyoka")
    run = hessbench.prepare(quadratic(), "heyoka-taylor", rtol=1e-9)
    with pytest.raises(IntegrationError, match=r"^heyoka stopped at t = 0\.6"):
        run([2.0])
