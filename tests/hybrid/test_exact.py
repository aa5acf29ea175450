"""Derivatives of problems in pieces are those of closed forms, whatever strategy is lifted, in every block."""

import os

import numpy as np
import pytest

import hessbench

from . import exact
from .problems import ball_with_everything, contact, oscillator, scalar


@pytest.fixture(scope="module")
def wanted():
    value, grad, hess = exact.derivatives(exact.unknowns())
    return float(value), np.array(grad, dtype=float), np.array(hess, dtype=float)


@pytest.mark.parametrize(
    "strategy",
    [
        *("discrete-adjoint", "variational", "hand-adjoint"),
        *(["forward-over-reverse@autograd"] if os.environ.get("HESSBENCH_SLOW") else []),
    ],
)
def test_data_doses_bounces_switches_costs_and_free_ends_at_once(strategy, wanted):
    result = hessbench.prepare(ball_with_everything(), strategy, rtol=1e-11)()
    value, grad, hess = wanted
    assert result.value == pytest.approx(value, rel=1e-10)
    np.testing.assert_allclose(result.grad, grad, rtol=1e-8, atol=1e-8 * np.abs(grad).max())
    np.testing.assert_allclose(result.hess, hess, rtol=1e-8, atol=1e-9 * np.abs(hess).max())
    assert "lifted over" in result.note


@pytest.mark.skipif(not os.environ.get("HESSBENCH_SLOW"), reason="half a minute; `make test-long` runs it")
def test_the_closed_form_sees_a_switch_that_is_frozen(wanted):
    frozen = hessbench.prepare(ball_with_everything(), "forward-over-reverse/as-is@autograd", rtol=1e-9)()
    assert np.abs(frozen.hess - wanted[2]).max() > 1e-3 * np.abs(wanted[2]).max()


def test_twelve_data_times_of_an_oscillator():
    result = hessbench.hessian(oscillator(), rtol=1e-11)
    upper = [545.0437052739, -376.251110539, -245.2638678115, 927.7240711393, 799.8003826583, -96.4729727592]
    assert result.value == pytest.approx(-25.7918094039, rel=1e-10)
    np.testing.assert_allclose(result.hess[np.triu_indices(3)], upper, rtol=1e-8)


def test_contact_found_by_recording():
    result = hessbench.hessian(contact())
    upper = [16.376293695, 3.8918120148, -8.461450782e-3, 1.28547399, -1.9884384489e-3, 9.7499446399e-6]
    np.testing.assert_allclose(result.hess[np.triu_indices(3)], upper, rtol=2e-8)


