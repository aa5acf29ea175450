"""Without `/proc`, `prctl` and subreapers, as on macOS, nothing survives either: the asker looks for the rest."""

import resource
import sys
import uuid

import pytest

from hessbench._measuring import child, machine
from hessbench._measuring.faults import processes_with
from hessbench._processes import contain, within
from hessbench._processes.contain import contained

LEAVES = """
import os, subprocess, sys
sleep = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)", {mark!r}]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
os.write(int(sys.argv[-1]), b'{{"stage": "done"}}\\n')
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    source = contain.SUPERVISOR.read_text()
    for of_linux in ('sys.platform == "linux"', 'os.path.isdir("/proc/self")'):
        assert source.count(of_linux) == 1
        source = source.replace(of_linux, "False")
    (tmp_path / "supervisor.py").write_text(source)
    monkeypatch.setattr(contain, "SUPERVISOR", tmp_path / "supervisor.py")
    monkeypatch.setattr(sys, "platform", "darwin")


def test_processes_of_another_session_are_found_by_their_mark(elsewhere):
    mark = f"left{uuid.uuid4().hex[:12]}"
    ended = contained([sys.executable, "-c", LEAVES.format(mark=mark)], {}, 600.0)
    assert ended.why == "done" and processes_with(mark) == []


def test_without_that_look_they_would_survive(elsewhere, monkeypatch):
    mark = f"left{uuid.uuid4().hex[:12]}"
    monkeypatch.setattr(contain, "sweep", lambda name: [])
    contained([sys.executable, "-c", LEAVES.format(mark=mark)], {}, 600.0)
    left = processes_with(mark)
    monkeypatch.undo()
    for text in left:
        contain.os.kill(int(text.rpartition("(")[2][:-1]), 9)
    assert len(left) == 1


def test_memory_is_neither_limited_nor_told_where_the_system_does_not_say(monkeypatch):
    def nothing(key):
        raise FileNotFoundError("/proc/self/status")

    monkeypatch.setattr(within, "status_kib", nothing)
    monkeypatch.setattr(child, "status_kib", nothing)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: pytest.fail("a limit from nothing"))
    within.limit_memory(64)
    assert child.peak_mib(lambda x: x, 1) == (None, 1)


def test_the_machine_is_described_without_affinity_or_proc(monkeypatch, tmp_path):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, **_: (_ for _ in ()).throw(FileNotFoundError()))
    facts = machine.facts()
    assert facts["cpu"] and len(facts["hardware"]) == 12 and facts["governor"] == ""
    assert facts["affinity"] in ("0", f"0-{facts['cores'] - 1}")
