"""Who measured what, where and when: what a stored record carries beside the record."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def provenance(suite: str, command: str, root: Path) -> dict[str, object]:
    """Machine, processor, system, Python, commit of the checkout `root`, whether that is modified, and the command."""
    commit = os.environ.get("ASV_COMMIT")  # set when asv installed the package itself
    dirty = False
    if commit is None:
        commit = _git(root, "rev-parse", "HEAD") or "unknown"
        changes = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "src", "strategies", "problems")
        dirty = bool(changes)
    return {
        "suite": suite,
        "machine": platform.node(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit,
        "dirty": dirty,
        "command": command,
    }


def cpu() -> str:
    """The processor's name, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def now() -> str:
    """The present moment in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
