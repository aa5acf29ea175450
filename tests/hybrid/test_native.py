"""Strategies that take data and events at known times on their way agree with closed forms and with `variational`, lifted.

The problem `on_the_way` is nothing special: replicates, one of them where a dose is, a value that was not observed, noise,
doses at a fixed time, at a parameter and at a function of one, jumps that bend, an event without one, a running loss, and a
loss of both ends.
"""

import os

import numpy as np
import pytest

import hessbench
from hessbench import Data, Event, Limits, Problem, Unsupported
from hessbench.plugins import Course, Crossing

from .problems import scalar

SLOW = bool(os.environ.get("HESSBENCH_SLOW"))
QUICK = ("hand-adjoint", "casadi-symbolic")
OTHERS = ("hand-adjoint/backward", "casadi-symbolic/mx", "unrolled@jax", "diffrax-adjoint/forward-mode")
LONG = (
    "unrolled@torch", "unrolled@autograd", "unrolled/checkpointed@jax", "unrolled/checkpointed@torch",
    "unrolled/checkpointed@autograd", "unrolled/rk4@jax", "unrolled/reverse-over-reverse@jax",
    "unrolled/forward-over-reverse@torch", "casadi-symbolic/rk4", "diffrax-adjoint",
    "diffrax-adjoint/backsolve", "diffrax-adjoint/reverse-over-reverse",
)  # fmt: skip
WRT = ("y0", "k", "q", "sigma", "lag")


