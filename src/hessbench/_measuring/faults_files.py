"""Faults of files: a full disk, a cache that takes nothing, names that are long or that a spreadsheet would run.

A full disk is a limit on the size of files (RLIMIT_FSIZE) of the command alone: writing beyond it fails as on a full disk.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from .faults import SOURCE, Row, processes_with, temporary_folder
from .faults_around import ASK, SUITE, repository

CLOSE = 1e-6  # relative difference of Hessians of the compiled and the NumPy form
REPORTS = ("pandas", "pyarrow", "plotly", "matplotlib", "jinja2")


LIMITED = (
    "import os, resource, sys; room = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


def file_faults(folder: Path) -> Iterator[Row]:
    """Full disks, caches without room, hostile names; those of reports only where reports can be made."""
    environment = {**os.environ, "HESSBENCH_CACHE": str(folder / "cache")}
    yield _no_room_for_the_cache(folder, environment)
    yield _no_room_for_records(folder, environment, 20_012, "full disk: records of compare")
    yield _no_room_for_records(folder, environment, 0, "full disk: all of compare")
    if all(find_spec(name) for name in REPORTS):
        yield _no_room_for_a_page(folder, environment)
        for name in ("=1+1 [red]\x1b[31m", "+" + "x" * 239):
            yield _named(folder, name, environment)


def _hessbench(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, room: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command, whose files may have `room` bytes each."""
    command = [sys.executable, "-W", "ignore", *arguments]
    if room is not None:  # set by a process of its own: a fork of this one is not safe beside threads
        command = [sys.executable, "-c", LIMITED, str(room), *command]
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
    )  # fmt: skip


def _row(
    fault: str, done: subprocess.CompletedProcess[str], start: float, survived: Sequence[str], passed: bool
) -> Row:
    calm = "Traceback" not in done.stderr + done.stdout
    seconds = time.monotonic() - start
    return Row(fault, f"exit {done.returncode}", done.stderr[-200:], seconds, tuple(survived), passed and calm)


def _no_room_for_the_cache(folder: Path, environment: Mapping[str, str]) -> Row:
    """Without room there is neither a kept kernel nor a new one; the Hessian is that of the NumPy form."""
    right = json.loads(_hessbench(["-c", ASK], environment, folder).stdout)
    start = time.monotonic()
    done = _hessbench(["-c", ASK], {**environment, "HESSBENCH_CACHE": str(folder / "full")}, folder, room=0)
    found = json.loads(done.stdout or "[]")
    size = max(abs(x) for row in right for x in row)
    pairs = [(a, b) for one, other in zip(right, found, strict=False) for a, b in zip(one, other, strict=True)]
    close = len(found) == len(right) and all(abs(a - b) <= CLOSE * size for a, b in pairs)
    left = [p.name for p in (folder / "full").rglob("*") if p.is_file() and p.stat().st_size and p.suffix == ".so"]
    return _row("full disk: cache", done, start, left, done.returncode == 0 and close)


def _no_room_for_records(folder: Path, environment: Mapping[str, str], room: int, fault: str) -> Row:
    """`compare -o` leaves the file as it was, shows what it has if there was room to measure, and says what failed."""
    there = folder / f"records{room}"
    there.mkdir()
    old, before = there / "old.jsonl", "x" * 20_000 + '\n{"cut off": '
    old.write_text(before)
    command = ["-m", "hessbench", "compare", "random-quadratic", "-n", "3", "-s", "hand-adjoint@numpy", "-o", str(old)]
    start = time.monotonic()
    done = _hessbench([*command, "--budget", "0"], environment, folder, room)
    left = sorted(path.name for path in there.iterdir() if path != old)
    shown = "hand-adjoint" in done.stdout or room < len(before)
    return _row(fault, done, start, left, old.read_text() == before and shown and done.returncode == 1)


