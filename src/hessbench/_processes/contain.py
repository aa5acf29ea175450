"""Running a process of ours so that nothing it does can reach this one: the side that asks (`supervisor` is the other).

The process gets a folder of its own for temporary files, which is removed behind it, and a mark in its environment, by
which its descendants are found even if the supervisor was killed or the system knows no subreapers.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._errors import HessbenchError

SUPERVISOR = Path(__file__).with_name("supervisor.py")
MARK = "HESSBENCH_CONTAINED"
GRACE = 3.0  # seconds beyond the limit that a supervisor is waited for
REFUSED = "refused"  # said by a fork server that must not fork


@dataclass(frozen=True)
class Ended:
    """How a contained process ended: complete `lines` that it reported, and `why`.

    `why`: `done`, it said so; `exit`, by itself, with `status` (negative: killed by that signal); `limit`, it was killed for
    time; `lost` or `asked`, its supervisor was killed, or told to end by somebody else. `processes`: names of those
    that it left; `files`: what it left in its folder for temporary files.
    """

    lines: tuple[str, ...]
    why: str
    status: int
    processes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Supervised:
    """A running supervisor, and the `folder` of the process below it; closing `asking` ends all of it."""

    process: subprocess.Popen[bytes]
    folder: Path
    asking: int


@contextlib.contextmanager
def supervised(
    command: Sequence[str],
    *,
    limit: float = 0.0,
    gentle: float = 0.0,
    records: bool = False,
    request: bytes = b"",
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    keep: Sequence[int] = (),
) -> Iterator[Supervised]:
    """Start `command` under a supervisor; at the end of the block nothing of it is left, however the block ends.

    `limit`: seconds, 0 for none; `gentle`: seconds that it gets after SIGINT when the block ends before it. Standard output
    of the supervisor is a pipe: with `records` the lines that are reported, else all output of `command`. `request` stands
    in the file `request` of the folder. `command` inherits the descriptors `keep` under their numbers.
    """
    folder = folder_with(request)
    read, write = os.pipe()
    try:
        settings = [folder, limit, gentle, read, os.getpid(), int(records)]
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), *map(str, settings), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if records else subprocess.STDOUT,
            pass_fds=(read, *keep),
            start_new_session=True,  # Ctrl-C ends it from here
            env={**(os.environ if environment is None else environment), "TMPDIR": str(folder), MARK: folder.name},
            cwd=cwd,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(write)
        raise
    finally:
        os.close(read)
    try:
        yield Supervised(process, folder, write)
    finally:
        os.close(write)
        try:
            _finish(process, gentle + GRACE)
        finally:
            if process.returncode < 0 or sys.platform != "linux":
                sweep(folder.name)
            remove(folder)


def folder_with(request: bytes, within: Path | None = None) -> Path:
    """A new folder for temporary files with the file `request`, in the folder `within`, by default that for temporary files.

    Raises `HessbenchError` where there is no room for one.
    """
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="hessbench-", dir=within))
        (folder / "request").write_bytes(request)
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        why = (error.strerror or type(error).__name__).lower()
        raise HessbenchError(
            f"No process can be started: nothing can be written to the temporary folder: {why}."
        ) from error
    return folder


def _finish(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for a supervisor, and kill one that does not end."""
    try:
        process.wait(seconds)
    except BaseException as error:
        process.kill()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def contained(
    command: Sequence[str], request: Mapping[str, Any], limit: float, environment: Mapping[str, str] | None = None
) -> Ended:
    """Run `command`, which finds `request` as JSON in the file `request` of its folder `TMPDIR`, for `limit` seconds.

    Its last argument will be the descriptor on which it reports lines `{"stage": ...}`. Returns within `limit` seconds and a
    few, whatever the process does; nothing of it is left then.
    """
    text, packed = b"", json.dumps(request).encode()
    with supervised(command, limit=limit, records=True, request=packed, environment=environment) as below:
        assert below.process.stdout is not None
        text, complete = read_until(below.process.stdout.fileno(), time.monotonic() + limit + GRACE)
        files = left_in(below.folder)
    return ended_from(text, complete, below.process.returncode, files)


def ended_from(text: bytes, complete: bool, status: int, files: tuple[str, ...]) -> Ended:
    """How a process ended from what its supervisor wrote, which is `complete` unless it had not ended in time."""
    *lines, last = text.decode(errors="replace").splitlines() or [""]
    if not complete:  # the supervisor was stopped, or the machine is very slow
        return Ended((*lines, last), "limit", status, (), files)
    if not last.startswith('{"ended": '):
        return Ended((*lines, last), "lost", status, (), files)
    said = json.loads(last)
    return Ended(tuple(lines), said["ended"], said["status"], tuple(said["left"]), files)


def read_until(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """Everything written to `descriptor` until its other end is closed (second value true), or until the deadline."""
    chunks: list[bytes] = []
    poll = select.poll()  # `select.select` fails for descriptors from 1024 on
    poll.register(descriptor, select.POLLIN)
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return b"".join(chunks), False
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return b"".join(chunks), True
        chunks.append(chunk)


def left_in(folder: Path) -> tuple[str, ...]:
    """Names of what stands in `folder` beside the request."""
    with contextlib.suppress(OSError):
        return tuple(sorted(path.name for path in folder.iterdir() if path.name != "request"))
    return ()


def remove(folder: Path) -> None:
    """Remove a folder with what was left in it, whatever its permissions."""
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def sweep(mark: str, seconds: float = GRACE) -> list[int]:
    """Kill every process whose environment carries `mark`; those that are still there after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = marked(mark)
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.02)


def marked(mark: str) -> list[int]:
    """Processes below a supervisor whose folder is called `mark`, wherever they hang in the tree of processes."""
    import psutil

    found = []
    for process in psutil.process_iter(["environ", "status"]):
        environ = process.info["environ"] or {}
        if environ.get(MARK) == mark and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found
