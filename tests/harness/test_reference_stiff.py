"""References of stiff problems: implicit formulas of the right order, two ways that agree, and a witness that sees faults."""

from dataclasses import replace

import numpy as np
import pytest

from hessbench import NoReference, Problem
from hessbench._judging import reference_stiff as stiff
from hessbench._judging.reference import compute_reference
from hessbench._judging.reference_implicit import lobatto_iiic, radau_iia


@pytest.fixture
def only_autograd(monkeypatch):
    """One framework is enough here, and this one compiles nothing."""
    monkeypatch.setattr("hessbench.backends.available", lambda name: name in ("autograd", "numpy"))


def robertson(wrt=("slow", "pair", "back")):
    """Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.1, to t = 40."""

    def rhs(xp, t, y, p):
        a, b, c = y[:1], y[1:2], y[2:]
        slow, pair, back = p["slow"] * a, p["pair"] * b * b, p["back"] * b * c
        return xp.concatenate([back - slow, slow - pair - back, pair])

    def loss(xp, y0, y1, p):
        return xp.sum((y1 - np.array([0.7, 1e-5, 0.3])) ** 2)

    return Problem(
        "robertson", rhs, loss, (0.0, 40.0), [1.0, 0.0, 0.0], {"slow": 0.04, "pair": 3e7, "back": 1e4}, wrt=wrt
    )


# Radau IIA and a discrete adjoint of another code, 60 steps: `k_a k_b H_ab` by (slow, pair, back)
SCALED = [
    [0.12140859, 0.04440357, -0.0888087],
    [0.04440357, 0.02259246, -0.03649057],
    [-0.0888087, -0.03649057, 0.06428721],
]


def van_der_pol(xp, t, y, p):
    return xp.concatenate([y[1:], p["mu"] * (1 - y[:1] * y[:1]) * y[1:] - y[:1]])


def relaxing(stop=300.0):
    """The slow part of a relaxation oscillation, mu = 1000."""
    return Problem(
        "vdp", van_der_pol, lambda xp, y0, y1, p: xp.sum(y1[:1] ** 2), (0.0, stop), [2.0, 0.0], {"mu": 1000.0},
        wrt=("y0", "mu"), dissipative=True,
    )  # fmt: skip


@pytest.mark.parametrize("formula, order", [(radau_iia, 5), (lobatto_iiic, 4)])
def test_formulas_have_their_order_and_damp_what_is_stiff(formula, order):
    """`R(z) = 1 + z b (1 - z a)^-1 1` with `b` the last row of `a`: error of e^z falls as z^(order + 1), R(-inf) = 0."""
    found = formula(3)
    assert found.c[-1] == 1.0 and found.a.sum(1) == pytest.approx(found.c, abs=1e-14)

    def step(z):
        return 1 + z * found.a[-1] @ np.linalg.solve(np.eye(3) - z * found.a, np.ones(3))

    errors = [abs(step(z) - np.exp(z)) for z in (0.2, 0.1)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.3)
    assert abs(step(-1e8)) < 1e-7


def test_radau_iia_of_three_stages_is_the_known_one():
    root = np.sqrt(6.0)
    right = [
        [(88 - 7 * root) / 360, (296 - 169 * root) / 1800, (-2 + 3 * root) / 225],
        [(296 + 169 * root) / 1800, (88 + 7 * root) / 360, (-2 - 3 * root) / 225],
        [(16 - root) / 36, (16 + root) / 36, 1 / 9],
    ]
    assert radau_iia(3).a == pytest.approx(np.array(right), abs=1e-13)


def test_lobatto_iiic_of_three_stages_is_the_known_one():
    right = [[1 / 6, -1 / 3, 1 / 6], [1 / 6, 5 / 12, -1 / 12], [1 / 6, 2 / 3, 1 / 6]]
    assert lobatto_iiic(3).a == pytest.approx(np.array(right), abs=1e-13)


def test_robertson_by_its_rates():
    problem = robertson()
    found = compute_reference(problem, problem.x0)
    assert found.hess * np.outer(problem.x0, problem.x0) == pytest.approx(np.array(SCALED), abs=1e-8)
    assert found.value == pytest.approx(5.0128305371e-4, rel=1e-10)
    assert "Lobatto" in found.how and "Radau" in found.how and "value differences agree" in found.how
    assert found.agreement < 1e-9


def test_robertson_by_its_initial_state(only_autograd):
    problem = robertson(("y0",))
    found = compute_reference(problem, problem.x0)
    assert found.hess[0, 0] == pytest.approx(1.32746284286, rel=1e-11)


