"""autograd's `odeint`, differentiated by its own adjoint twice."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import IntegrationError
from hessbench.backends import available

if not available("autograd"):
    pytest.skip("autograd is not installed", allow_module_level=True)


def error(got, true):
    return np.max(np.abs(got - true)) / np.max(np.abs(true))


def test_the_oscillator_has_its_closed_form():
    problem = hessbench.problem("harmonic-oscillator", d=1)
    result = hessbench.hessian(problem, problem.perturbed, "autograd-odeint", rtol=1e-8)
    value, grad, hess = problem.exact(problem.perturbed)
    assert error(result.hess, hess) < 1e-7
    assert error(result.grad, grad) < 1e-7
    assert result.value == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize("wrt", [("p",), ("y0", "p")])
def test_parameters_have_their_closed_form(wrt):
    problem = hessbench.problem("polynomial-control", n=2, wrt=wrt)
    result = hessbench.hessian(problem, strategy="autograd-odeint", rtol=1e-7)
    value, grad, hess = problem.exact(problem.x0)
    assert error(result.hess, hess) < 1e-6
    assert error(result.grad, grad) < 1e-6
    assert result.value == pytest.approx(value, rel=1e-6)


def test_every_evaluation_of_the_right_hand_side_is_counted_and_two_solves_for_each_row():
    calls = 0
    problem = hessbench.problem("driven-pendulum")

    def counting(*args):
        nonlocal calls
        calls += 1
        return problem.rhs(*args)

    run = hessbench.prepare(replace(problem, rhs=counting), "autograd-odeint", rtol=1e-3)
    calls = 0
    counters = run().counters
    assert counters.rhs == calls > counters.steps
    assert counters.solves == 2 + 2 * problem.dim


def test_too_few_steps_are_an_error():
    with pytest.raises(IntegrationError, match=r"^scipy\.integrate\.odeint: Excess work"):
        hessbench.hessian(hessbench.problem("driven-pendulum"), strategy="autograd-odeint", rtol=1e-6, max_steps=9)


def test_a_dissipative_problem_is_refused():
    with pytest.raises(hessbench.Unsupported, match=r"^It integrates the state backward in time"):
        hessbench.prepare(hessbench.problem("brusselator", n=24), "autograd-odeint")
