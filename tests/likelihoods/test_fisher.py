"""The expected information is the mean over data that the model itself gives, for every family and every kind of problem."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Conditions, Data, Event, InvalidInput, Normal, Poisson, Problem, StudentT, on_log_scale

from .families import CASES, POINT, TIMES, means, problem, sensitivities, state

H = 2e-3


def of_law(case, mean):
    """E[score score^T] by mean and the parameters of the noise, from SciPy's density alone: sums, or quadrature."""
    names = ("mean", *case.own)
    start = {"mean": mean, **{k: POINT[k] for k in case.own}}

    def log_f(d, moved):
        law = case.law(moved["mean"], {**POINT, **moved})
        return law.logpmf(d) if hasattr(law.dist, "pmf") else law.logpdf(d)

    def scores(d):
        rows = []
        for name in names:
            h = H * start[name]
            at = [log_f(d, {**start, name: start[name] + k * h}) for k in (-2, -1, 1, 2)]
            rows.append((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h))
        return np.array(rows)

    law = case.law(mean, POINT)
    if hasattr(law.dist, "pmf"):
        d = np.arange(400.0)
        return np.einsum("id,jd,d->ij", scores(d), scores(d), law.pmf(d))
    v = np.linspace(-30.0, 30.0, 6001)  # the trapezoidal rule behind a substitution that makes all ends decay fast
    d, by_v = (mean * np.exp(v), mean * np.exp(v)) if law.support()[0] == 0 else (mean + np.sinh(v), np.cosh(v))
    return np.einsum("id,jd,d->ij", scores(d), scores(d), law.pdf(d) * by_v) * (v[1] - v[0])


def expected(case):
    """I at the point, from the law's own information and the closed form of the solution."""
    count, total = 2 + len(case.own), 0.0
    for t, d, mean, slope in zip(TIMES, case.values, means(), sensitivities(), strict=True):
        if np.isnan(d):
            continue
        chain = np.zeros((1 + len(case.own), count))
        chain[0, :2] = slope
        chain[1:, 2:] = np.eye(len(case.own))
        total = total + chain.T @ of_law(case, mean) @ chain
        assert t <= 2.0
    return total


@pytest.mark.parametrize("name", CASES)
def test_it_is_that_of_the_law_and_the_sensitivities(name):
    case = CASES[name]
    want, found = expected(case), hessbench.hessian(problem(case)).fisher
    size = np.sqrt(np.diag(want))
    np.testing.assert_allclose(found / np.outer(size, size), want / np.outer(size, size), atol=2e-7)


def test_an_information_without_its_noise_is_seen(monkeypatch):
    case = CASES["normal, proportional"]
    monkeypatch.setattr(Normal, "information", lambda self, m, s: np.array([[1 / s**2, 0 * s], [0 * s, 1e-9 / s**2]]))
    want, found = expected(case), hessbench.hessian(problem(case)).fisher
    assert np.abs(found / want - 1).max() > 0.1


@pytest.mark.parametrize("name", ["poisson", "negative binomial", "normal, proportional", "log-normal"])
def test_hessians_of_data_that_the_model_gives_are_it_in_the_mean(name):
    case, count = CASES[name], 4000
    times = np.tile(np.array([0.3, 1.1, 2.0]), count)
    rng = np.random.default_rng(7)
    law = case.law(means(times), POINT)
    result = hessbench.hessian(problem(case, law.rvs(random_state=rng), times))
    size = np.sqrt(np.diag(result.fisher))
    apart = (result.hess - result.fisher) / np.outer(size, size)
    assert np.abs(apart).max() < 5 / np.sqrt(3 * count) * 3  # of the size of the sampling error
    assert np.abs(result.grad / size).max() < 5  # scores have this covariance


def doses(likelihood):
    """Two doses, one at a time that is fitted, and absorption that saturates: `minimum` is a switch."""

    def rhs(xp, t, y, p):
        return -p["k"] * xp.minimum(y, 1.0)

    return Problem(
        "doses", rhs, None, (0.0, 4.0), [1.7], {"k": 0.6, "lag": 0.5, "s": 0.2}, wrt=("y0", "k", "lag", "s"),
        data=Data([0.4, 1.0, 1.7, 2.6, 3.7], [1.2, 2.2, 1.6, 2.0, 1.5], likelihood=likelihood),
        events=[Event(at=lambda xp, p: p["lag"] + np.array([0.0, 1.5]), jump=lambda xp, t, y, p: y + 1.3)],
    )  # fmt: skip


