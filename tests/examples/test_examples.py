"""The examples run, their numbers agree with SciPy's, and faults planted into them are seen."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit

import hessbench

from .loading import load

neural, prey = load("neural_ode_second_order"), load("lotka_volterra_uncertainty")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def curves(folder):
    return neural.main(["--quick", "--out", str(folder)])


@pytest.fixture(scope="module")
def found(folder):
    return prey.main(["--quick", "--out", str(folder)])


# Training


def test_second_order_ends_below_adam_and_needs_a_third_of_its_evaluations(curves, folder):
    adam = neural.best_adam(curves)
    saved = neural.savings(curves, adam)
    for name in ("Newton", "Newton-Krylov", "Gauss-Newton"):
        assert curves[name][-1, -1] < curves[adam][-1, -1]
    assert saved["Gauss-Newton"][0] > 3 and saved["Newton"][0] > 3
    assert (folder / "neural-ode-training.png").stat().st_size > 10_000


def test_full_matrices_do_not_pay_where_each_tangent_counts(curves):
    saved = neural.savings(curves, neural.best_adam(curves))
    assert saved["Newton"][1] < 1 and saved["Gauss-Newton"][1] < 1


def test_curves_fall_and_stay_within_the_budget(curves):
    for curve in curves.values():
        assert np.all(np.diff(curve[:, -1]) < 0)
        assert np.all(np.diff(curve[:, :3], axis=0) >= 0)
        assert curve[-1, 0] <= 1e5


def test_savings_are_ratios_of_the_costs_at_the_loss_where_the_reference_ends():
    slow = np.array([[1.0, 2.0, 3.0, 9.0], [10.0, 20.0, 60.0, 1.0]])
    quick = np.array([[1.0, 1.0, 1.0, 2.0], [2.0, 40.0, 10.0, 0.5]])
    never = np.array([[1.0, 1.0, 1.0, 2.0]])
    saved = neural.savings({"slow": slow, "quick": quick, "never": never}, "slow")
    np.testing.assert_allclose(saved["quick"], [5.0, 0.5, 6.0])
    np.testing.assert_allclose(saved["slow"], 1.0)
    np.testing.assert_allclose(saved["never"], 0.0)


def test_gauss_newton_matrix_is_the_integral_of_products_of_sensitivities():
    problem = hessbench.problem("neural-ode", h=2)
    x, (nodes, weights) = problem.x0, np.polynomial.legendre.leggauss(40)
    times, weights = 1.5 * (nodes + 1), 1.5 * weights

    def states(x):
        y0, p = problem.unpack(x)
        solution = solve_ivp(
            lambda t, y: problem.rhs(np, t, y, p), problem.t_span, y0, "DOP853", times, rtol=1e-12, atol=1e-12
        )
        return solution.y

    sensitivities = np.array([(states(x + step) - states(x - step)) / 2e-5 for step in 1e-5 * np.eye(x.size)])
    expected = np.einsum("ait,bit,t->ab", sensitivities, sensitivities, weights)
    computed = neural.Training(neural.Derivatives.of(problem, 1e-10), np.inf).gauss_newton(x)
    np.testing.assert_allclose(computed, expected, atol=1e-7 * np.abs(expected).max())


def loss_after(derivatives, budget: float, **second) -> float:
    """The last loss of a SciPy method whose second derivatives are `second(training)`."""
    training = neural.Training(derivatives, budget)
    with suppress(neural.BudgetSpent):
        name, function = next(iter(second.items()))
        method = {"hess": "trust-exact", "hessp": "trust-krylov"}[name]
        neural.by_scipy(training, derivatives.problem.x0, method, **{name: function(training)})
    return training.best[-1][-1]


def test_wrong_second_derivatives_do_not_train():
    derivatives = neural.Derivatives.of(hessbench.problem("neural-ode"), 1e-8)
    right = loss_after(derivatives, 2e4, hess=lambda training: training.gauss_newton)
    swapped = loss_after(derivatives, 2e4, hess=lambda training: lambda x: training.gauss_newton(x)[::-1, ::-1])
    assert right < 1e-2 < swapped
    products = loss_after(derivatives, 2e4, hessp=lambda training: training.product)
    turned = loss_after(derivatives, 2e4, hessp=lambda training: lambda x, v: training.product(x, v)[::-1])
    assert products < 0.5 * turned


# Uncertainty


def by_curve_fit(sigma: float, data):
    """Estimate and covariance by SciPy: Levenberg-Marquardt with differences, Gauss-Newton's matrix."""
    times = np.linspace(0.0, prey.T1, 21)[1:]

    def model(_, alpha, beta, gamma, delta):
        def slope(t, y):
            return [alpha * y[0] - beta * y[0] * y[1], delta * y[0] * y[1] - gamma * y[1]]

        return solve_ivp(slope, (0.0, prey.T1), prey.Y0, "DOP853", times, rtol=1e-10, atol=1e-10).y.ravel()

    return curve_fit(model, np.tile(times, 2), data, prey.TRUE, sigma=np.full(40, sigma), absolute_sigma=True)


def fitted(sigma: float):
    """What the example does, for data of this test."""
    likelihood = prey.Likelihood(20, sigma)
    states = likelihood.model(prey.TRUE)
    data = states + sigma * np.random.default_rng(1).standard_normal(states.size)
    return likelihood, data, *likelihood.fit(data, prey.GUESS)


def test_standard_deviations_agree(found, folder):
    assert found.disagreement("Monte Carlo") < 0.2
    assert found.disagreement("sandwich") < 0.05
    assert found.disagreement("profile") < 0.02
    assert (folder / "lotka-volterra-uncertainty.png").stat().st_size > 10_000


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_wrong_factor_of_the_covariance_is_seen(found, factor):
    wrong = replace(found, laplace=factor * found.laplace)
    assert all(wrong.disagreement(method) > 0.2 for method in ("Monte Carlo", "sandwich", "profile"))


def test_fit_and_covariance_agree_with_curve_fit():
    likelihood, data, estimate, result = fitted(0.05)
    expected, covariance = by_curve_fit(0.05, data)
    deviations = np.sqrt(np.diag(covariance))
    assert np.max(np.abs(estimate - expected) / deviations) < 1e-3
    np.testing.assert_allclose(np.sqrt(np.diag(prey.laplace(result))), deviations, rtol=0.05)
    by_data = likelihood.sigma**2 * result.hess[:4, 4:] @ result.hess[4:, :4]
    np.testing.assert_allclose(np.linalg.inv(by_data), covariance, rtol=1e-3)


def test_profile_has_the_curvature_of_the_whole_hessian_and_not_of_one_without_second_derivatives():
    likelihood, data, estimate, result = fitted(0.3)
    mixed = result.hess[:4, 4:]
    without = likelihood.sigma**2 * mixed @ mixed.T  # the residuals' second derivatives are what it lacks
    whole, lacking = (np.sqrt(np.diag(np.linalg.inv(hess))) for hess in (result.hess[:4, :4], without))
    offsets = np.array([-0.05, 0.0, 0.05])
    profiles = [likelihood.profile(k, data, estimate, whole[k], offsets) for k in range(4)]
    curved = np.array([0.05 * whole[k] / np.sqrt(profiles[k].rise[[0, 2]].mean()) for k in range(4)])
    np.testing.assert_allclose(curved, whole, rtol=2e-3)
    assert np.min(np.abs(lacking / curved - 1)) > 0.01


def test_profile_of_a_parabola():
    values = np.linspace(-3.0, 3.0, 13)
    assert prey.Profile(1 + 0.5 * values, values**2).deviation == pytest.approx(0.5)
