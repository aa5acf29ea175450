"""The stiff recurrent network: second order pays, in counts, from a start of its own."""

import os

import numpy as np
import pytest

from .loading import load

slow = pytest.mark.skipif(not os.environ.get("HESSBENCH_SLOW"), reason="ten optimisers: HESSBENCH_SLOW=1")


@pytest.fixture(scope="module")
def example():
    return load("stiff_recurrent_network")


@pytest.fixture(scope="module")
def runs(example, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    found = example.main(["--quick", "--out", str(folder)])
    assert (folder / "stiff-recurrent-network.png").stat().st_size > 10_000
    return found


@slow
def test_gauss_newton_ends_far_below_all_that_see_gradients_alone(runs):
    (run,) = runs
    last = {name: curve[-1, -1] for name, curve in run.items()}
    assert last["Gauss-Newton"] < 1e-12
    assert min(last[name] for name in ("Adam", "Shampoo", "L-BFGS")) > 1e3 * last["Gauss-Newton"]


@slow
def test_nobody_spends_more_than_the_budget_and_best_losses_fall(runs):
    (run,) = runs
    for curve in run.values():
        assert np.all(np.diff(curve[:, -1]) < 0) and np.all(np.diff(curve[:, :2], axis=0) >= 0)
    spent = [curve[-1, 0] for curve in run.values()]
    assert max(spent) < 1.5 * 150 * 3500


def test_the_loss_vanishes_at_the_true_parameters_and_is_that_of_scipy_at_the_start(example):
    from scipy.integrate import solve_ivp

    import hessbench

    problem = example.problem(3)
    true = np.concatenate([example.TRUE_W.ravel(), example.TRUE_B, np.log(example.TRUE_RATES)])
    assert hessbench.hessian(problem, true).value < 1e-12

    def both(t, y):
        return np.append(problem.rhs(np, t, y[:8], problem.params), np.sum((y[:4] - y[4:8]) ** 2) / 2)

    expected = solve_ivp(both, (0, 3), np.append(problem.y0, 0), rtol=1e-9, atol=1e-10).y[-1, -1]
    np.testing.assert_allclose(hessbench.hessian(problem).value, expected, rtol=1e-6)


def test_cost_and_interval_are_those_of_their_definitions(example):
    curve = np.array([[1.0, 2.0, 3.0, 9.0], [5.0, 6.0, 7.0, 1.0]])
    np.testing.assert_allclose(example.cost_of(curve, 2.0), [5, 6, 7])
    assert np.all(np.isinf(example.cost_of(curve, 0.5)))
    mean, low, high = example.interval(np.array([2.0, 8.0]))
    assert (low, mean, high) == pytest.approx((2.0, 4.0, 8.0))
    assert np.isinf(example.interval(np.array([2.0, np.inf]))[0])
