"""What strategies that differentiate by a framework refuse, count, support beside the state, and how they fail when wrong."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Problem, Unsupported
from hessbench.backends import available

RTOL = 1e-7
BY_TRAJECTORY = ["unrolled@jax", "unrolled@torch", "unrolled@autograd", "casadi-symbolic@casadi"]


@pytest.fixture
def cubic():
    return hessbench.problem("generic-cubic")


def needs(strategy):
    if not available(strategy.partition("@")[2]):
        pytest.skip("the framework is not installed")


def decay(**changes):
    """y' = -a y on (0, T), loss y(T)^2 + c y0^2: L = y0^2 (exp(-2 a T) + c), by x = (a, y0)."""
    given = {
        "name": "decay",
        "rhs": lambda xp, t, y, p: -p["a"] * y,
        "loss": lambda xp, y0, y1, p: xp.sum(y1 * y1) + xp.sum(p["c"] * y0 * y0),
        "t_span": (0.0, 0.7),
        "y0": np.array([1.3]),
        "params": {"a": np.array([0.9]), "c": np.array(0.4)},
        "wrt": ("a", "y0"),
    }
    return Problem(**{**given, **changes})


@pytest.mark.parametrize("strategy", BY_TRAJECTORY)
def test_the_hessian_by_a_parameter_and_the_state_has_its_closed_form(strategy):
    needs(strategy)
    a, y, t, c = 0.9, 1.3, 0.7, 0.4
    e = np.exp(-2 * a * t)
    expected = [[4 * t * t * y * y * e, -4 * t * y * e], [-4 * t * y * e, 2 * (e + c)]]
    np.testing.assert_allclose(hessbench.hessian(decay(), strategy=strategy, rtol=1e-9).hess, expected, rtol=1e-7)


@pytest.mark.parametrize("strategy", BY_TRAJECTORY)
def test_the_hessian_by_a_parameter_alone_has_its_closed_form(strategy):
    needs(strategy)
    expected = 4 * 0.7**2 * 1.3**2 * np.exp(-2 * 0.9 * 0.7)
    result = hessbench.hessian(decay(wrt=("a",)), strategy=strategy, rtol=1e-9)
    assert result.hess.item() == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("strategy", BY_TRAJECTORY)
def test_a_running_loss_is_added(strategy):
    needs(strategy)
    # the integral of y^2 is y0^2 (1 - exp(-2 a T)) / (2 a)
    problem = decay(wrt=("y0",), running_loss=lambda xp, t, y, p: xp.sum(y * y))
    e = np.exp(-2 * 0.9 * 0.7)
    result = hessbench.hessian(problem, strategy=strategy, rtol=1e-9)
    assert result.hess.item() == pytest.approx(2 * (e + 0.4) + (1 - e) / 0.9, rel=1e-7)


