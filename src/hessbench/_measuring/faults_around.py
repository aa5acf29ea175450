"""Faults that no strategy's call commits: of plugin files, of signals to a command, of files in the cache."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from .._plugins.describe import describe
from .._plugins.plugin import PROBLEMS, STRATEGIES, Source
from .faults import SOURCE, Row, processes_with, temporary_folder

GOOD = """
from hessbench import Result, Strategy

class Good(Strategy):
    def prepare(self, problem, backend, ivp):
        return lambda x: Result(0.0, x, x)
"""
STRATEGY = GOOD.replace("    def prepare", "    FIELD\n    def prepare")
HANG = "import os, signal, time\nos.kill(os.getppid(), signal.SIGUSR1)\nwhile True:\n    time.sleep(1000)\n"
PLUGINS = {  # name: text of the file, part of the reason with which it is listed
    "sys.exit": ("import sys; sys.exit()", "SystemExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "os._exit": ("import os; os._exit(0)", "exit status 0"),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "import without end": (HANG, "did not end within"),
    "kills what watches": ("import os; os.kill(os.getppid(), 9); os.kill(os.getpid(), 19)", "watches over it"),
    "no Python": ("def (:", "SyntaxError"),
    "not text": ("\udcff\udcfe\0", "Error"),
    "too deep": ("(" * 5000, "Error"),
    "huge output": ("print('x' * 10**8)\nraise OSError('y' * 10**7)", "OSError: yyy"),
    "too much memory": ("x = bytearray(2**40)", "MemoryError"),
    "an error that cannot be shown": (
        "class E(Exception):\n    def __str__(self): raise E\nraise E",
        "cannot be shown",
    ),
    "thread": ("import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()", "does not define"),
    **{
        f"{field}": (STRATEGY.replace("FIELD", field), f"`{field.split()[0]}` ")
        for field in (
            *("variants = 5", "variants = {'': 5}", "variants = {}", "variants = {5: {}}", "backends = None"),
            *("backends = 'numpy'", "backends = ('magic',)", "backends = ()", "packages = 3", "limits = None"),
            "accuracy = 1e-3",
        )
    },
    "unknown option": (STRATEGY.replace("FIELD", "variants = {'': {'step': 1}}"), "TypeError"),
}
FAMILIES = {
    "problem = 5": ("problem = 5", "`problem` is int"),
    "no problem": ("x = 1", "does not define"),
    "sys.exit in problems": ("raise SystemExit", "SystemExit"),
    "endless problem": (HANG, "did not end within"),
}
SIGNALS = {"SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130, "SIGKILL": -9}  # exit status of the command


def plugin_faults(folder: Path) -> Iterator[Row]:
    """Describe each fault of `PLUGINS` and `FAMILIES` together with a good file, which has to stay usable."""
    with cache_below(folder):
        good = _write(folder, STRATEGIES, "good", GOOD)
        for kind, faults in ((STRATEGIES, PLUGINS), (PROBLEMS, FAMILIES)):
            for number, (name, (text, reason)) in enumerate(faults.items()):
                bad = _write(folder, kind, f"bad{number}", text)
                with temporary_folder(folder / "tmp") as left:
                    start = time.monotonic()
                    first, *_, last = describe([bad, good])
                    seconds = time.monotonic() - start
                survived = (*processes_with(str(folder)), *left)
                said = first.error or "listed without an error"
                passed = reason in said and last.error is None and last.load() is not None and not survived
                yield Row(f"plugin: {name}", "listed", said, seconds, survived, passed)


def _write(folder: Path, kind: str, stem: str, text: str) -> Source:
    path = folder / f"{stem}.py"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return Source(kind, stem, str(path), str(path))


def signal_faults(folder: Path) -> Iterator[Row]:
    """Send each signal to `hessbench compare` while the strategy that it measures hangs."""
    mark = f"fault{uuid.uuid4().hex[:12]}"
    began, path = folder / "began", folder / "hangs.py"
    body = f"    subprocess.Popen(SLEEP, start_new_session=True); open({str(began)!r}, 'w'); hang()"
    path.write_text(SOURCE.format(mark=mark, body=body), encoding="utf-8")
    command = [sys.executable, "-m", "hessbench", "compare", "random-quadratic", "-n", "3", "-s", str(path)]
    command += ["--time-limit", "600"]
    for name in SIGNALS:
        yield _signalled(
            f"signal: {name} to compare", command, name, folder, [mark, str(folder / "tmp")], os.environ, folder
        )


def run_faults(folder: Path) -> Iterator[Row]:
    """Send signals to `hessbench run` while the strategy that a suite measures hangs, in a small repository.

    Nothing without asv.
    """
    if find_spec("asv") is None or shutil.which("git") is None:
        return
    mark = f"fault{uuid.uuid4().hex[:12]}"
    began, path, root = folder / "began", folder / "hangs.py", folder / "repository"
    body = f"    subprocess.Popen(SLEEP, start_new_session=True); open({str(began)!r}, 'w'); hang()"
    path.write_text(SOURCE.format(mark=mark, body=body), encoding="utf-8")
    repository(root, SUITE.format(path=str(path)))
    command = [sys.executable, "-m", "hessbench", "run"]
    environment = {**os.environ, "HOME": str(folder)}  # asv keeps the machine's description there
    for name in SIGNALS:
        yield _signalled(
            f"signal: {name} to run", command, name, folder, [mark, str(root), str(folder / "tmp")], environment, root
        )


def repository(root: Path, suite: str) -> None:
    """Make a git repository with one suite of benchmarks."""
    (root / "benchmarks").mkdir(parents=True)
    (root / "benchmarks" / "__init__.py").touch()
    (root / "benchmarks" / "hangs.py").write_text(suite, encoding="utf-8")
    config = {"version": 1, "project": "faults", "repo": ".", "branches": ["HEAD"], "environment_type": "virtualenv"}
    config |= {"launch_method": "forkserver", "results_dir": "results"}
    (root / "asv.conf.json").write_text(json.dumps(config), encoding="utf-8")
    who = ["-c", "user.name=faults", "-c", "user.email=faults@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)


SUITE = """
from hessbench import Case, measure

