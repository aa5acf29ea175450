"""Backprop of backprop with derivatives written by hand: row by row, in blocks of rows, and all rows at once."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench

NAMES = ["hand-adjoint-rows", "hand-adjoint-rows/batched"]


def strategy(**options):
    return type(hessbench.strategies()["hand-adjoint-rows"].load())(**options)


def error(got, true):
    return np.max(np.abs(got - true)) / np.max(np.abs(true))


@pytest.mark.parametrize("name", NAMES)
def test_the_oscillator_has_its_closed_form(name):
    problem = hessbench.problem("harmonic-oscillator", d=3)
    result = hessbench.hessian(problem, problem.perturbed, name, rtol=1e-11)
    value, grad, hess = problem.exact(problem.perturbed)
    assert error(result.hess, hess) < 1e-9
    assert error(result.grad, grad) < 1e-9
    assert result.value == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_one_kepler_period_has_one_eigenvalue_288_pi_squared(name):
    problem = hessbench.problem("kepler", dim=2, y0=[1.0, 0.0, 0.0, 1.0])
    found = np.linalg.eigvalsh(hessbench.hessian(problem, strategy=name, rtol=1e-11).hess)
    assert found[-1] == pytest.approx(288 * np.pi**2, rel=1e-7)
    assert np.max(np.abs(found[:-1])) < 1e-6 * found[-1]


@pytest.mark.parametrize("together", [1, 2, 3, None])
def test_blocks_of_rows_of_any_size_agree_with_the_one_pass_adjoint(together):
    problem = hessbench.problem("generic-cubic")
    true = hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-11).hess
    found = hessbench.hessian(problem, problem.perturbed, strategy(together=together), rtol=1e-9).hess
    assert error(found, true) < 1e-7


@pytest.mark.parametrize(("together", "solves"), [(1, 2 + 2 * 5), (2, 2 + 2 * 3), (None, 2 + 2)])
def test_each_block_of_rows_makes_two_solves(together, solves):
    problem = hessbench.problem("random-quadratic", n=5)
    assert hessbench.hessian(problem, strategy=strategy(together=together), rtol=1e-3).counters.solves == solves


def test_the_rows_at_once_need_fewer_jacobians_and_contractions_by_far():
    problem = hessbench.problem("random-quadratic", n=10)
    rows, batched = (hessbench.hessian(problem, strategy=name, rtol=1e-6).counters for name in NAMES)
    assert 5 * batched.contractions < rows.contractions
    assert 4 * batched.jacobians < rows.jacobians


@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_second_derivative_is_seen(name):
    problem = hessbench.problem("generic-cubic")
    true = hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-10).hess
    d = problem.derivatives
    faulty = replace(problem, derivatives=replace(d, vhp=lambda *args: 0.0 * d.vhp(*args)))
    assert error(hessbench.hessian(faulty, problem.perturbed, name, rtol=1e-8).hess, true) > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_mixed_block_of_the_loss_is_seen(name):
    problem = hessbench.problem("harmonic-oscillator")
    true = problem.exact(problem.x0)[2]

    def without_l01(*args):
        blocks = problem.loss_blocks(*args)
        return replace(blocks, l01=0.0 * blocks.l01)

    faulty = replace(problem, loss_blocks=without_l01)
    assert error(hessbench.hessian(faulty, strategy=name, rtol=1e-8).hess, true) > 1e-2


@pytest.mark.parametrize("name", NAMES)
def test_a_dissipative_problem_is_refused(name):
    with pytest.raises(hessbench.Unsupported, match=r"^It integrates the state backward in time.*problem\.$"):
        hessbench.prepare(hessbench.problem("brusselator", n=24), name)
