"""Ranking, Pareto front, outcomes, and the words made of them."""

import pytest

from hessbench import InvalidInput
from hessbench.report import latest, load, pareto, ranking
from hessbench.report.outcome_tables import Expectation, disagreements, matrix
from hessbench.report.outcome_tables import _expectation as expectation
from hessbench.report.summary import answer, verdict
from hessbench.report.tables import families, slowdowns
from hessbench.report.words import count, error, listed, mib, percent, seconds, span

FIGURE_8 = "three-body(start=figure-8)"


@pytest.fixture
def table(results):
    return load([results]).table


def test_right_contenders_are_ranked_by_time(table):
    rows = ranking(table, FIGURE_8, 1e-8)
    assert rows["contender"].tolist()[:2] == ["unrolled@jax", "hand-adjoint@numpy"]


def test_only_right_contenders_have_a_rank(table):
    rows = ranking(table, FIGURE_8, 1e-8)
    assert set(rows[rows["rank"].notna()]["status"]) == {"ok"}


def test_contenders_that_are_not_right_stay_in_the_ranking(table):
    assert len(ranking(table, FIGURE_8, 1e-8)) == 4


def test_slower_is_a_multiple_of_the_best(table):
    assert ranking(table, FIGURE_8, 1e-8)["slower"].iloc[1] == pytest.approx(2.5)


def test_the_front_holds_what_nothing_beats_in_time_and_error(store, record):
    records = [
        record(strategy=f"s{i}", median_s=time, error_hess=e)
        for i, (time, e) in enumerate([(1, 1e-3), (2, 1e-6), (3, 1e-5), (4, 1e-9)])
    ]
    assert pareto(load([store(records)]).table).tolist() == [True, True, False, True]


def test_a_missing_error_never_reaches_the_front(store, record):
    assert not pareto(load([store([record(error_hess=None)])]).table).any()


def test_the_worse_of_two_points_is_the_error(store, record):
    assert load([store([record(error_hess=1e-9, error_hess_perturbed=1e-4)])]).table["error"].tolist() == [1e-4]


def test_the_matrix_leaves_a_case_that_was_not_measured_out(table):
    assert "random-quadratic" not in matrix(table).rows["finite-difference/loss@numpy"]


def test_the_matrix_counts_outcomes_over_sizes_and_tolerances(store, record, refused):
    folder = store([record(rtol=1e-6), record(rtol=1e-8), refused("timeout", "more than 20 s", rtol=1e-10)])
    cell = matrix(load([folder]).table).rows["hand-adjoint@numpy"]["three-body, start = figure-8"]
    assert [outcome.text for outcome in cell] == ["ok 2", "timeout"]


def test_the_matrix_shows_the_error_of_what_is_wrong(table):
    (outcome,) = matrix(table).rows["hand-adjoint/backward@numpy"]["three-body, start = figure-8"]
    assert outcome.text == "wrong: 7.0 × 10⁻¹"


@pytest.mark.parametrize(
    ("expected", "seen", "agrees"),
    [
        ("ok", {"ok"}, True),
        ("ok", {"ok", "timeout"}, True),
        ("ok", {"ok", "wrong"}, False),
        ("wrong", {"wrong"}, True),
        ("wrong", {"ok"}, False),
        ("raises TypeError", {"failed"}, True),
        ("refuses", {"unsupported"}, True),
        ("ok", {"timeout", "unavailable"}, None),
        ("ok", set(), None),
    ],
)
def test_records_bear_out_what_is_expected(expected, seen, agrees):
    assert expectation(expected, seen).agrees is agrees


def test_the_number_of_disagreements_is_told():
    cells = {"a@numpy": {"long": Expectation("ok", "wrong", False), "state-only": Expectation("ok", "ok", True)}}
    assert "2 cells; 1 differs" in disagreements(cells)


def test_a_family_needs_three_sizes(store, sizes):
    records = sizes({"a@numpy": float}, (10, 20)) + sizes({"a@numpy": float}, (5, 10, 20), rtol=1e-6)
    ((family, rows),) = families(load([store(records)]).table)
    assert (family.rtol, len(rows)) == (1e-6, 3)


