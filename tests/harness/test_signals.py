"""A command that is ended or killed leaves nothing behind; the table of faults says so when something is left."""

import json
import sys

import pytest
from typer.testing import CliRunner

from hessbench._cli import app, check, faults
from hessbench._measuring import faults_around
from hessbench._measuring.faults import Row
from hessbench._measuring.faults_around import SIGNALS, cache_faults, signal_faults

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is left")


def test_a_signal_to_compare_leaves_nothing_and_is_its_exit_status(tmp_path):
    rows = list(signal_faults(tmp_path))
    assert [row.status for row in rows] == [f"exit {status}" for status in SIGNALS.values()]
    assert all(row.passed for row in rows), rows


def test_a_command_that_does_not_know_its_signals_is_found(tmp_path, monkeypatch):
    planted = "import hessbench._cli as c; c.end_on_signals = lambda: None; c.main()"
    run = faults_around._signalled

    def without(fault, command, *rest):
        return run(fault, [sys.executable, "-c", planted, *command[3:]], *rest)

    monkeypatch.setattr(faults_around, "_signalled", without)
    monkeypatch.setattr(faults_around, "SIGNALS", {"SIGTERM": 143})
    (row,) = signal_faults(tmp_path)
    assert (row.passed, row.status, row.survived) == (False, "exit -15", ())  # nothing survives even so


def test_a_cache_that_was_damaged_gives_the_same_hessian(tmp_path, monkeypatch):
    name = "half zeroed"  # the others: tests/discrete/test_build.py
    monkeypatch.setattr(faults_around, "DAMAGES", {name: faults_around.DAMAGES[name]})
    rows = list(cache_faults(tmp_path))
    assert len(rows) == 3 and all(row.passed for row in rows), rows


ROWS = [
    Row("hangs", "timeout", "stopped", 1.25, (), True),
    Row("leaves a process", "ok", "m", 2.0, ("sleep (7)",), False),
]


def shown(monkeypatch, rows, *options):
    monkeypatch.setattr(faults, "all_faults", lambda: iter(rows))
    assert check
    return CliRunner().invoke(app, ["check", "--faults", *options])


def test_the_table_names_what_survived_and_fails(monkeypatch):
    done = shown(monkeypatch, ROWS)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["fault", "status", "seconds", "survived"]
    assert lines[1] == ["ok", "hangs", "timeout", "1.2", "-"]
    assert lines[2] == ["FAIL", "leaves", "a", "process", "ok", "2.0", "sleep", "(7)", "(m)"]
    assert done.exit_code == 1 and done.stdout.endswith("1 faults contained, 1 not\n")


def test_the_table_as_json_and_with_nothing_left(monkeypatch):
    done = shown(monkeypatch, ROWS[:1], "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)[0]["survived"] == []
