"""The default strategy says when it is out of its depth: a switch crossed, stiff, chaotic; and is silent otherwise."""

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchWarning, Problem
from hessbench.discrete import _depth

from .helpers import run

FORMS = pytest.mark.parametrize("form", ["auto", "numpy"])


def total(xp, y0, y1, p):
    return xp.sum(y1)


def kink():
    def rhs(xp, t, y, p):
        return 1.0 + xp.maximum(y - p["wall"], 0 * y)

    return Problem("kink", rhs, total, (0.0, 2.0), [0.1], {"wall": 0.9})


def spring():
    def rhs(xp, t, y, p):
        h, v = y[:1], y[1:]
        return xp.concatenate([v, -p["g"] - xp.where(h < 0, p["k"] * h, 0.0 * h)])

    return Problem("spring", rhs, total, (0.0, 0.8), [1.0, 0.1], {"g": 9.81, "k": 300.0}, wrt=("y0", "k"))


def infusion(wrt=("stop", "ke")):
    def rhs(xp, t, y, p):
        return xp.where(t < p["stop"], p["dose"] / p["stop"], 0.0 * p["stop"]) - p["ke"] * y

    return Problem("infusion", rhs, total, (0.0, 6.0), [0.0], {"dose": 10.0, "stop": 2.3, "ke": 0.4}, wrt=wrt)


def thermostat_in_python():
    def rhs(xp, t, y, p):
        return xp.concatenate([0.01 * y[:1] ** 2 + (1.0 if y[0] < 1.5 else 0.5)])

    return Problem("branch", rhs, total, (0.0, 2.0), [0.1])


CROSSED = [(kink, 0.8), (spring, 0.46), (infusion, 2.3)]


@FORMS
@pytest.mark.parametrize(("build", "when"), CROSSED)
def test_a_switch_that_the_unknowns_move_is_named_with_its_time(form, build, when):
    (said,) = run(build(), form=form).warnings
    times = [float(word.rstrip(",")) for word in said.split("t = ")[1:] for word in word.split()[:1]]
    assert "crosses a kink or jump" in said and min(times) - 0.02 <= when <= max(times) + 0.02


def test_a_branch_in_python_is_seen_too():
    (said,) = run(thermostat_in_python()).warnings
    assert "crosses a kink or jump" in said


@FORMS
def test_a_switch_at_a_fixed_time_and_one_that_is_not_reached_say_nothing(form):
    assert not run(infusion(("dose", "ke")), form=form).warnings
    below = Problem("below", kink().rhs, total, (0.0, 0.5), [0.1], {"wall": 0.9})
    assert not run(below, form=form).warnings


def test_several_crossings_are_counted():
    def rhs(xp, t, y, p):
        return xp.concatenate([y[1:], -y[:1]]) + 0.1 * xp.sign(y)

    (said,) = run(Problem("signs", rhs, total, (0.0, 9.0), [1.0, 0.4])).warnings
    assert "more such places" in said


@FORMS
def test_a_flow_that_magnifies_beyond_all_digits_is_named(form):
    """Growth by e^30: at a tolerance of 1e-10 nothing is left; the same growth of the state itself is harmless."""

    def away(xp, t, y, p):
        return 3.0 * y - 3.0

    assert any(
        "small changes grow" in said
        for said in run(Problem("away", away, total, (0.0, 10.0), [1.0]), form=form).warnings
    )

    def grows(xp, t, y, p):
        return 3.0 * y

    assert not run(Problem("grows", grows, total, (0.0, 10.0), [1.0]), form=form).warnings


@FORMS
def test_where_stability_limits_many_steps_the_remedy_is_named(form):
    def rhs(xp, t, y, p):
        return -p["k"] * (y - xp.cos(t))

    problem = Problem("fast", rhs, total, (0.0, 6.0), [1.0], {"k": 3e3})
    (said,) = run(problem, form=form).warnings
    assert "stiff" in said and "Radau" in said
    slow = Problem("slow", rhs, total, (0.0, 6.0), [1.0], {"k": 3.0})
    assert not run(slow, form=form).warnings


def fast():
    return Problem("fast", lambda xp, t, y, p: -p["k"] * (y - xp.cos(t)), total, (0.0, 6.0), [1.0], {"k": 3e3})


def test_hessian_warns_and_says_so_once_for_a_prepared_one():
    with pytest.warns(HessbenchWarning, match="the problem is stiff"):
        hessbench.hessian(fast(), strategy="discrete-adjoint", rtol=1e-6)
    prepared = hessbench.prepare(fast(), "discrete-adjoint", rtol=1e-6)
    with pytest.warns(HessbenchWarning, match="the problem is stiff"):
        prepared()
    prepared()  # a second warning would be an error here


@pytest.mark.parametrize(
    "name", ["three-body", "sir", "kepler", "generic-bolza", "polynomial-control", "driven-pendulum"]
)
def test_ordinary_problems_say_nothing(name):
    assert not hessbench.prepare(hessbench.problem(name), rtol=1e-8).direct(hessbench.problem(name).x0).warnings


def test_looking_away_silences_it(monkeypatch):
    monkeypatch.setattr(_depth, "crossings", lambda *a: type("None", (), {"between": []}))
    assert not run(spring()).warnings
    assert np.isfinite(run(spring()).hess).all()


def test_stages_that_are_not_kept_are_no_proof_of_silence():
    (said,) = run(spring(), memory=1.0).warnings
    assert "not looked at" in said
    assert not run(hessbench.problem("sir"), memory=1.0).warnings


def test_products_say_what_the_hessian_says():
    with pytest.warns(HessbenchWarning, match="the problem is stiff"):
        result = hessbench.products(fast(), None, np.eye(1), "discrete-adjoint", rtol=1e-6)
    assert result.warnings
    prepared = hessbench.prepare_products(fast(), "discrete-adjoint", rtol=1e-6)
    with pytest.warns(HessbenchWarning, match="the problem is stiff"):
        prepared(None, np.eye(1))
    prepared(None, np.eye(1))
