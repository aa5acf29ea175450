"""The split of a call into conversion, dispatch and work, and its share in a Hessian."""

import os
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Case, InvalidInput, measure
from hessbench._measuring import overhead
from hessbench._measuring.measure import blank
from hessbench._measuring.overhead import PACKAGES, Row, by_turns, measure_overhead, share, split, time_package
from hessbench._measuring.overhead_calls import OPERATIONS, TENSORFLOW, calls

ALONE = os.environ.get(
    "HESSBENCH_TEST_BACKEND"
)  # one that wants a process to itself: tests/backends/test_tensorflow.py


def rows(times, **fields):
    return [Row("jax", "rhs", n, "ok", native_s=t, **fields) for n, t in times.items()]


@pytest.mark.parametrize("power", [3, 4])
def test_dispatch_and_work_are_recovered_from_times_that_follow_the_law(power):
    found = split(rows({n: 2e-5 + 3e-11 * n**power for n in (3, 12, 50, 100)}))
    assert [r.power for r in found] == [power] * 4
    assert np.allclose([r.dispatch_s for r in found], 2e-5, rtol=1e-9)
    assert np.allclose([r.work_s for r in found], [3e-11 * r.n**power for r in found], rtol=1e-6)


def test_sizes_beyond_the_cache_do_not_take_part_in_the_fit():
    times = {3: 1.0e-6, 12: 1.1e-6, 50: 9e-6}
    assert split(rows(times))[0].dispatch_s == split(rows({**times, 150: 1.0}))[0].dispatch_s


def test_a_misfit_is_reported():
    assert split(rows({3: 1e-6, 12: 9e-6, 50: 2e-6}))[0].fit_error > 0.3


def test_too_few_sizes_are_not_split():
    assert split(rows({3: 1e-6, 12: 2e-6}))[0].dispatch_s is None


def test_a_missing_package_is_unavailable(monkeypatch):
    monkeypatch.setattr(overhead, "find_spec", lambda name: None)
    found = measure_overhead("numba", (3,))
    assert [r.status for r in found] == ["unavailable"] * 3 and "pip install numba" in found[0].message


def test_an_unknown_package_is_refused():
    with pytest.raises(InvalidInput, match="'tensorflaw'; choose one of numpy"):
        measure_overhead("tensorflaw", (3,))


def test_a_package_in_a_process_of_its_own_has_every_cell():
    found = measure_overhead("numpy", (3, 12, 50))
    assert {(r.operation, r.n, r.status) for r in found} == {(o, n, "ok") for o in OPERATIONS for n in (3, 12, 50)}
    assert all(0 < r.dispatch_s <= 2 * r.call_s and r.conversion_s == 0 and r.version for r in found if r.n == 3)


def test_a_package_that_runs_out_of_time_keeps_what_it_measured():
    found = measure_overhead("numpy", (3, 12), time_limit=0.05)
    assert {r.status for r in found} == {"timeout"} and "stopped at 0.05 s" in found[0].message


def test_a_package_that_dies_is_failed_with_its_last_words():
    found = measure_overhead("numpy", (-1,))  # no such problem: the process raises
    assert {r.status for r in found} == {"failed"} and "expected a number of states" in found[0].message


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_package_computes_the_same_both_ways(package, operation):
    if overhead.find_spec(overhead.distribution(package)) is None:
        pytest.skip(f"{package} is not installed")
    if package in TENSORFLOW and not ALONE:
        pytest.skip("in a process of its own: tests/backends/test_tensorflow.py")
    problem = hessbench.problem("random-quadratic", n=4)
    s, y, h = np.cos(np.arange(4)), problem.y0, 1e-6

    def f(y):
        return problem.rhs(np, 0.0, y, problem.params)

    def pulled(y):
        return np.array([(s @ (f(y + e) - f(y - e))) / (2 * h) for e in h * np.eye(4)])

    expected = {
        "rhs": f(y),
        "vjp": pulled(y),  # exact for a quadratic, up to round-off
        "contraction": np.array([pulled(y + e) - pulled(y - e) for e in np.eye(4)]) / 2,
    }[operation]
    ours = calls(package, problem, operation)
    for result in (ours.call(), ours.native()):
        got = result.full() if package == "casadi" and hasattr(result, "full") else result
        assert np.allclose(np.asarray(got).reshape(expected.shape), expected, rtol=1e-6, atol=1e-7)


def test_a_wrong_derivative_has_no_time(monkeypatch):
    def wrong(package, problem, operation):
        right = calls("numpy", problem, operation)
        return right if package == "numpy" else replace(right, call=lambda: 1.01 * right.call())

    monkeypatch.setattr(overhead, "calls", wrong)
    monkeypatch.setattr(overhead, "version_of", lambda package: "1")
    row = next(time_package("jax", (3,)))
    assert row.status == "failed" and row.call_s is None and "differs from NumPy" in row.message


def test_turns_call_every_function_and_return_seconds_of_one_call():
    counts = [0, 0]

    def tick(k):
        counts[k] += 1

    seconds = by_turns([lambda: tick(0), lambda: tick(1)], 0.01)
    assert min(counts) > 2 and all(0 < s < 1e-3 for s in seconds)


@pytest.mark.parametrize("strategy", ["forward-over-reverse", "reverse-over-reverse"])
def test_calls_from_numpy_are_the_evaluations_of_the_solver(strategy):
    pytest.importorskip("autograd")
    record = measure(Case("random-quadratic", strategy, "autograd", {"n": 3}, rtol=1e-6), budget=0.0)
    assert record.status == "ok" and record.framework_calls == record.rhs > 0


def test_a_hessian_inside_the_framework_has_no_calls_and_no_share():
    pytest.importorskip("autograd")
    record = measure(Case("random-quadratic", "unrolled", "autograd", {"n": 3}, rtol=1e-6), budget=0.0)
    row = share(record, [])
    assert record.framework_calls == 0 and row["share"] is None and "does not call a framework" in row["message"]


def test_the_share_is_calls_times_overhead_over_the_median():
    record = replace(blank(Case("random-quadratic", "forward-over-reverse", "jax", {"n": 10}), "ok"), size=10)
    record = replace(record, median_s=1e-2, framework_calls=100)
    cells = [Row("jax", "rhs", n, "ok", conversion_s=4e-6, dispatch_s=c) for n, c in ((12, 1e-6), (50, 9e-6))]
    assert share(record, cells)["share"] == pytest.approx(100 * 5e-6 / 1e-2)


@pytest.mark.parametrize("status", ["timeout", "wrong"])
def test_without_a_time_there_is_no_share(status):
    record = blank(Case("random-quadratic", "forward-over-reverse", "jax", {"n": 10}), status)
    assert share(record, [])["share"] is None


def test_other_problems_have_rows_of_their_own_which_their_share_is_taken_from():
    found = measure_overhead("numpy", (3, "sir", "neural-ode"))
    assert {(r.problem, r.n, r.status) for r in found if r.operation == "rhs"} >= {("sir", 3, "ok")}
    record = replace(
        blank(Case("sir", "forward-over-reverse", "jax"), "ok"), size=3, median_s=1e-2, framework_calls=100
    )
    cells = [Row("jax", "rhs", 3, "ok", problem=name, idle_s=c) for name, c in (("three-body", 1e-3), ("sir", 2e-5))]
    assert share(record, cells)["share"] == pytest.approx(0.2)


def test_what_nobody_has_written_is_unsupported():
    pytest.importorskip("numba")
    row = next(r for r in measure_overhead("numba", ("sir",)) if r.operation == "rhs")
    assert row.status == "unsupported" and "written sir for numba" in row.message
