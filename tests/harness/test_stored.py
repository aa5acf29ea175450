"""One validated reading of a record: typed by its fields, what is not known is kept, what cannot be is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import pytest

from hessbench import Case, InvalidInput, Record
from hessbench._measuring.measure import blank
from hessbench._measuring.stored import fields_of, kinds, read, row_of, run_of

GOOD = replace(blank(Case("sir", "a", "numpy", {"b": 1}), "ok"), error_hess=1e-9, median_s=1e-3, steps=7).to_json()
DEEP = [[[[[[[[[[[]]]]]]]]]]]
DEEP_OBJECT = reduce(lambda inner, _: {"a": inner}, range(12), {})


def test_a_record_is_the_same_after_writing_and_reading():
    assert Record.from_json(GOOD).to_json() == GOOD


@pytest.mark.parametrize("error", [float("inf"), float("nan"), 0.0, 1e308])
def test_an_error_may_be_infinite_or_no_number(error):
    data = {**GOOD, "error_hess": error}
    assert repr(Record.from_json(Record.from_json(data).to_json()).error_hess) == repr(error)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("message", v) for v in (3, True, None, [], {})),
        *(("problem", v) for v in ("", None, 3)),
        *(("status", v) for v in ("unheard-of", "", None, 0)),
        *(("arguments", v) for v in ("[1]", "3", "{", "null", '{"a": ' * 5000, '{"a": [[[[[[[[[[]]]]]]]]]]}')),
        *(("steps", v) for v in (True, 2.5, -1, 2**63, 10**400, "7", float("inf"), [])),
        *(("rtol", v) for v in (0, -1e-8, 1.5, None, float("nan"), float("inf"), "1e-8", True, 10**400)),
        *(("median_s", v) for v in (0, -1.0, 1e13, float("inf"), "fast", False)),
        *(("prepare_s", v) for v in (-1.0, 1e13, float("inf"))),
        *(("dim", v) for v in (0, -3, 2.5)),
        *(("backend", v) for v in (3, [])),
        ("from_the_future", DEEP),
        ("from_the_future", DEEP_OBJECT),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused_by_the_name_of_the_field(name, value):
    with pytest.raises(InvalidInput, match=f"`{name}`"):
        Record.from_json({**GOOD, name: value})


@pytest.mark.parametrize(("name", "value"), [("prepare_s", 0.0), ("steps", 2**63 - 1), ("steps", 7.0), ("peak_mib", 0)])
def test_a_value_at_the_edge_is_read(name, value):
    assert getattr(Record.from_json({**GOOD, name: value}), name) == value


def test_a_missing_field_is_named():
    with pytest.raises(InvalidInput, match="no rtol"):
        Record.from_json({k: v for k, v in GOOD.items() if k != "rtol"})


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_what_is_no_object_is_no_record(data):
    with pytest.raises(InvalidInput, match="Not a record but"):
        Record.from_json(data)


def test_unknown_fields_are_kept_when_the_record_is_written_again():
    more = {"from_the_future": {"a": [1, None, True]}, "extra": "a name of our own"}
    assert replace(Record.from_json({**GOOD, **more}), note="new").to_json() == {**GOOD, **more, "note": "new"}


def test_an_unknown_field_cannot_hide_a_known_one():
    assert Record.from_json({**GOOD, "extra": {"status": "wrong"}}).to_json()["status"] == "ok"


def test_halves_of_surrogate_pairs_become_text_that_a_file_can_hold():
    record = Record.from_json({**GOOD, "message": "\ud800", "new": ["\udfff"]})
    assert (record.message, record.to_json()["new"]) == (r"\ud800", [r"\udfff"])


def test_arguments_are_written_in_the_canonical_way():
    assert Record.from_json({**GOOD, "arguments": '{"b":1,"a":2}'}).arguments == '{"a": 2, "b": 1}'


def test_every_field_of_a_record_has_a_kind_that_is_read():
    assert {kind for kind, _ in kinds(Record).values()} <= {str, int, float, bool} and "extra" not in kinds(Record)


def test_text_of_a_table_becomes_numbers_where_the_field_is_one():
    own = fields_of(
        Record, {"rtol": "1e-08", "steps": "12.0", "message": "12", "error_hess": "", "backend": ""}, text=True
    )
    assert own == {"rtol": 1e-8, "steps": 12, "message": "12", "error_hess": None, "backend": None, "extra": {}}


@pytest.mark.parametrize("text", ["12.5", "True", "many", "1_0.5"])
def test_text_that_is_no_count_is_refused(text):
    with pytest.raises(InvalidInput, match="`steps`"):
        fields_of(Record, {"steps": text}, text=True)


@pytest.mark.parametrize(
    "run",
    [{"date": "yesterday"}, {"date": 3}, {"machine": []}, {"cores": "two"}, {"dirty": "no"}, [], 3, {"new": DEEP}],
)
def test_a_run_that_cannot_be_is_refused(run):
    with pytest.raises(InvalidInput):
        run_of(run)


def test_what_a_run_says_beside_is_kept():
    run = {"machine": "m", "date": "2026-01-01T00:00:00+00:00", "load_1m": 0.5, "cores": 2, "dirty": False}
    assert run_of({**run, "cpu": None}) == run


@pytest.mark.parametrize(
    "row", [{}, {"table": ""}, {"table": 3}, {"table": "a", "n": "x"}, {"table": "a", "call_s": []}]
)
def test_a_row_that_cannot_be_is_refused(row):
    with pytest.raises(InvalidInput):
        row_of(row)


def test_a_record_without_a_schema_is_of_the_first():
    @dataclass(frozen=True)
    class Numbered:
        problem: str
        schema: int = 2
        extra: Mapping[str, Any] = field(default_factory=dict)

    assert (
        read(Numbered, {"problem": "sir"}).schema == 1 and read(Numbered, {"problem": "sir", "schema": 3}).schema == 3
    )
