"""The profiles of the example are those of a minimiser and a solver that know nothing of this package."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

from .loading import load

pytest.importorskip("matplotlib")

example = load("profile_likelihood")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("figures")


@pytest.fixture(scope="module")
def found(folder):
    return example.main(["--quick", "--out", str(folder)])


def by_scipy(x):
    """The negative log-likelihood, by SciPy alone."""
    (alpha, beta, gamma, delta), sigma = np.exp(x[2:6]), np.exp(x[6:])
    data = example.fitted_problem().data

    def slope(t, y):
        return [alpha * y[0] - beta * y[0] * y[1], delta * y[0] * y[1] - gamma * y[1]]

    y = solve_ivp(slope, (0.0, 20.0), x[:2], "DOP853", np.arange(21.0), rtol=1e-11, atol=1e-11).y.T
    return -stats.lognorm.logpdf(data.values, sigma, scale=y).sum()


def test_the_minimum_is_one_and_has_the_value_of_scipy(found):
    assert found.best.result.value == pytest.approx(by_scipy(found.best.x), rel=1e-8)
    assert np.abs(found.best.result.grad).max() < 1e-2
    rng = np.random.default_rng(0)
    assert all(by_scipy(found.best.x + 0.01 * rng.normal(size=8)) > found.best.result.value for _ in range(5))


@pytest.mark.parametrize("which", [0, 1])
def test_at_the_ends_of_an_interval_the_rise_is_the_quantile(found, which):
    k = (2, 6)[which]
    free = np.arange(8) != k
    for end in found.profiles[which].interval():
        start = found.best.x.copy()
        start[k] = end
        nearest = minimize_over(start, free)
        assert 2 * (nearest - found.best.result.value) == pytest.approx(example.RISE, rel=5e-3)


def minimize_over(start, free):
    size = np.where(np.arange(8) < 2, 3.0, 0.1)[free]

    def loss(z):
        x = start.copy()
        x[free] += size * z
        return by_scipy(x)

    return minimize(loss, np.zeros(free.sum()), method="BFGS", options={"gtol": 1e-4}).fun


def test_an_interval_at_the_wrong_rise_is_seen(found):
    low, high = found.profiles[0].interval()
    wrong = found.profiles[0].interval(1.0)
    assert wrong[0] - low > 0.1 * (high - low)


def test_the_profile_leans_where_the_parabola_cannot(found):
    """Few data make a small sigma less likely than a large one: the profile lies above Laplace's interval."""
    reach = np.sqrt(example.RISE) * found.deviations[6]
    low, high = found.profiles[1].interval()
    assert low > found.best.x[6] - reach
    assert high > found.best.x[6] + reach


def test_newton_steps_from_the_tangent_are_few(found):
    assert max(n / (len(p.values) - 1) for n, p in zip(found.hessians, found.profiles, strict=True)) <= 4


def test_intervals_of_a_parabola_and_of_what_never_rises():
    values = np.linspace(-3.0, 3.0, 13)
    assert example.Profile(1 + 0.5 * values, values**2).interval(4.0) == pytest.approx((0.0, 2.0))
    flat = example.Profile(values, np.where(values < 0, values**2, 1e-3 * values**2))
    assert flat.interval(4.0)[1] == np.inf


def test_a_picture_is_drawn(found, folder):
    assert (folder / "lynx-hare-profiles.png").stat().st_size > 10_000
