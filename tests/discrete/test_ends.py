"""Nothing in time that is at least 1e-4 of the span wide is stepped over; jumps at fixed times keep the integrator's order."""

import numpy as np
import pytest

import hessbench
from hessbench import Problem
from hessbench.discrete._ends import StepEnds

from .helpers import run

SPAN = 10.0
FORMS = pytest.mark.parametrize("form", ["auto", "numpy"])


def pulse(width, wrt=("y0", "k", "dose")):
    """`y' = -k y + dose N(t; centre, width)`: a bell of unit area."""

    def rhs(xp, t, y, p):
        bell = xp.exp(-(((t - p["centre"]) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        return p["dose"] * bell - p["k"] * y

    def loss(xp, y0, y1, p):
        return xp.sum(y1**2)

    return Problem("pulse", rhs, loss, (0.0, SPAN), [0.4], {"k": 0.3, "dose": 1.3, "centre": 4.3}, wrt=wrt)


def by_formula(y0, k, dose, centre, width):
    """`y1 = y0 e^(-k T) + dose e^(-k (T - c) + k^2 w^2 / 2)`: gradient and Hessian of `y1^2` by (y0, k, dose, centre)."""
    a, b = np.exp(-k * SPAN), np.exp(-k * (SPAN - centre) + (k * width) ** 2 / 2)
    s = -(SPAN - centre) + k * width**2  # d log b / dk
    y1 = y0 * a + dose * b
    g = np.array([a, -SPAN * y0 * a + dose * b * s, b, dose * b * k])
    h = np.zeros((4, 4))
    h[0, 1] = -SPAN * a
    h[1, 1] = SPAN**2 * y0 * a + dose * b * (s * s + width**2)
    h[1, 2], h[1, 3] = b * s, dose * b * (1 + k * s)
    h[2, 3], h[3, 3] = b * k, dose * b * k * k
    h = h + np.triu(h, 1).T
    return y1**2, 2 * y1 * g, 2 * np.outer(g, g) + 2 * y1 * h


@FORMS
@pytest.mark.parametrize("width", [5e-4, 2e-3, 0.05])  # the bell is about four times as wide
def test_a_narrow_pulse_is_not_stepped_over(form, width):
    result = run(pulse(width), rtol=1e-9, form=form)
    value, grad, hess = by_formula(0.4, 0.3, 1.3, 4.3, width)
    assert result.value == pytest.approx(value, rel=1e-7)
    assert np.allclose(result.grad, grad[:3], rtol=1e-6)
    assert np.allclose(result.hess, hess[:3, :3], rtol=1e-6)


@FORMS
def test_a_pulse_that_the_unknowns_move_is_looked_up_where_it_is(form):
    problem = pulse(0.02, ("y0", "k", "dose", "centre"))
    ivp = hessbench.IVP("DOP853", 1e-9, 1e-9, dim=1, by_component=True)
    prepared = hessbench.discrete.prepare(problem, ivp, hessbench.discrete.Options(form))
    for centre in (4.3, 7.1, 1.6):
        x = np.array([0.4, 0.3, 1.3, centre])
        value, grad, hess = by_formula(*x, 0.02)
        result = prepared(x)
        assert result.value == pytest.approx(value, rel=1e-7)
        assert np.allclose(result.grad, grad, rtol=1e-6)
        assert np.allclose(result.hess, hess, rtol=1e-5, atol=1e-9 / 0.02**2)  # of second derivatives of the bell


def rates(wrt=("b0", "b1", "b2", "g"), backward=False):
    """Exponential growth with rates that change at given times: `log y1` is linear in all of them."""

    def rhs(xp, t, y, p):
        beta = xp.where(t < 4.0, p["b0"], xp.where(t < 22.0, p["b1"], p["b2"]))
        return (beta - p["g"]) * y

    def loss(xp, y0, y1, p):
        return xp.sum((xp.log(y1) - p["seen"]) ** 2)

    span = (30.0, 0.0) if backward else (0.0, 30.0)
    params = {"b0": 0.6, "b1": 0.3, "b2": 0.05, "g": 0.1, "seen": -16.0}
    return Problem("rates", rhs, loss, span, [1e-9], params, wrt=wrt)


@FORMS
@pytest.mark.parametrize("backward", [False, True])
def test_jumps_at_fixed_times_cost_no_digits(form, backward):
    result = run(rates(backward=backward), rtol=1e-10, form=form)
    c = np.array([4.0, 18.0, 8.0, -30.0]) * (-1 if backward else 1)
    residual = np.log(1e-9) + c @ [0.6, 0.3, 0.05, 0.1] + 16.0
    assert result.value == pytest.approx(residual**2, rel=1e-7)
    assert np.allclose(result.hess, 2 * np.outer(c, c), rtol=3e-8, atol=0)  # the state grows 270-fold


def test_ends_at_jumps_are_kept_and_those_that_unknowns_move_are_not():
    fixed = StepEnds.of(rates(), "DOP853")
    assert fixed.own.size == 4 and not fixed.moving
    moved = StepEnds.of(pulse(1e-3, ("centre",)), "DOP853")
    assert moved.own.size and moved.moving
    still = StepEnds.of(pulse(1e-3, ("y0",)), "DOP853")
    assert still.own.size and not still.moving


def test_without_the_ends_the_pulse_is_missed(monkeypatch):
    monkeypatch.setattr("hessbench.discrete._ends._found", lambda *a: np.empty(0))
    assert run(pulse(5e-4), rtol=1e-9).value < 0.1 * by_formula(0.4, 0.3, 1.3, 4.3, 5e-4)[0]


def test_a_problem_that_does_not_read_the_time_is_not_looked_at(monkeypatch):
    monkeypatch.setattr("hessbench.discrete._ends.narrow_features", None)
    assert StepEnds.of(hessbench.problem("sir"), "DOP853").own.size == 0
