"""torchdiffeq and torchode differentiated twice: the routes that are right, and the one that is wrong."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import IntegrationError
from hessbench.backends import available

from .helpers import decay, error

if not available("torch"):
    pytest.skip("torch is not installed", allow_module_level=True)
pytest.importorskip("torchdiffeq")
pytest.importorskip("torchode")
import torch
import torchdiffeq

RIGHT = ["torchdiffeq-backprop", "torchdiffeq-backprop/dopri5", "torchode-backprop", "torchode-backprop/tsit5"]
ALL = [*RIGHT, "torchdiffeq-adjoint"]


@pytest.mark.parametrize("name", RIGHT)
def test_the_oscillator_has_its_closed_form(name):
    problem = hessbench.problem("harmonic-oscillator")
    result = hessbench.hessian(problem, problem.perturbed, name, rtol=1e-9)
    value, grad, hess = problem.exact(problem.perturbed)
    assert error(result.hess, hess) < 1e-7
    assert error(result.grad, grad) < 1e-7
    assert result.value == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize("name", RIGHT)
def test_the_hessian_by_a_parameter_and_the_state_has_its_closed_form(name):
    a, y, t = 0.9, 1.3, 0.7
    e = np.exp(-2 * a * t)
    expected = [[4 * t * t * y * y * e, -4 * t * y * e], [-4 * t * y * e, 2 * e]]
    np.testing.assert_allclose(hessbench.hessian(decay(), strategy=name, rtol=1e-9).hess, expected, rtol=1e-6)


@pytest.mark.parametrize("name", RIGHT)
def test_time_may_run_backward(name):
    result = hessbench.hessian(decay(t_span=(0.7, 0.0), wrt=("y0",)), strategy=name, rtol=1e-9)
    assert result.hess.item() == pytest.approx(2 * np.exp(2 * 0.9 * 0.7), rel=1e-7)


def value_error(name, rtol):
    problem = hessbench.problem("harmonic-oscillator")
    result = hessbench.hessian(problem, strategy=name, rtol=rtol)
    return abs(result.value / problem.exact(problem.x0)[0] - 1)


def test_the_end_state_of_dopri8_is_right_to_a_tight_tolerance_because_its_last_step_ends_there(monkeypatch):
    true = torchdiffeq.odeint

    def without_pin(*args, options, **rest):
        return true(*args, options={**options, "step_t": None}, **rest)

    pinned = value_error("torchdiffeq-backprop", 1e-12)
    monkeypatch.setattr(torchdiffeq, "odeint", without_pin)
    assert pinned < 1e-11
    assert value_error("torchdiffeq-backprop", 1e-12) > 30 * pinned


@pytest.mark.parametrize("name", ALL)
def test_every_evaluation_of_the_right_hand_side_is_counted(name):
    calls = 0
    problem = hessbench.problem("driven-pendulum")

    def counting(*args):
        nonlocal calls
        calls += 1
        return problem.rhs(*args)

    run = hessbench.prepare(replace(problem, rhs=counting), name, rtol=1e-4)
    calls = 0
    counters = run().counters
    assert counters.rhs == calls
    assert 6 * counters.steps <= counters.rhs


@pytest.mark.parametrize("name", ALL)
def test_too_few_steps_are_an_error_that_names_the_library(name):
    with pytest.raises(IntegrationError, match=r"^torch(diffeq|ode), "):
        hessbench.hessian(hessbench.problem("driven-pendulum"), strategy=name, rtol=1e-8, max_steps=3)


def test_the_adjoint_gives_zeros_for_a_loss_of_the_end_state_and_no_error():
    problem = hessbench.problem("random-quadratic", n=4)
    result = hessbench.hessian(problem, strategy="torchdiffeq-adjoint", rtol=1e-9)
    true = hessbench.hessian(problem, strategy="hand-adjoint", rtol=1e-11)
    assert not np.any(result.hess)
    assert error(result.grad, true.grad) < 1e-7
    assert np.max(np.abs(true.hess)) > 0.1


def test_the_adjoint_gives_the_half_of_the_mixed_block_for_a_loss_of_both_ends():
    # l = |y1 - y0|^2 and y1 = M y0: what is left of 2 (M - 1)^T (M - 1) is l_00 + l_01 M = 2 (1 - M)
    problem = hessbench.problem("harmonic-oscillator", d=1, omega=[1.4])
    c, s, w = np.cos(1.4 * 1.7), np.sin(1.4 * 1.7), 1.4
    flow = np.array([[c, s / w], [-w * s, c]])
    result = hessbench.hessian(problem, strategy="torchdiffeq-adjoint", rtol=1e-9)
    np.testing.assert_allclose(result.hess, 2 * (np.eye(2) - flow), atol=1e-7)
    assert error(result.hess, problem.exact(problem.x0)[2]) > 0.1
    assert error(result.hess, result.hess.T) > 0.1


def test_the_gradient_of_the_adjoint_by_a_parameter_is_right():
    a, y, t = 0.9, 1.3, 0.7
    e = np.exp(-2 * a * t)
    result = hessbench.hessian(decay(), strategy="torchdiffeq-adjoint", rtol=1e-9)
    np.testing.assert_allclose(result.grad, [-2 * t * y * y * e, 2 * y * e], rtol=1e-7)


def test_torch_has_no_derivative_of_the_adjoint_to_offer():
    problem = hessbench.problem("random-quadratic", n=3)
    y0 = torch.tensor(problem.x0, requires_grad=True)
    p = {key: torch.tensor(value) for key, value in problem.params.items()}

    def f(t, y):
        return problem.rhs(torch, t, y, p)

    times = torch.tensor(problem.t_span, dtype=torch.float64)
    y1 = torchdiffeq.odeint_adjoint(f, y0, times, rtol=1e-8, atol=1e-8, adjoint_params=())[-1]
    (grad,) = torch.autograd.grad(y1[0], y0, create_graph=True)
    assert not grad.requires_grad
