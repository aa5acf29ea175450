"""What the gate makes of errors, where it compares, and that it forgets no call."""

import os
import threading
from dataclasses import replace

import numpy as np
import pytest

from hessbench import STATUSES, Case, InvalidInput, Problem, Record, Result, measure, problem, strategies
from hessbench._judging.gate import PERTURBED, WRONG, Errors, Seen, errors, judge
from hessbench._judging.gate_points import (
    AWAY,
    DRAWS,
    drawn_points,
    first_kept,
    first_with_reference,
    run_seed,
    with_seed,
)
from hessbench._judging.reference import Reference, points
from hessbench._judging.scaled import Scaled
from hessbench._judging.watch import DRAWN, Watch, targets
from hessbench._measuring import child
from hessbench._measuring.child import stages
from hessbench._measuring.measure import _cut_short, blank
from hessbench._processes.contain import Ended

BLANK = blank(Case("sir", "hand-adjoint"), "failed")


def seen(when="", worst=0.0, where="Hessian by k, k", part="hess", asymmetry=0.0):
    parts = {"hess": 0.0, "grad": 0.0, "value": 0.0, part: worst}
    return Seen(Errors(**parts, asymmetry=asymmetry, scaled=Scaled(**parts, asymmetry=asymmetry, where=where)), when)


@pytest.mark.parametrize("part", ["hess", "grad", "value"])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_one_wrong_part_of_one_call_is_enough(part, which):
    calls = [seen(), seen(PERTURBED), seen(DRAWN), seen("in call 7")]
    calls[which] = seen(calls[which].when, 0.5, "bad entry", part)
    record = judge(BLANK, calls, 1e-12, 1e-5)
    assert record.status == "wrong" and record.error_scaled == 0.5
    assert record.message == f"error 5.0e-01 of the bad entry {calls[which].when}".rstrip() + ", allowed 1.0e-05"
    assert record.error_scaled_where == f"bad entry {calls[which].when}".rstrip()


@pytest.mark.parametrize(
    ("error", "status"),
    [(1e-5, "ok"), (1.01e-5, "inaccurate"), (WRONG, "inaccurate"), (1.01e-2, "wrong"), (np.inf, "wrong")],
)
def test_the_status_by_the_error(error, status):
    record = judge(BLANK, [seen(worst=error)], 0.0, 1e-5)
    assert record.status == status and (record.message == "") == (status == "ok")


def test_nothing_is_held_against_a_result_that_ten_times_the_agreement_of_the_references_explains():
    record = judge(BLANK, [seen(worst=0.9e-3)], 1e-4, 1e-5)
    assert (record.status, record.threshold, record.reference_agreement) == ("ok", pytest.approx(1e-3), 1e-4)
    assert judge(BLANK, [seen(worst=1.1e-3)], 1e-4, 1e-5).status == "inaccurate"


def test_asymmetry_alone_is_inaccurate_and_said():
    record = judge(BLANK, [seen(), seen(PERTURBED, asymmetry=3e-5)], 0.0, 1e-5)
    assert record.status == "inaccurate" and record.asymmetry == 3e-5
    assert record.message == "asymmetry 3.0e-05 of the Hessian at the perturbed point, allowed 2.0e-05"
    assert judge(BLANK, [seen(asymmetry=1.9e-5)], 0.0, 1e-5).status == "ok"


def test_a_record_keeps_the_largest_error_of_each_kind():
    calls = [seen(worst=1e-9), seen(PERTURBED, 3e-9), seen("in call 5", 2e-9), seen(f"{PERTURBED} in call 6", 4e-9)]
    record = judge(BLANK, [*calls, seen(DRAWN, 5e-8, part="grad"), seen(DRAWN, 6e-8, part="value")], 0.0, 1e-5)
    assert (record.error_hess, record.error_hess_perturbed) == (2e-9, 4e-9)
    assert (record.error_grad, record.error_value, record.error) == (5e-8, 6e-8, 4e-9)
    assert judge(BLANK, calls[:1], 0.0, 1e-5).error_hess_perturbed is None


def test_stored_errors_are_relative_to_the_largest_entry():
    against = Reference(4.0, np.array([2.0, 0.5]), np.diag([4.0, 1e-3]), 0.0, "by hand")
    result = Result(4.4, np.array([2.0, 0.1]), np.diag([4.0, 0.0]))
    found = errors(result, against, np.array([2.0, 1.0]))
    assert (found.hess, found.grad, found.value) == pytest.approx((1e-3 / 4, 0.4 / 8, 0.4 / 16))
    assert found.worst >= 1.0  # the second diagonal entry is missing
    lopsided = replace(result, hess=np.array([[4.0, 1.0], [0.0, 0.0]]))
    assert errors(lopsided, against, np.ones(2)).asymmetry == pytest.approx(0.25)


