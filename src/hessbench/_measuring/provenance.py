"""Who measured what, where and when: what a stored record carries beside the record."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ..backends import distributions
from .machine import facts


def provenance(suite: str, command: str, root: Path) -> dict[str, object]:
    """The machine's `facts`, system, Python, commit of the checkout `root`, whether that is modified, a digest of the code
    that is measured (`sources`), and the command.
    """
    commit = os.environ.get("ASV_COMMIT")  # set when asv installed the package itself
    dirty = False
    if commit is None:
        commit = commit_of(root, "HEAD") or "unknown"
        changes = git(root, "status", "--porcelain", "--untracked-files=no", "--", "src", "strategies", "problems")
        dirty = bool(changes)
    return {
        "suite": suite,
        **facts(),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit,
        "dirty": dirty,
        "sources": sources(root / "benchmarks"),
        "command": command,
    }


def sources(*more: Path) -> str:
    """A digest of every Python file of the package, its problems and strategies as installed, and the folders `more`."""
    digest, folders = hashlib.sha256(), list(more)
    for name in ("hessbench", "hessbench.builtin_problems", "hessbench.builtin_strategies"):
        spec = find_spec(name)
        folders += map(Path, spec.submodule_search_locations or ()) if spec else ()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def versions(backend_name: str, packages: tuple[str, ...]) -> str:
    """`package version` of everything that a case runs on beside hessbench itself, separated by commas."""
    found = []
    for name in dict.fromkeys(["numpy", "scipy", *distributions(backend_name), *packages]):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def now() -> str:
    """The present moment in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def commit_of(root: Path, name: str) -> str:
    """The commit that git calls `name` in the checkout `root`; empty for none."""
    return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()


def git(root: Path, *arguments: str) -> bytes:
    """What a git command prints in `root`; nothing if it fails, is not there, or cannot be given such arguments."""
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
    except (OSError, ValueError, subprocess.CalledProcessError):
        return b""
