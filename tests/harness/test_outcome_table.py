"""The table of expected outcomes: how it is read, written and shown, and that a change in either direction is found."""

import json
from pathlib import Path

import numpy as np
import pytest

from hessbench import Case, InvalidInput, Result, Strategy, Unsupported, measure, strategies
from hessbench._judging import conformance, outcomes
from hessbench._judging.conformance import check_on, check_strategy
from hessbench._judging.outcomes import CLASSES, Kind, Row, observe, outcome_rows, read_table, to_json, update_table

KIND = next(kind for kind in CLASSES if kind.name == "y0-loss")
RIGHT = strategies()["hand-adjoint"].load()
HEADING = ",".join(["contender", *(kind.name for kind in CLASSES), "versions"])


class Zero(Strategy):
    """A Hessian of zeros."""

    def prepare(self, problem, backend, ivp):
        return lambda x: Result(0.0, 0 * x, np.zeros((x.size, x.size)))


class Raising(Strategy):
    """It fails in a way that nobody expects."""

    def prepare(self, problem, backend, ivp):
        raise ZeroDivisionError("planted")


class Refusing(Strategy):
    """It accepts nothing."""

    def prepare(self, problem, backend, ivp):
        raise Unsupported

    def why_not(self, problem):
        return "It is not in the mood for this problem."


@pytest.fixture
def expect(monkeypatch):
    """Give the contender `it@numpy` a row in which every class has one outcome."""

    def set_row(outcome):
        row = {**dict.fromkeys((kind.name for kind in CLASSES), outcome), "versions": "numpy 2"}
        monkeypatch.setattr(outcomes, "table", lambda: {"it@numpy": row})

    return set_row


STRATEGIES = {"ok": RIGHT, "wrong": Zero(), "raises ZeroDivisionError": Raising(), "refuses": Refusing()}


@pytest.mark.parametrize("outcome", STRATEGIES)
@pytest.mark.parametrize("said", [*STRATEGIES, "inaccurate", "raises ValueError"])
def test_only_what_the_table_says_passes(expect, outcome, said):
    expect(said)
    found = check_on(STRATEGIES[outcome], "numpy", "it@numpy", KIND)
    assert all(f.passed for f in found) == (outcome == said), found


def test_what_came_out_instead_is_said(expect):
    expect("wrong")
    (finding,) = check_on(RIGHT, "numpy", "it@numpy", KIND)
    assert finding.law == "the outcome is the expected one, wrong" and finding.detail.startswith("ok: error ")


def test_a_strategy_without_a_row_has_to_be_right_or_refuse():
    verdicts = {
        outcome: all(f.passed for f in check_on(s, "numpy", "none@numpy", KIND)) for outcome, s in STRATEGIES.items()
    }
    assert verdicts == {"ok": True, "wrong": False, "raises ZeroDivisionError": False, "refuses": True}


def test_a_strategy_that_is_expected_to_be_wrong_is_not_held_to_the_laws(expect, monkeypatch):
    expect("wrong")
    monkeypatch.setattr(conformance, "classes_for", lambda contender: [KIND])
    assert {f.law for f in check_strategy(Zero(), "numpy", "it@numpy")} == {
        "the outcome is the expected one, wrong",
        "accepts at least one problem",
    }


def test_without_a_row_the_long_and_lossy_classes_are_no_law(expect):
    expect("ok")
    names = [kind.name for kind in outcomes.classes_for("theirs@numpy")]
    assert "data" in names and "events" in names and not {"doses", "switched", "stiff"} & set(names)
    assert outcomes.classes_for("it@numpy") == [*CLASSES]


def test_an_empty_cell_is_not_observed_and_expected_to_be_right(monkeypatch):
    row = {**dict.fromkeys((kind.name for kind in CLASSES), ""), "versions": "numpy 2"}
    text = f"{HEADING}\nit@numpy{',' * len(CLASSES)},numpy 2\n"
    assert read_table(text) == {"it@numpy": row}
    monkeypatch.setattr(outcomes, "table", lambda: read_table(text))
    assert (outcomes.expected("it@numpy", KIND, RIGHT), outcomes.expected("it@numpy", KIND, Refusing())) == (
        "ok",
        "refuses",
    )