@pytest.mark.parametrize("strategy", ["discrete-adjoint", "variational"])
def test_it_holds_across_doses_and_switches(strategy):
    made = doses(Normal(state, lambda xp, t, y, p: p["s"] * y[0]))
    result = hessbench.hessian(made, strategy=strategy)

    def solution(x):
        """In closed form: linear in time above 1, exponential below."""
        y, k, lag = x[:3]
        out, t = [], 0.0
        for until, kind in sorted([(t, "seen") for t in made.data.times] + [(lag, "dose"), (lag + 1.5, "dose")]):
            left = until - t
            fall = min(left, max(0.0, (y - 1) / k))
            y = (y - k * fall) * np.exp(-k * (left - fall))
            t = until
            if kind == "seen":
                out.append(y)
            else:
                y = y + 1.3
        return np.array(out)

    x, h = made.x0, 1e-4
    y = solution(x)
    slopes = np.stack([(solution(x + h * e) - solution(x - h * e)) / (2 * h) for e in np.eye(4)], axis=1)
    s = 0.2 * y
    by_sigma = 0.2 * slopes + y[:, None] * np.eye(4)[3]
    want = slopes.T @ (slopes / s[:, None] ** 2) + 2 * by_sigma.T @ (by_sigma / s[:, None] ** 2)
    np.testing.assert_allclose(result.fisher, want, rtol=1e-6, atol=1e-6 * np.abs(want).max())
    assert "lifted" in result.note


def test_it_is_of_the_data_alone_and_at_the_point_asked_for():
    prior = replace(problem(CASES["poisson"]), loss=lambda xp, y0, y1, p: 100.0 * p["k"] ** 2)
    one, other = hessbench.hessian(prior), hessbench.hessian(problem(CASES["poisson"]))
    np.testing.assert_allclose(one.fisher, other.fisher, rtol=1e-8)
    moved = hessbench.hessian(prior, [3.0, 0.5])
    mean = 3.0 * np.exp(-0.5 * TIMES)
    slopes = np.stack([np.exp(-0.5 * TIMES), -TIMES * mean], axis=1)
    np.testing.assert_allclose(moved.fisher, slopes.T @ (slopes / mean[:, None]), rtol=1e-7)


def stiff():
    """y' = -1000 (y - k cos t) - k sin t, on its slow solution k cos t."""

    def rhs(xp, t, y, p):
        return -1000.0 * (y - p["k"] * xp.cos(t)) - p["k"] * xp.sin(t)

    times = np.array([0.5, 1.0, 2.0, 3.0])
    return Problem(
        "stiff", rhs, None, (0.0, 3.0), [2.0], {"k": 2.0, "s": 0.3}, wrt=("k", "s"),
        data=Data(times, 2 * np.cos(times) + 0.1, likelihood=Normal(state, lambda xp, t, y, p: p["s"] * (1 + y[0] ** 2))),
    )  # fmt: skip


def test_it_holds_for_an_implicit_strategy():
    result = hessbench.hessian(stiff(), strategy="implicit-adjoint", rtol=1e-8)
    cos = np.cos([0.5, 1.0, 2.0, 3.0])
    y = 2 * cos
    s = 0.3 * (1 + y**2)
    slopes = np.stack([cos, 0 * cos], axis=1)  # the start is forgotten at once
    by_s = np.stack([0.6 * y * cos, 1 + y**2], axis=1)
    want = slopes.T @ (slopes / s[:, None] ** 2) + 2 * by_s.T @ (by_s / s[:, None] ** 2)
    np.testing.assert_allclose(result.fisher, want, rtol=1e-6, atol=1e-8)


def test_conditions_add_theirs():
    case = CASES["normal"]
    first, second = problem(case), problem(case, (4.0, 4.1, 3.0, 3.1, 1.0, 0.9))
    both = Conditions({"a": first, "b": second}).hessian()
    own = hessbench.hessian(second).fisher
    assert tuple(both.blocks) == ("y0[a]", "k", "s", "y0[b]")
    assert both.blocks["y0[b]"] == slice(3, 4)
    np.testing.assert_allclose(both.block("y0[b]", "k"), both.hess[3:4, 1:2])
    np.testing.assert_allclose(both.fisher[3, [3, 1]], own[0, [0, 1]], rtol=1e-9)
    np.testing.assert_allclose(both.fisher[1, 1], own[1, 1] + hessbench.hessian(first).fisher[1, 1], rtol=1e-9)


def test_a_result_that_travels_keeps_what_was_read():
    result = hessbench.hessian(problem(CASES["poisson"]))
    with pytest.raises(InvalidInput, match="does not outlive pickling unless it was read before"):
        _ = pickle.loads(pickle.dumps(result)).fisher
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(result)).x, result.x)
    fisher = result.fisher
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(result)).fisher, fisher)


