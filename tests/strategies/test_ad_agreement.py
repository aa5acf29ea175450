"""Every strategy that differentiates by a framework, against the adjoint written by hand at a tight tolerance."""

from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench.backends import available

RTOL = 1e-7
STRATEGIES = [
    *(f"{name}@{b}" for name in ("forward-over-reverse", "reverse-over-reverse") for b in ("jax", "torch", "autograd")),
    *(f"unrolled@{b}" for b in ("jax", "torch", "autograd")),
    "unrolled/rk4@jax",
    "casadi-symbolic@casadi",
    "casadi-symbolic/rk4@casadi",
]
PROBLEMS = {
    "generic-cubic": {},  # the loss depends on y0, and t0 = 5
    "driven-pendulum": {},  # the right-hand side depends on time
    "brusselator": {"n": 4},  # contracts, and its Jacobian is sparse
    "random-quadratic": {"n": 3},  # parameters are arrays, and CasADi has a right-hand side of its own
}
CASES = [(strategy, name) for strategy in STRATEGIES for name in PROBLEMS]


@cache
def points(name):
    problem = hessbench.problem(name, **PROBLEMS[name])
    return problem, {"own": problem.x0, "perturbed": problem.perturbed}


@cache
def expected(name):
    problem, xs = points(name)
    run = hessbench.prepare(problem, "hand-adjoint", rtol=1e-12)
    return {point: run(x) for point, x in xs.items()}


@cache
def computed(strategy, name):
    problem, xs = points(name)
    run = hessbench.prepare(problem, strategy, rtol=RTOL)
    return run.strategy, {point: run(x.copy()) for point, x in xs.items()}


@pytest.fixture(params=CASES, ids=lambda case: f"{case[1]}-{case[0]}")
def case(request):
    backend = request.param[0].partition("@")[2]
    if not available(backend):
        pytest.skip(f"{backend} is not installed")
    return request.param


def error(got, true):
    return np.max(np.abs(got - true)) / np.max(np.abs(true))


@pytest.mark.parametrize("point", ["own", "perturbed"])
def test_the_hessian_is_right_to_the_accuracy_that_the_strategy_declares(case, point):
    strategy, results = computed(*case)
    assert error(results[point].hess, expected(case[1])[point].hess) < strategy.accuracy.threshold(RTOL)


@pytest.mark.parametrize("point", ["own", "perturbed"])
def test_the_gradient_is_right(case, point):
    strategy, results = computed(*case)
    assert error(results[point].grad, expected(case[1])[point].grad) < strategy.accuracy.threshold(RTOL)


@pytest.mark.parametrize("point", ["own", "perturbed"])
def test_the_value_is_right(case, point):
    strategy, results = computed(*case)
    assert results[point].value == pytest.approx(expected(case[1])[point].value, rel=strategy.accuracy.threshold(RTOL))


@pytest.mark.parametrize("strategy", ["forward-over-reverse@jax", "unrolled@jax", "casadi-symbolic@casadi"])
def test_a_problem_that_can_not_be_integrated_backward_is_solved(strategy):
    if not available(strategy.partition("@")[2]):
        pytest.skip("the framework is not installed")
    problem = hessbench.problem("brusselator", n=22)
    assert problem.dissipative
    true = hessbench.hessian(problem, strategy="hand-adjoint", rtol=1e-11).hess
    assert error(hessbench.hessian(problem, strategy=strategy, rtol=1e-8).hess, true) < 1e-5


@pytest.mark.parametrize(
    "strategy",
    ["forward-over-reverse@jax", "reverse-over-reverse@jax", "unrolled@jax", "casadi-symbolic@casadi"],
)
def test_the_error_falls_with_the_tolerance(strategy):
    if not available(strategy.partition("@")[2]):
        pytest.skip("the framework is not installed")
    problem, xs = points("driven-pendulum")
    true = expected("driven-pendulum")["perturbed"].hess
    loose, tight = (hessbench.hessian(problem, xs["perturbed"], strategy, rtol=rtol).hess for rtol in (1e-4, 1e-9))
    assert error(tight, true) < 1e-3 * error(loose, true)


@pytest.mark.skipif(not available("jax"), reason="jax is not installed")
def test_reverse_over_reverse_through_the_unrolled_loop_agrees():
    result = hessbench.hessian(points("random-quadratic")[0], strategy="unrolled/reverse-over-reverse@jax", rtol=RTOL)
    assert error(result.hess, expected("random-quadratic")["own"].hess) < 1e-6


@pytest.mark.parametrize("strategy", ["forward-over-reverse@jax", "unrolled@torch", "casadi-symbolic@casadi"])
def test_the_closed_form_of_the_oscillator_comes_out(strategy):
    if not available(strategy.partition("@")[2]):
        pytest.skip("the framework is not installed")
    problem = hessbench.problem("harmonic-oscillator")
    result = hessbench.hessian(problem, problem.perturbed, strategy, rtol=1e-11)
    assert error(result.hess, problem.exact(problem.perturbed)[2]) < 1e-9
