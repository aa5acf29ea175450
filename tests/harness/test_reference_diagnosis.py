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


def lorenz(xp, t, y, p):
    x, w, z = y[:1], y[1:2], y[2:]
    return xp.concatenate([10.0 * (w - x), x * (28.0 - z) - w, x * w - 8 / 3 * z])


CASES = {
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


def touching(top, recorded=False):
    """y = 1 + sin t, beyond `top` of which a second state grows with time; by a function that is recorded, or by one that
    is not, so that the solution cannot be cut into pieces."""

    def rhs(xp, t, y, p):
        seen = y[:1] if recorded else xp.sort(y[:1])
        return xp.concatenate([xp.cos(t) + 0.0 * y[:1], xp.where(seen > top, 1.0 + 0.0 * y[:1], 0.0 * y[:1])])

    return Problem("touching", rhs, lambda xp, y0, y1, p: xp.sum(y1[1:] ** 2), (0.0, 3.0), [1.0, 0.5])


@pytest.mark.parametrize("top, code", [(2 - 1e-4, "grazed"), (1.5, "kink")])
def test_a_switch_that_is_only_just_touched_is_told_from_one_that_is_crossed(top, code):
    """At 2 - 1e-4 the state is beyond it for 0.03 of the time; a start that is lower by 2^-12 never gets there."""
    with pytest.raises(NoReference) as caught:
        compute_reference(touching(top), touching(top).x0)
    assert caught.value.diagnosis == code, caught.value
    """The state is beyond `top` for a time pi - 2 arcsin(u), u = top - y0[0]."""
    problem, u = touching(top, recorded=True), top - 1.0
    found, length, slope = compute_reference(problem, problem.x0), np.pi - 2 * np.arcsin(u), 2 / np.sqrt(1 - u * u)
    assert found.value == pytest.approx((0.5 + length) ** 2, rel=1e-9)
    bent = -2 * u / (1 - u * u) ** 1.5
    assert found.hess[0, 0] == pytest.approx(2 * slope**2 + 2 * (0.5 + length) * bent, rel=1e-6)


@pytest.mark.parametrize("width, code", [(5e-6, "narrow feature"), (1e-2, "disagreement")])
def test_a_pulse_that_nothing_meets_is_named_where_methods_do_not_agree(width, code, monkeypatch):
    """Between two of the times that are looked at; the disagreement is planted, and has another reason for the wide pulse."""
    from hessbench._judging import reference_ways as the_ways

    for name in ("automatic", "discrete_adjoint"):

        def wrong(*args, right=getattr(the_ways, name)):  # noqa: B008
            out = right(*args)
            if isinstance(out, tuple):
                return out[0], out[1], 1.01 * out[2]
            return the_ways.Check(out.value, out.grad, 1.01 * out.hess)

        monkeypatch.setattr(the_ways, name, wrong)
    middle = 0.37 + 0.5 / 20_000
    pulse = Problem(
        "pulse", lambda xp, t, y, p: 1e3 * xp.exp(-(((t - middle) / width) ** 2)) - y, lambda xp, y0, y1, p: xp.sum(y1**3),
        (0.0, 1.0), [1.0],
    )  # fmt: skip
    with pytest.raises(NoReference) as caught:
        compute_reference(pulse, pulse.x0)
    assert caught.value.diagnosis == code, caught.value


def test_no_framework_is_the_reason_where_nothing_can_differentiate_and_none_where_it_can(monkeypatch):
    import math

    def by_floats(xp, t, y, p):
        return np.array([-math.sin(float(y[0]))])

    unknown = Problem("floats", by_floats, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0])
    monkeypatch.setattr("hessbench.backends.available", lambda name: name == "numpy")
    with pytest.raises(NoReference, match="pip install") as caught:
        compute_reference(unknown, unknown.x0)
    assert caught.value.diagnosis == "no framework", caught.value
    recorded = Problem("array", lambda xp, t, y, p: -xp.sin(y), lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0])
    assert "value differences" in compute_reference(recorded, recorded.x0).how


@pytest.mark.parametrize("wrt", [("t1",), ("t0", "y0", "t1"), ("y0", "t1", "k")])
def test_a_jump_in_time_inside_the_span_leaves_derivatives_by_the_end_times(wrt):
    """y' = -k y until t = 0.4, then -3 k y: y(t1) = y0 exp(-k (0.4 - t0) - 3 k (t1 - 0.4))."""
    problem = Problem(
        "stages", lambda xp, t, y, p: -xp.where(t < 0.4, 1.0, 3.0) * p["k"] * y, lambda xp, y0, y1, p: xp.sum(y1),
        (0.1, 1.0), [1.3], {"k": 0.7}, wrt=wrt,
    )  # fmt: skip
    found, k = compute_reference(problem, problem.x0), 0.7
    length = 0.3 + 3 * 0.6
    y = 1.3 * np.exp(-k * length)
    first = {"y0": 1 / 1.3, "t0": k, "t1": -3 * k, "k": -length}  # of log y, whose second ones are these:
    second = {("y0", "y0"): -1 / 1.3**2, ("t0", "k"): 1.0, ("k", "t0"): 1.0, ("t1", "k"): -3.0, ("k", "t1"): -3.0}
    hess = [[y * (first[a] * first[b] + second.get((a, b), 0.0)) for b in wrt] for a in wrt]
    assert found.value == pytest.approx(y, rel=1e-11)
    assert found.grad == pytest.approx([y * first[a] for a in wrt], rel=1e-10)
    assert found.hess == pytest.approx(np.array(hess), rel=1e-9, abs=1e-10)
    assert "value differences" in found.how


def test_a_jump_at_an_unknown_time_has_a_reference_also_where_an_end_time_is_free():
    """y(t1) = exp(-t1) (y0 - 1 + exp(tau)): `total` is its sum."""
    problem = Problem(
        "dose", lambda xp, t, y, p: xp.where(t < p["tau"], 1.0, 0.0) - y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 2.0),
        [0.3], {"tau": 0.9}, wrt=("tau", "t1"),
    )  # fmt: skip
    found, y, by_tau = (
        compute_reference(problem, problem.x0),
        np.exp(-2.0) * (0.3 - 1.0 + np.exp(0.9)),
        np.exp(0.9 - 2.0),
    )
    assert found.grad == pytest.approx([by_tau, -y], rel=1e-9)
    assert found.hess == pytest.approx(np.array([[by_tau, -by_tau], [-by_tau, y]]), rel=1e-9)
