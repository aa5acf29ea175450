"""Differences of values confirm what is right, in any units, and contradict what all differentiation misses."""

import numpy as np
import pytest

from hessbench import Problem
from hessbench._judging.tight import tight
from hessbench._judging.witness import Witness


def decay(unit=1.0, wrt=("y0", "k")):
    """`L = (y0 e^-k / unit - 0.3)^2`, in any unit of y."""
    made = Problem(
        "decay",
        lambda xp, t, y, p: -p["k"] * y,
        lambda xp, y0, y1, p: xp.sum((y1 / unit - 0.3) ** 2),
        (0.0, 1.0),
        [1.7 * unit],
        {"k": 0.6},
        wrt=wrt,
    )
    y, e = 1.7, np.exp(-0.6)
    r = y * e - 0.3
    grad = np.array([2 * r * e, -2 * r * y * e])
    hess = np.array([[2 * e * e, -2 * y * e * e - 2 * r * e], [0.0, 2 * (y * e) ** 2 + 2 * r * y * e]])
    hess[1, 0] = hess[0, 1]
    back = np.array([1 / unit, 1.0])
    return made, (r * r, grad * back, hess * np.outer(back, back))


def witness(problem, **more):
    return Witness(tight(problem, problem.x0), problem.x0, **more)


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1.0, 1e7])
def test_a_closed_form_is_confirmed_in_any_unit(unit):
    problem, right = decay(unit)
    found = witness(problem).verdict(*right)
    assert found.confirms
    assert found.gap < 1e-6


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e7])
@pytest.mark.parametrize("where", [(0, 0), (1, 1), "value", "gradient", "row"])
def test_an_error_of_a_thousandth_is_contradicted_in_any_unit(unit, where):
    problem, (value, grad, hess) = decay(unit)
    if where == "value":
        value *= 1.001
    elif where == "gradient":
        grad = grad * [1.001, 1.0]
    elif where == "row":
        hess = hess * np.array([[1.0, 1.001], [1.001, 1.0]])
    else:
        hess[where] *= 1.001
    assert not witness(problem).verdict(value, grad, hess).confirms


@pytest.mark.parametrize("part", [0, 1, 2])
def test_nan_is_never_confirmed(part):
    problem, right = decay()
    spoiled = [np.asarray(a) * (np.nan if i == part else 1.0) for i, a in enumerate(right)]
    assert not witness(problem).verdict(*spoiled).confirms


def test_the_term_of_a_switch_is_seen():
    """y' = 1 below y = 1 and 2 above: L = (3 + 2 y0)^2, of which differentiated steps see (3 + y0)^2."""
    problem = Problem(
        "jump", lambda xp, t, y, p: xp.where(y < 1.0, 1.0 + 0 * y, 2.0 + 0 * y),
        lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 2.0), [0.0],
    )  # fmt: skip
    differences = witness(problem)
    assert differences.verdict(9.0, np.array([12.0]), np.array([[8.0]])).confirms
    assert differences.verdict(9.0, np.array([6.0]), np.array([[2.0]])).contradicts


def test_on_a_tie_differences_are_taken_on_the_side_of_numpy():
    """y' = 1 + y^2 from y0 >= 0, else -1 - y^2: L = tan(1 + y0)^3."""
    problem = Problem(
        "tie", lambda xp, t, y, p: xp.where(y >= 0, 1.0 + y**2, -1.0 - y**2),
        lambda xp, y0, y1, p: xp.sum(y1**3), (0.0, 1.0), [0.0],
    )  # fmt: skip
    found = witness(problem)
    assert all(one_sided for _, one_sided in found.directions)
    t = np.tan(1.0)
    s = 1 + t * t
    assert found.verdict(t**3, np.array([3 * t * t * s]), np.array([[6 * t * s * s + 6 * t**3 * s]])).confirms


def test_a_kink_right_at_the_point_blows_up_and_a_smooth_loss_does_not():
    def build(loss):
        return Problem("norm", lambda xp, t, y, p: -p["k"] * y, loss, (0.0, 1.0), [1.0, 2.0], {"k": 0.0}, wrt=("k",))

    assert witness(build(lambda xp, y0, y1, p: xp.sqrt(xp.sum((y1 - y0) ** 2)))).blows_up
    assert not witness(build(lambda xp, y0, y1, p: xp.sum((y1 - y0) ** 2))).blows_up


def test_along_pairs_every_entry_is_on_its_own_scale():
    """Of L = y1(1)^2 + 1e-6 y2(1)^2 the small entry alone is wrong, by a tenth."""
    problem = Problem(
        "uneven", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1 * y1 * np.array([1.0, 1e-3])), (0.0, 1.0), [1.0, 1.0]
    )  # fmt: skip
    e = np.exp(-2.0)
    value, grad, hess = 1.001 * e, 2 * e * np.array([1.0, 1e-3]), np.diag([2 * e, 2e-3 * e])
    assert witness(problem, pairs=True).verdict(value, grad, hess).confirms
    hess[1, 1] *= 1.1
    assert not witness(problem, pairs=True).verdict(value, grad, hess).confirms


def test_sizes_of_unknowns_that_are_zero_come_from_the_solution():
    problem = Problem(
        "filling", lambda xp, t, y, p: 1e-9 - p["k"] * y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [0.0], {"k": 1e3},
        wrt=("y0", "k", "t1"),
    )  # fmt: skip
    sizes = witness(problem).sizes
    assert sizes == pytest.approx([1e-12, 1e3, 1.0], rel=1e-3)
