"""Where no reference can be had, the error says why, in words and as a code; a closed form stands against methods that err."""

import numpy as np
import pytest

from hessbench import NoReference, Problem
from hessbench._judging.reference import compute_reference


@pytest.fixture(autouse=True)
def only_autograd(monkeypatch):
    """One framework is enough here, and this one compiles nothing."""
    monkeypatch.setattr("hessbench.backends.available", lambda name: name in ("autograd", "numpy"))


def total(xp, y0, y1, p):
    return xp.sum(y1)


def jump(xp, t, y, p):
    return xp.where(y < 1.0, 1.0 + 0 * y, 2.0 + 0 * y)


def bounce(xp, t, y, p):
    h, v = y[:1], y[1:]
    return xp.concatenate([v, -9.81 - xp.where(h < 0, 400.0 * h, 0.0 * h)])


def van_der_pol(xp, t, y, p):
    return xp.concatenate([y[1:], p["mu"] * (1 - y[:1] * y[:1]) * y[1:] - y[:1]])


def lorenz(xp, t, y, p):
    x, w, z = y[:1], y[1:2], y[2:]
    return xp.concatenate([10.0 * (w - x), x * (28.0 - z) - w, x * w - 8 / 3 * z])


CASES = {
    "stiff": Problem(
        "vdp", van_der_pol, lambda xp, y0, y1, p: xp.sum(y1[:1] ** 2), (0.0, 300.0), [2.0, 0.0], {"mu": 1000.0}
    ),
    "chaotic": Problem("lorenz-long", lorenz, lambda xp, y0, y1, p: xp.sum(y1[2:]), (0.0, 40.0), [1.0, 1.0, 20.0]),
    "non-finite": Problem("blow-up", lambda xp, t, y, p: y * y, total, (0.0, 2.0), [1.0]),
    "no Hessian": Problem(
        "norm",
        lambda xp, t, y, p: -p["k"] * y,
        lambda xp, y0, y1, p: xp.sqrt(xp.sum((y1 - y0) ** 2)),
        (0.0, 1.0),
        [1.0, 2.0],
        {"k": 0.0},
        wrt=("k",),
    ),
}


SWITCHED = {
    "kink": Problem("kinked", lambda xp, t, y, p: 1.0 + xp.maximum(y - 1.0, 0 * y), total, (0.0, 2.0), [0.0]),
    "jump": Problem("jump", jump, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 2.0), [0.0]),
    "bounce": Problem("bounce", bounce, lambda xp, y0, y1, p: xp.sum(y1 * y1) / 2, (0.0, 1.0), [1.0, 0.0]),
    "time to switch": Problem(
        "switch",
        lambda xp, t, y, p: xp.where(t < p["dur"], p["dose"] / p["dur"], 0.0 * p["dur"]) - 0.4 * y,
        total,
        (0.0, 6.0),
        [0.0],
        {"dose": 10.0, "dur": 2.3},
        wrt=("dur",),
    ),
}
CURVATURE = {"kink": np.e, "jump": 8.0, "bounce": 16.376293695, "time to switch": 0.0979260767}


@pytest.mark.parametrize("case", SWITCHED)
def test_a_switch_that_is_crossed_has_a_reference(case):
    problem = SWITCHED[case]
    found = compute_reference(problem, problem.x0)
    assert found.hess[0, 0] == pytest.approx(CURVATURE[case], rel=1e-8)
    assert "value differences across the pieces agree" in found.how


@pytest.mark.parametrize("case", CASES)
def test_the_reason_is_named(case):
    with pytest.raises(NoReference) as caught:
        compute_reference(CASES[case], CASES[case].x0)
    assert caught.value.diagnosis == case.partition(",")[0], caught.value


def test_a_closed_form_is_taken_where_others_confirm_it():
    exact = Problem(
        "jump", jump, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 2.0), [0.0],
        exact=lambda x: ((3 + 2 * x[0]) ** 2, np.array([4 * (3 + 2 * x[0])]), np.array([[8.0]])),
    )  # fmt: skip
    found = compute_reference(exact, exact.x0)
    assert found.hess == 8.0
    assert found.how.startswith("closed form; variational, lifted; value differences")


def test_a_closed_form_that_is_wrong_does_not_stand():
    wrong = Problem(
        "jump", jump, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 2.0), [0.0],
        exact=lambda x: ((3 + x[0]) ** 2, np.array([2 * (3 + x[0])]), np.array([[2.0]])),
    )  # fmt: skip
    found = compute_reference(wrong, wrong.x0)
    assert found.hess[0, 0] == pytest.approx(8.0, rel=1e-10)
    assert "closed form differs from the others" in found.suspect


def test_a_switch_that_matters_to_nobody_leaves_the_reference():
    smooth = Problem("smooth", lambda xp, t, y, p: 1.0 + xp.where(y < 1.0, 0.5 * y, y / 2), total, (0.0, 2.0), [0.0])
    assert compute_reference(smooth, smooth.x0).grad == pytest.approx([np.e], rel=1e-10)
