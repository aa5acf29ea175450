"""Unknowns of every kind in any order, results by name, misuse explained, and the harness carrying what a strategy cannot."""

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput, Limits, Problem, augmented
from hessbench.backends import available

from .conftest import build

needs_jax = pytest.mark.skipif(not available("jax"), reason="jax is not installed")


def decay(**changes):
    """y' = -k y, loss y(t1)^2 + c t1 with the running loss q^2 y^2: everything in closed form."""
    given = dict(
        name="decay",
        rhs=lambda xp, t, y, p: -p["k"] * y,
        loss=lambda xp, y0, y1, p: xp.sum(y1 * y1) + p["c"] * p["t1"],
        t_span=(0.0, 1.0),
        y0=[1.5],
        params={"k": 0.5, "c": 0.7, "q": [[1.2]], "idle": [1.0, 2.0]},
        running_loss=lambda xp, t, y, p: xp.sum(p["q"] * p["q"] * y * y),
        wrt=("k", "t1", "q", "y0"),
    )
    return Problem(**{**given, **changes})


def test_the_blocks_of_a_decay_have_their_closed_form():
    k, t, q, y = 0.5, 1.0, 1.2, 1.5
    e = np.exp(-2 * k * t)
    result = hessbench.hessian(decay(), strategy="hand-adjoint", rtol=1e-12)
    assert result.value == pytest.approx(y**2 * e + 0.7 * t + q**2 * y**2 * (1 - e) / (2 * k), rel=1e-11)
    assert result.gradient("t1") == pytest.approx(-2 * k * y**2 * e + 0.7 + q**2 * y**2 * e, rel=1e-10)
    assert result.gradient("q").shape == (1, 1)
    assert result.block("y0", "y0") == pytest.approx(2 * e + q**2 * (1 - e) / k, rel=1e-10)
    assert result.block("q", "y0") == pytest.approx(2 * q * y * (1 - e) / k, rel=1e-10)
    assert result.block("t1", "t1") == pytest.approx(4 * k**2 * y**2 * e - 2 * k * q**2 * y**2 * e, rel=1e-10)
    assert result.block("t1", "q") == pytest.approx(2 * q * y**2 * e, rel=1e-10)
    by_kt = (-2 + 4 * k * t) * y**2 * e - 2 * t * q**2 * y**2 * e
    assert result.block("k", "t1") == pytest.approx(by_kt, rel=1e-10)


def test_a_name_that_was_not_asked_for_is_refused_with_what_there_is():
    result = hessbench.hessian(decay(), strategy="hand-adjoint", rtol=1e-6)
    with pytest.raises(InvalidInput, match=r"no block 'c'.*k, t1, q, y0"):
        result.block("y0", "c")
    with pytest.raises(InvalidInput, match="no block 'c'"):
        result.gradient("c")


@pytest.mark.parametrize("strategy", ["hand-adjoint", "discrete-adjoint", "finite-difference/loss"])
def test_what_the_loss_ignores_is_reported_as_such(strategy):
    result = hessbench.hessian(decay(wrt=("y0", "idle")), strategy=strategy, rtol=1e-6)
    assert result.zero_blocks == ("idle",)
    assert "the loss does not depend on idle" in result.note
    assert not result.block("idle", "idle").any()


def test_nothing_is_reported_where_the_loss_depends_on_everything():
    result = hessbench.hessian(decay(), strategy="hand-adjoint", rtol=1e-6)
    assert result.zero_blocks == () and "does not depend" not in result.note


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wrt": ("y0", "theta")}, r"names 'theta'.*'idle'\] and t0, t1"),
        ({"wrt": ("n",), "params": {"n": 3}}, "type int.*Write it as a float"),
        ({"params": {"t1": 2.0}}, "reserved name: give it as `t_span`"),
        ({"params": {"y0": 2.0}}, "reserved name: give it as `y0`"),
        ({"running_loss": 3.0}, "`running_loss` must be a function"),
    ],
)
def test_a_problem_that_cannot_work_is_refused(changes, message):
    with pytest.raises(InvalidInput, match=message):
        decay(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rhs": lambda xp, t, y, p: -y * p["t1"]},
            "no parameter 't1' here. Only the `p` of the loss holds",
        ),
        ({"running_loss": lambda xp, t, y, p: y}, r"`running_loss` returned shape \(1,\), expected a scalar"),
    ],
)
def test_functions_that_cannot_work_are_refused_before_solving(changes, message):
    with pytest.raises(InvalidInput, match=message):
        hessbench.prepare(decay(**changes), "hand-adjoint")


