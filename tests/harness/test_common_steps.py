"""References of problems that are very stiff or depend weakly on an unknown: right to closed forms, and faults are seen."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hessbench import NoReference, Problem
from hessbench._judging import reference_stiff as stiff
from hessbench._judging.common_steps import collocated, on_common_steps
from hessbench._judging.reference import compute_reference
from hessbench._judging.tight import tight
from hessbench._judging.witness import Witness


@pytest.fixture
def only_autograd(monkeypatch):
    """One framework is enough here, and this one compiles nothing."""
    monkeypatch.setattr("hessbench.backends.available", lambda name: name in ("autograd", "numpy"))


def square(xp, y0, y1, p):
    return xp.sum(y1 * y1)


def following(k, y0=0.5, wrt=("y0", "k"), forcing=lambda xp, t: xp.cos(t)):
    """`y' = k (cos t - y)` (Prothero & Robinson, Math. Comp. 28, 1974, 145-162) to t = 1."""
    return Problem(
        "following", lambda xp, t, y, p: p["k"] * (forcing(xp, t) - y), square, (0.0, 1.0), np.array([y0]), {"k": k}, wrt=wrt
    )  # fmt: skip


def exact(k, t=1.0):
    """Value, and first and second derivative by `k`, where exp(-k t) is nothing: y = (cos t + e sin t) / (1 + e^2), e = 1/k."""
    e, c, s = 1 / k, math.cos(t), math.sin(t)
    d = 1 + e * e
    y, n = (c + e * s) / d, c + e * s
    first = s / d - 2 * e * n / d**2  # by e
    second = -4 * e * s / d**2 - 2 * n / d**2 + 8 * e * e * n / d**3
    by_k, twice = -(e**2) * first, e**4 * second + 2 * e**3 * first
    return y * y, 2 * y * by_k, 2 * by_k**2 + 2 * y * twice


@pytest.mark.parametrize(("k", "y0"), [(1e3, 0.5), (1e5, 1.0), (1e6, 0.5), (1e8, 0.5)])
def test_a_state_that_follows_another_at_once_has_the_reference_of_its_closed_form(only_autograd, k, y0):
    problem = following(k, y0)
    found, (value, grad, hess) = compute_reference(problem, problem.x0), exact(k)
    assert "value differences agree" in found.how and not found.suspect
    assert found.value == pytest.approx(value, rel=1e-12)
    assert k * found.grad[1] == pytest.approx(k * grad, rel=1e-6)
    assert k * k * found.hess[1, 1] == pytest.approx(k * k * hess, rel=1e-6)
    assert np.max(np.abs(found.hess[0])) < 1e-30 and abs(found.grad[0]) < 1e-30


def test_an_error_that_both_methods_share_is_seen_in_a_weak_derivative(only_autograd, monkeypatch):
    """The Hessian by `k`, times k^2, is 1.8e-5 beside a value of 0.3."""
    for method in ("implicit_adjoint", "implicit_forward"):
        right = getattr(stiff, method)

        def wrong(*args, right=right):
            check = right(*args)
            return replace(check, hess=1.01 * check.hess)

        monkeypatch.setattr(stiff, method, wrong)
    problem = following(1e5)
    with pytest.raises(NoReference, match="value differences say something else"):
        compute_reference(problem, problem.x0)


def witness_of(problem):
    return Witness(tight(problem, problem.x0), problem.x0)


@pytest.mark.parametrize("k", [1e4, 1e6])
def test_common_steps_confirm_what_is_right_and_nothing_else(k):
    shared = on_common_steps(witness_of(following(k)))
    assert shared is not None
    value, grad, hess = exact(k)
    first, second = np.array([0.0, grad]), np.diag([0.0, hess])
    assert shared.verdict(value, first, second).confirms
    assert not shared.verdict(value, first, 1.01 * second).confirms
    assert not shared.verdict(value, 1.01 * first, second).confirms


@pytest.mark.parametrize("share", [1e-3, 1e-5, 1e-7, 1e-9])
def test_a_weak_unknown_of_a_problem_that_is_not_stiff_has_a_reference_too(only_autograd, share):
    """y(1) = y0 / e + share k^2 (1 - 1/e)."""
    problem = Problem(
        "weak", lambda xp, t, y, p: share * p["k"] ** 2 - y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), np.ones(1),
        {"k": 1.3}, wrt=("k",),
    )  # fmt: skip
    assert compute_reference(problem, problem.x0).hess[0, 0] == pytest.approx(2 * share * (1 - math.exp(-1)), rel=1e-9)


def test_a_jump_that_nothing_declares_is_not_confirmed_on_common_steps():
    """y' = 1 until y = 1, then 2: y(2) = 3 + 2 y0, so that H = 8; derivatives of the steps say 2."""

    def rhs(xp, t, y, p):
        return np.array([1.0 if float(y[0]) < 1.0 else 2.0])

    problem = Problem("jumping", rhs, square, (0.0, 2.0), np.array([0.3]))
    witness = witness_of(problem)
    shared = on_common_steps(witness)
    assert shared is None or not shared.verdict(witness.value, np.array([7.2]), np.array([[2.0]])).confirms


def test_there_are_no_common_steps_for_free_end_times_and_features_or_many_states():
    forced = following(3.0, wrt=("k", "t1"), forcing=lambda xp, t: xp.where(t < 0.3, 0.0 * t, 1.0 + 0 * t))
    assert witness_of(forced).plan.ends.size and on_common_steps(witness_of(forced)) is None
    many = Problem("many", lambda xp, t, y, p: -y, square, (0.0, 1.0), np.ones(61))
    assert on_common_steps(witness_of(many)) is None


def test_common_steps_are_of_order_seven():
    errors = [
        abs(collocated(lambda t, y: -y * y, np.linspace(0.0, 1.0, m + 1), np.ones(1), np.ones(1))[-1, 0] - 0.5)
        for m in (1, 2)
    ]
    assert 6.0 < math.log2(errors[0] / errors[1]) < 8.5


@pytest.mark.parametrize("k", [1e3, 1e6, 1e8])
def test_a_stiff_slope_is_neither_round_off_nor_a_feature(k):
    plan = tight(following(k, 1.0), np.array([1.0, k]))
    assert plan.sizes[0] <= plan.largest[0] and plan.ends.size <= 8


@pytest.mark.parametrize("k", [1.0, 1e3, 1e6])
def test_a_pulse_is_still_seen_behind_a_stiff_slope(k):
    problem = following(k, 1.0, forcing=lambda xp, t: xp.cos(t) + 0.1 * xp.exp(-(((t - 0.537) / 2e-4) ** 2)))
    ends = tight(problem, problem.x0).ends
    assert np.any(np.abs(ends - 0.537) < 1e-3)
