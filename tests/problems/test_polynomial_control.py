"""The closed form of the polynomial control problem, against quadrature by another library and in small cases by hand."""

import numpy as np
import pytest
from scipy.integrate import quad

import hessbench
from hessbench import InvalidInput


@pytest.mark.parametrize("arguments", [{}, {"n": 1}, {"n": 6, "t1": 1.3}, {"wrt": "y0"}, {"wrt": ("y0", "p")}], ids=str)
def test_loss_gradient_and_hessian_are_those_of_the_integrated_force(arguments):
    problem = hessbench.problem("polynomial-control", **arguments)
    t1, target = problem.t_span[1], problem.params["target"]
    k = np.arange(problem.size)
    # v(t1) = v0 + integral of the force, x(t1) = x0 + v0 t1 + integral of (t1 - t) force
    by_p = np.array([[quad(lambda t, i=i, j=j: t**i * (t1 - t) ** j, 0, t1)[0] for i in k] for j in (1, 0)])
    by_y0 = np.array([[1.0, t1], [0.0, 1.0]])
    maps = np.hstack([{"p": by_p, "y0": by_y0}[key] for key in problem.wrt])
    for x in (problem.x0, problem.perturbed):
        y0, p = problem.unpack(x)
        gap = by_p @ p["p"] + by_y0 @ y0 - target
        value, grad, hess = problem.exact(x)
        np.testing.assert_allclose(value, gap @ gap, rtol=1e-11)
        np.testing.assert_allclose(grad, 2 * maps.T @ gap, rtol=1e-11)
        np.testing.assert_allclose(hess, 2 * maps.T @ maps, rtol=1e-11)


def test_the_solution_of_the_equation_of_motion_ends_where_the_closed_form_says(flow):
    problem = hessbench.problem("polynomial-control")
    y1, monodromy = flow(problem, problem.y0)
    np.testing.assert_allclose(np.sum((y1 - problem.params["target"]) ** 2), problem.exact(problem.x0)[0], rtol=1e-10)
    np.testing.assert_allclose(monodromy, [[1, 2], [0, 1]], atol=1e-12)


def test_a_constant_force_gives_half_t_squared():
    problem = hessbench.problem("polynomial-control", n=1, t1=3.0)
    assert problem.exact(problem.x0)[2].item() == pytest.approx(2 * (4.5**2 + 3.0**2), rel=1e-14)


def test_a_wrong_force_is_seen():
    problem = hessbench.problem("polynomial-control")
    moved = problem.exact(problem.x0 + np.array([0, 0, 1e-3, 0]))[0]
    assert abs(moved / problem.exact(problem.x0)[0] - 1) > 1e-4


@pytest.mark.parametrize(
    ("arguments", "what"),
    [({"n": 0}, "`n` is 0"), ({"t1": -1.0}, "`t1` is -1.0"), ({"wrt": "target"}, r"`wrt` is \('target',\)")],
    ids=str,
)
def test_bad_arguments_are_named(arguments, what):
    with pytest.raises(InvalidInput, match=what):
        hessbench.problem("polynomial-control", **arguments)
