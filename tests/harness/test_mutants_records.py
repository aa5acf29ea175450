"""Records and their reading pinned at the edges, so that a changed bound or word does not pass unseen."""

import dataclasses

import pytest

from hessbench import Case, InvalidInput, Record
from hessbench._measuring.measure import blank
from hessbench._measuring.record import arguments_json
from hessbench._measuring.stored import row_of, run_of

CASE = Case("sir", "a", "numpy", {"b": 1, "a": 2})
RECORD = dataclasses.replace(blank(CASE, "ok"), best_s=1.0, median_s=1.0)


def test_labels_name_strategy_and_backend_problem_and_arguments():
    assert (CASE.label, CASE.problem_label) == ("a@numpy", "sir(a=2, b=1)")
    plain = Case("sir", "a")
    assert (plain.label, plain.problem_label) == ("a", "sir")


def test_arguments_are_sorted_text():
    assert arguments_json({"b": 1, "a": 2}) == '{"a": 2, "b": 1}'


@pytest.mark.parametrize(("one", "field"), [(CASE, "problem"), (RECORD, "status")])
def test_cases_and_records_cannot_be_changed(one, field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, field, "other")


def test_a_record_can_be_a_key_whatever_else_was_stored_with_it():
    kept = Record.from_json({**RECORD.to_json(), "new": {"a": 1}})
    assert hash(kept) == hash(RECORD) and kept != RECORD and "extra" not in repr(kept)


def test_the_error_is_the_larger_one():
    assert dataclasses.replace(RECORD, error_hess=1.0, error_hess_perturbed=2.0).error == 2.0
    assert dataclasses.replace(RECORD, error_hess=3.0, error_hess_perturbed=2.0).error == 3.0
    assert dataclasses.replace(RECORD, error_hess=3.0).error == 3.0 and RECORD.error is None


EDGES = [  # field, the last value that is read, the first that is not
    ("rtol", 1e-300, 0.9e-300), ("rtol", 1.0, 1.0000001), ("atol", 1e-300, 0.9e-300), ("atol", 1.0, 1.0000001),
    ("dim", 1, 0), ("dim", 10**12, 10**12 + 1), ("best_s", 1e-12, 0.9e-12), ("best_s", 1e12, 1e12 + 0.5),
    ("median_s", 1e-12, 0.9e-12), ("median_s", 1e12, 1e12 + 0.5), ("prepare_s", 0.0, -1e-300), ("prepare_s", 1e12, 1e12 + 0.5),
    ("peak_mib", 1e12, 1e12 + 0.5), ("peak_mib", 0.0, -1e-300), ("steps", 2**63 - 1, 2**63), ("steps", 0, -1),
    ("error_hess", 0.0, -1e-300),
]  # fmt: skip


@pytest.mark.parametrize(("name", "last", "first"), EDGES)
def test_numbers_are_read_up_to_the_edge_and_no_farther(name, last, first):
    assert getattr(Record.from_json({**RECORD.to_json(), name: last}), name) == last
    with pytest.raises(InvalidInput, match=f"`{name}`"):
        Record.from_json({**RECORD.to_json(), name: first})


@pytest.mark.parametrize(
    ("name", "last", "first"), [("cores", 1, 0), ("cores", 10**6, 10**6 + 1), ("load", 0.0, -0.1), ("cores", 2, 2.5)]
)
def test_numbers_of_a_run_are_read_up_to_the_edge(name, last, first):
    assert run_of({name: last}) == {name: last}
    with pytest.raises(InvalidInput, match=f"`{name}`"):
        run_of({name: first})


def test_a_row_of_another_table_has_a_known_status_or_none():
    assert row_of({"table": "overhead", "status": "ok", "n": 1}) == {"table": "overhead", "status": "ok", "n": 1}
    assert row_of({"table": "overhead", "status": None}) == {"table": "overhead"}
    with pytest.raises(InvalidInput, match="`status` is 'unheard-of', which this version does not know"):
        row_of({"table": "overhead", "status": "unheard-of"})
    with pytest.raises(InvalidInput, match="`n` is 0"):
        row_of({"table": "overhead", "n": 0})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "nothing"), ([], "a list"), ("x", "a text"), (True, "a truth value"), (3, "a number"), (0.5, "a number"),
        (b"x", "of type bytes"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_called_by_what_it_is(data, said):
    for read in (Record.from_json, run_of, row_of):
        with pytest.raises(InvalidInput, match=f"but {said}\\.$"):
            read(data)


@pytest.mark.parametrize(("length", "shown"), [(40, "x" * 40), (41, "x" * 39 + "…")])
def test_long_values_are_shortened_in_messages(length, shown):
    with pytest.raises(InvalidInput) as caught:
        Record.from_json({**RECORD.to_json(), "status": "x" * length})
    assert f"`status` is '{shown}'," in str(caught.value)


@pytest.mark.parametrize(("value", "shown"), [([1], "a list"), ({}, "an object"), (3, "a number"), (2.5, "2.5")])
def test_values_that_are_no_text_are_named_by_kind(value, shown):
    with pytest.raises(InvalidInput, match=f"`message` is {shown}; expected a text"):
        Record.from_json({**RECORD.to_json(), "message": value})
    with pytest.raises(InvalidInput, match=r"`dirty` is .*; expected true or false"):
        run_of({"dirty": value})


@pytest.mark.parametrize(("depth", "kept"), [(8, True), (9, False)])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_what_is_unknown_is_kept_down_to_eight_levels(depth, kept, wrap):
    value = 1
    for _ in range(depth):
        value = wrap(value)
    data = {**RECORD.to_json(), "new": value}
    if kept:
        assert Record.from_json(data).to_json()["new"] == value
    else:
        with pytest.raises(InvalidInput, match="`new` is nested too deeply"):
            Record.from_json(data)
