"""Every fault of `hessbench check --faults` that a strategy commits has its status, and nothing of it survives."""

import os
import signal
import sys
from dataclasses import replace

import pytest

from hessbench._measuring.faults import FAULTS, run_fault
from hessbench._processes import contain

linux = pytest.mark.skipif(sys.platform != "linux", reason="subreapers and /proc are Linux's")


# in processes of their own; the others in forks (`test_forks.py`), and with HESSBENCH_SLOW=1 all both ways
IN_PROCESSES = [
    fault for place, fault in enumerate(FAULTS) if place % 4 == 0 or fault.name.startswith(("kills", "stops"))
]


@linux
@pytest.mark.parametrize(
    "fault", FAULTS if os.environ.get("HESSBENCH_SLOW") else IN_PROCESSES, ids=lambda fault: fault.name
)
def test_a_fault_has_its_status_and_nothing_of_it_survives(fault, tmp_path):
    row = run_fault(fault, tmp_path)
    assert row.passed, row


def named(name):
    return next(fault for fault in FAULTS if fault.name == name)


PLANTED = {  # a line of the supervisor, what stands there instead, a fault that finds it out
    "no subreaper": ("prctl(PR_SET_CHILD_SUBREAPER, 1)", "pass", "leaves a daemon of its own session"),
    "nothing is ended": ("left = self.end_all()", "left = []", "leaves a process"),
    "no limit": ("if left <= 0 or self.late:", "if self.status is not None:", "hangs"),
}


@linux
@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_of_the_supervisor_is_found(name, tmp_path, monkeypatch):
    line, instead, fault = PLANTED[name]
    source = contain.SUPERVISOR.read_text()
    assert line in source
    spoiled = tmp_path / "supervisor.py"
    spoiled.write_text(source.replace(line, instead))
    monkeypatch.setattr(contain, "SUPERVISOR", spoiled)
    limit = 3.0 if name == "no limit" else 600.0
    row = run_fault(replace(named(fault), time_limit=limit), tmp_path)
    monkeypatch.undo()
    for text in row.survived:
        if text.endswith(")"):
            os.kill(int(text.rpartition("(")[2][:-1]), signal.SIGKILL)
    assert not row.passed, row
    assert row.survived or name == "no limit"


@linux
def test_what_only_the_asker_can_find_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(contain, "sweep", lambda mark: [])
    row = run_fault(named("kills it, with a daemon"), tmp_path)
    for text in row.survived:
        os.kill(int(text.rpartition("(")[2][:-1]), signal.SIGKILL)
    assert row.survived and not row.passed


def test_files_that_are_not_removed_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(contain, "remove", lambda folder: None)
    row = run_fault(named("leaves files"), tmp_path)
    assert not row.passed and row.survived[0].startswith("hessbench-")