@pytest.mark.parametrize("t1", [0.0, -1.0])
def test_an_end_that_is_not_after_the_start_is_refused(t1):
    with pytest.raises(InvalidInput, match=r"t0 = 0 and t1 = .*the start is before the end"):
        hessbench.hessian(decay(wrt=("t1",)), [t1], "hand-adjoint")


def test_times_that_are_given_backward_stay_backward():
    backward = decay(t_span=(1.0, 0.0), wrt=("t0", "y0"))
    assert np.all(np.isfinite(hessbench.hessian(backward, strategy="hand-adjoint", rtol=1e-8).hess))
    with pytest.raises(InvalidInput, match="the start is after the end"):
        hessbench.hessian(backward, [-0.5, 1.0], "hand-adjoint")


def test_the_problem_at_another_point_starts_there_in_every_respect():
    x = np.array([0.4, 1.3, 1.1, 2.0])
    moved = decay().at(x)
    assert moved.t_span == (0.0, 1.3) and moved.y0.tolist() == [2.0] and moved.params["q"].tolist() == [[1.1]]
    np.testing.assert_array_equal(moved.x0, x)


def test_the_augmented_problem_has_the_same_loss():
    problem = build("generic-bolza")
    made = augmented(problem)
    assert made.problem.wrt == ("y0",) and made.problem.running_loss is None and made.problem.t_span == (0.0, 1.0)
    assert made.problem.dim == 3 + 1 + 13 + 2
    np.testing.assert_array_equal(made.start(problem.x0), made.problem.x0)
    np.testing.assert_array_equal(made.start(problem.perturbed), made.problem.perturbed)


@needs_jax
@pytest.mark.parametrize(
    ("strategy", "name"), [("hand-adjoint", "sir"), ("hand-adjoint", "optimal-control"), ("unrolled@jax", "sir")]
)
def test_augmentation_agrees_with_native_support(strategy, name):
    problem = build(name)
    native = hessbench.prepare(problem, "hand-adjoint", rtol=1e-11)(problem.perturbed)
    made = augmented(problem)
    run = hessbench.prepare(made.problem, strategy, rtol=1e-11)
    carried = made.pulled_back(run(made.problem.perturbed))
    np.testing.assert_allclose(carried.hess, native.hess, atol=1e-8 * np.max(np.abs(native.hess)))
    np.testing.assert_allclose(carried.grad, native.grad, atol=1e-8 * np.max(np.abs(native.grad)))


@needs_jax
def test_a_strategy_of_states_alone_is_given_the_augmented_problem_and_says_so():
    problem = build("sir")
    result = hessbench.prepare(problem, "forward-over-reverse@jax", rtol=1e-9)(problem.perturbed)
    expected = hessbench.prepare(problem, "hand-adjoint", rtol=1e-11)(problem.perturbed)
    assert "parameters and end times carried as constant states" in result.note
    np.testing.assert_allclose(result.hess, expected.hess, atol=1e-7 * np.max(np.abs(expected.hess)))


def test_the_limits_of_a_strategy_apply_to_the_augmented_problem():
    problem = decay()  # one state; with the running loss, k, q and both times normalised: 5
    assert (
        Limits(max_dim=4).refusal(problem) == "It is limited to 4 states, and this problem has 5 with what is carried."
    )
    assert Limits(max_dim=4, parameters=True, running_loss=True, times=True).refusal(problem) is None
    refused = Limits(augmentation=False).refusal(problem)
    assert refused == "It does not differentiate by k, q, t1, and this problem asks for k, t1, q, y0."


def test_refusals_of_the_running_loss_name_it():
    assert "running loss" in Limits(augmentation=False).refusal(decay(wrt=("y0",)))


def test_the_old_form_is_left_alone():
    problem = hessbench.problem("kepler")
    result = hessbench.hessian(problem, strategy="hand-adjoint", rtol=1e-8)
    assert "carried" not in result.note and list(result.blocks) == ["y0"]
    assert Limits().lacking(problem) is None
