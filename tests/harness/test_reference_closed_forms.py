"""The methods behind references against closed forms: slopes that depend on time, all kinds of unknowns, a running loss."""

import numpy as np
import pytest

from hessbench import Problem, augmented
from hessbench._judging.reference_methods import PROBED, Check, automatic, discrete_adjoint, of_state_alone, probes
from hessbench._judging.reference_ways import derivatives_by

SPAN, TIMES = (0.5, 0.7), np.array([0.5, 0.58, 0.7])  # steps of different sizes, so small that order 8 is exact to 1e-9


def agree(check, value, grad, hess):
    assert check.value == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(check.grad, grad, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(check.hess, hess, rtol=1e-8, atol=1e-8)


def both(problem):
    """What the discrete adjoint and automatic differentiation give for the problem at its own point."""
    pytest.importorskip("autograd")  # the framework that needs no time to compile
    whole = problem if of_state_alone(problem) else augmented(problem).problem
    adjoint = discrete_adjoint(problem, problem.x0, TIMES, derivatives_by(whole, "autograd"))
    return Check(*adjoint), automatic(problem, problem.x0, TIMES, "autograd")


def bolza(xp, t, y, p):
    return 3 * xp.sum(p["k"] * t * y**2)


@pytest.mark.parametrize("wrt", [("y0", "k", "t0", "t1"), ("k", "t1"), ("t0", "y0")])
def test_both_have_the_derivatives_by_state_parameter_and_times_with_a_running_loss(wrt):
    # y' = -k t y^2 and g = 3 k t y^2 = -3 y': with q = 1 / y0 + k (t1^2 - t0^2) / 2 it is y1 = 1 / q, L = y1^2 + 3 (y0 - y1)
    y0, k, (t0, t1) = 0.8, 1.3, SPAN
    problem = Problem(
        "bolza", lambda xp, t, y, p: -p["k"] * t * y**2, lambda xp, y0, y1, p: xp.sum(y1**2), SPAN, [y0], {"k": k},
        wrt=wrt, running_loss=bolza,
    )  # fmt: skip
    d = (t1**2 - t0**2) / 2
    q, q1 = 1 / y0 + k * d, np.array([-1 / y0**2, d, -k * t0, k * t1])
    q2 = np.array([[2 / y0**3, 0, 0, 0], [0, 0, -t0, t1], [0, -t0, -k, 0], [0, t1, 0, k]])
    y1 = 1 / q
    slope, bend = -q1 / q**2, 2 * np.outer(q1, q1) / q**3 - q2 / q**2
    grad = (2 * y1 - 3) * slope + 3 * np.eye(4)[0]
    hess = 2 * np.outer(slope, slope) + (2 * y1 - 3) * bend
    at = [("y0", "k", "t0", "t1").index(name) for name in wrt]
    for check in both(problem):
        agree(check, y1**2 + 3 * (y0 - y1), grad[at], hess[np.ix_(at, at)])


def test_both_evaluate_slopes_and_their_derivatives_at_the_time_of_the_stage():
    # y' = -t y^2: y1 = y0 / (1 + y0 d) with d = (t1^2 - t0^2) / 2, dy1 / dy0 = (y1 / y0)^2, d2y1 / dy0^2 = -2 d (y1 / y0)^3
    y0, d = np.array([0.8, -0.4]), (SPAN[1] ** 2 - SPAN[0] ** 2) / 2

    def loss(xp, y0, y1, p):
        return y1[0] ** 2 * y1[1] + y0[0] * y1[1]

    problem = Problem("time", lambda xp, t, y, p: -t * y**2, loss, SPAN, y0)
    a, b = y1 = y0 / (1 + y0 * d)
    j, bend = (y1 / y0) ** 2, -2 * d * (y1 / y0) ** 3
    by_end = np.array([2 * a * b, a**2 + y0[0]])
    grad = by_end * j + np.array([b, 0.0])
    hess = np.array([[2 * b, 2 * a], [2 * a, 0.0]]) * np.outer(j, j) + np.diag(by_end * bend)
    hess[0, 1] += j[1]
    hess[1, 0] += j[1]
    for check in both(problem):
        agree(check, a**2 * b + y0[0] * b, grad, hess)


@pytest.mark.parametrize("n", [PROBED - 1, PROBED, PROBED + 1])
def test_from_forty_unknowns_on_there_are_products_instead_of_the_matrix(n):
    # y' = -y: y1 = y0 exp(-1/2)
    pytest.importorskip("autograd")
    y0, e = np.linspace(-1.0, 2.0, n), np.exp(-0.5)
    problem = Problem("many", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1**3), (0.0, 0.5), y0)
    check = automatic(problem, y0, np.linspace(0.0, 0.5, 3), "autograd")
    hess = np.diag(6 * y0 * e**3)
    assert PROBED == 40 and check.value == pytest.approx(np.sum(y0**3) * e**3, rel=1e-10)
    np.testing.assert_allclose(check.grad, 3 * y0**2 * e**3, rtol=1e-10, atol=1e-12)
    assert (check.hess is None, check.products is None) == (n >= 40, n < 40)
    given, expected = (check.hess, hess) if n < 40 else (check.products, hess @ probes(n))
    np.testing.assert_allclose(given, expected, rtol=1e-10, atol=1e-12)
