"""Cases measured in forks of a server: as contained, as limited and as clean as in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hessbench import Case, measure
from hessbench._measuring import faults, forking
from hessbench._measuring.faults import FAULTS, run_fault
from hessbench._measuring.forking import Forking
from hessbench._processes.forks import ForkServer
from hessbench._processes.supervisor import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are used on Linux")
CASE = Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, rtol=1e-6)
SERVER = """
import os, socket, sys
from hessbench._processes.forkserver import serve
{before}
out = serve(socket.socket(fileno=int(sys.argv[1])))
if out is not None:
    {body}
"""


@pytest.fixture
def server():
    """Servers whose forks run `body`, ended behind the test."""
    made = []

    def make(body, before=""):
        code = SERVER.format(body=body, before=before)
        made.append(ForkServer([sys.executable, "-c", code], {**os.environ, **forking.child_environment()}, 120.0))
        return made[-1]

    yield make
    for one in made:
        one.close()


def said(text):
    return f"os.write(out, b'{{\"stage\": \"' + str({text}).encode() + b'\"}}\\n')"


IN_FORKS = [fault for place, fault in enumerate(FAULTS) if place % 4]  # the others in processes of their own


@pytest.mark.parametrize(
    "fault", FAULTS if os.environ.get("HESSBENCH_SLOW") else IN_FORKS, ids=lambda fault: fault.name
)
def test_a_fork_is_as_contained_as_a_process_of_its_own(fault, tmp_path):
    row = run_fault(fault, tmp_path, forked=True)
    assert row.passed, row


def test_a_server_that_leaves_processes_is_found(tmp_path, monkeypatch):
    """Planted: a server that ends nothing behind its forks."""
    planted = "import sys; import hessbench._processes.supervisor as s; s.Supervisor.end_all = lambda run: []\n"
    planted += "import hessbench._measuring.forking as f; f.main()"
    start = forking.ForkServer

    def spoiled(command, *rest):
        return start([sys.executable, "-c", planted, *command[3:]], *rest)

    monkeypatch.setattr(forking, "ForkServer", spoiled)
    row = run_fault(next(fault for fault in FAULTS if fault.name == "leaves a process"), tmp_path, forked=True)
    assert not row.passed and any("python" in name for name in row.survived), row


def test_a_child_that_was_no_fork_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Forking, "__call__", lambda fork, *asked: (vars(fork).update(anew=1), forking.spawned(*asked))[1]
    )
    row = run_fault(FAULTS[0], tmp_path, forked=True)
    assert not row.passed and row.survived == ("a child that was no fork",)


def test_a_server_with_a_second_thread_does_not_fork(server):
    thread = "import threading, time; threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()"
    assert server(said("1"), thread).contained({}, 60.0) is None
    assert server(said("1")).contained({}, 60.0).lines == ('{"stage": "1"}',)


@pytest.mark.parametrize("name", ["jax", "torch", "casadi", "autograd", "numpy"])
def test_importing_a_backend_starts_no_thread(server, name):
    pytest.importorskip(name)
    before = f"from hessbench._measuring.forking import imported; imported({name!r})"
    ended = server(said("os.getppid()"), before).contained({}, 120.0)
    assert ended is not None and ended.why == "exit" and ended.status == 0


def test_a_backend_that_has_started_its_threads_is_not_forked(server):
    pytest.importorskip("jax")
    assert server(said("1"), "import jax; jax.numpy.zeros(3).block_until_ready()").contained({}, 120.0) is None


def test_where_nothing_may_be_forked_a_child_is_started(monkeypatch):
    monkeypatch.setattr(ForkServer, "contained", lambda *_: None)
    with Forking() as child:
        records = [measure(CASE, budget=0.0, child=child) for _ in range(2)]
    assert [record.status for record in records] == ["ok", "ok"] and child.anew >= 2 and not child.pids()


def test_a_server_that_cannot_start_is_none(server):
    assert server("pass", "sys.exit(3)").contained({}, 60.0) is None


def test_a_fork_begins_as_a_program_does(server):
    body = (
        "import json, signal, tempfile, pathlib; numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD); "
        "request = pathlib.Path(os.environ['TMPDIR'], 'request').read_text(); "
        "opened = [n for n in map(int, os.listdir('/proc/self/fd')) if os.path.exists(f'/proc/self/fd/{n}')]; "
        + said(
            "';'.join(map(str, [request == '{}', all(signal.getsignal(n) == signal.SIG_DFL for n in numbers), "
            "signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.set_wakeup_fd(-1), "
            "os.getsid(0) == os.getpid(), tempfile.gettempdir() == os.environ['TMPDIR'], opened == [0, 1, 2, out]]))"
        )
    )
    before = "import tempfile; tempfile.gettempdir(); os.close(int(sys.argv[2]))"
    ended = server(body, before).contained({}, 60.0)
    assert json.loads(ended.lines[0])["stage"] == "True;True;True;-1;True;True;True"


def test_the_limit_of_a_fork_is_one_of_the_clock_and_the_server_goes_on(server):
    slow = server("import time; time.sleep(1000)")
    start = time.monotonic()
    assert slow.contained({}, 1.0).why == "limit" and time.monotonic() - start >= 1.0
    pid = slow.pid
    assert pid and slow.contained({}, 0.5).why == "limit" and slow.pid == pid and not descendants(pid)


def test_another_server_takes_the_place_of_one_that_was_killed(server):
    one = server(said("7"))
    one.contained({}, 60.0)
    first = one.pid
    os.kill(first, signal.SIGKILL)
    assert one.contained({}, 60.0).why == "lost"
    assert one.contained({}, 60.0).lines == ('{"stage": "7"}',) and one.pid != first


def test_ctrl_c_ends_the_server_and_its_fork(server):
    one = server(f"import time; os.kill({os.getpid()}, 14); time.sleep(1000)")

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            one.contained({}, 600.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert one.pid == 0 and not descendants(os.getpid())


def test_a_server_does_not_outlive_one_that_was_killed(write, tmp_path):
    body = f"            open({str(tmp_path / 'hangs')!r}, 'w'); time.sleep(1000)"
    path = write("faulty.py", faults.SOURCE.format(mark="outlives", body=body.strip().join(["    ", ""])))
    code = (
        "import hessbench as h; from hessbench._measuring.forking import Forking; fork = Forking(); "
        f"h.measure(h.Case('random-quadratic', {path!r}, 'numpy', {{'n': 3}}), time_limit=600, child=fork)"
    )
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(temporary)}) as asker:
        end = time.monotonic() + 300
        while not (tmp_path / "hangs").exists() and time.monotonic() < end:
            time.sleep(0.05)
        below = descendants(asker.pid)
        asker.kill()
    assert len(below) == 3, below  # a supervisor, the server, its fork
    while any(Path(f"/proc/{pid}").exists() for pid in below) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in below) and not list(temporary.iterdir())


def test_a_record_of_a_fork_has_everything_and_the_time_of_the_servers_import():
    pytest.importorskip("jax")
    case = Case("random-quadratic", "forward-over-reverse", "jax", {"n": 3}, rtol=1e-6)
    with Forking() as child:
        forked = [measure(case, budget=0.0, child=child, gate_seed=1) for _ in range(2)]
    anew = measure(case, budget=0.0, gate_seed=1)
    assert [record.status for record in (*forked, anew)] == ["ok"] * 3 and child.anew == 0
    same = ("error_scaled", "rhs", "steps", "framework_calls", "versions", "note", "error_scaled_where")
    assert all(getattr(record, name) == getattr(anew, name) for record in forked for name in same)
    empty = {name for name, value in vars(anew).items() if value is None}
    assert {name for name, value in vars(forked[0]).items() if value is None} == empty
    first, second = (record.import_s for record in forked)
    assert first is not None and second is not None
    assert first > 0.05 and abs(first - second) < 0.05  # one import, of which both tell
