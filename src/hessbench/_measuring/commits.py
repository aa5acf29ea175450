"""Two commits measured side by side: the same cases by turns on one machine, so that its load falls on both alike.

Each commit is exported into a folder of its own and found there before what is installed (`PYTHONPATH`); both run on the
same Python with the same packages. A round measures every case once with each commit, in processes of their own; who
comes first changes from round to round. The ratio of a round is paired: what lasts longer than a round cancels.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._errors import HessbenchError, InvalidInput
from .provenance import commit_of, git
from .record import Case, Record

HERE = "."  # instead of a commit: what is installed, with its changes


@dataclass(frozen=True)
class Version:
    """One of the two: its name as given, its commit (empty for what is installed) and where Python finds it."""

    name: str
    commit: str
    path: Path | None


@dataclass(frozen=True)
class Pair:
    """One case in one round: a record of each version."""

    case: Case
    before: Record
    after: Record

    @property
    def ratio(self) -> float | None:
        """Median time after over before; `None` unless both are right."""
        a, b = self.before.median_s, self.after.median_s
        return None if a is None or b is None else b / a


def export(root: Path, name: str, folder: Path) -> Version:
    """The version called `name` (a commit, branch or tag of the checkout `root`) in the empty `folder`.

    Raises `InvalidInput` for what git does not know, or what is no hessbench.
    """
    if name == HERE:
        return Version(name, "", None)
    commit = commit_of(root, name)
    if not commit:
        raise InvalidInput(f"{name!r} is no commit, branch or tag of {root}. Write {HERE!r} for what is installed.")
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "--format=tar", commit))) as archive:
        archive.extractall(folder, filter="data")
    try:
        options = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        places: dict[str, str] = options["tool"]["setuptools"]["package-dir"]
        package = folder / places["hessbench"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"{name!r} holds no hessbench: its `pyproject.toml` does not say where the package is."
        ) from None
    for module, place in places.items():
        if module.startswith("hessbench."):
            (package / module.partition(".")[2]).symlink_to(folder / place, target_is_directory=True)
    return Version(name, commit, package.parent)


def rounds(
    versions: Sequence[Version], cases: Sequence[Case], count: int, *, budget: float, time_limit: float, gate_seed: int
) -> Iterator[Pair]:
    """Measure every case with both versions `count` times, by turns; yield each pair as it is complete."""
    yield from by_turns(
        cases, count, [lambda case, v=v: measured(v, case, budget, time_limit, gate_seed) for v in versions]
    )


def by_turns(cases: Sequence[Case], count: int, ways: Sequence[Callable[[Case], Record]]) -> Iterator[Pair]:
    """`rounds` for two ways to measure a case. A case that is not right in a round is not measured again."""
    able = list(cases)
    for turn in range(count):
        for case in list(able):
            found: list[Record | None] = [None, None]
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                found[which] = ways[which](case)
            before, after = found
            assert before is not None and after is not None
            if before.status != "ok" or after.status != "ok":
                able.remove(case)
            yield Pair(case, before, after)


def measured(version: Version, case: Case, budget: float, time_limit: float, gate_seed: int) -> Record:
    """The record of one case by one version, in processes of its own. Raises `HessbenchError` if there is none."""
    command = [sys.executable, "-m", "hessbench", "compare", case.problem, "-s", case.label, "--json"]
    for key, value in case.arguments.items():
        command += ["--set", f"{key}={value}"]
    command += [f"--rtol={case.rtol!r}", f"--method={case.method}", f"--budget={budget!r}"]
    command += [f"--time-limit={time_limit!r}", f"--gate-seed={gate_seed}"]
    place = {} if version.path is None else {"PYTHONPATH": str(version.path)}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **place}, check=False)
    try:
        (record,) = json.loads(done.stdout)
        return Record.from_json(record)
    except (ValueError, TypeError, KeyError, HessbenchError):
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise HessbenchError(
            f"{version.name} does not measure {case.label} on {case.problem_label}: {said[0]}"
        ) from None
