"""Any number of bodies: the derivatives of three, central configurations, what is refused."""

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput


def test_three_of_n_bodies_are_the_three_body_problem():
    """Right-hand side and all three derivatives against those of the family that has them from other formulas."""
    three = hessbench.problem("three-body", start="perturbed", dim=3)
    m = np.array([1.0, 2.0, 0.5])
    mine = hessbench.problem("n-body", y0=three.y0, period=3.0, masses=m, dim=3)
    y, s, p, q = three.y0 + 0.1, np.cos(np.arange(18.0)), mine.params, {"masses": m}
    np.testing.assert_allclose(mine.rhs(np, 0, y, p), three.rhs(np, 0, y, q), rtol=1e-14, atol=1e-15)
    a, b = mine.derivatives, three.derivatives
    assert a is not None and b is not None
    np.testing.assert_allclose(a.jac(0, y, p), b.jac(0, y, q), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(a.vjp(0, y, s, p), b.vjp(0, y, s, q), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(a.vhp(0, y, s, p), b.vhp(0, y, s, q), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "arguments",
    [{"start": "lagrange", "masses": [3, 1, 2]}, {"start": "lagrange", "softening": 0.4},
     {"start": "euler", "masses": [3, 1, 2]}, {"start": "ring", "n": 5, "centre": 2.0}, {"start": "ring", "n": 4, "dim": 3}],
    ids=str,
)  # fmt: skip
def test_central_configurations_turn_as_rigid_bodies(arguments):
    """After a quarter of the period each body has turned by a right angle about the centre of mass."""
    problem = hessbench.problem("n-body", **arguments)
    n, d = problem.params["masses"].size, problem.dim // (2 * problem.params["masses"].size)
    ivp = hessbench.IVP("DOP853", rtol=1e-12, atol=1e-12)
    quarter = ivp.solve(lambda t, y: problem.rhs(np, t, y, problem.params), (0, problem.t_span[1] / 4), problem.y0).y1
    before, after = problem.y0.reshape(2 * n, d), quarter.reshape(2 * n, d)
    np.testing.assert_allclose(after[:, 0], -before[:, 1], atol=1e-9)
    np.testing.assert_allclose(after[:, 1], before[:, 0], atol=1e-9)


def test_period_of_lagranges_triangle_is_keplers():
    """Side 1 and total mass M: w^2 = M, softened w^2 = M (1 + e^2)^(-3/2)."""
    hard, soft = (hessbench.problem("n-body", start="lagrange", masses=[3, 1, 2], softening=e) for e in (0.0, 0.4))
    np.testing.assert_allclose(hard.t_span[1], 2 * np.pi / np.sqrt(6))
    np.testing.assert_allclose(soft.t_span[1], 2 * np.pi / np.sqrt(6 * 1.16**-1.5))


BAD = [
    ({"start": "square"}, "expected one of"),
    ({"n": 4}, "belong to `start='ring'`"),
    ({"start": "ring", "n": 1}, "at least two"),
    ({"start": "ring", "centre": -1.0}, "`centre`"),
    ({"start": "lagrange", "masses": [1, 2]}, "3 positive numbers"),
    ({"start": "chain-5", "masses": [1] * 5}, "leave out `masses`"),
    ({"start": "lagrange", "dim": 1}, "planar"),
    ({"dim": 4}, "expected 1, 2 or 3"),
    ({"softening": -1.0}, "not negative"),
    ({"y0": [0, 0, 0, 0, 1, 1, 1, 1], "period": 1.0}, "same place"),
    ({"y0": [0] * 7, "period": 1.0}, "has 7 numbers"),
    ({"y0": [0, 1, 0, 0], "period": -1.0, "dim": 1}, "positive number"),
    ({"y0": [0, 1, 0, 0], "period": 1.0, "dim": 1, "masses": [1, -1]}, "not negative"),
    ({"y0": [0, 1, 0, 0]}, "together with `period`"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda x: str(x)[:40])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        hessbench.problem("n-body", **arguments)
