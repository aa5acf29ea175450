"""Declared likelihoods are those of SciPy, constants included, and their derivatives those of a closed form in 60 digits."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import special

import hessbench
from hessbench import Data, InvalidInput, LogNormal, NegativeBinomial, Normal, Poisson, Problem, StudentT
from hessbench._model.log_gamma import log_gamma, log_gamma_ratio

from .families import CASES, POINT, TIMES, in_mpmath, means, problem, state

STRATEGIES = ("discrete-adjoint", "hand-adjoint", "variational", "implicit-adjoint")


def by_scipy(case):
    law, d = case.law(means(), POINT), np.array(case.values)
    seen = ~np.isnan(d)
    found = law.logpmf(d) if hasattr(law.dist, "pmf") else law.logpdf(d)
    return -found[seen].sum()


def gap(result, case):
    """The largest relative difference of gradient and Hessian from those in mpmath."""
    _, grad, hess = in_mpmath(case)
    return max(
        np.abs(result.grad - grad).max() / np.abs(grad).max(), np.abs(result.hess - hess).max() / np.abs(hess).max()
    )


@pytest.mark.parametrize("name", CASES)
def test_the_value_is_that_of_scipy_with_all_constants(name):
    assert hessbench.hessian(problem(CASES[name])).value == pytest.approx(by_scipy(CASES[name]), rel=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_gradient_and_hessian_are_those_of_the_closed_form(name):
    case = CASES[name]
    result = hessbench.hessian(problem(case), strategy="discrete-adjoint", rtol=1e-12)
    assert "data at 5 times" in result.note  # natively
    assert gap(result, case) < 1e-9


@dataclass(frozen=True, eq=False)
class Forgotten(Normal):
    """Without log sigma: a planted fault."""

    def terms(self, xp, t, y, d, p):
        mean, sigma = self.quantities(xp, t, y, d, p)
        return (d - mean) ** 2 / sigma**2 / 2


def test_a_term_that_is_forgotten_is_seen():
    case = CASES["normal"]._replace(likelihood=Forgotten(state, "s"))
    result = hessbench.hessian(problem(case))
    assert abs(result.value - by_scipy(case)) > 1e-2
    assert gap(result, case) > 1e-2


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", ["negative binomial", "student"])
def test_every_kind_of_strategy_takes_them(strategy, name):
    assert gap(hessbench.hessian(problem(CASES[name]), strategy=strategy), CASES[name]) < 1e-7


def test_log_gamma_and_ratios_of_gammas_are_right_to_round_off():
    x = np.array([1e-3, 0.2, 1.0, 1.5, 2.0, 7.3, 60.0, 1e4, 1e8])
    np.testing.assert_allclose(log_gamma(np, x), special.gammaln(x), rtol=1e-14, atol=2e-14)
    for d in (0.0, 0.5, 3.0, 40.0):
        want = np.array([float(_ratio(a, d)) for a in x])
        np.testing.assert_allclose(log_gamma_ratio(np, x, d), want, rtol=2e-14, atol=2e-14)


def _ratio(x, d):
    import mpmath as mp

    with mp.workdps(50):
        return mp.loggamma(mp.mpf(x) + d) - mp.loggamma(mp.mpf(x))


def test_rows_of_several_values_and_one_noise_for_each():
    seen = np.array([[1.0, 2.0], [0.8, np.nan], [0.5, 1.1]])
    data = Data([0.5, 1.0, 2.0], seen, likelihood=Normal(lambda xp, t, y, p: y, "s"))
    both = Problem(
        "two", lambda xp, t, y, p: -y, None, (0.0, 2.0), [1.5, 3.0], {"s": [0.2, 0.4]}, wrt=("y0", "s"), data=data
    )
    y = np.array([1.5, 3.0]) * np.exp(-np.array([[0.5], [1.0], [2.0]]))
    terms = ((seen - y) / [0.2, 0.4]) ** 2 / 2 + np.log([0.2, 0.4]) + np.log(2 * np.pi) / 2
    assert hessbench.hessian(both).value == pytest.approx(np.nansum(terms), rel=1e-10)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Normal(1.0), "`mean` is 1.0, expected a function"),
        (lambda: Normal(state, -0.1), "`sigma` is -0.1, expected a positive number"),
        (lambda: StudentT(state, 1.0, None), "`freedom` is None"),
        (
            lambda: Data([1.0], [2.5], likelihood=Poisson(state)),
            "holds 2.5, but `Poisson` is of whole numbers from 0 on",
        ),
        (lambda: Data([1.0], [-1.0], likelihood=NegativeBinomial(state, 2.0)), "holds -1"),
        (lambda: Data([1.0], [0.0], likelihood=LogNormal(state, 2.0)), "is of positive numbers. Mask it"),
        (lambda: Data([1.0], [0.0], likelihood="normal"), "`likelihood` is 'normal', expected `Normal"),
        (
            lambda: Data([1.0], [0.0], lambda *a: 0.0, likelihood=Normal(state)),
            "takes no `loss` or `residual` beside it",
        ),
        (lambda: Data([1.0], [0.0]), "or a `likelihood` such as `Normal`"),
    ],
)
def test_what_cannot_be_used_is_named(made, said):
    with pytest.raises(InvalidInput) as caught:
        made()
    assert said in str(caught.value)


def test_masked_values_may_be_anything():
    data = Data([0.5, 1.0], [0.0, 2.0], mask=[False, True], likelihood=LogNormal(state, 0.5))
    assert np.isfinite(hessbench.hessian(replace(problem(CASES["log-normal"]), data=data)).value)


@pytest.mark.parametrize(
    ("likelihood", "said"),
    [
        (
            Normal(lambda xp, t, y, p: y, 1.0),
            "`mean` has shape (1,), expected (), that of a row of `values` (write `y[0]`",
        ),
        (Normal(state, "sigma"), "`sigma` is 'sigma', which is no parameter; there are k, s, r, nu"),
        (Normal(state, lambda xp, t, y, p: xp.stack([p["s"], p["s"]])), "`sigma` has shape (2,), expected ()"),
    ],
)
def test_what_does_not_fit_the_problem_is_named(likelihood, said):
    made = problem(CASES["normal"]._replace(likelihood=likelihood))
    with pytest.raises(InvalidInput) as caught:
        hessbench.hessian(made)
    assert said in str(caught.value)


def test_data_are_replaced_with_their_likelihood():
    data = problem(CASES["poisson"]).data
    again = replace(data, times=TIMES + 0.0, values=np.array(CASES["poisson"].values) + 1)
    assert again.likelihood is data.likelihood
    assert again.loss == data.loss