def test_without_a_likelihood_there_is_none():
    with pytest.raises(InvalidInput, match="it comes with `Data"):
        _ = hessbench.hessian(hessbench.problem("pharmacokinetics")).fisher


def line(likelihood=None, wrt=("y0",), seen=(1.0, 1.1, 0.9, 1.05), **more):
    """y' = 0, seen four times with noise 0.1."""
    data = Data([0.2, 0.9, 1.3, 1.8], seen, likelihood=likelihood or Normal(state, 0.1))
    return Problem("line", lambda xp, t, y, p: 0.0 * y, None, (0.0, 2.0), [1.01], wrt=wrt, data=data, **more)


def test_intervals_of_a_mean_are_those_of_the_text_book():
    low, high = hessbench.hessian(line()).intervals(0.95)["y0"]
    reach = 1.959963984540054 * 0.1 / 2
    np.testing.assert_allclose([low, high], [[1.01 - reach], [1.01 + reach]], rtol=1e-9)
    low, high = hessbench.hessian(line()).intervals(0.5, expected=True)["y0"]
    np.testing.assert_allclose(high - low, [2 * 0.6744897501960817 * 0.05], rtol=1e-9)


def test_intervals_of_a_logarithm_are_put_back():
    scaled = Problem(
        "scaled", lambda xp, t, y, p: 0.0 * y, None, (0.0, 1.0), [1.0], {"a": np.array([2.0, 3.0])}, wrt=("a",),
        data=Data([0.5, 0.6], [[2.0, 3.1], [1.9, 3.0]], likelihood=Normal(lambda xp, t, y, p: p["a"] * y[0], 0.1)),
    )  # fmt: skip
    result = hessbench.hessian(on_log_scale(scaled))
    assert tuple(result.intervals()) == ("a",)
    low, high = result.intervals(expected=True)["a"]
    factor = np.exp(1.959963984540054 * 0.1 / np.sqrt(2) / np.array([2.0, 3.0]))
    np.testing.assert_allclose(low, [2.0, 3.0] / factor, rtol=1e-8)
    np.testing.assert_allclose(high, [2.0, 3.0] * factor, rtol=1e-8)
    together = Conditions({"one": on_log_scale(scaled), "two": on_log_scale(scaled)}, own=("log_a",)).hessian()
    assert tuple(together.intervals()) == ("a[one]", "a[two]")
    np.testing.assert_allclose(together.intervals(expected=True)["a[two]"][1], high, rtol=1e-9)


def product(**more):
    """Only a times b is seen."""
    return Problem(
        "product", lambda xp, t, y, p: 0.0 * y, None, (0.0, 1.0), [1.0], {"a": 2.0, "b": 0.5, "c": 1.0}, wrt=("a", "b", "c"),
        data=Data([0.5, 0.6], [[1.0, 1.2], [1.1, 1.0]],
                  likelihood=Normal(lambda xp, t, y, p: xp.stack([p["a"] * p["b"] * y[0], p["c"] * y[0]]), 0.1)), **more,
    )  # fmt: skip


def test_a_combination_that_is_not_determined_is_named():
    result = hessbench.hessian(product())
    with pytest.raises(InvalidInput) as caught:
        result.covariance(expected=True)
    assert "Fisher information is not positive definite: it is flat along (" in str(caught.value)
    assert "a: " in str(caught.value) and "b: " in str(caught.value) and "c: " not in str(caught.value)


def test_an_unknown_that_is_not_determined_is_named():
    result = hessbench.hessian(line(params={"k": 1.0}, wrt=("y0", "k")))
    with pytest.raises(InvalidInput, match="it is zero by k, which is not determined"):
        result.intervals()


def test_a_maximum_is_named():
    hill = Problem("hill", lambda xp, t, y, p: 0.0 * y, lambda xp, y0, y1, p: -xp.sum(y1**2), (0.0, 1.0), [1.0])
    with pytest.raises(InvalidInput, match=r"curved downward, so that this is no minimum, along \(y0: \+1\)"):
        hessbench.hessian(hill).intervals()


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_none_is_named(level):
    with pytest.raises(InvalidInput, match="expected a number between 0 and 1"):
        hessbench.hessian(line(Poisson(state), seen=(1, 2, 0, 1))).intervals(level)


def test_the_families_of_one_state_agree_where_they_are_limits_of_each_other():
    normal, student = (hessbench.hessian(line(f)).fisher for f in (Normal(state, 0.1), StudentT(state, 0.1, 1e7)))
    np.testing.assert_allclose(student, normal, rtol=1e-6)