def test_the_newest_measurement_of_a_case_is_shown(store, record):
    store([record(median_s=1.0)], name="old", commit="a" * 40, date="2025-01-01T00:00:00+00:00")
    folder = store([record(median_s=2.0)], name="new", commit="b" * 40)
    assert latest(load([folder]).table)["median_s"].tolist() == [2.0]


def test_one_machine_is_shown_at_a_time(store, record):
    store([record()], name="other", machine="other", date="2025-01-01T00:00:00+00:00")
    folder = store([record()])
    assert latest(load([folder]).table)["machine"].tolist() == ["bench"]


def test_rows_that_do_not_say_their_machine_are_shown_with_the_others(store, record):
    store([record(strategy="mine")], name="compare", machine="", date="")
    assert len(latest(load([store([record()])]).table)) == 2


def test_a_machine_without_results_is_an_error_that_names_the_others(table):
    with pytest.raises(InvalidInput, match="'zzz'; there are: bench"):
        latest(table, "zzz")


def test_a_slowdown_is_an_average_over_the_questions_answered(table):
    assert slowdowns(table).loc["hand-adjoint@numpy", "slowdown"] == pytest.approx(2.5**0.5)


def test_the_answer_names_the_fastest(table):
    assert answer(ranking(table, FIGURE_8, 1e-8)).startswith("Fastest: unrolled@jax, 8.00 ms")


def test_the_answer_tells_close_times_from_slower_ones(store, record):
    folder = store([record(), record(strategy="close", median_s=0.021), record(strategy="far", median_s=0.2)])
    text = answer(ranking(load([folder]).table, FIGURE_8, 1e-8))
    assert "close@numpy cannot be told from it" in text and "far@numpy, 10 times slower" in text


def test_the_answer_says_when_nobody_is_right(store, refused):
    folder = store([refused("failed", "boom")])
    assert answer(ranking(load([folder]).table, FIGURE_8, 1e-8)) == "No contender gave a right Hessian here."


def test_the_verdict_counts_the_right_answers(table):
    assert "3 of 6 answers are right" in verdict(table)[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5e-7, "0.150 µs"),
        (2e-6, "2.00 µs"),
        (0.0382, "38.2 ms"),
        (0.99999, "1.00 s"),
        (7200.0, "7\u202f200 s"),
        (None, "–"),
    ],
)
def test_seconds_take_the_unit_that_suits_them(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.1e-11, "2.1 × 10⁻¹¹"), (1.26, "1.3"), (0.0, "0"), (float("inf"), "∞"), (None, "–")]
)
def test_errors_are_written_with_a_power_of_ten(value, text):
    assert error(value) == text


def test_what_is_missing_is_never_written_as_zero():
    assert {count(None), mib(None), seconds(float("nan")), error(None)} == {"–"}


def test_a_long_list_of_names_ends_in_a_count():
    assert listed("abcdefgh") == "a, b, c, d, e and 3 more"


def test_a_span_of_equal_ends_is_written_once():
    assert (span(seconds, 0.1, 0.1), span(seconds, 0.1, 2.0)) == ("100 ms", "100 ms to 2.00 s")


@pytest.mark.parametrize(("share", "text"), [(0.0, "0"), (0.0031, "0.31 %"), (0.4, "40 %")])
def test_shares_are_written_in_per_cent(share, text):
    assert percent(share) == text


def test_who_was_not_asked_everything_is_not_right_everywhere(table):
    assert verdict(table)[1] == "Right on every question it was asked: hand-adjoint@numpy."


def test_right_on_all_that_was_asked_is_right_also_where_others_were_asked_more(store, record, refused):
    many = [record(rtol=10.0**-k) for k in range(4, 12)]
    few = [record(strategy="quick", rtol=1e-4, median_s=1e-4), refused("wrong", "off", strategy="bad", error_hess=0.5)]
    slow = [record(strategy="slow", rtol=10.0**-k, median_s=1.0) for k in range(4, 12)]
    said = verdict(load([store([*many, *few, *slow])]).table)[1]
    assert said.startswith("Right on every question they were asked: quick@numpy, hand-adjoint@numpy and slow@numpy.")
    assert "Of those asked 6 questions or more, hand-adjoint@numpy costs least" in said
