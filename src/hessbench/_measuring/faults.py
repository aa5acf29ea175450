"""What is done to a measuring process, in a table: `hessbench check --faults` commits each fault and looks what survives.

A fault is the body of a strategy's call. One that hangs says first that its time is up (`now`), so that no clock is
waited for. `run_fault` measures it and then looks for processes and temporary files that are still there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .._processes.contain import remove
from .._processes.supervisor import descendants
from .forking import Forking
from .measure import measure
from .record import Case

SOURCE = """
import atexit, os, signal, subprocess, sys, tempfile, threading, time
from dataclasses import dataclass
import numpy as np
from hessbench import Result, Strategy

MARK, SUPERVISOR = {mark!r}, os.getppid()
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1000)", MARK]

def now():
    os.kill(SUPERVISOR, signal.SIGUSR1)

def hang():
    while True:
        time.sleep(1000)

def descriptors():
    return [number for number in range(3, 256) if _is_pipe(number)]

def _is_pipe(number):
    try:
        return "pipe" in os.readlink("/proc/self/fd/%d" % number)
    except OSError:
        return False

def forked(body):
    if os.fork() == 0:
        try:
            body()
        finally:
            os._exit(0)

def fault(x):
{body}

@dataclass(frozen=True)
class Faulty(Strategy):
    def prepare(self, problem, backend, ivp):
        def run(x):
            fault(x)
            return Result(0.0, np.zeros(x.size), np.zeros((x.size, x.size)))
        return run
"""


@dataclass(frozen=True)
class Fault:
    """`body`: what a call does; `status` and a part of the `message` that its record has to have."""

    name: str
    body: str
    status: str
    message: str = ""
    time_limit: float = 600.0  # nobody waits for it: the fault says when its time is up
    memory_limit_mib: int | None = 8192


@dataclass(frozen=True)
class Row:
    """What became of a fault; `survived` names processes and files that were still there, `passed` if it was contained."""

    fault: str
    status: str
    message: str
    seconds: float
    survived: tuple[str, ...]
    passed: bool


DAEMON = """
    def second():
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        forked(lambda: os.execve(SLEEP[0], SLEEP, {}))
        END
    forked(second)