@pytest.mark.parametrize("strategy", ["forward-over-reverse@autograd", "reverse-over-reverse@autograd"])
def test_what_differentiates_by_the_state_only_has_parameters_carried_as_states(strategy):
    needs(strategy)
    expected = 4 * 0.7**2 * 1.3**2 * np.exp(-2 * 0.9 * 0.7)
    result = hessbench.hessian(decay(), strategy=strategy, rtol=1e-8)
    assert result.hess[0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("strategy", ["forward-over-reverse@jax", "unrolled@jax", "casadi-symbolic@casadi"])
def test_a_problem_that_can_not_be_integrated_backward_is_solved(strategy):
    needs(strategy)
    problem = hessbench.problem("brusselator", n=22)
    assert problem.dissipative
    true = hessbench.hessian(problem, strategy="hand-adjoint", rtol=1e-11).hess
    found = hessbench.hessian(problem, strategy=strategy, rtol=1e-8).hess
    assert np.max(np.abs(found - true)) < 1e-5 * np.max(np.abs(true))


def test_what_integrates_the_state_backward_refuses_a_dissipative_problem():
    with pytest.raises(Unsupported, match=r"^It integrates the state backward in time.*problem\.$"):
        hessbench.prepare(hessbench.problem("brusselator", n=24), "reverse-over-reverse")


@pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")
def test_casadi_refuses_what_it_could_not_prepare_in_a_minute():
    with pytest.raises(Unsupported, match=r"^It is limited to 64 states, and this problem has 66\.$"):
        hessbench.prepare(hessbench.problem("random-quadratic", n=66), "casadi-symbolic")


def without_mixed_block(module, monkeypatch):
    true = module.loss_blocks

    def faulty(*args):
        blocks, source = true(*args)
        return (lambda *a: replace(blocks(*a), l01=np.zeros_like(blocks(*a).l01))), source

    monkeypatch.setattr(module, "loss_blocks", faulty)


@pytest.mark.parametrize("strategy", ["forward-over-reverse@autograd", "reverse-over-reverse@autograd"])
def test_a_dropped_mixed_block_of_the_loss_is_seen(strategy, cubic, monkeypatch):
    needs(strategy)
    plugin = hessbench.strategies()[strategy.partition("@")[0]].load()
    without_mixed_block(sys.modules[type(plugin).__module__], monkeypatch)
    true = hessbench.hessian(cubic, cubic.perturbed, "hand-adjoint", rtol=1e-10).hess
    wrong = hessbench.hessian(cubic, cubic.perturbed, strategy, rtol=RTOL).hess
    assert np.max(np.abs(wrong - true)) > 1e-2 * np.max(np.abs(true))


def test_reverse_over_reverse_makes_two_solves_and_two_for_each_row(cubic):
    needs("@autograd")
    counters = hessbench.hessian(cubic, strategy="reverse-over-reverse@autograd", rtol=1e-3).counters
    assert counters.solves == 2 + 2 * cubic.dim


def test_forward_over_reverse_makes_two_solves(cubic):
    needs("@autograd")
    assert hessbench.hessian(cubic, strategy="forward-over-reverse@autograd", rtol=1e-3).counters.solves == 2


@pytest.mark.parametrize("strategy", ["unrolled/rk4@autograd", "casadi-symbolic/rk4@casadi"])
def test_fixed_steps_are_counted_and_said_in_the_note(strategy, cubic):
    needs(strategy)
    result = hessbench.hessian(cubic, strategy=strategy, rtol=1e-2)
    assert result.note.startswith(f"{result.counters.steps} steps of RK4")
    assert result.counters.rhs == 4 * result.counters.steps


@pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")
def test_scalar_and_matrix_expressions_of_casadi_agree():
    by_override = hessbench.problem("random-quadratic", n=4)
    traced = replace(by_override, overrides={})
    a, b = (hessbench.hessian(problem, strategy="casadi-symbolic", rtol=1e-5) for problem in (by_override, traced))
    assert ("MX" in a.note, "SX" in b.note) == (True, True)
    np.testing.assert_allclose(a.hess, b.hess, rtol=1e-11, atol=1e-12)


@pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")
def test_a_large_step_of_casadi_calls_the_right_hand_side_as_a_function(cubic):
    strategy = type(hessbench.strategies()["casadi-symbolic"].load())
    small, large = (hessbench.hessian(cubic, strategy=strategy(expand_below=n), rtol=1e-4) for n in (10**6, 0))
    assert ("SX" in small.note, "MX" in large.note) == (True, True)
    np.testing.assert_allclose(large.hess, small.hess, rtol=1e-11, atol=1e-12)


def test_a_tolerance_that_fixed_steps_can_not_reach_is_an_error_that_says_so(cubic):
    needs("@autograd")
    with pytest.raises(hessbench.IntegrationError, match=r"RK4 does not reach .* with 4 equal steps"):
        hessbench.prepare(cubic, "unrolled/rk4@autograd", rtol=1e-9, max_steps=4)