def on_the_way(wrt=WRT, lag=0.55):
    def rhs(xp, t, y, p):
        a, b = y[:1], y[1:]
        return xp.concatenate([-p["k"] * a + xp.sin(t) * b / 3 + 0.4 * xp.cos(2 * t), p["k"] * a - 0.6 * b * b])

    def loss(xp, y0, y1, p):
        return p["k"] * xp.sum(y1 * y1) / 3 + y0[0] * y1[1]

    def residual(xp, t, y, d, p):
        return (y - d) / p["sigma"]

    def noise(xp, t, y, d, p):
        return xp.log(p["sigma"]) + p["k"] * y * y * t / 10

    def fixed(xp, t, y, p):
        return xp.stack([y[0] + p["q"] * y[1] * y[1], y[1] + t * y[0] / 5])

    def lagged(xp, t, y, p):
        return xp.stack([y[0] + 0.5 + t * t * y[1] * p["lag"], y[1] * (1 + p["k"] * y[0] / 4)])

    def twice(xp, p):
        return 0.8 + p["lag"] * p["lag"] * np.array([1.0, 3.0])

    values = [[0.9, 0.4], [1.1, np.nan], [0.8, 0.6], [0.7, 0.5], [0.6, 0.7]]
    return Problem(
        "on-the-way", rhs, loss, (0.1, 2.0), [1.1, 0.3], {"k": 0.9, "q": 0.35, "sigma": 0.4, "lag": lag}, wrt=wrt,
        running_loss=lambda xp, t, y, p: p["q"] * y[0] * y[1] * y[1],
        data=Data([0.4, 0.9, 0.9, 1.3, 1.9], values, noise, residual),
        events=[Event(at=0.9, jump=fixed), Event(at="lag", jump=lagged), Event(at=twice, jump=fixed), Event(at=0.8)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def wanted():
    return hessbench.prepare(on_the_way((*WRT, "t0", "t1")), "variational", rtol=1e-12)()


def agrees(result, wanted, rtol=1e-8):
    """In every entry, on the scale of its row and column."""
    n = result.grad.size
    size = np.sqrt(np.abs(np.diag(wanted.hess))[:n])
    assert result.value == pytest.approx(wanted.value, rel=rtol)
    slopes = wanted.grad[:n] / size
    np.testing.assert_allclose(result.grad / size, slopes, rtol=0, atol=rtol * np.abs(slopes).max())
    for ours, theirs in ((result.hess, wanted.hess), (result.gauss_newton, wanted.gauss_newton)):
        np.testing.assert_allclose(
            ours / np.outer(size, size), theirs[:n, :n] / np.outer(size, size), rtol=0, atol=rtol
        )
    assert np.abs(result.hess - result.gauss_newton).max() > 0.1


@pytest.mark.parametrize("strategy", QUICK + OTHERS + (LONG if SLOW else ()))
def test_value_gradient_hessian_and_gauss_newton_of_everything_known(strategy, wanted):
    result = hessbench.prepare(on_the_way(), strategy, rtol=1e-11)()
    agrees(result, wanted)
    assert "lifted" not in result.note and "data at 4 times and 5 events" in result.note


def test_ends_of_the_time_span_as_unknowns(wanted):
    result = hessbench.prepare(on_the_way((*WRT, "t0", "t1")), "hand-adjoint", rtol=1e-11)()
    agrees(result, wanted)
    assert "lifted" not in result.note


def without_motion(self, lam):
    n = self.n
    bent = self.jump.second(self.v, lam[:n]) if self.jump else np.zeros((self.v.size, self.v.size))
    return bent[:-1, :-1]


def test_a_time_whose_motion_is_left_out_of_the_second_derivatives_is_seen(wanted, monkeypatch):
    monkeypatch.setattr(Crossing, "curvature", without_motion)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agrees(hessbench.prepare(on_the_way(), "hand-adjoint", rtol=1e-10)(), wanted)


def test_a_time_that_is_held_fixed_is_seen(wanted, monkeypatch):
    whole = Course.clock

    def frozen(self, xp, p, order, asarray=np.asarray):
        return whole(self, np, {**self.problem.params}, order)

    monkeypatch.setattr(Course, "clock", frozen)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agrees(hessbench.prepare(on_the_way(), "casadi-symbolic", rtol=1e-10)(), wanted)


def test_a_lag_that_is_fitted_has_the_numbers_of_its_closed_form():
    """Of Bateman's formula in arithmetic of many digits."""
    upper = [
        1.217594448313188, 1.223102895318543, -0.4513949146778665, -3.462253722468276, 581.9772930984189, 8.201989213376022,
        -16.48776040104001, 0.1503230837300167, 0.1505311322210207, 3.946331996861877,
    ]  # fmt: skip
    for strategy in QUICK:
        result = hessbench.prepare(hessbench.problem("pharmacokinetics"), strategy, rtol=1e-11)()
        assert result.value == pytest.approx(1.146602410980776, rel=1e-10)
        slopes = [1.871259249897768, 28.11962147336613, 0.06771952107539699, -1.663480201297898]
        np.testing.assert_allclose(result.grad, slopes, rtol=1e-8)
        np.testing.assert_allclose(result.hess[np.triu_indices(4)], upper, rtol=1e-8)
        assert "lifted" not in result.note


def test_twelve_data_times_have_the_numbers_of_their_closed_form():
    upper = [545.0437052739, -376.251110539, -245.2638678115, 927.7240711393, 799.8003826583, -96.4729727592]
    for strategy in QUICK:
        result = hessbench.prepare(hessbench.problem("oscillator-data"), strategy, rtol=1e-11)()
        assert result.value == pytest.approx(-25.7918094039, rel=1e-10)
        np.testing.assert_allclose(result.hess[np.triu_indices(3)], upper, rtol=1e-8)


@pytest.mark.parametrize("strategy", QUICK)
def test_a_dose_that_moves_past_data_is_met_in_the_new_order(strategy):
    """At lag = 0.35 the dose comes before the first data."""
    prepared, other = hessbench.prepare(on_the_way(), strategy, rtol=1e-10), on_the_way(lag=0.35)
    agrees(prepared(other.x0), hessbench.prepare(other, "variational", rtol=1e-12)())


@pytest.mark.parametrize("strategy", (*QUICK, *(["unrolled@jax", "diffrax-adjoint"] if SLOW else [])))
def test_two_moments_that_the_unknowns_move_apart_are_refused(strategy):
    with pytest.raises(Unsupported, match=r"coincide at t = 0\.4"):
        hessbench.prepare(on_the_way(lag=0.4), strategy)


@pytest.mark.parametrize("strategy", ("hand-adjoint", "unrolled@autograd"))
def test_a_right_hand_side_that_jumps_at_a_given_time_is_asked_on_the_side_of_its_leg(strategy):
    """y' = -k y + [t >= 0.8]: y(2) = y0 e^(-2k) + (1 - e^(-1.2 k)) / k."""
    problem = scalar(
        "step", lambda xp, t, y, p: -p["k"] * y + xp.where(t < 0.8, 0.0, 1.0), y0=1.5, params={"k": 0.7}, wrt=("y0", "k"),
        events=[Event(at=0.8)],
    )  # fmt: skip
    result, e = hessbench.prepare(problem, strategy, rtol=1e-10)(), np.exp(-0.84)
    assert result.value == pytest.approx(1.5 * np.exp(-1.4) + (1 - e) / 0.7, rel=1e-9)
    slope = -3 * np.exp(-1.4) + 1.2 * e / 0.7 - (1 - e) / 0.49
    np.testing.assert_allclose(result.grad, [np.exp(-1.4), slope], rtol=1e-8)
    bent = 6 * np.exp(-1.4) - 1.44 * e / 0.7 - 2.4 * e / 0.49 + 2 * (1 - e) / 0.343
    np.testing.assert_allclose(result.hess, [[0.0, -2 * np.exp(-1.4)], [-2 * np.exp(-1.4), bent]], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("strategy", QUICK)
def test_backward_in_time_data_come_before_the_dose(strategy):
    """y' = y from y(2) = y0: data at 1.5 see y0 e^-1/2, half of which the dose there leaves: y(0) = y0 e^-2 / 2."""
    problem = scalar(
        "back", lambda xp, t, y, p: y, lambda xp, y0, y1, p: xp.sum(y1**3), (2.0, 0.0), 3.0,
        data=Data([1.5], [0.5], residual=lambda xp, t, y, d, p: y[0] - d),
        events=[Event(at=1.5, jump=lambda xp, t, y, p: y / 2)],
    )  # fmt: skip
    result, a, b = hessbench.prepare(problem, strategy, rtol=1e-11)(), np.exp(-0.5), np.exp(-2) / 2
    assert result.value == pytest.approx((3 * a - 0.5) ** 2 / 2 + 27 * b**3, rel=1e-9)
    assert result.grad[0] == pytest.approx(a * (3 * a - 0.5) + 27 * b**3, rel=1e-8)
    assert result.hess[0, 0] == pytest.approx(a * a + 18 * b**3, rel=1e-8)
    assert result.gauss_newton[0, 0] == pytest.approx(a * a + 18 * b**3, rel=1e-8)


def test_events_at_roots_are_lifted_and_doses_are_not():
    ball, doses = hessbench.problem("bouncing-ball"), hessbench.problem("pharmacokinetics")
    assert Limits(parameters=True, data=True, doses=True).takes_pieces(doses)
    assert not Limits(parameters=True, data=True, doses=True).takes_pieces(ball)
    assert "lifted over" in hessbench.prepare(ball, "casadi-symbolic")().note


def test_as_is_freezes_switches_beside_data_too():
    problem = scalar(
        "bend", lambda xp, t, y, p: p["k"] * (0.5 + y + xp.abs(y - 1.0)), y0=0.2, params={"k": 0.8}, wrt=("y0", "k"),
        data=Data([0.3, 1.6], [0.5, 4.0], residual=lambda xp, t, y, d, p: y[0] - d),
    )  # fmt: skip
    right, frozen = (hessbench.prepare(problem, f"casadi-symbolic{v}", rtol=1e-4)() for v in ("", "/as-is"))
    assert "lifted over" in right.note and "lifted" not in frozen.note
    np.testing.assert_allclose(frozen.grad, right.grad, rtol=1e-3)  # the slope is continuous
    assert np.abs(frozen.hess - right.hess).max() > 0.01 * np.abs(right.hess).max()


def test_as_is_refuses_data_without_a_switch():
    for name in ("hand-adjoint/as-is", "casadi-symbolic/as-is", "jax-adjoint/as-is"):
        if name in hessbench.strategies():
            with pytest.raises(Unsupported, match="only where the unknowns move a switch"):
                hessbench.prepare(hessbench.problem("oscillator-data"), name)


def test_products_are_those_of_the_hessian():
    problem, directions = on_the_way(), np.eye(6)[:, 1:3]
    found = hessbench.products(problem, None, directions, "hand-adjoint", rtol=1e-9)
    np.testing.assert_allclose(
        found.products, hessbench.prepare(problem, "hand-adjoint", rtol=1e-9)().hess[:, 1:3], rtol=1e-6
    )
