"""The methods behind references: their small parts, their order, and what is refused of them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hessbench import IntegrationError, NoReference, Problem, problem
from hessbench._judging import reference
from hessbench._judging import reference_ways as the_ways
from hessbench._judging.reference import compute_reference
from hessbench._judging.reference_methods import (
    Check,
    at_least_eight,
    discrete_adjoint,
    of_state_alone,
    probes,
    subdivided,
)
from hessbench._judging.reference_ways import Way, away_from_zero, derivatives_by, evaluated, ways

SIZES = np.ones(2)
PROBLEM = Problem("two", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0, 2.0])


def way(name, result):
    """A method that gives or raises `result`."""

    def run(parts):
        if isinstance(result, Exception):
            raise result
        return result

    return Way(name, run)


def test_few_steps_become_eight():
    assert at_least_eight(np.array([0.0, 0.5, 2.0])).tolist() == np.linspace(0.0, 2.0, 9).tolist()
    eight, nine = np.arange(8.0) ** 2, np.arange(9.0) ** 2
    assert at_least_eight(eight).tolist() == np.linspace(0.0, 49.0, 9).tolist() and at_least_eight(nine) is nine


def test_steps_are_cut_but_those_over_a_jump():
    assert subdivided(np.array([0.0, 1.0, 3.0]), 2).tolist() == [0.0, 0.5, 1.0, 2.0, 3.0]
    assert subdivided(np.array([3.0, 1.0]), 4).tolist() == [3.0, 2.5, 2.0, 1.5, 1.0]
    jump = np.array([0.0, 50.0, 50.0 + 1e-11, 100.0])
    assert subdivided(jump, 2).tolist() == [0.0, 25.0, 50.0, 50.0 + 1e-11, 75.0 + 0.5e-11, 100.0]
    assert len(subdivided(np.array([0.0, 0.5, 0.5 + 1e-11, 1.0]), 2)) == 7


@pytest.mark.parametrize("part", ["value", "grad", "hess", "products"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_check_with_anything_not_finite_is_not(part, bad):
    parts = {"value": 1.0, "grad": np.ones(2), "hess": np.eye(2), "products": np.ones((2, 3))}
    assert Check(**parts).finite and Check(1.0, np.ones(2), None).finite
    spoiled = np.array(parts[part])
    spoiled.flat[-1] = bad
    parts[part] = float(spoiled) if part == "value" else spoiled
    assert not Check(**parts).finite


def test_a_gap_is_relative_to_the_largest_number_of_its_kind_or_of_the_hessian():
    a = Check(1.0, np.array([1.0, 0.0]), np.diag([4.0, 0.0]))
    assert a.gap(a, SIZES) == 0.0
    assert a.gap(Check(9.0, np.array([1.0, 2.0]), a.hess), SIZES) == pytest.approx(0.5)
    assert a.gap(Check(1.0, a.grad, np.diag([4.0, 1.0])), SIZES) == pytest.approx(0.25)
    assert a.gap(Check(1.0, a.grad, np.diag([2.0, 0.0])), SIZES) == pytest.approx(0.5)
    sizes = np.array([1.0, 2.0])
    assert a.gap(Check(1.0, a.grad, np.diag([4.0, 1.0])), sizes) == pytest.approx(1.0)
    assert a.gap(Check(1.0, np.array([1.0, 1.0]), a.hess), sizes) == pytest.approx(0.5)
    zeros = Check(0.0, np.zeros(2), np.zeros((2, 2)))
    assert zeros.gap(zeros, SIZES) == 0.0


def test_products_are_compared_where_one_has_no_matrix():
    hess = np.array([[4.0, 1.0], [1.0, 2.0]])
    whole, other = Check(1.0, np.ones(2), hess), Check(1.0, np.ones(2), None, hess @ probes(2))
    assert whole.gap(other, SIZES) == other.gap(whole, SIZES) == other.gap(other, SIZES) == 0.0
    off = Check(1.0, np.ones(2), None, hess @ probes(2) + np.array([[0.0, 0.0, 0.0], [0.0, 0.25, 0.0]]))
    sizes, largest = np.array([1.0, 2.0]), np.max(np.abs((hess @ probes(2)) * [[1.0], [2.0]]))
    assert whole.gap(off, sizes) == pytest.approx(
        0.5 / max(largest, np.max(np.abs(off.products * [[1.0], [2.0]]))), rel=0.5
    )
    assert probes(5).shape == (5, 3) and np.array_equal(probes(5), probes(5))
    assert probes(400).std() == pytest.approx(1 / 20, rel=0.1)


def test_the_simplest_form_is_by_the_initial_state_alone():
    assert of_state_alone(PROBLEM) and not of_state_alone(replace(PROBLEM, running_loss=PROBLEM.rhs))
    assert not of_state_alone(Problem("k", PROBLEM.rhs, PROBLEM.loss, (0.0, 1.0), [1.0], {"k": 1.0}, wrt=("y0", "k")))


def test_the_discrete_adjoint_of_a_linear_flow_is_exact():
    rate = np.array([[-1.0, 0.3], [0.2, -0.5]])
    from hessbench import Derivatives

    flow = Problem(
        "linear", lambda xp, t, y, p: rate @ y, lambda xp, y0, y1, p: xp.sum(y1**3) + y0[0] * y1[1], (0.0, 0.7), [1.0, -2.0]
    )  # fmt: skip
    derivatives = Derivatives(
        jac=lambda t, y, p: np.broadcast_to(rate, (*y.shape[:-1], 2, 2)),
        vjp=lambda t, y, s, p: s @ rate,
        vhp=lambda t, y, s, p: np.zeros((*y.shape, 2)),
    )
    from scipy.linalg import expm

    m, y0 = expm(0.7 * rate), np.array([1.0, -2.0])
    value, grad, hess = discrete_adjoint(flow, y0, np.linspace(0.0, 0.7, 9), derivatives)
    y1, e = m @ y0, np.eye(2)
    assert value == pytest.approx(np.sum(y1**3) + y0[0] * y1[1], rel=1e-12)
    assert grad == pytest.approx(m.T @ (3 * y1**2) + y0[0] * m[1] + e[0] * y1[1], rel=1e-11)
    assert hess == pytest.approx(m.T @ np.diag(6 * y1) @ m + np.outer(e[0], m[1]) + np.outer(m[1], e[0]), rel=1e-10)


def test_methods_come_in_their_order_and_no_framework_is_asked_twice(monkeypatch):
    def names(target, *there, steps=10):
        monkeypatch.setattr("hessbench.backends.available", lambda name: name in there)
        return [one.name for one in ways(target, target.x0, np.linspace(0.0, 1.0, steps))]

    jax, torch, autograd = (f"automatic differentiation by {name}" for name in ("jax", "torch", "autograd"))
    made = {
        name: f"discrete adjoint, derivatives generated by {name}" for name in ("casadi", "torch", "autograd", "jax")
    }
    by_hand, recorded = "discrete adjoint, derivatives hand-written", "discrete adjoint, derivatives recorded"
    assert names(PROBLEM) == [recorded] == names(PROBLEM, "casadi")
    assert names(PROBLEM, "jax") == [made["jax"], jax]
    assert names(PROBLEM, "autograd", "torch") == [made["torch"], autograd, made["autograd"], torch]
    rest = [*(made[name] for name in ("torch", "autograd", "jax")), autograd, torch]
    assert names(PROBLEM, "jax", "autograd", "torch", "casadi") == [made["casadi"], jax, *rest]
    assert names(PROBLEM, "jax", "autograd", steps=500) == [made["autograd"], jax, made["jax"], autograd]
    assert names(PROBLEM, "jax", "autograd", steps=501) == [made["autograd"], jax, made["jax"]]
    known = problem("harmonic-oscillator")
    assert names(known, "autograd")[:2] == ["closed form", by_hand] and names(known)[:2] == ["closed form", by_hand]


def test_a_framework_that_made_the_derivatives_of_a_problem_is_the_last_to_differentiate_its_steps(monkeypatch):
    monkeypatch.setattr("hessbench.backends.available", lambda name: name in ("jax", "autograd"))
    target = replace(PROBLEM, derivatives=replace(problem("sir").derivatives, source="generated by jax"))
    jax, autograd = (f"automatic differentiation by {name}" for name in ("jax", "autograd"))
    first, second = (f"discrete adjoint, derivatives generated by {name}" for name in ("jax", "autograd"))
    found = [one.name for one in ways(target, target.x0, np.linspace(0.0, 1.0, 9))]
    assert found == [first, autograd, second, jax]


def test_derivatives_that_are_not_those_of_the_function_are_refused():
    target = problem("sir")
    assert derivatives_by(target, target.derivatives.source) is target.derivatives
    pytest.importorskip("autograd")
    assert derivatives_by(target, "autograd").source != target.derivatives.source


@pytest.mark.parametrize(
    ("factor", "said"),
    [(1.0, ""), (1.0005, ""), (1.002, "are not those"), (0.998, "are not those"), (np.nan, "are not finite")],
)
def test_generated_derivatives_are_compared_with_differences(monkeypatch, factor, said):
    made = SimpleNamespace(jac=lambda t, y, p: -factor * np.eye(2))
    monkeypatch.setattr(the_ways, "generated_derivatives", lambda problem, source: made)
    if not said:
        assert derivatives_by(PROBLEM, "autograd") is made
    else:
        with pytest.raises(ArithmeticError, match=said):
            derivatives_by(PROBLEM, "autograd")


def test_zeros_are_moved_and_nothing_else():
    target = Problem("z", PROBLEM.rhs, PROBLEM.loss, (0.0, 1.0), [0.0, 2.0], exact=lambda x: None)
    moved, x = away_from_zero(target, np.array([3.0, 0.0]))
    assert (moved.y0.tolist(), moved.t_span, x.tolist(), moved.exact) == (
        [1e-100, 2.0],
        (1e-100, 1.0),
        [3.0, 1e-100],
        None,
    )
    assert away_from_zero(Problem("z", PROBLEM.rhs, PROBLEM.loss, (0.5, 1.0), [1.0]), np.ones(1))[0].t_span == (
        0.5,
        1.0,
    )


def test_a_method_that_fails_says_so_in_one_line_and_lack_of_memory_is_passed_on():
    assert evaluated(way("one", Check(1.0, np.ones(2), np.eye(2))), 1)[1] == ""
    assert evaluated(way("one", ValueError()), 1) == (None, "one failed: ValueError: ")
    assert evaluated(way("one", ValueError("x" * 101 + "\ny")), 1) == (None, f"one failed: ValueError: {'x' * 100}")
    with pytest.raises(MemoryError):
        evaluated(way("one", MemoryError()), 1)


def test_a_problem_that_cannot_be_integrated_says_so(monkeypatch):
    def failing(*_):
        raise IntegrationError("stopped at t = 0.5")

    monkeypatch.setattr(reference, "tight", failing)
    with pytest.raises(NoReference, match=r"stopped at t = 0\.5") as caught:
        compute_reference(PROBLEM, PROBLEM.x0)
    assert caught.value.diagnosis == "non-finite"


def test_every_method_takes_other_steps(monkeypatch):
    cut, some = [], Check(1.0, np.ones(2), np.eye(2))
    monkeypatch.setattr("hessbench.backends.available", lambda name: True)
    monkeypatch.setattr(the_ways, "subdivided", lambda times, parts: (cut.append(parts), times)[1])
    monkeypatch.setattr(the_ways, "derivatives_by", lambda problem, source: source)
    monkeypatch.setattr(the_ways, "discrete_adjoint", lambda *_: (some.value, some.grad, some.hess))
    monkeypatch.setattr(the_ways, "automatic", lambda *_: some)
    for one in ways(PROBLEM, PROBLEM.x0, np.linspace(0.0, 1.0, 9)):
        one.run(1)
        one.run(4)
    assert cut == [1, 4, 2, 5, 3, 6, 5, 8, 7, 10, 3, 6, 4, 7]  # adjoints by 0, 2, 4, 6, differentiated steps by 1, 2, 3


def test_generated_derivatives_are_compared_at_three_times_near_the_start(monkeypatch):
    seen, moved = [], []

    def rhs(xp, t, y, p):
        moved.append((t, y.tolist()))
        return -y

    target = Problem("late", rhs, PROBLEM.loss, (1.0, 3.0), [1.0, -2.0])
    moved.clear()
    made = SimpleNamespace(jac=lambda t, y, p: (seen.append((t, y.tolist())), -np.eye(2))[1])
    monkeypatch.setattr(the_ways, "generated_derivatives", lambda problem, source: made)
    derivatives_by(target, "autograd")
    rng, expected, sides = np.random.default_rng(3), [], []
    for t in 1.0 + 2.0 * np.array([0.13, 0.37, 0.71]):
        y = target.y0 * (1 + 1e-3 * rng.standard_normal(2))
        v = np.abs(y) * rng.choice([-1.0, 1.0], 2)
        expected.append((t, y.tolist()))
        sides += [(t, (y + 1e-5 * v).tolist()), (t, (y - 1e-5 * v).tolist())]
    assert seen == expected and moved == sides