class Hangs:
    def setup_cache(self):
        return measure(Case("random-quadratic", {path!r}, "numpy", {{"n": 3}}), time_limit=600.0).status

    setup_cache.timeout = 600.0

    def track_status(self, status):
        return len(status)
"""
DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "zeroed": lambda data: bytes(len(data)),
    "half zeroed": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "foreign": lambda data: b"of somebody else",
}
ASK = "import hessbench as h; print(h.hessian(h.problem('sir'), rtol=1e-8).hess.tolist())"


def cache_faults(folder: Path) -> Iterator[Row]:
    """Damage every file of the cache, and ask for the same Hessian in a new process: the same has to come."""
    environment = {**os.environ, "HESSBENCH_CACHE": str(folder / "cache")}

    def ask() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "ignore", "-c", ASK]
        return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    right = ask().stdout
    for name, damaged in DAMAGES.items():
        for path in (folder / "cache").rglob("*"):
            if path.is_file() and path.suffix != ".sha256":
                path.write_bytes(damaged(path.read_bytes()))
        yield _asked(f"cache: {name} files", ask, right)
    (folder / "cache").chmod(0o777)
    yield _asked("cache: others may write to it", ask, right)
    environment["HESSBENCH_CACHE"] = os.devnull
    yield _asked("cache: no folder", ask, right)


def _asked(fault: str, ask: Callable[[], subprocess.CompletedProcess[str]], right: str) -> Row:
    start = time.monotonic()
    done = ask()
    seconds = time.monotonic() - start
    passed = done.returncode == 0 and done.stdout == right != ""
    return Row(fault, "same" if passed else f"exit {done.returncode}", done.stderr[-200:], seconds, (), passed)


def _signalled(
    fault: str,
    command: Sequence[str],
    name: str,
    folder: Path,
    marks: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
) -> Row:
    """Run `command` in `cwd` until the file `began` is there, send the signal, and look for processes that name `marks`."""
    began, there = folder / "began", folder / "tmp"
    began.unlink(missing_ok=True)

    with temporary_folder(there) as files:
        own = {**environment, "TMPDIR": str(there)}
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=own, cwd=cwd, stdin=quiet, stdout=quiet, stderr=quiet) as process:
            wait_until(lambda: began.exists() or process.poll() is not None)
            start = time.monotonic()
            process.send_signal(signal.Signals[name])
            status = process.wait()
        wait_until(lambda: not processes_with(*marks) and not list(there.glob("hessbench-*")), 30.0)
        seconds = time.monotonic() - start
        survived = (*processes_with(*marks), *(path.name for path in there.glob("hessbench-*")))
    passed = status == SIGNALS[name] and began.exists() and not survived
    return Row(fault, f"exit {status}", "; ".join(files), seconds, survived, passed)


def wait_until(happened, seconds: float = 600.0) -> None:
    """Look again and again; the `seconds` are for what never happens."""
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.05)


class cache_below:
    """The cache in a folder of its own for the length of a block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cache"

    def __enter__(self) -> Path:
        self.before = os.environ.get("HESSBENCH_CACHE")
        os.environ["HESSBENCH_CACHE"] = str(self.folder)
        return self.folder

    def __exit__(self, *_: object) -> None:
        if self.before is None:
            del os.environ["HESSBENCH_CACHE"]
        else:
            os.environ["HESSBENCH_CACHE"] = self.before