"""
RIGHT = "a Hessian of zeros is wrong"  # the call returned: its result was judged
FAULTS = (
    Fault("returns", "    pass", "wrong"),
    Fault("raises", "    raise RuntimeError('the tape is empty')", "failed", "RuntimeError: the tape is empty"),
    Fault("sys.exit", "    sys.exit(0)", "failed", "SystemExit: 0"),
    Fault("raises KeyboardInterrupt", "    raise KeyboardInterrupt", "failed", "KeyboardInterrupt"),
    Fault("os._exit", "    os._exit(3)", "failed", "exit status 3"),
    Fault("segmentation fault", "    import ctypes; ctypes.string_at(0)", "failed", "SIGSEGV"),
    Fault("kills its process group", "    os.killpg(0, signal.SIGKILL)", "failed", "SIGKILL"),
    Fault("too much memory", "    np.ones(2**28)", "failed", "256 MiB", memory_limit_mib=256),
    Fault("hangs", "    now(); hang()", "timeout", "'prepared'"),
    Fault(
        "hangs and ignores signals",
        "    for n in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "        signal.signal(n, signal.SIG_IGN)\n"
        "    now(); hang()",
        "timeout",
        "'prepared'",
    ),
    Fault(
        "stops itself",
        "    def wait():\n"
        "        while open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[0] != 'T':\n"
        "            time.sleep(0.01)\n"
        "        now()\n"
        "    forked(wait)\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)",
        "timeout",
        "'prepared'",
    ),
    Fault("leaves a thread", "    threading.Thread(target=hang).start()", "wrong"),
    Fault("atexit sleeps", "    atexit.register(hang)", "wrong"),
    Fault("leaves a process", "    subprocess.Popen(SLEEP)", "wrong"),
    Fault("leaves a daemon of its own session", DAEMON.replace("END", "os._exit(0)"), "wrong"),
    Fault("daemon outlives an exit", DAEMON.replace("END", "pass") + "    os._exit(3)", "failed", "exit status 3"),
    Fault("daemon outlives the limit", DAEMON.replace("END", "now(); hang()") + "    hang()", "timeout", "'prepared'"),
    Fault(
        "a process that keeps changing its number",
        "    def hop():\n"
        "        os.setsid()\n"
        "        while True:\n"
        "            if os.fork():\n"
        "                os._exit(0)\n"
        "            time.sleep(0.001)\n"
        "    forked(hop)",
        "wrong",
    ),
    Fault("child keeps the pipe", "    forked(hang); os._exit(3)", "failed", "exit status 3"),
    Fault("closes its descriptors", "    os.closerange(3, 256)", "failed", "exit status 1"),
    Fault("closes its descriptors and hangs", "    os.closerange(3, 256); now(); hang()", "timeout", "'prepared'"),
    Fault(
        "puts others in their place",
        "    for n in descriptors():\n        os.dup2(os.open(os.devnull, os.O_RDWR), n)\n    now(); hang()",
        "timeout",
        "'prepared'",
    ),
    Fault(
        "fills the pipe",
        "    for n in descriptors():\n"
        "        os.set_blocking(n, False)\n"
        "        end = time.monotonic() + 1\n"
        "        for _ in range(2000):\n"
        "            try:\n"
        "                os.write(n, b'x' * 32768)\n"
        "            except OSError:\n"
        "                pass",
        "wrong",
    ),
    Fault(
        "writes what is no record",
        '    lines = [b\'{"stage": 1}\', b\'{"stage": "x", "record": 3}\', b\'{"stage": "\' + b\'[\' * 10**5, b\'\\xff\']\n'
        "    for n in descriptors():\n"
        "        for line in lines:\n"
        "            try:\n"
        "                os.write(n, line + b'\\n')\n"
        "            except OSError:\n"
        "                pass",
        "wrong",
    ),
    Fault(
        "says it is done",
        "    for n in descriptors():\n"
        "        try:\n"
        '            os.write(n, b\'\\n{"stage": "done", "record": 3}\\n\')\n'
        "        except OSError:\n"
        "            pass",
        "failed",
        "no record",
    ),
    Fault("prints very much", "    for _ in range(1000):\n        os.write(1, b'x' * 10**6)", "wrong"),
    Fault("kills what watches over it", "    os.kill(SUPERVISOR, signal.SIGKILL); hang()", "failed", "watches over it"),
    Fault(
        "kills it, with a daemon",
        DAEMON.replace(", {})", ", dict(os.environ))").replace("END", "os.kill(SUPERVISOR, signal.SIGKILL); hang()")
        + "    hang()",
        "failed",
        "watches over it",
    ),
    Fault("stops what watches over it", "    os.kill(SUPERVISOR, signal.SIGSTOP); hang()", "timeout", time_limit=0.0),
    Fault(
        "leaves files",
        "    folder = tempfile.mkdtemp(MARK)\n"
        "    open(os.path.join(folder, 'large'), 'wb').write(bytes(10**6))\n"
        "    os.symlink('/', os.path.join(folder, 'root'))\n"
        "    os.chmod(folder, 0)",
        "wrong",
    ),
)


def run_fault(fault: Fault, folder: Path, *, forked: bool = False) -> Row:
    """Measure a strategy that commits `fault`, written into `folder`, and look what is left of it.

    `forked`: in a fork of a server, where it is also looked what is left while the server runs on.
    """
    mark = f"fault{uuid.uuid4().hex[:12]}"
    path = folder / "faulty.py"
    path.write_text(SOURCE.format(mark=mark, body=fault.body), encoding="utf-8")
    case = Case("random-quadratic", str(path), "numpy", {"n": 3}, rtol=1e-6)
    limit = fault.time_limit or 2 * _import_seconds()
    beside: list[str] = []
    with temporary_folder(folder / "tmp") as left, Forking() as fork:
        start = time.monotonic()
        child = fork if forked else None
        record = measure(case, budget=0.0, time_limit=limit, memory_limit_mib=fault.memory_limit_mib, child=child)
        seconds = time.monotonic() - start
        if forked:
            beside = below_servers(fork)
    survived = (*beside, *processes_with(mark, str(folder)), *left)  # a fork has no command line, but our `TMPDIR`
    contained = record.status == fault.status and fault.message in record.message and record.median_s is None
    name = f"fork: {fault.name}" if forked else fault.name
    return Row(name, record.status, record.message, seconds, survived, contained and not survived)


def below_servers(fork: Forking) -> list[str]:
    """What hangs below fork servers that wait for their next request; also whether a child was no fork."""
    found = [f"{name} ({pid})" for server in fork.pids() for pid, name in descendants(server).items()]
    return found + ["a child that was no fork"] * fork.anew


def _import_seconds() -> float:
    """How long a measuring process takes here and now."""
    start = time.monotonic()
    measure(Case("random-quadratic", "hand-adjoint", "numpy", {"n": 3}, rtol=1e-6), budget=0.0)
    return max(1.0, time.monotonic() - start)


def processes_with(*marks: str) -> list[str]:
    """`name (pid)` of processes whose command line or environment names one of `marks`."""
    import psutil

    found = []
    for process in psutil.process_iter(["name", "cmdline", "environ", "status"]):
        told = [*(process.info["cmdline"] or ()), *map(str, (process.info["environ"] or {}).values())]
        gone = process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid()
        if not gone and any(mark in text for text in told for mark in marks):
            found.append(f"{process.info['name']} ({process.pid})")
    return found


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[list[str]]:
    """Make `folder` the one for temporary files; at the end the list holds the names of what was left there."""
    folder.mkdir(exist_ok=True)
    before, left = tempfile.tempdir, []
    tempfile.tempdir = str(folder)
    try:
        yield left
    finally:
        tempfile.tempdir = before
        left += sorted(path.name for path in folder.iterdir())
        remove(folder)


def strategy_faults(folder: Path) -> Iterator[Row]:
    """All of `FAULTS`, one after the other, in processes of their own and in forks."""
    for fault in FAULTS:
        yield run_fault(fault, folder)
    for fault in FAULTS if sys.platform == "linux" else ():
        yield run_fault(fault, folder, forked=True)