def test_a_stiff_problem_with_a_running_loss_and_free_end_time_has_the_one_of_its_expanded_form():
    """The integral of y as a running loss, or as a state: the same Hessian, by the end time too."""
    rates, span = {"k": 2e4}, (0.0, 3.0)
    running = Problem(
        "running", lambda xp, t, y, p: p["k"] * (xp.cos(t) - y * y * y), lambda xp, y0, y1, p: xp.sum(y1 * y1), span, [0.8],
        rates, wrt=("k", "t1"), running_loss=lambda xp, t, y, p: xp.sum(y * y),
    )  # fmt: skip
    expanded = Problem(
        "expanded", lambda xp, t, y, p: xp.concatenate([p["k"] * (xp.cos(t) - y[:1] ** 3), y[:1] * y[:1]]),
        lambda xp, y0, y1, p: xp.sum(y1[:1] ** 2) + xp.sum(y1[1:]), span, [0.8, 0.0], rates, wrt=("k", "t1"),
    )  # fmt: skip
    found = [compute_reference(problem, problem.x0) for problem in (running, expanded)]
    assert "Lobatto" in found[0].how
    size = np.outer(running.x0, running.x0)
    assert found[0].hess * size == pytest.approx(found[1].hess * size, abs=1e-9)


def test_van_der_pol_has_the_derivatives_of_its_slow_manifold(only_autograd):
    """There `F(x(t)) = F(x(0)) + t / mu` with `F = log x - x^2 / 2`, up to 1 / mu^2."""
    problem = relaxing()
    found = compute_reference(problem, problem.x0)
    assert found.agreement < 1e-8 and "value differences agree" in found.how
    level, x = np.log(2.0) - 2.0 + 0.3, 1.8
    for _ in range(50):
        x -= (np.log(x) - x * x / 2 - level) / (1 / x - x)
    first = (0.5 - 2.0) / (1 / x - x)
    second = ((-0.25 - 1) - (-1 / x**2 - 1) * first**2) / (1 / x - x)
    assert found.value == pytest.approx(x * x, rel=1e-5)
    assert found.grad[0] == pytest.approx(2 * x * first, rel=1e-5)
    assert found.hess[0, 0] == pytest.approx(2 * (first**2 + x * second), rel=1e-4)


KNOWN = {}  # of `relaxing(30.0)`, by way and steps: what is not spoiled is computed once


def once(method, way):
    def run(steps, x, *rest):
        key = (method, steps.times.tobytes(), len(steps.scheme.c), x.tobytes())
        if key not in KNOWN:
            KNOWN[key] = way(steps, x, *rest)
        return KNOWN[key]

    return run


@pytest.fixture
def computed_once(monkeypatch):
    for name in ("implicit_adjoint", "implicit_forward"):
        monkeypatch.setattr(stiff, name, once(name, getattr(stiff, name)))


def spoil(monkeypatch, method, factor):
    right = getattr(stiff, method)

    def wrong(*args):
        check = right(*args)
        return replace(check, hess=factor * check.hess)

    monkeypatch.setattr(stiff, method, wrong)


@pytest.mark.xdist_group("stiff-ways")
@pytest.mark.parametrize("method", ["implicit_adjoint", "implicit_forward"])
@pytest.mark.parametrize("factor", [1.001, 0.0])
def test_one_wrong_way_is_outvoted_or_leaves_no_reference(only_autograd, computed_once, monkeypatch, method, factor):
    spoil(monkeypatch, method, factor)
    problem = relaxing(30.0)
    try:
        found = compute_reference(problem, problem.x0)
    except NoReference as error:
        assert error.diagnosis == "disagreement"
    else:
        assert "value differences" in found.how and "differs" in found.suspect


def test_an_error_that_both_ways_share_is_seen_by_the_witness(only_autograd, monkeypatch):
    for method in ("implicit_adjoint", "implicit_forward"):
        spoil(monkeypatch, method, 1.001)
    problem = relaxing(30.0)
    with pytest.raises(NoReference, match="value differences say something else") as caught:
        compute_reference(problem, problem.x0)
    assert caught.value.diagnosis == "disagreement"


def test_where_implicit_steps_cannot_be_had_it_is_said_that_it_is_stiff(only_autograd, monkeypatch):
    monkeypatch.setattr(stiff, "MOST_MESH", 3)
    problem = relaxing()
    with pytest.raises(NoReference, match="too many steps") as caught:
        compute_reference(problem, problem.x0)
    assert caught.value.diagnosis == "stiff"
