"""Records say which machine made them, how it was set, and what else it was doing."""

import os
import subprocess
import sys
import time

import pytest

from hessbench._measuring import machine as _machine
from hessbench._measuring.machine import LOADED, Watch, facts, hardware
from hessbench._measuring.provenance import provenance

CLOCK = {"user": 0.0, "system": 0.0, "idle": 0.0, "iowait": 0.0, "steal": 0.0, "guest": 0.0}


class Times(dict):
    def _asdict(self):
        return dict(self)


@pytest.fixture
def machine(monkeypatch):
    """A machine of four processors with a clock, CPU times and own CPU time that a test sets."""
    state = {"now": 0.0, "own": 0.0, "times": Times(CLOCK)}
    usage = type("Usage", (), {"ru_utime": property(lambda self: state["own"] / 2), "ru_stime": 0.0})
    monkeypatch.setattr(_machine.psutil, "cpu_times", lambda: Times(state["times"]))
    monkeypatch.setattr(_machine.time, "monotonic", lambda: state["now"])
    monkeypatch.setattr(_machine.resource, "getrusage", lambda who: usage())
    monkeypatch.setattr(_machine, "allowed", lambda: [0, 1, 2, 3])
    return state


@pytest.mark.parametrize(
    ("times", "own", "others", "marked"),
    [
        ({"user": 10.0, "idle": 30.0}, 10.0, 0.0, False),  # one processor, and that is us
        ({"user": 10.0, "system": 9.0, "idle": 21.0}, 10.0, 0.9, False),
        ({"user": 10.0, "system": 11.0, "idle": 19.0}, 10.0, 1.1, True),  # more than a quarter of four
        ({"user": 10.0, "steal": 11.0, "idle": 19.0}, 10.0, 1.1, True),  # another guest of the same host
        ({"user": 10.0, "guest": 10.0, "idle": 30.0}, 10.0, 0.0, False),  # a guest's time is in `user` already
        ({"user": 10.0, "iowait": 30.0}, 10.0, 0.0, False),  # waiting for a disk is no work
    ],
)
def test_what_others_did_is_all_less_our_own(machine, times, own, others, marked):
    watch = Watch()
    machine.update(now=10.0, own=own, times={**CLOCK, **times})
    found = watch.since()
    assert (found["others"], found["under_load"]) == (others, marked)
    assert LOADED == 0.25


def test_each_look_starts_anew(machine):
    watch = Watch()
    machine.update(now=10.0, times={**CLOCK, "user": 40.0})
    assert watch.since()["others"] == 4.0
    machine.update(now=20.0)
    assert watch.since() | {"load": 0} == {"load": 0, "others": 0.0, "under_load": False}
    assert watch.since()["others"] is None  # just now: nothing can be told


def test_a_process_of_ours_is_not_load_and_one_of_others_is():
    burn = "import time; end = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    watch = Watch()
    subprocess.run([sys.executable, "-c", burn], check=True)
    mine = watch.since()["others"]
    told = burn + "\nprint(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", told], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        start = time.monotonic()
        other.stdout.readline()  # it is still there: its time is nobody's that we know
        theirs, seconds = watch.since()["others"], time.monotonic() - start
        other.communicate(b"\n")
    assert theirs * seconds >= 0.4 and mine is not None


def test_the_same_name_is_not_the_same_machine(monkeypatch):
    first = facts()
    assert first["hardware"] == hardware() and len(first["hardware"]) == 12
    monkeypatch.setattr(_machine, "_identity", lambda: "another")
    second = facts()
    assert first["machine"] == second["machine"] and first["hardware"] != second["hardware"]


def test_the_identity_is_not_shown(monkeypatch):
    monkeypatch.setattr(_machine, "_identity", lambda: "5ec2e7")
    assert "5ec2e7" not in str(facts())


@pytest.mark.parametrize(("numbers", "text"), [([0], "0"), ([0, 1, 2, 5, 7, 8], "0-2,5,7-8"), ([], "")])
def test_processors_are_named_in_short(monkeypatch, numbers, text):
    monkeypatch.setattr(_machine, "allowed", lambda: numbers)
    assert _machine.affinity() == text


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not Linux")
def test_the_processors_are_those_that_we_may_run_on():
    code = (
        "import os; os.sched_setaffinity(0, {0}); from hessbench._measuring.machine import affinity; print(affinity())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "0\n"


def test_a_run_carries_the_facts(tmp_path):
    assert facts().items() <= provenance("s", "c", tmp_path).items()
