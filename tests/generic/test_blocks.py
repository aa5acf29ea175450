"""Every block of the generic Hessian against independent methods, on a problem where none vanishes and on real ones."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench import IVP, adjoint_gradient
from hessbench.backends import available

from .conftest import PROBLEMS, build, by_jax, differences, loss_by_scipy

needs_jax = pytest.mark.skipif(not available("jax"), reason="jax is not installed")
pytestmark = [needs_jax, pytest.mark.xdist_group("generic")]  # integrations by JAX are shared
RTOL = 1e-13


@cache
def hand(name, variant=""):
    problem = build(name)
    return hessbench.prepare(problem, "hand-adjoint" + variant, rtol=RTOL)(problem.perturbed)


def blockwise(result, truth):
    """The largest relative error of any block, each relative to its own largest entry."""
    names = list(result.blocks)
    errors = {}
    for i, a in enumerate(names):
        for b in names[i:]:
            expected = truth[result.blocks[a], result.blocks[b]]
            scale = max(np.max(np.abs(expected)), 1e-6 * np.max(np.abs(truth)))
            errors[a, b] = np.max(np.abs(result.block(a, b) - expected)) / scale
            errors[b, a] = np.max(np.abs(result.block(b, a) - expected.T)) / scale
    return max(errors.items(), key=lambda item: item[1])


def test_every_block_by_the_hand_adjoint_agrees_with_jax_through_an_unrolled_integration(name):
    pair, error = blockwise(hand(name), by_jax(name)[2])
    assert error < 1e-8, pair


def test_every_block_by_the_discrete_adjoint_agrees_with_jax_through_an_unrolled_integration(name):
    problem = build(name)
    result = hessbench.prepare(problem, "discrete-adjoint", rtol=RTOL)(problem.perturbed)
    pair, error = blockwise(result, by_jax(name)[2])
    assert error < 1e-8, pair


def test_value_and_gradient_by_the_hand_adjoint_agree_with_jax(name):
    result, (value, grad, _) = hand(name), by_jax(name)
    assert result.value == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(result.grad, grad, atol=1e-9 * np.max(np.abs(grad)))


@pytest.mark.parametrize("name", ["generic-bolza", "optimal-control"])
def test_the_adjoint_gradient_agrees_with_differences_of_the_loss(name):
    problem = build(name)
    value, grad = adjoint_gradient(problem, IVP(rtol=1e-13, atol=1e-13, dim=problem.dim))(problem.x0)
    assert value == pytest.approx(loss_by_scipy(problem, problem.x0), rel=1e-10)
    expected = differences(lambda x: loss_by_scipy(problem, x), problem.x0, 4e-3)
    np.testing.assert_allclose(grad, expected, atol=1e-8 * np.max(np.abs(expected)))


def test_every_block_of_the_random_problem_agrees_with_differences_of_order_8():
    problem = build("generic-bolza")
    gradient = adjoint_gradient(problem, IVP(rtol=1e-13, atol=1e-13, dim=problem.dim))
    truth = differences(lambda x: gradient(x)[1], problem.perturbed, 2e-2)
    pair, error = blockwise(hand("generic-bolza"), truth)
    assert error < 1e-8, pair


def test_no_block_of_the_random_problem_vanishes():
    result = hand("generic-bolza")
    smallest = min(np.max(np.abs(result.block(a, b))) for a in result.blocks for b in result.blocks)
    assert smallest > 1e-2 * np.max(np.abs(result.hess))


def test_the_state_may_be_integrated_backward_too():
    truth = by_jax("generic-bolza")[2]
    assert blockwise(hand("generic-bolza", "/backward"), truth)[1] < 1e-8


@pytest.mark.parametrize("wrt", [("t1",), ("t0",), ("kappa", "t0"), ("y0",), ("t1", "y0"), ("theta",)], ids=str)
def test_any_choice_of_unknowns_gives_the_blocks_of_all_of_them(wrt):
    whole = build("generic-bolza")
    part = replace(whole.at(whole.perturbed), wrt=wrt)
    result, expected = hessbench.hessian(part, strategy="hand-adjoint", rtol=1e-11), hand("generic-bolza")
    for a in wrt:
        np.testing.assert_allclose(result.gradient(a), expected.gradient(a), atol=1e-9)
        for b in wrt:
            np.testing.assert_allclose(result.block(a, b), expected.block(a, b), atol=1e-9)


def test_generated_and_hand_written_derivatives_give_the_same():
    for name in PROBLEMS:
        problem = build(name)
        if problem.derivatives is None:
            continue
        generated = hessbench.prepare(replace(problem, derivatives=None), "hand-adjoint", rtol=1e-10)(problem.perturbed)
        scale = np.max(np.abs(generated.hess))
        np.testing.assert_allclose(hand(name).hess, generated.hess, atol=1e-6 * scale)


@pytest.mark.parametrize("strategy", ["finite-difference", "finite-difference/loss"])
def test_finite_differences_cover_the_generic_form(strategy):
    problem = build("optimal-control")
    got = hessbench.prepare(problem, strategy, rtol=1e-8)(problem.perturbed)
    assert got.zero_blocks == () and "carried" not in got.note
    assert np.max(np.abs(got.hess - hand("optimal-control").hess)) < 1e-3 * np.max(np.abs(got.hess))
