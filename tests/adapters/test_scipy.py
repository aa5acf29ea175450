"""`as_scipy` gives right numbers, evaluates each point once, and never answers for another point."""

import numpy as np
import pytest
import scipy.optimize

import hessbench
from hessbench import Conditions, InvalidInput, as_scipy
from hessbench._adapters.evaluations import Evaluations

from .closed_forms import X, closed, decay


def close(found, right):
    return np.abs(np.asarray(found) - right).max() < 1e-8 * np.abs(right).max()


@pytest.mark.parametrize("second", ["hess", "hessp"])
def test_all_four_are_right(second):
    f = as_scipy(decay(), second=second)
    value, grad, hess = closed(X)
    v = np.array([0.3, -1.0, 2.0])
    assert f.fun(X) == pytest.approx(value, rel=1e-9)
    assert close(f.jac(X), grad) and close(f.hessp(X, v), hess @ v)
    if second == "hess":
        assert close(f.hess(X), hess) and np.array_equal(f.hess(X), f.hess(X).T)


def test_one_evaluation_for_each_point():
    f = as_scipy(decay())
    for point in (X, X.copy(), list(X)):
        f.jac(point), f.fun(point), f.hess(point), f.hessp(point, X)
    assert (f.evaluations, f.multiplications) == (1, 0)
    f.fun(X + 1e-9)
    assert f.evaluations == 2
    g = as_scipy(decay(), second="hessp")
    g.fun(X), g.jac(X), g.hessp(X, X), g.hessp(X, -X)
    assert (g.evaluations, g.multiplications) == (1, 2)


def test_a_minimisation_evaluates_each_point_once():
    f, seen = as_scipy(decay()), set()

    def fun(x):
        seen.add(x.tobytes())
        return f.fun(x)

    found = scipy.optimize.minimize(fun, f.x0, jac=f.jac, hess=f.hess, method="trust-exact", options={"gtol": 1e-10})
    assert found.fun < 1e-15 and found.nhev > 2
    assert f.evaluations == len(seen)


def test_products_serve_newton_cg():
    f = as_scipy(decay(), second="hessp")
    found = scipy.optimize.minimize(f.fun, f.x0, jac=f.jac, hessp=f.hessp, method="Newton-CG")
    assert found.fun < 1e-12 and f.multiplications > 2


def test_an_x_changed_in_place_is_another_point():
    """SciPy's optimisers do that: a kept answer by the identity of `x` would be stale."""
    f, x = as_scipy(decay()), X.copy()
    before = f.fun(x)
    x += 0.1
    assert f.fun(x) == pytest.approx(closed(x)[0], rel=1e-9) and f.fun(x) != before


def test_the_planted_stale_answer_would_be_seen(monkeypatch):
    f = as_scipy(decay())
    f.fun(X)
    monkeypatch.setattr("hessbench._adapters.evaluations.np.array_equal", lambda a, b: True)
    assert f.fun(X + 0.1) != pytest.approx(closed(X + 0.1)[0], rel=1e-3)


def test_a_result_written_into_does_not_spoil_the_next_one():
    f = as_scipy(decay())
    for found in (f.jac(X), f.hess(X), f.x0):
        found[:] = 7.0
    assert close(f.jac(X), closed(X)[1]) and close(f.hess(X), closed(X)[2]) and np.array_equal(f.x0, decay().x0)
    with pytest.raises(ValueError, match="read-only"):
        Evaluations(decay()).whole(X).grad[0] = 1.0


@pytest.mark.parametrize("second", ["hess", "hessp"])
def test_conditions_are_summed(second):
    f = as_scipy(Conditions({"a": decay(), "b": decay()}, shared="y0"), second=second)
    value, grad, hess = closed(X)
    assert f.fun(X) == pytest.approx(2 * value, rel=1e-9)
    assert close(f.jac(X), 2 * grad) and close(f.hessp(X, X), 2 * hess @ X)
    apart = as_scipy(Conditions({"a": decay(), "b": decay()}), second=second)
    right = np.zeros((5, 5))  # y0[a], k, y0[b]
    for places in ([0, 1, 2], [3, 4, 2]):
        right[np.ix_(places, places)] += hess
    x, v = np.append(X, X[:2]), np.arange(1.0, 6.0)
    assert close(apart.hessp(x, v), right @ v)


def test_what_cannot_be_done_is_said():
    with pytest.raises(InvalidInput, match="expected a `Problem` or `Conditions`"):
        as_scipy(3)
    with pytest.raises(InvalidInput, match='expected "hess" or "hessp"'):
        as_scipy(decay(), second="both")
    with pytest.raises(InvalidInput, match='or `second="hess"`'):
        as_scipy(decay(), second="hessp").hess(X)
    with pytest.raises(InvalidInput, match=r"`p` has shape \(2,\)"):
        as_scipy(decay()).hessp(X, X[:2])
    with pytest.raises(InvalidInput, match=r"\(3,\)"):
        as_scipy(decay()).fun(X[:2])
    with pytest.raises(hessbench.Unsupported, match="no products"):
        as_scipy(decay(), second="hessp", strategy="hand-adjoint").fun(X)
    with pytest.raises(hessbench.Unsupported, match=r"^condition 'a': .*no products"):
        as_scipy(Conditions({"a": decay()}), second="hessp", strategy="hand-adjoint").fun(X)
