"""A grid is measured once a day, kept case by case, and not beyond what ran out of time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hessbench import Case
from hessbench._measuring import grid
from hessbench._measuring.grid import Store, easier_than, measure_grid
from hessbench._measuring.measure import blank
from hessbench._storage.files import append_line

RUN = {"machine": "m", "commit": "0123456789", "sources": "aa", "suite": "hessian"}
SIR = Case("sir", "hand-adjoint", "numpy", rtol=1e-6)


@pytest.fixture
def measured(monkeypatch):
    """The cases that were really measured; each is `ok` unless its strategy is called `slow`."""
    cases = []

    def measure(case, **limits):
        cases.append(case)
        return replace(blank(case, "timeout" if case.strategy == "slow" else "ok"), median_s=1.0)

    monkeypatch.setattr(grid, "measure", measure)
    return cases


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "records"


def run_grid(folder, cases, since=None, **run):
    return [record for _, record in measure_grid(cases, Store(folder, {**RUN, **run}, since))]


def lines(folder, suite="hessian"):
    return [json.loads(line) for line in (folder / f"m-01234567-{suite}.jsonl").read_text().splitlines() if line]


def sizes(*n, **options):
    return [Case("random-quadratic", "slow", "jax", {"n": k}, **options) for k in n]


def test_a_case_is_measured_once_and_then_found(measured, folder):
    first, second = run_grid(folder, [SIR]), run_grid(folder, [SIR])
    assert first == second and len(measured) == len(lines(folder)) == 1


def test_a_restart_measures_only_what_is_missing(measured, folder):
    other = replace(SIR, rtol=1e-8)
    run_grid(folder, [SIR])
    run_grid(folder, [SIR, other])
    assert measured == [SIR, other]


@pytest.mark.parametrize("change", [{"sources": "bb"}, {"commit": "0123456700"}, {"machine": "other"}])
def test_other_code_or_another_machine_is_measured_anew(measured, folder, change):
    run_grid(folder, [SIR])
    run_grid(folder, [SIR], **change)
    assert len(measured) == 2


def test_yesterday_is_measured_anew(measured, folder):
    run_grid(folder, [SIR])
    line = lines(folder)[0]
    line["run"]["date"] = (datetime.now(UTC) - timedelta(days=1, minutes=1)).isoformat(timespec="seconds")
    (folder / "m-01234567-hessian.jsonl").write_text(json.dumps(line) + "\n")
    run_grid(folder, [SIR])
    assert len(measured) == 2


def test_what_was_measured_before_a_given_moment_is_measured_anew(measured, folder):
    run_grid(folder, [SIR])
    run_grid(folder, [SIR], since=(datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds"))
    assert len(measured) == 2


@pytest.mark.parametrize(
    "other", [replace(SIR, method="RK45"), replace(SIR, backend="jax"), replace(SIR, arguments={"beta": 4.0})]
)
def test_another_case_is_not_taken_for_it(measured, folder, other):
    run_grid(folder, [SIR])
    run_grid(folder, [other])
    assert len(measured) == 2


def test_a_record_of_another_suite_is_copied_with_its_date(measured, folder):
    run_grid(folder, [SIR], suite="smoke")
    run_grid(folder, [SIR])
    (ours,), (theirs,) = lines(folder), lines(folder, "smoke")
    assert len(measured) == 1 and ours["run"]["suite"] == "hessian"
    assert (ours["record"], ours["run"]["date"]) == (theirs["record"], theirs["run"]["date"])


def test_a_line_that_was_cut_off_is_measured_again_and_spoils_no_other(measured, folder):
    run_grid(folder, [SIR])
    path = folder / "m-01234567-hessian.jsonl"
    path.write_text(path.read_text() + path.read_text()[:-20])
    other = replace(SIR, rtol=1e-8)
    run_grid(folder, [SIR, other])
    whole = []
    for line in path.read_text().splitlines():
        try:
            whole.append(json.loads(line)["record"]["rtol"])
        except ValueError:
            continue
    assert measured == [SIR, other] and whole == [1e-6, 1e-8]


def test_rows_of_tables_and_records_of_other_versions_are_passed_over(measured, folder):
    store = Store(folder, RUN)
    store.add_row({"table": "overhead", "n": 3})
    append_line(store.path, json.dumps({"run": {**RUN, "date": "2999"}, "record": {"no such": "field"}}))
    run_grid(folder, [SIR])
    assert measured == [SIR] and lines(folder)[0]["row"] == {"table": "overhead", "n": 3}


def test_a_size_whose_smaller_sibling_timed_out_is_skipped_with_that_reason(measured, folder):
    records = run_grid(folder, sizes(10, 30, 50))
    assert [c.arguments["n"] for c in measured] == [10]
    assert [r.status for r in records] == ["timeout"] * 3
    assert records[1].message == "the smaller size n = 10 already ran out of time" and records[1].median_s is None
    assert len(lines(folder)) == 3


def test_a_tolerance_whose_looser_sibling_timed_out_is_skipped_with_that_reason(measured, folder):
    records = run_grid(folder, [*sizes(10, rtol=1e-6), *sizes(10, rtol=1e-10)])
    assert len(measured) == 1 and records[1].message == "the looser tolerance 1e-06 already ran out of time"


@pytest.mark.parametrize(
    "other",
    [
        Case("random-quadratic", "other", "jax", {"n": 30}),
        Case("random-quadratic", "slow", "torch", {"n": 30}),
        Case("random-quadratic", "slow", "jax", {"n": 30}, method="RK45"),
        Case("random-quadratic", "slow", "jax", {"n": 30}, rtol=1e-6),
        Case("random-quadratic", "slow", "jax", {"n": 10, "seed": 7}),
        Case("random-quadratic", "slow", "jax", {"n": 3}),
        Case("brusselator", "slow", "jax", {"n": 30}),
    ],
)
def test_only_a_harder_sibling_is_skipped(other):
    assert easier_than(sizes(10)[0], other) is None


def test_records_of_another_machine_of_the_same_name_are_not_used(measured, folder):
    for hardware in ("aaaa", "bbbb", "aaaa"):
        run_grid(folder, [SIR], hardware=hardware)
    assert len(measured) == 2


def test_a_record_carries_the_conditions_under_which_it_was_made(measured, folder):
    run_grid(folder, [SIR])
    (line,) = lines(folder)
    assert {"load", "others", "under_load"} <= set(line["run"])
    run_grid(folder, [SIR], suite="metrics")
    (copy,) = lines(folder, "metrics")
    assert all(copy["run"][name] == line["run"][name] for name in ("load", "others", "under_load"))


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe\x00", b"[" * 100000, b"9" * 5000, b'{"run": 3, "record": []}', b"\x00" * 100]
)
def test_a_damaged_line_of_any_kind_is_passed_over(measured, folder, damage):
    run_grid(folder, [SIR])
    path = folder / "m-01234567-hessian.jsonl"
    path.write_bytes(damage + b"\n" + path.read_bytes() + damage)
    run_grid(folder, [SIR, replace(SIR, rtol=1e-8)])
    assert measured == [SIR, replace(SIR, rtol=1e-8)]
    assert json.loads(path.read_bytes().split(b"\n")[-2])["record"]["rtol"] == 1e-8


def test_a_folder_with_the_name_of_a_file_of_records_stops_nothing(measured, folder):
    (folder / "m-01234567-smoke.jsonl").mkdir(parents=True)
    run_grid(folder, [SIR])
    assert len(measured) == 1


def test_a_line_twice_is_one_record_and_the_later_one_counts(measured, folder):
    run_grid(folder, [SIR])
    path = folder / "m-01234567-hessian.jsonl"
    line = json.loads(path.read_text())
    line["record"]["median_s"] = 7.0
    path.write_text(path.read_text() * 2 + json.dumps(line) + "\n")
    assert run_grid(folder, [SIR])[0].median_s == 7.0 and len(measured) == 1


@pytest.mark.parametrize("machine", ["a/b", "[x]*?", "m" * 300, "..", "\ud800"])
def test_any_name_of_a_machine_makes_a_file_that_is_found_again(measured, folder, machine):
    run_grid(folder, [SIR], machine=machine)
    run_grid(folder, [SIR], machine=machine)
    assert len(measured) == 1 and len(list(folder.iterdir())) == 1


def test_a_field_of_another_version_is_no_reason_to_measure_again(measured, folder):
    run_grid(folder, [SIR])
    path = folder / "m-01234567-hessian.jsonl"
    line = json.loads(path.read_text())
    line["record"]["from_the_future"] = 1
    path.write_text(json.dumps(line) + "\n")
    (record,) = run_grid(folder, [SIR])
    assert not measured[1:] and record.to_json()["from_the_future"] == 1


@pytest.mark.parametrize(("seconds", "again"), [(-1, False), (0, False), (1, True)])
def test_a_record_made_at_the_given_moment_is_used(measured, folder, seconds, again):
    run_grid(folder, [SIR])
    made = datetime.fromisoformat(lines(folder)[0]["run"]["date"])
    run_grid(folder, [SIR], since=(made + timedelta(seconds=seconds)).isoformat(timespec="seconds"))
    assert len(measured) == 1 + again


def test_an_executor_that_ends_cases_in_another_order_loses_none_and_doubles_none(tmp_path, monkeypatch):
    monkeypatch.setattr("hessbench._measuring.grid.measure", lambda case, **limits: blank(case, "ok"))

    def backward(cases, run):
        return iter([(case, run(case)) for case in cases][::-1])

    cases = [Case("sir", f"way-{i}") for i in range(5)]
    store = Store(tmp_path, RUN)
    store.add(blank(cases[2], "ok"))  # is known already
    ran = list(measure_grid(cases, store, backward))
    assert [record.strategy for _, record in ran] == ["way-2", "way-4", "way-3", "way-1", "way-0"]
    assert all(case.strategy == record.strategy for case, record in ran)
    assert len(store.path.read_text().splitlines()) == 5


def test_what_an_executor_brought_back_decides_what_is_asked_next(tmp_path, monkeypatch):
    monkeypatch.setattr("hessbench._measuring.grid.measure", lambda case, **limits: blank(case, "timeout"))
    cases = [Case("random-quadratic", "slow", arguments={"n": n}) for n in (10, 20, 40)]
    ran = [record for _, record in measure_grid(cases, Store(tmp_path, RUN))]
    assert [record.status for record in ran] == ["timeout"] * 3
    assert "smaller size n = 10" in ran[1].message and "smaller size n = 10" in ran[2].message


def test_options_of_a_case_reach_its_measurement_alone(tmp_path, monkeypatch):
    got = []
    monkeypatch.setattr(
        "hessbench._measuring.grid.measure", lambda case, **limits: got.append(limits) or blank(case, "ok")
    )
    cases = [Case("sir", "a"), Case("sir", "b")]
    list(measure_grid(cases, Store(tmp_path, RUN), options=lambda case: {"keep": case.strategy}, budget=0.5))
    assert got == [{"keep": "a", "budget": 0.5}, {"keep": "b", "budget": 0.5}]
