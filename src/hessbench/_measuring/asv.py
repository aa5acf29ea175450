"""Driving asv one benchmark module at a time, so that an interruption loses at most the module in progress.

asv writes results at the end of a run only, and merges them into what it stored of the same commit and environment. A
module is finished when all of its benchmarks have a stored result; the next call skips it. The module in progress
continues where it stopped, because its records are kept one by one (`grid`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import HessbenchError, InvalidInput, Unavailable
from .._processes.contain import read_until, supervised
from .provenance import now

CONFIG = "asv.conf.json"


@dataclass(frozen=True)
class Suite:
    """One module of `benchmarks/`: whether its results are stored, and the seconds it took last time, on any commit."""

    name: str
    finished: bool
    last_s: float | None


@dataclass(frozen=True)
class Step:
    """What became of one suite: `skipped` (its results were there), `ok`, or `failed` with the end of asv's output.

    The message of a suite that is `ok` names the damaged files that were set aside before it.
    """

    suite: str
    status: str
    seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True)
class Progress:
    """A sign of life: cases measured so far, of how many (0 of 0 where a suite does not tell), and seconds since the
    start of the suite; `left_s` is an estimate for this suite and all that follow, `None` where nothing is known.
    """

    suite: str
    done: int
    total: int
    seconds: float
    left_s: float | None


def find_root(start: str | Path = ".") -> Path:
    """The folder at or above `start` that holds `asv.conf.json`. Raises `InvalidInput` when there is none."""
    start = Path(start).resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise InvalidInput(f"There is no {CONFIG} in {start} or above it: benchmarks run in a clone of the repository.")


def suites(root: Path, *, isolated: bool = False) -> list[Suite]:
    """The benchmark modules below `root`, in alphabetical order, with what is known of the present commit."""
    described, stored = _json(root / "results" / "benchmarks.json"), _stored(root, isolated)
    out = []
    for name in _modules(root):
        own = {key for key in described if key.partition(".")[0] == name}
        finished = bool(own) and own <= set(stored)
        out.append(Suite(name, finished, _last_seconds(root, name)))
    return out


def run(
    root: Path, names: Sequence[str] | None = None, *, isolated: bool = False, again: bool = False
) -> Generator[Suite | Progress | Step, None, None]:
    """Run the suites `names` (default: all), one `asv run` each; yield each `Suite` before, `Progress` about once a
    second, and its `Step` after it.

    By default asv measures this Python, as the commit that is checked out; with `isolated` it builds an environment of
    its own (minutes, 2 GB). Finished suites are skipped and records of today are used, unless `again`. Closing the
    generator stops asv.
    Raises `InvalidInput` for an unknown suite and `Unavailable` without asv.
    """
    if importlib.util.find_spec("asv") is None:
        raise Unavailable("`hessbench run` needs asv: pip install 'hessbench[asv]'")
    known = {suite.name: suite for suite in suites(root, isolated=isolated)}
    for name in names or ():
        if name not in known:
            raise InvalidInput(f"There is no benchmark module {name!r}; there are: {', '.join(known)}.")
    _describe_machine(root)
    chosen = [known[name] for name in names or known]
    todo = [suite for suite in chosen if again or not suite.finished]
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "progress.json"
        environment = {**os.environ, "HESSBENCH_PROGRESS": str(told), **({"HESSBENCH_SINCE": now()} if again else {})}
        for suite in chosen:
            yield suite
            if suite not in todo:
                yield Step(suite.name, "skipped")
                continue
            told.unlink(missing_ok=True)
            damaged = set_aside(root)
            after, start = todo[todo.index(suite) + 1 :], time.monotonic()
            bench = ["run", "--bench", rf"^{re.escape(suite.name)}\.", *_environment(root, isolated)]
            with contextlib.closing(_call(root, bench, environment)) as call:
                while (ended := next(call)) is None:
                    yield _progress(suite, after, told, time.monotonic() - start)
            status, output = ended
            seconds = time.monotonic() - start
            message = _tail(output) if status else f"set aside, being damaged: {', '.join(damaged)}" if damaged else ""
            yield Step(suite.name, "failed" if status else "ok", seconds, message)


def set_aside(root: Path) -> list[str]:
    """Rename asv's result files that are no JSON, which would stop asv, to `NAME.damaged`; returns their names."""
    out = []
    for path in sorted((root / "results").glob("*/*.json")):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            path.replace(path.with_name(path.name + ".damaged"))
            out.append(path.name)
    return out