E = np.e
SWITCHES = {
    "maximum": (lambda xp, t, y, p: 1.0 + xp.maximum(y - 1.0, 0 * y), E, E, E),
    "comparison-as-number": (lambda xp, t, y, p: 1.0 + 1.0 * (y >= 1.0), 3.0, 2.0, 0.0),
    "sign": (lambda xp, t, y, p: 1.5 + 0.5 * xp.sign(y - 1.0), 3.0, 2.0, 0.0),
    "abs": (lambda xp, t, y, p: 1.0 + 0.5 * (y - 1.0 + xp.abs(y - 1.0)), E, E, E),
    "floor": (lambda xp, t, y, p: 1.0 + xp.floor(y), 11.0 / 3.0, 4.0, 0.0),
    "clip": (lambda xp, t, y, p: 1.0 + xp.clip(y - 1.0, 0.0, 50.0), E, E, E),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_each_function_that_chooses(name):
    """y' = 1 below y = 1, from y(0) = 0 to t = 2; `floor` has slope k + 1 from y = k to k + 1."""
    rhs, value, slope, curvature = SWITCHES[name]
    problem = scalar(f"switch-{name}", rhs)
    result = hessbench.hessian(problem)
    assert result.value == pytest.approx(value, rel=1e-9)
    assert result.grad[0] == pytest.approx(slope, rel=1e-8)
    assert result.hess[0, 0] == pytest.approx(curvature, rel=1e-8, abs=1e-9)


def test_a_switch_at_a_time_that_is_a_parameter():
    """y' = [t < dur] dose/dur - ke y: y(6) = dose/(dur ke) (1 - e^-(ke dur)) e^-(ke (6 - dur))."""
    problem = scalar(
        "infusion",
        lambda xp, t, y, p: xp.where(t < p["dur"], p["dose"] / p["dur"], 0.0 * p["dur"]) - p["ke"] * y,
        t_span=(0.0, 6.0), params={"dose": 10.0, "dur": 2.3, "ke": 0.4}, wrt=("dur", "ke"),
    )  # fmt: skip
    result = hessbench.hessian(problem, rtol=1e-11)
    assert result.value == pytest.approx(1.48825799016, rel=1e-10)
    np.testing.assert_allclose(result.hess[np.triu_indices(2)], [0.0979260767, -0.6362364189, 33.1714017462], rtol=1e-8)


def test_a_table_that_is_read_at_the_state():
    """y' = interp(y, (0, 1, 3), (1, 1, 3)): 1 up to y = 1, then y."""
    problem = scalar("table", lambda xp, t, y, p: xp.interp(y, np.array([0.0, 1.0, 30.0]), np.array([1.0, 1.0, 30.0])))
    result = hessbench.hessian(problem)
    np.testing.assert_allclose([result.value, result.grad[0], result.hess[0, 0]], [E, E, E], rtol=1e-8)


def test_a_problem_that_ends_at_an_event():
    """A stone from h0 with v0 lands at t = (v0 + sqrt(v0^2 + 2 g h0)) / g; the loss is that time."""
    problem = hessbench.Problem(
        "stone", lambda xp, t, y, p: xp.concatenate([y[1:], 0 * y[:1] - 9.81]), lambda xp, y0, y1, p: p["t1"],
        (0.0, 5.0), [1.0, 0.5],
        events=[hessbench.Event(when=lambda xp, t, y, p: y[0], direction=-1, terminal=True)],
    )  # fmt: skip
    result, root = hessbench.hessian(problem), np.sqrt(0.25 + 2 * 9.81)
    assert result.value == pytest.approx((0.5 + root) / 9.81, rel=1e-12)
    np.testing.assert_allclose(result.grad, [1 / root, (1 + 0.5 / root) / 9.81], rtol=1e-9)
    mixed = -0.5 / root**3
    np.testing.assert_allclose(
        result.hess, [[-9.81 / root**3, mixed], [mixed, (1 / root - 0.25 / root**3) / 9.81]], rtol=1e-8
    )


def test_a_remainder_jumps():
    """y' = 1 + y % 1 is e^t - 1 up to y = 1: y(1) = e (1 + y0) / 2."""
    result = hessbench.hessian(scalar("remainder", lambda xp, t, y, p: 1.0 + y % 1.0, t_span=(0.0, 1.0)))
    np.testing.assert_allclose([result.value, result.grad[0]], [E / 2, E / 2], rtol=1e-9)
    assert result.hess[0, 0] == pytest.approx(0.0, abs=1e-8)


def test_a_running_loss_that_switches():
    """y' = 1, cost y where y > 1: ((y0 + 2)^2 - 1) / 2."""
    problem = scalar(
        "cost", lambda xp, t, y, p: 0 * y + 1.0, lambda xp, y0, y1, p: 0.0 * xp.sum(y1),
        running_loss=lambda xp, t, y, p: xp.sum(xp.where(y > 1.0, y, 0 * y)),
    )  # fmt: skip
    result = hessbench.hessian(problem)
    np.testing.assert_allclose([result.value, result.grad[0], result.hess[0, 0]], [1.5, 2.0, 1.0], rtol=1e-9)


def test_backward_in_time():
    """From y(2) = y0 = 3 with slope 2 above 1 and 1 below: y(0) = 1 - (2 - (y0 - 1) / 2); data at t = 1.5 see y0 - 1."""
    problem = scalar(
        "backward", lambda xp, t, y, p: xp.where(y < 1.0, 1.0 + 0 * y, 2.0 + 0 * y), lambda xp, y0, y1, p: xp.sum(y1**2),
        (2.0, 0.0), 3.0, data=hessbench.Data([1.5], [0.5], lambda xp, t, y, d, p: (y[0] - d) ** 2),
    )  # fmt: skip
    result = hessbench.hessian(problem)
    np.testing.assert_allclose(
        [result.value, result.grad[0], result.hess[0, 0]], [0.0 + 2.25, 0.0 + 3.0, 0.5 + 2.0], rtol=1e-8, atol=1e-9
    )


def test_a_switch_at_a_fixed_time_where_an_end_time_is_an_unknown():
    """y' = t for t < 1, 2 from there on: y(t1) = 1/2 - t0^2/2 + 2 (t1 - 1)."""
    problem = scalar(
        "fixed", lambda xp, t, y, p: 0 * y + xp.where(t < 1.0, t, 2.0), t_span=(0.25, 2.0), wrt=("t0", "t1"),
    )  # fmt: skip
    result = hessbench.hessian(problem)
    assert result.value == pytest.approx(0.5 - 0.03125 + 2.0, rel=1e-10)
    np.testing.assert_allclose(result.grad, [-0.25, 2.0], rtol=1e-9)
    np.testing.assert_allclose(result.hess, [[-1.0, 0.0], [0.0, 0.0]], atol=1e-8)


def test_two_comparisons_of_one_switch_are_one():
    """`y < 1` and `y >= 1` change at the same time."""
    problem = scalar(
        "twice", lambda xp, t, y, p: 1.0 * (y < 1.0) + 2.0 * (y >= 1.0), lambda xp, y0, y1, p: xp.sum(y1**2)
    )
    result = hessbench.hessian(problem)
    np.testing.assert_allclose([result.value, result.grad[0], result.hess[0, 0]], [9.0, 12.0, 8.0], rtol=1e-9)
