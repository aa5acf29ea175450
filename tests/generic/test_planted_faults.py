"""A forgotten second derivative or mixed term is found; at a critical point of the loss the second derivatives drop out."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import JointDerivatives, Problem, generated_joint_derivatives
from hessbench._derive.checking import check_derivatives
from hessbench.backends import available

from .conftest import build, by_jax

pytestmark = pytest.mark.skipif(not available("jax"), reason="jax is not installed")


def with_vhp(problem, change):
    """`problem` with hand-written joint derivatives: the generated ones, with the contraction changed."""
    true = generated_joint_derivatives(problem)
    joint = JointDerivatives(true.names, true.jac, lambda t, y, s, p: change(true.vhp(t, y, s, p)))
    state = hessbench.generated_derivatives(problem)
    return replace(problem, derivatives=replace(state, joint=joint))


def without(rows, columns):
    def change(c):
        c = c.copy()
        c[..., rows, columns] = 0.0
        c[..., columns, rows] = 0.0
        return c

    return change


Y, A = slice(0, 3), slice(3, 16)
FAULTS = {
    "all second derivatives": without(slice(None), slice(None)),
    "by states": without(Y, Y),
    "by states and parameters": without(Y, A),
    "by parameters": without(A, A),
}


def error_of(problem, truth):
    got = hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-10).hess
    return np.max(np.abs(got - truth)) / np.max(np.abs(truth))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_dropped_second_derivative_shows_in_the_hessian(fault):
    truth = by_jax("generic-bolza")[2]
    assert error_of(with_vhp(build("generic-bolza"), FAULTS[fault]), truth) > 1e-3


def test_the_same_without_a_fault_is_right():
    assert error_of(with_vhp(build("generic-bolza"), lambda c: c), by_jax("generic-bolza")[2]) < 1e-8


def fitted(target):
    """Lotka-Volterra with the squared distance of the end from `target`: costate and gradient vanish where it is met."""
    problem = hessbench.problem("lotka-volterra")
    p = {key: problem.params[key] for key in ("alpha", "beta", "gamma", "delta")}
    return Problem(
        "fitted",
        problem.rhs,
        lambda xp, y0, y1, p: xp.sum((y1 - p["target"]) ** 2),
        (0.0, 2.0),
        problem.y0,
        {**p, "target": target},
        wrt=("y0", *p, "t1"),
    )


def test_the_second_derivatives_may_be_skipped_at_a_critical_point_and_not_elsewhere():
    free = fitted(np.zeros(2))
    ivp = hessbench.IVP(rtol=1e-13, atol=1e-13, dim=2)
    y1 = ivp.solve(lambda t, y: free.rhs(np, t, y, free.params), free.t_span, free.y0).y1
    for target, critical in ((y1, True), (y1 + 0.3, False)):
        problem = fitted(target)
        whole = hessbench.hessian(problem, strategy="hand-adjoint", rtol=1e-12)
        skipped = hessbench.hessian(with_vhp(problem, np.zeros_like), strategy="hand-adjoint", rtol=1e-12)
        gap = np.max(np.abs(whole.hess - skipped.hess)) / np.max(np.abs(whole.hess))
        assert (np.max(np.abs(whole.grad)) < 1e-9) == critical
        assert gap < 1e-9 if critical else gap > 1e-2


def test_a_wrong_hand_written_joint_derivative_is_named():
    problem = build("lorenz")
    joint = problem.derivatives.joint
    wrong = replace(joint, vhp=lambda *a: 1.001 * joint.vhp(*a), hvp=joint.hvp)
    found = check_derivatives(replace(problem, derivatives=replace(problem.derivatives, joint=wrong)), ["jax"])
    assert len(found) == 1 and "`joint.vhp`" in found[0]


def test_the_hand_written_joint_derivatives_are_right(name):
    assert check_derivatives(build(name), ["jax"]) == []
