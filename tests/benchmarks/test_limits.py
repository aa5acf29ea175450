"""The limit model of the flagship: its counts by hand, its fits on known lines, and that it runs."""

import numpy as np
import pytest

import hessbench
from benchmarks import accuracy, limits


def test_exponents_of_known_powers_are_found():
    sizes = np.array([10, 20, 40, 80])
    slope, half = limits.exponent(sizes, 3.0 * sizes**2.5)
    assert slope == pytest.approx(2.5) and half < 1e-6
    slope, half = limits.exponent(sizes, 3.0 * sizes**2.5 * [1.1, 0.9, 1.1, 0.9])
    assert half > 0.1


def test_bytes_and_operations_of_two_steps_with_two_states():
    read, operations = limits.work(2, evaluations=14, steps=2)
    assert read == 8 * 6 * 15  # three pairs of two numbers, by 14 evaluations and one contraction
    assert operations == 14 * 16 + 12 * (8 + 2 * 16 + 8) + 24


def test_the_ratio_is_that_of_measured_time_and_limit():
    ratio, measured, limit, bandwidth, rate = limits.over_limit(24, seconds=0.1)
    problem = hessbench.problem("random-quadratic", n=24)
    counters = hessbench.hessian(problem, problem.perturbed, rtol=limits.RTOL, method=limits.METHOD).counters
    read, operations = limits.work(24, counters.rhs, counters.steps)
    assert limit == pytest.approx(1e3 * (read / (1e9 * bandwidth) + operations / (1e9 * rate)))
    assert ratio == pytest.approx(measured / limit)


def test_the_parts_add_up_to_the_whole():
    parts = limits.breakdown(24)
    assert set(parts) == {"F and J", "contractions", "J V", "M V", "V^T M V", "the rest"}
    assert sum(parts.values()) > 0


def test_the_table_of_accuracy_shows_errors_and_failures(monkeypatch):
    problem = hessbench.problem("sir")
    found = accuracy.errors(problem, problem.x0, "DOP853")
    assert found[0] < 1e-3 and found[-1] < 1e-9 and found == sorted(found, reverse=True)
    right = hessbench.hessian

    def wrong(problem, x, rtol, method):
        if rtol < 1e-7:
            raise hessbench.IntegrationError("planted")
        result = right(problem, x, rtol=rtol, method=method)
        result.hess[0, 0] += 0.5 * abs(result.hess).max()
        return result

    monkeypatch.setattr(hessbench, "hessian", wrong)
    found = accuracy.errors(problem, problem.x0, "DOP853")
    assert found[0] > 0.1 and found[1] > 0.1 and found[2:] == ["IntegrationError"] * 2


def test_what_a_problem_magnifies_is_measured():
    """The Hessian of y1^2 for y' = y does not depend on the state; that of y1^4 changes by twice what the state does."""

    def growth(power):
        def loss(xp, y0, y1, p):
            return xp.sum(y1**power)

        return hessbench.Problem("growth", lambda xp, t, y, p: y, loss, (0.0, 1.0), np.array([1.0]))

    assert accuracy.magnified(growth(2), np.array([1.0])) < 1e-3
    assert 1.5 < accuracy.magnified(growth(4), np.array([1.0])) < 6.0


def test_tables_of_forms_and_of_phases_have_a_time_for_each():
    names = ("discrete-adjoint", "discrete-adjoint/numpy")
    for rows, width in ((limits.loops((9,), 0.1), 4), (limits.phases((3,), names, 0.1), 3)):
        assert len(rows) == 1 and len(rows[0]) == width and min(rows[0]) > 0