@pytest.mark.parametrize("change", [{"value": np.nan}, {"grad": np.full(2, np.nan)}, {"hess": np.full((2, 2), np.inf)}])
def test_what_is_not_finite_is_infinitely_wrong(change):
    against = Reference(1.0, np.ones(2), np.eye(2), 0.0, "by hand")
    found = errors(replace(Result(1.0, np.ones(2), np.eye(2)), **change), against, np.ones(2))
    assert max(found.hess, found.grad, found.value) == found.worst == np.inf
    assert judge(BLANK, [Seen(found)], 0.0, 1e-5).status == "wrong"


def test_a_wrong_shape_is_infinitely_wrong():
    against = Reference(1.0, np.ones(2), np.eye(2), 0.0, "by hand")
    found = errors(Result(1.0, np.ones(1), np.ones((1, 1))), against, np.ones(2))
    assert found.hess == found.grad == found.worst == np.inf


def test_an_unknown_status_is_refused():
    for status in ("fine", "", "OK"):
        with pytest.raises(InvalidInput, match="expected one of ok, inaccurate"):
            replace(BLANK, status=status)
        with pytest.raises(InvalidInput, match="does not know"):
            Record.from_json({**BLANK.to_json(), "status": status})


def test_codes_of_statuses_keep_their_meaning():
    stored = ("ok", "inaccurate", "wrong", "failed", "timeout", "unsupported", "unavailable", "unjudged")
    assert stored == STATUSES


def test_a_record_without_a_schema_is_of_the_first():
    old = {k: v for k, v in BLANK.to_json().items() if k not in ("schema", "error_scaled", "gate_seed", "diagnosis")}
    assert Record.from_json(old).schema == 1 and BLANK.schema == 2
    assert Record.from_json(BLANK.to_json()) == BLANK


ENDS = (Ended((), "limit", -9), Ended((), "exit", 3), Ended((), "exit", -9), Ended((), "lost", 0), Ended((), "done", 0))


def test_a_record_that_was_cut_short_has_no_times():
    times = dict.fromkeys(("first_s", "best_s", "median_s", "ci_low_s", "ci_high_s", "peak_mib"), 1.0)
    timed = replace(BLANK, status="ok", repeats=9, prepare_s=2.0, **times)
    for record in (timed.without_times(), *(_cut_short(timed, "later", 1.0, ended) for ended in ENDS)):
        assert [getattr(record, name) for name in (*times, "repeats")] == [None] * 7 and record.prepare_s == 2.0


def test_the_median_and_the_least_are_those_of_the_timed_calls(monkeypatch):
    taken = [float(k) for k in (9, 1, 4, 2, 8, 3, 7, 5, 6, 11)]
    monkeypatch.setattr(child, "steady_state", lambda *_: taken)
    case = Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, 1e-6)
    *_, (_, record) = stages(case, None, 0.0, 1, None)
    assert (record.status, record.best_s, record.median_s, record.repeats) == ("ok", 1.0, 5.5, 10)
    assert record.ci_low_s < 5.5 < record.ci_high_s


def test_the_call_that_is_weighed_is_compared_too(monkeypatch):
    monkeypatch.setattr(child, "peak_mib", lambda run, x: (1.0, replace(run(x), hess=0.0 * run(x).hess)))
    case = Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, 1e-6)
    *_, (stage, record) = stages(case, None, 0.0, 1, None)
    assert (stage, record.status, record.peak_mib, record.median_s) == ("weighed", "wrong", None, None)


def test_a_point_is_drawn_near_the_own_one_in_the_size_of_each_unknown():
    target = Problem(
        "small",
        lambda xp, t, y, p: p["k"] - 0.0 * y,
        lambda xp, y0, y1, p: xp.sum(y1),
        (1.0, 3.0),
        [0.0, -1e-9, 0.0],
        {"k": np.array([1e-9, 0.0, 5e-9])},
        wrt=("y0", "k", "t0", "t1"),
    )
    sizes = np.array([2e-9, 1e-9, 1e-8, 1e-9, 5e-9, 5e-9, 2.0, 2.0])
    drawn = drawn_points(target, 7)
    assert len(drawn) == DRAWS and len({x.tobytes() for x in drawn}) == DRAWS
    for x in drawn:
        away = (x - target.x0) / sizes
        assert np.all(away != 0) and np.all(np.abs(away) <= AWAY * 1.05) and np.any(np.abs(away) > AWAY / 5)
        assert np.all(x[[0, 2, 3, 4, 5]] > 0) and x[1] < 0  # signs are kept, and from zero it goes up
        target.check_x(x)