def _no_room_for_a_page(folder: Path, environment: Mapping[str, str]) -> Row:
    """`report` refuses and leaves the old page."""
    there = folder / "page"
    there.mkdir()
    page, records = there / "r.html", there / "records.jsonl"
    command = ["-m", "hessbench", "compare", "random-quadratic", "-n", "3", "-s", "hand-adjoint@numpy", "--budget", "0"]
    _hessbench([*command, "-o", str(records)], environment, folder)
    page.write_text("old")
    start = time.monotonic()
    command = ["-m", "hessbench", "report", str(records), "--out", str(page), "--no-bounds"]
    done = _hessbench(command, environment, folder, room=1000)
    left = sorted(path.name for path in there.iterdir() if path not in (page, records))
    kept = page.read_text() == "old" and records.stat().st_size > 100
    return _row("full disk: page of report", done, start, left, kept and done.returncode == 1)


def _named(folder: Path, name: str, environment: Mapping[str, str]) -> Row:
    """A strategy in a file of that name: a row of the table as text, and the same after two exports."""
    there = folder / f"named{uuid.uuid4().hex[:8]}"
    there.mkdir()
    (there / f"{name}.py").write_text(SOURCE.format(mark="named", body="    pass"), encoding="utf-8")
    start = time.monotonic()
    command = ["compare", "random-quadratic", "-n", "3", "-s", f"./{name}.py", "-o", "r.jsonl", "--budget", "0"]
    command += ["-s", "hand-adjoint"]  # a right one, for the exit status
    steps = [command, *(["report", a, "--out", "r.html", "--no-bounds", "--export", b] for a, b in EXPORTS)]
    record = there / "r.jsonl"
    done = _hessbench(["-m", "hessbench", *steps[0]], environment, there)
    text = record.read_text(encoding="utf-8") if record.exists() else ""
    record.write_text(text.replace(f'"strategy": "./{name}', f'"strategy": "{name}'), encoding="utf-8")
    for step in steps[1:]:
        last = _hessbench(["-m", "hessbench", *step], environment, there)
        done = last if done.returncode == 0 else done
    cells = [_cells(there / path) for _, path in EXPORTS]
    safe = all(
        not cell.startswith(("=", "+", "-", "@")) or _is_number(cell)
        for table in cells
        for row in table
        for cell in row
    )
    shown = name[:20].encode("unicode_escape").decode() if "\x1b" in name else name[:20]
    passed = done.returncode == 0 and safe and cells[0] == cells[1] != [] and shown[1:8] in text
    return _row(f"name: {shown}", done, start, (), passed)


EXPORTS = (("r.jsonl", "one.csv"), ("one.csv", "two.csv"))


def _cells(path: Path) -> list[list[str]]:
    """The table in a file, without the column that names where a row was read."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "source"} for row in csv.DictReader(file)]
    return [list(row.values()) for row in rows]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def asv_faults(folder: Path) -> Iterator[Row]:
    """asv's own limit of a case, shorter than ours: asv ends the case, and nothing of it is left. Nothing without asv."""
    if find_spec("asv") is None or shutil.which("git") is None:
        return
    mark = f"fault{uuid.uuid4().hex[:12]}"
    path, root = folder / "hangs.py", folder / "repository"
    body = "    subprocess.Popen(SLEEP, start_new_session=True); hang()"
    path.write_text(SOURCE.format(mark=mark, body=body), encoding="utf-8")
    repository(root, SUITE.format(path=str(path)).replace("timeout = 600.0", "timeout = 5.0"))
    environment = {**os.environ, "HOME": str(folder)}
    with temporary_folder(folder / "tmp") as left:
        start = time.monotonic()
        done = _hessbench(["-m", "hessbench", "run"], {**environment, "TMPDIR": str(folder / "tmp")}, root)
        survived = processes_with(mark, str(root), str(folder / "tmp"))
    named = [*survived, *(name for name in left if name.startswith("hessbench-"))]
    yield _row("asv: its own limit", done, start, named, done.returncode == 1)
