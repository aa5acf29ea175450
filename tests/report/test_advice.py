"""The verdict by class: recommended where the data support it, and what to avoid."""

import pytest

from hessbench.report import load
from hessbench.report.advice import advise, recommend
from hessbench.report.classes import problem_class, size_class


@pytest.fixture
def cell(store):
    """The recommendation at small sizes for an error of 1e-6, from records."""

    def make(records, wanted=1e-6):
        return recommend(load([store(records)]).table, "small", wanted)

    return make


@pytest.mark.parametrize(
    ("family", "arguments", "kind"),
    [
        ("random-quadratic", '{"n": 150}', "state-only"),
        ("driven-pendulum", "{}", "time-driven"),
        ("brusselator", '{"n": 64}', "dissipative"),
        ("three-body", '{"start": "figure-8"}', "long"),
        ("robertson", '{"t1": 1e4}', "stiff"),
        ("lotka", "{}", "other"),
    ],
)
def test_a_problem_falls_into_its_class_by_what_it_declares(family, arguments, kind):
    assert problem_class(family, arguments) == kind


@pytest.mark.parametrize(("states", "size"), [(1, "small"), (15, "small"), (16, "medium"), (64, "large"), (None, "")])
def test_sizes_fall_into_three_classes(states, size):
    assert size_class(states) == size


def test_the_cheapest_that_reaches_the_error_is_recommended(cell, record):
    found = cell(
        [
            record(strategy="rough", rtol=1e-6, median_s=0.001, error_hess=1e-4),
            record(strategy="good", rtol=1e-6, median_s=0.01, error_hess=1e-7),
            record(strategy="dear", rtol=1e-6, median_s=0.1, error_hess=1e-9),
        ]
    )
    assert found.who == "good@numpy" and "dear@numpy" in found.why and "2 of 3 contenders" in found.why


def test_a_tighter_tolerance_may_be_what_reaches_the_error(cell, record):
    found = cell(
        [
            record(strategy="a", rtol=1e-6, median_s=0.001, error_hess=1e-4),
            record(strategy="a", rtol=1e-10, median_s=0.002, error_hess=1e-9),
            record(strategy="b", rtol=1e-6, median_s=0.01, error_hess=1e-7),
        ]
    )
    assert found.who == "a@numpy" and found.why.startswith("2.00 ms")


def test_of_times_that_are_not_told_apart_the_most_precise_wins(cell, record):
    found = cell(
        [
            record(strategy="a", rtol=1e-6, median_s=0.010, error_hess=1e-7),
            record(strategy="b", rtol=1e-6, median_s=0.013, error_hess=1e-9),
        ]
    )
    assert found.who == "b@numpy" and "Not told apart by time: a@numpy." in found.why


def test_it_must_be_right_on_every_problem_of_the_class(cell, record, refused):
    second = {"problem": "sir", "arguments": "{}", "dim": 2, "rtol": 1e-6}
    found = cell(
        [
            record(strategy="half", rtol=1e-6, median_s=0.001, error_hess=1e-8),
            refused("wrong", "error 0.7", strategy="half", **second),
            record(strategy="whole", rtol=1e-6, median_s=0.5, error_hess=1e-8),
            record(strategy="whole", median_s=0.5, error_hess=1e-8, **second),
        ]
    )
    assert found.who == "whole@numpy" and "on 2 problems" in found.why


def test_an_error_that_nothing_reaches_is_said_so(cell, record):
    found = cell(
        [
            record(strategy="a", rtol=1e-10, median_s=0.010, error_hess=4e-9),
            record(strategy="b", rtol=1e-10, median_s=0.002, error_hess=3e-8),
            record(strategy="c", rtol=1e-10, median_s=0.001, error_hess=3e-7),
        ],
        wanted=1e-10,
    )
    assert found.who == "b@numpy" and "Nothing that was measured reaches 10⁻¹⁰; for 4.0 × 10⁻⁸" in found.why


def test_a_much_cheaper_one_with_ten_times_the_error_is_named(cell, record):
    found = cell(
        [
            record(strategy="exact", rtol=1e-6, median_s=1.0, error_hess=9e-7),
            record(strategy="quick", rtol=1e-6, median_s=0.01, error_hess=3e-6),
        ]
    )
    assert found.who == "exact@numpy" and "ten times larger will do: quick@numpy, 100 times faster" in found.why


def test_data_at_loose_tolerances_support_no_recommendation(cell, record):
    found = cell([record(rtol=1e-6), record(strategy="b", rtol=1e-6)], wanted=1e-10)
    assert found.who == "" and found.why == "Not measured at a tolerance of 10⁻¹⁰."


def test_one_contender_alone_supports_no_recommendation(cell, record):
    found = cell([record(rtol=1e-6)])
    assert found.who == "" and "only hand-adjoint@numpy was measured" in found.why


def test_nothing_right_supports_no_recommendation(cell, refused):
    found = cell([refused("wrong", "0.7", rtol=1e-6), refused("failed", "boom", rtol=1e-6, strategy="b")])
    assert found.who == "" and "nothing was right" in found.why


def test_the_recommendation_follows_the_data(cell, record):
    """No name is built in: with the times exchanged, the other one is recommended."""

    def winner(a, b):
        rows = [("a", a), ("b", b)]
        return cell([record(strategy=s, rtol=1e-6, median_s=t, error_hess=1e-8) for s, t in rows]).who

    assert (winner(0.1, 1.0), winner(1.0, 0.1)) == ("a@numpy", "b@numpy")


def test_what_to_avoid_is_named_with_the_reason(store, record, refused):
    records = [
        record(median_s=0.001),
        record(strategy="snail", median_s=0.1),
        refused("wrong", "error 0.7", strategy="liar", error_hess=0.7),
        refused("failed", "TypeError: no rule", strategy="broken"),
        refused("timeout", "stopped at 30 s", strategy="late"),
        refused("unsupported", "It is limited to 10 states.", strategy="modest"),
    ]
    (entry,) = advise(load([store(records)]).table)
    found = dict(entry.avoid)
    assert "liar@numpy (7.0 × 10⁻¹ off, three-body(start=figure-8))" in found["Wrong"]
    assert found["Stops with an error"] == "broken@numpy: TypeError: no rule"
    assert found["Ran out of time"] == "late@numpy" and found["Right, but slow"].startswith("snail@numpy (100")
    assert not any("modest" in text for text in found.values())