def test_what_is_observed_is_what_measuring_says():
    kind = Kind("dissipative", "brusselator", {"n": 8, "alpha": 0.12})
    exhibit = "hand-adjoint/backward-unguarded"
    seen = observe(strategies()[exhibit].load(), "numpy", kind.build())
    record = measure(Case(kind.problem, exhibit, "numpy", dict(kind.arguments), rtol=1e-8), budget=0.0)
    assert (seen.outcome, seen.detail) == (record.status, record.message) == ("wrong", record.message)
    assert record.error_hess > 1e-2 and record.best_s is record.median_s is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contender,versions\n", "expected \\['contender', 'y0-loss'"),
        (f"{HEADING}\na@numpy{',ok' * len(CLASSES)},v\na@numpy{',ok' * len(CLASSES)},v\n", "two rows for 'a@numpy'"),
        (f"{HEADING}\na@numpy{',ok' * (len(CLASSES) - 1)},fine,v\n", f"a@numpy on {CLASSES[-1].name} is 'fine'"),
        (f"{HEADING}\na@numpy,ok\n", "is None"),
    ],
)
def test_a_table_that_cannot_be_used_is_explained(text, message):
    with pytest.raises(InvalidInput, match=message):
        read_table(text)


@pytest.fixture
def own_table(tmp_path, monkeypatch):
    """A table in another place, with one row of a contender that is gone."""
    path = tmp_path / "outcomes.csv"
    path.write_text(f"{HEADING}\ngone@numpy{',ok' * len(CLASSES)},numpy 1\n")
    built_in = outcomes.built_in()
    monkeypatch.setattr(outcomes, "table_path", lambda: path)
    monkeypatch.setattr(outcomes, "built_in", lambda: built_in)
    outcomes.table.cache_clear()
    yield path
    outcomes.table.cache_clear()


def test_what_was_observed_is_written_and_read_back(own_table):
    rows = [Row("hand-adjoint@numpy", kind.name, kind.label, "ok", "wrong", "", "numpy 2") for kind in CLASSES]
    update_table(rows)
    assert own_table.read_text() == f"{HEADING}\nhand-adjoint@numpy{',wrong' * len(CLASSES)},numpy 2\n"
    assert set(outcomes.table()["hand-adjoint@numpy"].values()) == {"wrong", "numpy 2"}


def test_a_strategy_of_somebody_else_is_not_written(own_table):
    update_table([Row("theirs@numpy", kind.name, kind.label, "ok", "ok") for kind in CLASSES])
    assert own_table.read_text() == f"{HEADING}\n"


def test_the_rows_hold_every_contender_on_every_class():
    rows = outcome_rows()
    pairs = [(row.contender, row.kind) for row in rows]
    declared = [f"{p.name}@{b}" for p in strategies().values() if p.target for b in p.target.backends]
    assert len(set(pairs)) == len(pairs) == len(declared) * len(CLASSES)


def test_a_refusal_comes_with_the_strategys_own_sentence():
    (row,) = [r for r in outcome_rows() if (r.contender, r.kind) == ("hand-adjoint/backward@numpy", "dissipative")]
    assert row.expected == "refuses" and row.detail.startswith("It integrates the state backward in time")


def test_a_file_of_observed_outcomes_is_read(tmp_path):
    path = tmp_path / "observed.json"
    rows = [Row("a@numpy", "state-only", "p [state-only]", "ok", "wrong", "error 1.0", "numpy 2")]
    path.write_text(to_json(rows))
    assert outcome_rows(path) == rows


@pytest.mark.parametrize("text", ["", "{", '[{"contender": "a"}]', "[3]"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "observed.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="not a file of observed outcomes"):
        outcome_rows(path)


def test_the_table_is_installed_with_the_strategies():
    assert Path(strategies()["hand-adjoint"].origin).with_name("outcomes.csv") == outcomes.table_path()
    assert json.loads(to_json(outcome_rows()))[0].keys() == Row("", "", "", "").__dict__.keys()
