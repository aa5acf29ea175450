"""The first screen, what readers use today, and what is silently wrong."""

import json

import pytest

from hessbench._judging.outcomes import built_in
from hessbench.report import build, latest, load
from hessbench.report.first_screen import answer, place
from hessbench.report.mine import used
from hessbench.report.palette import STRATEGIES, colour
from hessbench.report.silently import loose, routes


@pytest.fixture
def table(store):
    """The table of some records."""
    return lambda records, **run: latest(load([store(records, **run)]).table)


def test_the_answer_names_the_fastest_right_one_and_the_next(table, record, refused):
    bad = refused("wrong", "off", strategy="torchdiffeq-adjoint", backend="torch", error_hess=1.0)
    found = answer(table([record(), record(strategy="unrolled", backend="jax", median_s=0.16), bad]))
    assert found.sentence == (
        "For y0 of three-body, start = figure-8, 12 states at a tolerance of 10⁻⁸: hand-adjoint@numpy, 20.0 ms, "
        "8.0 times faster than the next right one (unrolled@jax)."
    )
    assert found.warning == "Silently wrong: torchdiffeq-adjoint@torch (100 % off)."


def test_times_that_do_not_differ_are_no_lead(table, record):
    found = answer(table([record(), record(strategy="unrolled", backend="jax", median_s=0.025)]))
    assert found.next == "" and found.near == ("unrolled@jax",)
    assert found.sentence.endswith("20.0 ms. Not told from it by time: unrolled@jax.")


def test_nothing_right_is_said_first(table, refused):
    found = answer(table([refused("failed", "boom"), refused("timeout", "15 s", strategy="unrolled")]))
    assert found.sentence.endswith("none of 2 contenders gave a right Hessian.")


def test_a_problem_of_ones_own_comes_first_however_little_was_measured(table, record):
    own = {"problem": "my_ode.py", "arguments": "{}", "dim": 2}
    found = answer(table([record(), record(strategy="unrolled"), record(**own)]))
    assert found.sentence.startswith("For the unknowns of your ODE my_ode.py, 2 states at a tolerance")


def test_the_tolerance_is_that_at_which_most_are_right(table, record, refused):
    rows = [record(rtol=1e-6), record(strategy="unrolled", rtol=1e-6), record(rtol=1e-10)]
    assert answer(table([*rows, refused("timeout", "", strategy="unrolled", rtol=1e-10)])).rtol == 1e-6


def test_provenance_is_one_line(table, record):
    text = place(table([record(versions="numpy 2.4.6, scipy 1.17.1, hessbench 0.2.0")]))
    assert text == "1 measurement on bench (A Processor), 2026-01-01; hessbench 0.2.0, numpy 2.4.6."


def test_what_more_accuracy_heals_is_not_silently_wrong(table, record, refused):
    wrong = {"strategy": "torchdiffeq-adjoint", "backend": "torch", "error_hess": 0.999505}
    rows = [refused("wrong", "off", rtol=1e-8, **wrong), refused("wrong", "off", rtol=1e-6, **wrong)]
    healed = [refused("wrong", "off", rtol=1e-4, error_hess=0.02), record(rtol=1e-8)]
    found = table([*rows, *healed])
    (route,) = routes(found)
    assert (route.contender, route.off) == ("torchdiffeq-adjoint@torch", "100 % off")
    assert loose(found) == ["hand-adjoint@numpy (three-body(start=figure-8) at 10⁻⁴)"]


def test_the_program_that_shows_it_names_the_case(table, refused):
    wrong = refused("wrong", "off", strategy="torchdiffeq-adjoint", backend="torch", error_hess=1.0, rtol=1e-6)
    (route,) = routes(table([wrong]))
    seen = {}
    code = route.code.replace("hessbench.measure(case)", "measured(case)").replace(
        "print(record.status, record.error)", ""
    )
    exec(code, {"measured": lambda case: seen.setdefault("case", case)})
    case = seen["case"]
    assert (case.problem_label, case.label, case.rtol) == (
        "three-body(start=figure-8)",
        "torchdiffeq-adjoint@torch",
        1e-6,
    )


def test_what_a_reader_uses_stands_beside_the_best(table, record, refused):
    quick = [record(strategy="discrete-adjoint", median_s=0.001, rtol=rtol) for rtol in (1e-6, 1e-8)]
    mine = [record(rtol=1e-6), refused("wrong", "off", rtol=1e-8, error_hess=0.4)]
    one = {found.contender: found for found in used(table([*quick, *mine]))}["hand-adjoint@numpy"]
    assert (
        one.sentence
        == "Right on 1 of 2 questions, in 20\N{NO-BREAK SPACE}× the time of the best on average; silently wrong on 1, 40 % off."
    )
    assert [(row["better"], row["better_s"]) for row in one.rows] == [("discrete-adjoint@numpy", "1.00 ms")] * 2
    assert "hessbench.hessian(problem, x)" in one.code


def test_a_hessian_that_is_not_finite_counts_as_wrong_and_comes_first(table, record, refused):
    endless = refused("wrong", "error inf", strategy="endless", error_hess=float("inf"))
    found = table([record(), refused("wrong", "off", strategy="half", error_hess=0.5), endless])
    assert [(route.contender, route.off) for route in routes(found)] == [
        ("endless@numpy", "not finite"),
        ("half@numpy", "50 % off"),
    ]
    said = {one.contender: one.sentence for one in used(found)}
    assert said["endless@numpy"] == "Right on 0 of 1 question; silently wrong on 1, not finite."
    (unknown,) = used(table([refused("wrong", "no number was kept")]))
    assert unknown.sentence == "Right on 0 of 1 question; silently wrong on 1, not finite."


def test_who_is_the_best_has_nothing_to_switch_to(table, record):
    (one,) = used(table([record()]))
    assert one.code == "" and one.sentence == "Right on 1 of 1 question, always the fastest."


def test_colours_belong_to_names_and_no_two_built_in_strategies_share_one():
    assert {name.partition("/")[0] for name in built_in()} == set(STRATEGIES)
    assert len({colour(name) for name in STRATEGIES}) == len(STRATEGIES)
    assert all(colour(name + "/variant") == colour(name) for name in STRATEGIES)


def test_a_clone_without_results_of_its_own_shows_the_curated_ones_and_says_so(store, record, tmp_path):
    folder = store([record()])
    (folder / "curated").mkdir()
    (folder / "records" / "smoke.jsonl").rename(folder / "curated" / "smoke.jsonl")
    page = build([folder], tmp_path / "report.html", bounds=False)
    assert page.curated and "Results that come with hessbench</b>, not your own" in page.path.read_text(
        encoding="utf-8"
    )


def test_results_of_ones_own_are_never_blended_with_curated_ones(store, record, tmp_path):
    folder = store([record()])
    (folder / "curated").mkdir()
    line = json.dumps({"run": {"machine": "theirs"}, "record": record(strategy="unrolled").to_json()})
    (folder / "curated" / "smoke.jsonl").write_text(line + "\n")
    page = build([folder], tmp_path / "report.html", bounds=False)
    assert not page.curated and page.rows == 1 and "unrolled" not in page.answer
