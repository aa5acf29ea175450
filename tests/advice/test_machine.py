"""How a machine is compared with the one of the records, and what becomes of a damaged file."""

import json
from dataclasses import replace
from math import exp, log

import pytest

from hessbench import HessbenchError
from hessbench._advice import machine
from hessbench._advice.machine import KNOWN, UNKNOWN, Scales, calibrated, factors, path, scales
from hessbench._advice.model import Model, observed
from hessbench._measuring.machine import hardware

from .records import certain, other, right

THERE = {name: right(name, seconds=1e-3, first=0.5) for name in "ab"}
MODEL = Model(
    {f"{name}@numpy": certain(1e-3) for name in "ab"},
    "made up",
    "elsewhere",
    {f"{name}@numpy {problem}": observed(r) for name, r in THERE.items() for problem, _, _ in machine.PROBLEMS},
    {},
    "0123",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))


@pytest.fixture
def measured(monkeypatch):
    def by(function):
        monkeypatch.setattr(machine, "measure", lambda case, **limits: function(case.strategy))

    return by


def test_the_common_factor_is_the_median_and_own_ones_are_drawn_to_it():
    own, common = factors({"seconds": {"a": [log(2.0)], "b": [log(2.0)], "c": [log(8.0)] * 3}, "first": {}})
    assert exp(common["seconds"]) == pytest.approx(2.0) and common["first"] == 0.0
    assert exp(own["seconds"]["a"]) == pytest.approx(2.0)
    assert exp(own["seconds"]["c"]) == pytest.approx(2.0 * 4.0**0.75)


def test_calibrating_finds_the_factor_keeps_it_and_says_it(measured):
    measured(lambda name: right(name, seconds=3e-3, first=1.0))
    found = calibrated(MODEL)
    assert exp(found.of("seconds", "a@numpy")[0]) == pytest.approx(3.0)
    assert exp(found.of("first", "never measured")[0]) == pytest.approx(2.0)
    again = scales(MODEL)
    assert again == found and "3 times as long" in again.said and again.spread == KNOWN


def test_one_that_fails_leaves_the_others_alone(measured):
    def one(name):
        if name == "a":
            raise HessbenchError("no")
        return right(name, seconds=2e-3, first=0.5)

    measured(one)
    assert exp(calibrated(MODEL).common["seconds"]) == pytest.approx(2.0)


def test_what_is_not_right_here_is_not_compared(measured):
    measured(lambda name: other("a", "wrong") if name == "a" else right("b", seconds=2e-3, first=0.5))
    assert set(calibrated(MODEL).own["seconds"]) == {"b@numpy"}


def test_nothing_measured_is_an_error_and_nothing_is_kept(measured):
    measured(lambda name: other(name, "timeout"))
    with pytest.raises(HessbenchError, match="Nothing could be measured"):
        calibrated(MODEL)
    assert not path(MODEL).exists()


def test_what_is_prepared_quickly_is_measured_first(measured):
    asked = []
    measured(lambda name: asked.append(name) or right(name))
    quick = {key: {**one, "first": one["first"] - key.startswith("b")} for key, one in MODEL.yardstick.items()}
    calibrated(replace(MODEL, yardstick=quick))
    assert asked == ["b", "a", "b", "a"]


def test_no_case_begins_after_its_time(measured):
    asked = []
    measured(lambda name: asked.append(name) or right(name))
    with pytest.raises(HessbenchError):
        calibrated(MODEL, seconds=0.0)
    assert asked == []


@pytest.mark.parametrize(
    "damage",
    ["", "{", '{"own": {}}', '{"own": {"seconds": {"a": "x"}, "first": {}}, "common": {"seconds": 0, "first": 0}}'],
)
def test_a_damaged_file_counts_as_absent(measured, damage):
    measured(lambda name: right(name, seconds=3e-3))
    calibrated(MODEL)
    path(MODEL).write_text(damage)
    assert scales(MODEL).common == {} and scales(MODEL).spread == UNKNOWN


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"x"', "null"])
def test_a_file_that_holds_no_numbers_counts_as_absent_even_with_its_checksum(value):
    from hessbench._storage.cache import keep

    data = '{"own": {"seconds": {}, "first": {}}, "common": {"seconds": ' + value + ', "first": 0}}'
    keep(path(MODEL), data.encode())
    assert scales(MODEL).common == {}


def test_factors_of_another_model_or_machine_are_not_used(measured, monkeypatch):
    measured(lambda name: right(name, seconds=3e-3))
    calibrated(MODEL)
    other_model = Model(MODEL.known, "", "elsewhere", MODEL.yardstick, {}, "4567")
    assert scales(other_model).common == {}
    monkeypatch.setattr(machine, "hardware", lambda: "another")
    assert scales(MODEL).common == {}


def test_on_the_machine_of_the_records_nothing_is_to_be_calibrated():
    own = Model(MODEL.known, "", hardware(), {}, {}, "89")
    assert scales(own) == Scales(spread=KNOWN, said="measured on this machine")
    assert "--calibrate" in scales(MODEL).said


def test_only_times_are_scaled():
    assert Scales({"error": {"a": 3.0}}, {"error": 3.0}, 1.0).of("error", "a") == (0.0, 0.0)


def test_the_file_says_what_it_holds(measured):
    measured(lambda name: right(name, seconds=3e-3))
    calibrated(MODEL)
    assert set(json.loads(path(MODEL).read_text())) == {"own", "common"}