def test_a_seed_repeats_the_point_and_another_one_does_not():
    target = problem("sir")
    first, again, other = (drawn_points(target, seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_the_next_point_is_drawn_where_the_first_has_no_reference(tmp_path, monkeypatch):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    target = problem("harmonic-oscillator", d=1)
    candidates = [np.full(3, 1.0), np.full(2, np.nan), np.array([0.5, 0.6]), np.array([0.5, 0.7])]
    assert first_kept(target, candidates) is None
    assert first_with_reference(target, candidates) is candidates[2]
    assert first_kept(target, candidates) is candidates[2]
    assert first_with_reference(target, candidates[:2]) is None


def test_the_seed_of_a_run_is_the_same_for_all_of_it(monkeypatch):
    monkeypatch.delenv("HESSBENCH_GATE_SEED")
    assert run_seed() == run_seed()
    with_seed(None)
    assert "HESSBENCH_GATE_SEED" not in os.environ
    monkeypatch.setenv("HESSBENCH_GATE_SEED", "1")
    with_seed(42)
    assert run_seed() == 42
    monkeypatch.setenv("HESSBENCH_GATE_SEED", "soon")
    with pytest.raises(InvalidInput, match="'soon'; expected a number"):
        run_seed()
    with pytest.raises(InvalidInput, match="`gate_seed` is -1"):
        measure(Case("sir", "hand-adjoint"), gate_seed=-1)


def test_the_seed_is_in_the_record_and_the_point_in_the_measuring_process():
    record = measure(Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, 1e-6), budget=0.0, gate_seed=21)
    assert (record.status, record.gate_seed) == ("ok", 21) and "no drawn point" not in record.note


def test_a_case_without_a_drawn_point_says_so():
    *_, (_, record) = stages(Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, 1e-6), None, 0.0, 1, None)
    assert record.status == "ok" and record.note.endswith("compared at no drawn point: none of three has a reference")


@pytest.fixture
def watched():
    """A watch over a right strategy on a problem with all three points, and a list of what each call was given."""
    target = problem("generic-cubic")
    run = strategies()["hand-adjoint"].load()
    from hessbench import prepare

    prepared = prepare(target, run, rtol=1e-8)
    given = []

    def call(x):
        given.append((id(x), x.tolist(), threading.get_ident()))
        return prepared.direct(x)

    where = targets(target, first_with_reference(target, drawn_points(target, 13)), 1e-5)
    return Watch(call, where, 1, 1e-5), given


def test_all_points_are_compared_and_named(watched):
    watch, _ = watched
    target = problem("generic-cubic")
    assert [point.name for point in watch.points] == ["", PERTURBED, DRAWN]
    assert np.array_equal(watch.points[0].x, target.x0) and np.array_equal(watch.points[1].x, target.perturbed)
    assert [point.name for point in targets(target, None, 1e-5)] == ["", PERTURBED] and len(points(target)) == 2


def test_calls_again_visit_every_point_in_random_order_with_one_array(watched):
    watch, given = watched
    watch.again(60.0, rounds=6)
    orders = [tuple(x[0] for _, x, _ in given[k : k + 3]) for k in range(0, 18, 3)]
    assert all(set(order) == {point.x[0] for point in watch.points} for order in orders) and len(set(orders)) > 1
    assert len({number for number, _, _ in given}) == 1 and watch.calls == 18
    watch.again(-1.0)
    assert watch.calls == 18


def test_results_that_are_the_same_are_kept_once_and_others_measured(watched):
    watch, _ = watched
    right = watch.call(0)
    for _ in range(3):
        watch.check(0, replace(right, hess=right.hess.copy()))
    assert [one.when for one in watch.seen] == [""]
    watch.check(0, replace(right, value=right.value * 2))
    watch.call(1)
    assert [one.when for one in watch.seen] == ["", "in call 5", PERTURBED]
    assert watch.seen[1].errors.value > 0.01


def test_the_worst_of_many_different_results_is_kept(watched):
    watch, _ = watched
    right = watch.call(0)
    for k in range(200):
        watch.check(0, replace(right, hess=right.hess * (1 + 1e-9 * k)))
    assert len(watch.seen) < 300 and max(one.errors.worst for one in watch.seen) > 1.9e-7


def test_one_call_comes_from_another_thread(watched):
    watch, given = watched
    watch.call_from_second_thread()
    assert len(given) == 1 and given[0][2] != threading.get_ident() and watch.seen[0].when == DRAWN


def test_calls_between_the_timed_ones_take_a_tenth_of_their_time_at_most(watched):
    watch, given = watched
    right = watch.call(0)
    for k in range(300):
        watch.after_timed(right, 1e-3, 1e-3 * (k + 1))
    assert 1 < len(given) < 300 and watch._spent < 0.1 * 0.3 + 0.1
    before = len(given)
    for _ in range(300):
        watch.after_timed(right, 10.0, 1.0)
    assert len(given) == before
