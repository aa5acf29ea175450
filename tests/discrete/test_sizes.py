"""With `atol` left out, each component is measured against its own size: units change nothing, and nothing hides."""

import numpy as np
import pytest

import hessbench
from hessbench import Problem
from hessbench.discrete import _sizes

from .helpers import run


def robertson(units=1.0, forms=(1.0, 1.0, 1.0)):
    """Robertson's kinetics in other units of time and of each concentration."""
    a, b, c = (units * f for f in forms)

    def rhs(xp, t, y, p):
        x, y_, z = y[:1] / a, y[1:2] / b, y[2:] / c
        r1, r2, r3 = p["k1"] * x, p["k2"] * y_ * y_, p["k3"] * y_ * z
        return xp.concatenate([(r3 - r1) * a, (r1 - r2 - r3) * b, r2 * c])

    def loss(xp, y0, y1, p):
        scale = xp.stack([xp.sum(y1[:1]) / a, 1e4 * xp.sum(y1[1:2]) / b, xp.sum(y1[2:]) / c])
        return xp.sum((scale - p["seen"]) ** 2) / 2

    params = {"k1": 0.04, "k2": 3e7, "k3": 1e4, "seen": [0.9, 0.2, 0.1]}
    return Problem("robertson", rhs, loss, (0.0, 4.0), [a, 0.0, 0.0], params, wrt=("k1", "k2", "k3"))


# by two integrations at 1e-13 of the variational equations with another formula
VALUE, H00, H02, H22 = 3.19722490493e-4, 9.4806600539, -2.2263274678e-5, 6.1597823902e-11


@pytest.mark.parametrize("form", ["auto", "numpy"])
@pytest.mark.parametrize("rtol", [1e-6, 1e-8])
def test_the_error_follows_the_tolerance_where_components_differ_by_many_digits(form, rtol):
    result = run(robertson(), rtol=rtol, form=form)
    assert result.value == pytest.approx(VALUE, rel=10 * rtol)
    assert result.hess[0, 0] == pytest.approx(H00, rel=10 * rtol)
    assert result.hess[0, 2] == pytest.approx(H02, rel=10 * rtol)
    assert result.hess[2, 2] == pytest.approx(H22, rel=10 * rtol)


def micro_oscillator():
    """Amplitudes of 1e-9 over three periods, and the Hessian of the loss."""

    def rhs(xp, t, y, p):
        return xp.concatenate([y[1:], -y[:1]]) * p["k"]

    def loss(xp, y0, y1, p):
        return xp.sum((1e9 * y1[:1]) ** 2)

    exact = 2e18 * np.outer([np.cos(20), np.sin(20)], [np.cos(20), np.sin(20)])
    return Problem("micro-oscillator", rhs, loss, (0.0, 20.0), [1e-9, 0.0], {"k": 1.0}), exact


@pytest.mark.parametrize("form", ["auto", "numpy"])
def test_one_tolerance_for_all_components_is_obeyed_and_loses_small_ones(form):
    problem, exact = micro_oscillator()
    assert np.allclose(run(problem, rtol=1e-8, form=form).hess, exact, rtol=0, atol=1e-7 * exact.max())
    assert abs(run(problem, rtol=1e-8, atol=1e-4, probes=0, form=form).hess - exact).max() > 1e-2 * exact.max()


def test_products_go_by_component_too_and_obey_one_tolerance():
    """The tangents of the error norm are of size 1 with one tolerance: they alone keep some digits there."""
    problem, exact = micro_oscillator()
    by_component, scalar = (
        hessbench.prepare_products(problem, rtol=1e-8, **atol).direct(None, np.eye(2)) for atol in ({}, {"atol": 1e-2})
    )
    assert np.allclose(by_component.products, exact, rtol=0, atol=1e-7 * exact.max())
    assert abs(scalar.products - exact).max() > 1e-6 * exact.max()
    assert hessbench.prepare_products(problem, rtol=1e-8).ivp.by_component
    assert not hessbench.prepare_products(problem, rtol=1e-8, atol=1e-8).ivp.by_component


