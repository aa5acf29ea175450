"""Driving asv module by module, in a small repository of its own."""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from hessbench import InvalidInput
from hessbench._measuring import asv as _run
from hessbench._measuring import faults_around
from hessbench._measuring.asv import Progress, Step, Suite, find_root, left_s, run, set_aside, suites
from hessbench._measuring.faults import processes_with
from hessbench._measuring.faults_around import SIGNALS, run_faults, wait_until

pytest.importorskip("asv")
GOOD = "class A:\n    version = '1'\n\n    def track_x(self):\n        return 1.0\n"
SLOW = "import time\n\n\nclass B:\n    def track_x(self):\n        time.sleep(100)\n        return 1.0\n"
BAD = "class C:\n    def track_x(self):\n        raise ValueError('planted')\n"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with an asv configuration and no benchmark; `write(name, text)` adds one."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))  # asv keeps the machine's description there
    root = tmp_path / "repository"
    (root / "benchmarks").mkdir(parents=True)
    (root / "benchmarks" / "__init__.py").touch()
    config = {"version": 1, "project": "tiny", "repo": ".", "branches": ["HEAD"], "environment_type": "virtualenv"}
    config["launch_method"] = "forkserver"
    (root / "asv.conf.json").write_text(json.dumps({**config, "results_dir": "results"}))
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    return root


def write(root, **modules):
    for name, text in modules.items():
        (root / "benchmarks" / f"{name}.py").write_text(text)


def steps(root, *names, **options):
    return [item for item in run(root, names or None, **options) if isinstance(item, Step)]


def test_the_repository_is_found_from_a_folder_below(repository):
    assert find_root(repository / "benchmarks") == repository


def test_outside_of_a_clone_the_error_says_where_benchmarks_run(tmp_path):
    with pytest.raises(InvalidInput, match="clone of the repository"):
        find_root(tmp_path)


def test_modules_without_benchmarks_are_no_suites(repository):
    write(repository, a=GOOD, common="X = 1\n")
    assert [suite.name for suite in suites(repository)] == ["a"]


def test_an_unknown_suite_is_an_error_that_names_the_others(repository):
    write(repository, a=GOOD)
    with pytest.raises(InvalidInput, match="'zzz'; there are: a"):
        next(run(repository, ["zzz"]))


def test_a_finished_suite_is_skipped_the_next_time(repository):
    write(repository, a=GOOD)
    assert [[step.status for step in steps(repository)] for _ in range(2)] == [["ok"], ["skipped"]]


def test_a_failing_suite_is_reported_with_its_reason(repository):
    write(repository, c=BAD)
    (step,) = steps(repository)
    assert step.status == "failed" and step.message


def running(root):
    """Command lines of processes that name `root`."""
    out = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        out += [text] if str(root) in text else []
    return out


def test_an_interruption_loses_only_the_module_in_progress(repository):
    write(repository, a=GOOD, b=SLOW)
    steps(repository, "a")

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(4)
    try:
        with pytest.raises(KeyboardInterrupt):
            steps(repository)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    deadline = time.monotonic() + 20
    while running(repository) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not running(repository)
    assert {suite.name: suite.finished for suite in suites(repository)} == {"a": True, "b": False}


def test_progress_is_what_the_suite_in_progress_tells(repository):
    tells = "import json, os, time\n\n\ndef tell():\n    with open(os.environ['HESSBENCH_PROGRESS'], 'w') as file:\n"
    tells += "        json.dump({'done': 3, 'total': 4}, file)\n    time.sleep(3)\n    return 1.0\n"
    write(repository, a=tells + "\n\nclass A:\n    def track_x(self):\n        return tell()\n")
    seen = [event for event in run(repository) if isinstance(event, Progress) and event.total]
    assert seen and all((p.suite, p.done, p.total) == ("a", 3, 4) for p in seen)
    assert all(p.left_s == pytest.approx(p.seconds / 3) for p in seen)


