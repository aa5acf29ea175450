"""Which strategy is tried first, and which after it."""

from dataclasses import replace
from math import log

import pytest

from hessbench._advice.machine import Scales
from hessbench._advice.model import COVERED, Model
from hessbench._advice.predict import fastest, in_order, interval, predictions, total

from .records import PROBE, certain, model, shapes


def order(known, calls=None, accuracy=None, scales=Scales()):  # noqa: B008
    found = predictions(PROBE, shapes(*known), model(**known), scales, accuracy)
    return [p.label.partition("@")[0] for p in in_order(found, calls)]


def test_the_fastest_is_first():
    assert order({"slow": certain(1.0), "fast": certain(1e-3), "middle": certain(1e-2)}) == ["fast", "middle", "slow"]


def test_a_fast_one_that_is_mostly_wrong_is_not_first():
    assert order({"wrong": certain(1e-4, right=0), "right": certain(1e-3)})[0] == "right"


def test_a_slow_one_that_is_always_right_does_not_beat_a_fast_one_that_failed_once():
    assert order({"fast": certain(1e-4, right=99), "slow": certain(1.0)})[0] == "fast"


def test_preparation_counts_as_often_as_it_is_asked_for():
    known = {"compiled": certain(1e-3, first=5.0), "at-once": certain(1e-2, first=0.1)}
    assert [order(known, calls)[0] for calls in (1, 100, 10_000, None)] == [
        "at-once",
        "at-once",
        "compiled",
        "compiled",
    ]


def test_what_is_not_accurate_enough_comes_behind():
    known = {"rough": certain(1e-4, error=1e-4), "exact": certain(1e-3, error=1e-10)}
    assert order(known)[0] == "rough" and order(known, accuracy=1e-6)[0] == "exact"


def test_the_second_is_the_one_that_is_likely_to_win_not_the_one_that_is_never_bad():
    known = {"first": certain(1e-3), "surely-slower": certain(2e-3), "anybody": certain(1e-2, scale=4.0)}
    assert order(known) == ["first", "anybody", "surely-slower"]


def test_the_order_is_the_same_each_time():
    known = {name: certain(1e-3, scale=1.0) for name in "abcde"}
    assert order(known) == order(known)


def test_strategies_without_records_and_those_that_refuse_are_kept_apart():
    asked = {**shapes("a"), **shapes("b", why="It refuses.", status="unsupported"), **shapes("new")}
    found = {p.label: p for p in predictions(PROBE, asked, model(a=certain(1.0), b=certain(1e-3)), Scales())}
    assert [p.label for p in in_order([*found.values()], None)] == ["a@numpy"]
    assert found["b@numpy"].status == "unsupported" and found["b@numpy"].why == "It refuses."
    assert found["new@numpy"].status == "" and "no record" in found["new@numpy"].why


def test_without_any_record_there_is_no_order():
    assert in_order(predictions(PROBE, shapes("a"), Model({}), Scales()), None) == []


def test_chances_to_win_add_up_to_that_of_any_being_right():
    known = {"a": certain(1e-3, scale=1.0), "b": certain(1e-3, scale=1.0), "c": certain(1e-3, right=0, of=10**6)}
    shares = fastest(predictions(PROBE, shapes(*known), model(**known), Scales()), None)
    assert shares["a@numpy"] == pytest.approx(0.5, abs=0.05) and shares["c@numpy"] == 0
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.01)


def test_a_machine_s_factor_moves_times_and_nothing_else():
    known = {"a": certain(1e-3, error=1e-7)}
    scales = Scales({"seconds": {"a@numpy": log(3.0)}}, {"first": log(2.0)})
    (found,) = predictions(PROBE, shapes("a"), model(**known), scales)
    assert found.seconds.middle == pytest.approx(3e-3) and found.first.middle == pytest.approx(0.02)
    assert found.error.middle == pytest.approx(1e-7)


def test_an_unknown_machine_makes_intervals_wider():
    known = {"a": certain(1e-3)}
    narrow, wide = (
        predictions(PROBE, shapes("a"), model(**known), Scales(spread=s))[0].seconds for s in (0.0, log(2.0))
    )
    assert wide.high / wide.low > 5 * narrow.high / narrow.low


def test_intervals_are_as_wide_as_the_records_ask():
    plain, wide = (
        predictions(PROBE, shapes("a"), replace(model(a=certain(1e-3)), stretch=s), Scales(spread=0.0))[0]
        for s in ({}, {"seconds": 3.0})
    )
    assert log(wide.seconds.high / wide.seconds.low) == pytest.approx(3 * log(plain.seconds.high / plain.seconds.low))
    assert wide.error == plain.error


def test_an_interval_and_its_probabilities_agree():
    found = interval(log(2.0), 0.7, 6.0, 0.7)
    assert found.low < 2.0 < found.high and found.below(2.0) == pytest.approx(0.5)
    assert found.below(found.high) - found.below(found.low) == pytest.approx(COVERED)


def test_no_interval_leaves_the_numbers_there_are():
    assert interval(0.0, 1e6, 1.0, 1.0).high < float("inf")


def test_one_call_costs_no_less_than_a_hessian():
    assert total(0.5, 2.0, 1) == 2.0 and total(3.0, 2.0, 3) == 7.0 and total(3.0, 2.0, None) == 2.0


def test_a_prediction_says_its_cost():
    (found,) = predictions(PROBE, shapes("a"), model(a=certain(1.0, first=5.0)), Scales())
    assert found.cost(3) == pytest.approx(7.0) and found.cost(None) == pytest.approx(1.0)
    assert replace(found, chance=0.0).cost(1) == pytest.approx(5.0)