@pytest.mark.parametrize("form", ["auto", "numpy"])
def test_a_small_component_beside_a_large_one_is_measured_against_itself(form):
    """Of the state alone, without tangents: amplitudes of 1e-9 beside a decay from 1."""

    def rhs(xp, t, y, p):
        return xp.concatenate([-0.1 * y[:1], y[2:], -y[1:2]])

    def loss(xp, y0, y1, p):
        return xp.sum(1e9 * y1[1:2])

    problem = Problem("beside", rhs, loss, (0.0, 20.0), [1.0, 1e-9, 0.0])
    assert run(problem, rtol=1e-8, probes=0, form=form).value == pytest.approx(np.cos(20), rel=1e-6)


def test_units_of_the_state_change_neither_steps_nor_hessian():
    plain = run(robertson(), rtol=1e-8)
    for forms in ((1e-9, 1e6, 1.0), (1e12, 1e-12, 1e3)):
        other = run(robertson(forms=forms), rtol=1e-8)
        assert other.counters.steps == pytest.approx(plain.counters.steps, rel=0.05)
        assert np.allclose(other.hess, plain.hess, rtol=1e-6, atol=0)


def chain(length):
    """Decay along a chain: all but the first start from zero, and the last one grows like `t^(length - 1)` at first."""

    def rhs(xp, t, y, p):
        return xp.concatenate([-p["k"] * y[:1], p["k"] * (y[:-1] - y[1:])])

    def loss(xp, y0, y1, p):
        return xp.sum(y1[-1:]) * 1e6

    start = np.zeros(length)
    start[0] = 1.0
    return Problem("chain", rhs, loss, (0.0, 1.0), start, {"k": 1.0}, wrt=("k",))


@pytest.mark.parametrize("form", ["auto", "numpy"])
def test_a_component_that_grows_from_zero_like_a_high_power_is_no_obstacle(form):
    """The last of 14 is `k^13 e^-k / 13!` at the end: every order of its growth vanishes at the start."""
    from math import exp, factorial

    result = run(chain(14), rtol=1e-9, form=form)
    value = 1e6 * exp(-1) / factorial(13)
    assert result.value == pytest.approx(value, rel=1e-7)
    assert result.grad[0] == pytest.approx(12 * value, rel=1e-7)
    assert result.hess[0, 0] == pytest.approx((12 * 13 - 2 * 13 + 1) * value, rel=1e-7)


def cancelling(xp, t, y, p):
    """The third component stays zero but for round-off: two large terms that cancel."""
    a, b = y[:1], y[1:2]
    return xp.concatenate([b, -a, (a + b) * 0.1 - 0.1 * a - 0.1 * b])


@pytest.mark.parametrize("form", ["auto", "numpy"])
def test_a_component_that_is_round_off_does_not_stop_the_solve(form):
    def loss(xp, y0, y1, p):
        return xp.sum(y1[:2] ** 2) + xp.sum(y1[2:])

    problem = Problem("cancelling", cancelling, loss, (0.0, 20.0), [1.0, 0.3, 0.0])
    result = run(problem, rtol=1e-11, form=form)
    assert np.allclose(result.hess, np.diag([2.0, 2.0, 0.0]), atol=1e-9)
    assert result.counters.steps < 400


def test_sizes_are_found_again_where_those_of_the_own_point_do_not_fit(monkeypatch):
    problem = hessbench.problem("sir")
    prepared = hessbench.prepare(problem, rtol=1e-9)
    found = []
    plain = _sizes.fit
    monkeypatch.setattr(_sizes, "fit", lambda *a: found.append(1) or plain(*a))
    prepared(problem.x0)
    assert not found
    small = problem.x0.copy()
    small[problem.blocks["y0"]] *= 1e-4
    at_small = prepared(small)
    assert found
    anew = hessbench.hessian(problem.at(small), rtol=1e-9)
    assert np.allclose(at_small.hess, anew.hess, rtol=1e-6, atol=1e-8 * np.abs(anew.hess).max())
    again = prepared(small)
    assert np.array_equal(again.hess, at_small.hess)  # the point alone decides


def test_where_stability_limits_the_steps_their_number_is_counted_and_the_error_says_stiff():
    def rhs(xp, t, y, p):
        return -p["k"] * (y - xp.cos(t))

    def loss(xp, y0, y1, p):
        return xp.sum(y1**2)

    problem = Problem("fast-decay", rhs, loss, (0.0, 100.0), [1.0], {"k": 1e5})
    with pytest.raises(hessbench.IntegrationError, match=r"stiff.*Radau"):
        hessbench.hessian(problem, strategy="discrete-adjoint", max_steps=1000)