def test_the_time_left_is_that_of_this_suite_and_of_all_that_follow():
    now, after = Suite("a", False, 100.0), [Suite("b", False, 30.0), Suite("c", False, None)]
    assert left_s(now, [], 0, 0, 20.0) == 80.0  # as long as last time
    assert left_s(now, [], 10, 40, 20.0) == 60.0  # as its cases go now
    assert left_s(now, after, 10, 40, 20.0) == 60.0 + 30.0 + 80.0  # one that never ran: as long as this one
    assert left_s(now, [], 0, 0, 300.0) == 0.0
    assert left_s(Suite("a", False, None), after, 0, 0, 20.0) is None


def test_only_damaged_files_are_set_aside(repository):
    machine = repository / "results" / "machine"
    machine.mkdir(parents=True)
    (machine / "good.json").write_text("{}")
    (machine / "cut.json").write_text('{"results": {')
    assert set_aside(repository) == ["cut.json"]
    assert sorted(path.name for path in machine.iterdir()) == ["cut.json.damaged", "good.json"]


def test_again_asks_for_records_made_from_now_on(repository):
    since = "import os\n\n\nclass A:\n    version = '1'\n\n    def track_x(self):\n"
    write(repository, a=since + "        return float('HESSBENCH_SINCE' in os.environ)\n")

    def value():
        (path,) = (repository / "results").glob("*/*-existing-*.json")
        return json.loads(path.read_text())["results"]["a.A.track_x"][0]

    steps(repository)
    first = value()
    steps(repository, again=True)
    assert (first, value()) == ([0.0], [1.0])


@pytest.mark.parametrize("text", [None, "", '{"version": 1, "a-mach', "[]"])
def test_processes_that_describe_the_machine_at_once_do_not_race(repository, tmp_path, text):
    file = tmp_path / "home" / ".asv-machine.json"
    if text is not None:
        file.write_text(text)
    code = "import sys, pathlib; from hessbench._measuring import asv; asv._describe_machine(pathlib.Path(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", code, str(repository)]) for _ in range(3)]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert platform.node() in json.loads(file.read_text())


def test_a_machine_that_is_described_is_not_described_again(repository, tmp_path, monkeypatch):
    known = json.dumps({"version": 1, platform.node(): {"cpu": "mine"}})
    (tmp_path / "home" / ".asv-machine.json").write_text(known)
    _run._describe_machine(repository)
    assert (tmp_path / "home" / ".asv-machine.json").read_text() == known


@pytest.fixture
def short():
    """A folder whose path is short: that of a socket, which asv makes in the one for temporary files, has a limit."""
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        yield Path(folder)


def test_a_signal_leaves_no_asv_process(short, monkeypatch):
    chosen = {name: SIGNALS[name] for name in ("SIGTERM", "SIGKILL")}  # all: `hessbench check --faults`
    monkeypatch.setattr(faults_around, "SIGNALS", chosen)
    rows = list(run_faults(short))
    assert len(rows) == 2 and all(row.passed for row in rows), rows


def test_a_run_that_is_not_supervised_leaves_asv_behind(short, monkeypatch):
    """What the table would say if SIGKILL reached `hessbench run` alone."""
    planted = "import sys, subprocess, hessbench._cli as c, hessbench._measuring.asv as r, types\n"
    planted += "import contextlib, pathlib, tempfile\n@contextlib.contextmanager\ndef bare(command, **o):\n"
    planted += "    p = subprocess.Popen(command, cwd=o['cwd'], env=o['environment'], stdout=subprocess.PIPE)\n"
    planted += "    yield types.SimpleNamespace(process=p)\nr.supervised = bare\nc.main()"
    signalled = faults_around._signalled

    def without(fault, command, *rest):
        return signalled(fault, [sys.executable, "-c", planted, *command[3:]], *rest)

    monkeypatch.setattr(faults_around, "_signalled", without)
    monkeypatch.setattr(
        faults_around, "wait_until", lambda happened, s=600.0: wait_until(happened, min(s, 60.0) if s > 60 else 2.0)
    )
    monkeypatch.setattr(faults_around, "SIGNALS", {"SIGKILL": -9})
    (row,) = run_faults(short)
    for text in processes_with(str(short)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(text.rpartition("(")[2][:-1]), signal.SIGKILL)
    assert not row.passed and any("python" in text for text in row.survived), row