def _progress(suite: Suite, after: Sequence[Suite], told: Path, seconds: float) -> Progress:
    said = _json(told)
    done, total = said.get("done", 0), said.get("total", 0)
    return Progress(suite.name, done, total, seconds, left_s(suite, after, done, total, seconds))


def left_s(suite: Suite, after: Sequence[Suite], done: int, total: int, seconds: float) -> float | None:
    """Seconds that `suite`, which has run for `seconds`, and the suites `after` it will still take.

    From how long they took last time, and for the suite in progress from the share of its cases that is done. A suite
    that never ran is taken to last as long as this one; `None` as long as neither is known.
    """
    whole = seconds * total / done if done else suite.last_s
    if whole is None:
        return None
    return max(0.0, whole - seconds) + sum(whole if s.last_s is None else s.last_s for s in after)


def _call(
    root: Path, arguments: Sequence[str], environment: dict[str, str] | None = None
) -> Generator[tuple[int, str] | None, None, None]:
    """Run asv in `root`; yields `None` about once a second and at last its exit status and output.

    When interrupted or closed, stop it, let it clean up, end all that it started, and raise again. The same becomes of it
    when this process is killed.
    """
    output, complete = b"", False
    command = [sys.executable, "-m", "asv", *arguments]
    with supervised(command, gentle=5.0, environment=environment, cwd=root) as below:
        assert below.process.stdout is not None
        while not complete:
            more, complete = read_until(below.process.stdout.fileno(), time.monotonic() + 1.0)
            output += more
            if not complete:
                yield None
    yield below.process.returncode, output.decode(errors="replace")


def _describe_machine(root: Path) -> None:
    """Let asv describe this machine in the user's `.asv-machine.json`, unless it has: one process at a time, because asv
    neither locks the file nor writes it aside. A file that is damaged is set aside.
    """
    file = Path.home() / ".asv-machine.json"
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ImportError):  # no lock where there is no home to write to, or no `flock`
            import fcntl

            lock = stack.enter_context(file.with_suffix(".json.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        described = _json(file)
        if isinstance(described.get(platform.node()), dict) and "version" in described:
            return
        if file.exists() and not described:
            file.replace(file.with_name(file.name + ".damaged"))
        with contextlib.closing(_call(root, ["machine", "--yes"])) as call:
            while (ended := next(call)) is None:
                pass
        if ended[0]:
            raise HessbenchError(f"`asv machine --yes` failed: {_tail(ended[1])}")


def _environment(root: Path, isolated: bool) -> list[str]:
    if isolated:
        return []
    return ["-E", f"existing:{sys.executable}", "--set-commit-hash", _commit(root)]


def _commit(root: Path) -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise HessbenchError(f"{root} is not a git repository with a commit, which asv needs: {error}") from error
    return done.stdout.strip()


def _modules(root: Path) -> list[str]:
    """Modules that hold benchmarks: those whose source names a `time_`, `track_`, `peakmem_` or similar function."""
    kinds = re.compile(r"^\s+def (time|timeraw|track|mem|peakmem)_", re.MULTILINE)
    files = sorted((root / "benchmarks").glob("[!_]*.py"))
    return [path.stem for path in files if kinds.search(path.read_text(encoding="utf-8"))]


def _stored(root: Path, isolated: bool) -> dict[str, Any]:
    """Benchmarks with a result of the present commit in the environment that is to be used."""
    kind = "virtualenv" if isolated else "existing"
    out: dict[str, Any] = {}
    for path in (root / "results").glob(f"*/{_commit(root)[:8]}-{kind}-*.json"):
        results = _json(path).get("results")
        out.update(results if isinstance(results, dict) else {})
    return out


def _last_seconds(root: Path, name: str) -> float | None:
    """How long a suite took when it was last measured: its `setup_cache` and all benchmarks."""
    files = sorted((root / "results").glob("*/*-*.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(files):
        data = _json(path)
        try:
            position = data["result_columns"].index("duration")
            own = [row[position] for key, row in data["results"].items() if key.startswith(name + ".")]
            cached = [s for key, s in data["durations"].items() if key.startswith(f"<setup_cache {name}:")]
            if own:
                return sum(own) + sum(cached)
        except (KeyError, ValueError, IndexError, TypeError, AttributeError):
            continue  # not a complete file of results
    return None


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _tail(output: str, lines: int = 15) -> str:
    return "\n".join(output.strip().splitlines()[-lines:])
