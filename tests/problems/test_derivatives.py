"""Hand-written derivatives are right to second order, and the check that says so finds planted faults."""

import os
import re
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import derivatives_of
from hessbench._derive.checking import check_derivatives
from hessbench.backends import available

FRAMEWORKS = [name for name in ("jax", "torch", "autograd") if available(name)]
pytestmark = pytest.mark.skipif(not FRAMEWORKS, reason="needs jax, torch or autograd")


def test_derivatives_agree_with_automatic_differentiation_to_second_order(problem, case):
    frameworks = FRAMEWORKS if os.environ.get("HESSBENCH_SLOW") and not case.arguments else FRAMEWORKS[-1:]
    assert check_derivatives(problem, frameworks, tolerance=1e-11) == []


IN_PIECES = (
    *("bouncing-ball", "epidemic-in-stages", "lynx-hare", "oscillator-data", "pharmacokinetics", "table-forcing"),
    "thermostat",
)
WITHOUT = (  # they stand for problems whose derivatives are generated
    *("generic-bolza", "hodgkin-huxley", "optimal-control", "oregonator", "ring-modulator"),
    *IN_PIECES,
)


def test_every_other_built_in_problem_has_hand_written_derivatives(problem):
    if problem.name in WITHOUT:
        assert problem.derivatives is None
        return
    assert problem.derivatives is not None and problem.derivatives.source == "hand-written"
    assert problem.loss_blocks is not None


def test_derivatives_follow_the_parameters_they_are_given(problem):
    scaled = {key: 1.1 * value for key, value in problem.params.items()}
    assert check_derivatives(replace(problem, params=scaled), FRAMEWORKS[-1:], tolerance=1e-11) == []


def test_derivatives_leave_their_arguments_alone(problem, rng):
    d, y, s = derivatives_of(problem), problem.y0.copy(), rng.normal(size=problem.dim)
    kept = y.copy(), s.copy()
    for derivative, arguments in ((d.vjp, (y, s)), (d.jac, (y,)), (d.vhp, (y, s))):
        derivative(0.3, *arguments, problem.params)
    np.testing.assert_array_equal((y, s), kept)


def test_matjac_is_the_product_with_the_dense_jacobian(problem, rng):
    d, y, m = derivatives_of(problem), problem.y0, rng.normal(size=(3, problem.dim))
    expected = m @ d.jac(0.3, y, problem.params)
    got = d.matjac(0.3, y, m, problem.params)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.max(np.abs(expected)))


def without_symmetric_half(d):
    return replace(d, vhp=lambda t, y, s, p: np.tril(d.vhp(t, y, s, p)))


def only_single(d):
    return replace(d, jac=lambda t, y, p: d.jac(t, y.reshape(-1)[: y.shape[-1]], p))


FAULTS = {
    "transposed Jacobian": (lambda d: replace(d, jac=lambda *a: d.jac(*a).swapaxes(-1, -2)), "It is the transpose"),
    "dropped second derivatives": (lambda d: replace(d, vhp=lambda *a: 0 * d.vhp(*a)), "`vhp` .* It is zero"),
    "lower triangle only": (without_symmetric_half, "`vhp` is not symmetric"),
    "wrong sign": (lambda d: replace(d, vjp=lambda *a: -d.vjp(*a)), "`vjp` .* opposite sign"),
    "small error": (lambda d: replace(d, jac=lambda *a: (1 + 1e-7) * d.jac(*a)), "`jac` differs from"),
    "no batches": (only_single, "`jac` returns shape"),
    "exception": (lambda d: replace(d, vjp=lambda *a: 1 / 0), "raise ZeroDivisionError"),
    "wrong shape": (lambda d: replace(d, vjp=lambda *a: d.vjp(*a)[..., :-1]), "`vjp` returns shape"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["generic-cubic", "three-body"])
def test_planted_fault_is_found(name, fault, request):
    problem = hessbench.problem(name)
    plant, message = FAULTS[fault]
    found = check_derivatives(replace(problem, derivatives=plant(problem.derivatives)), FRAMEWORKS[-1:])
    assert found, fault
    assert re.search(message, "\n".join(found)), found


def test_planted_fault_in_the_sparse_values_is_found():
    problem = hessbench.problem("brusselator", n=6)
    d = problem.derivatives
    wrong = replace(d, vhp_values=lambda *a: d.vhp_values(*a)[..., ::-1])
    found = check_derivatives(replace(problem, derivatives=wrong), FRAMEWORKS[-1:])
    assert len(found) == 1 and "`vhp_values`" in found[0]


def test_right_hand_side_that_a_framework_cannot_differentiate_is_named():
    problem = hessbench.problem("sir")
    stuck = replace(problem, rhs=lambda xp, t, y, p: np.asarray(y, dtype=float))
    found = check_derivatives(stuck, FRAMEWORKS[-1:])
    assert "cannot be differentiated" in found[0]


BLOCKS = {
    "transposed block": (lambda b: replace(b, l01=b.l01.T), "`l01` differs"),
    "missing block": (lambda b: replace(b, l00=0 * b.l00), "`l00` differs"),
    "wrong gradient": (lambda b: replace(b, l1=-b.l1), "`l1` differs"),
    "wrong shape": (lambda b: replace(b, l11=b.l1), "`l11` has shape"),
}


@pytest.mark.parametrize("fault", BLOCKS)
def test_planted_fault_in_the_blocks_of_the_loss_is_found(fault):
    problem = hessbench.problem("generic-cubic")
    plant, message = BLOCKS[fault]
    wrong = replace(problem, loss_blocks=lambda *a: plant(problem.loss_blocks(*a)))
    found = check_derivatives(wrong, FRAMEWORKS[-1:])
    assert len(found) == 1 and message in found[0]


def test_problem_without_derivatives_has_none_that_are_wrong():
    assert check_derivatives(replace(hessbench.problem("sir"), derivatives=None, loss_blocks=None)) == []
