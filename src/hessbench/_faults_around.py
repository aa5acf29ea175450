"""Faults that no strategy's call commits: of plugin files, of signals to a command, of files in the cache."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from ._describe import describe
from ._faults import SOURCE, Row, processes_with, temporary_folder
from ._plugins import PROBLEMS, STRATEGIES, Source

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
    for name, expected in SIGNALS.items():
        began.unlink(missing_ok=True)
        there = folder / "tmp"
        with temporary_folder(there) as left:
            environment = {**os.environ, "TMPDIR": str(there)}
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
            with subprocess.Popen([*command, "--time-limit", "600"], env=environment, **quiet) as process:
                wait_until(lambda process=process: began.exists() or process.poll() is not None)
                start = time.monotonic()
                process.send_signal(signal.Signals[name])
                status = process.wait()
            wait_until(lambda there=there: not processes_with(mark) and not list(there.iterdir()), 20.0)
            seconds = time.monotonic() - start
        survived = (*processes_with(mark), *left)
        yield Row(
            f"signal: {name} to compare", f"exit {status}", "", seconds, survived, status == expected and not survived
        )


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
