"""Many points at once: what a call of its own gives, to the bit, from many threads; a point that fails costs no other."""

import threading
import time

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchWarning, IntegrationError, InvalidInput, Problem
from hessbench._plugins import batch as module


def blow_up(t1=1.0):
    """y' = y^2 has no solution beyond t = 1 / y0."""
    return Problem(
        "blow-up", lambda xp, t, y, p: y * y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, t1), np.array([0.4])
    )


def around(problem, count, spread=1e-2):
    return problem.x0 * (1 + spread * np.random.default_rng(1).standard_normal((count, problem.x0.size)))


@pytest.mark.parametrize("name", ["three-body", "lotka-volterra", "oscillator-data", "pharmacokinetics"])
@pytest.mark.parametrize("workers", [1, 3])
def test_each_point_gets_what_its_own_call_gives(name, workers):
    problem = hessbench.problem(name)
    prepared, x = hessbench.prepare(problem, rtol=1e-8), around(problem, 9)
    found = prepared.batch(x, workers)
    singly = [prepared(row) for row in x]
    assert found.values.tolist() == [one.value for one in singly]
    np.testing.assert_array_equal(found.grads, [one.grad for one in singly])
    np.testing.assert_array_equal(found.hessians, [one.hess for one in singly])
    assert found.counters.steps == sum(one.counters.steps for one in singly)
    if problem.data is None:
        assert found.gauss_newton is None
    else:
        np.testing.assert_array_equal(found.gauss_newton, [one.gauss_newton for one in singly])
    assert not found.failed and not found.warnings


def test_closed_form_of_many_points():
    """y(t1) = y0 / (1 - y0 t1): its square has the derivatives 2 y0 / (1 - y0)^3 and 2 (1 + 2 y0) / (1 - y0)^4 at t1 = 1."""
    y0 = np.linspace(-0.9, 0.6, 31)
    found = hessbench.prepare(blow_up(), rtol=1e-11).batch(y0[:, None])
    np.testing.assert_allclose(found.grads[:, 0], 2 * y0 / (1 - y0) ** 3, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.hessians[:, 0, 0], 2 * (1 + 2 * y0) / (1 - y0) ** 4, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_point_that_fails_costs_no_other_and_is_warned_of(workers):
    prepared = hessbench.prepare(blow_up(), rtol=1e-8)
    with pytest.warns(HessbenchWarning, match=r"2 of 4 points could not be computed \(point 1: "):
        found = prepared.batch([[0.2], [1.5], [0.3], [2.0]], workers)
    assert list(found.failed) == [1, 3] and all(isinstance(e, IntegrationError) for e in found.failed.values())
    assert (
        np.isnan(found.hessians[[1, 3]]).all()
        and np.isnan(found.values[[1, 3]]).all()
        and np.isnan(found.grads[[1, 3]]).all()
    )
    assert np.isfinite(found.hessians[[0, 2]]).all()
    assert prepared.quiet().batch([[1.5]]).warnings  # said, not warned of


def test_what_several_points_are_warned_of_is_said_once():
    steps = hessbench.hessian(blow_up()).counters.steps
    prepared = hessbench.prepare(blow_up(), max_steps=steps + 1).quiet()
    said = prepared.batch([[0.4], [0.401], [-0.001]]).warnings
    assert len(said) == 1 and said[0].startswith("at 2 of 3 points (point 0): ") and "max_steps" in said[0]


def test_other_errors_are_raised():
    class Broken(Exception):
        pass

    def at(x):
        raise Broken

    for workers in (1, 2):
        with pytest.raises(Broken):
            module.at_points(at, blow_up(), [[0.1], [0.2], [0.3]], workers, True)


@pytest.mark.parametrize(("pause", "threads"), [(0.0, 1), (2e-3, 3)])
def test_threads_start_where_a_point_takes_its_time(pause, threads, monkeypatch):
    monkeypatch.setattr(module, "allowed", lambda: [0, 1, 2])
    monkeypatch.setattr(module, "WORTH", 1e-3)
    seen, prepared = set(), hessbench.prepare(blow_up(), rtol=1e-6)

    def at(x):
        seen.add(threading.get_ident())
        time.sleep(pause)
        return prepared.direct(x)

    x = np.linspace(-0.9, 0.6, 30)[:, None]
    found = module.at_points(at, blow_up(), x, None, True)
    assert len(seen) == threads
    np.testing.assert_array_equal(found.hessians, prepared.batch(x, 1).hessians)


def test_strategies_that_are_not_thread_safe_take_one_thread():
    assert module._workers(4, 10, False) == 1
    assert module._workers(4, 3, True) == 3 and module._workers(None, 1, True) == 1
    problem = hessbench.problem("sir")
    prepared, x = hessbench.prepare(problem, "hand-adjoint", rtol=1e-6), around(problem, 3)
    np.testing.assert_array_equal(prepared.batch(x, 2).hessians, [prepared(row).hess for row in x])


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([0.4], r"shape \(1,\); expected \(B, 1\)"),
        ([[0.4, 0.5]], r"shape \(1, 2\); expected \(B, 1\)"),
        ("x", "expected numbers"),
        ([[0.4], [np.nan]], "point 1: "),
    ],
)
def test_points_that_are_refused(x, said):
    with pytest.raises(InvalidInput, match=said):
        hessbench.prepare(blow_up()).batch(x)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_that_are_refused(workers):
    with pytest.raises(InvalidInput, match="workers"):
        hessbench.prepare(blow_up()).batch([[0.4]], workers)


def test_no_points_at_all():
    found = hessbench.prepare(blow_up()).batch(np.zeros((0, 1)))
    assert found.values.shape == (0,) and found.hessians.shape == (0, 1, 1) and found.warnings == ()
