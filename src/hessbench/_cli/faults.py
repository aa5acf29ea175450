"""`hessbench check --faults`: each fault, what became of it, and what of it survived."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from .._measuring.faults import Row, strategy_faults
from .._measuring.faults_around import cache_faults, plugin_faults, run_faults, signal_faults
from .._measuring.faults_files import asv_faults, file_faults


def check_faults(as_json: bool) -> int:
    """Commit the faults and print the table; the exit status, 1 if one was not contained."""
    rows: list[Row] = []
    if not as_json:
        print(f"{'':4}  {'fault':44} {'status':8} {'seconds':>7}  survived", flush=True)
    for row in all_faults():
        rows.append(row)
        if not as_json:
            mark, survived = "ok  " if row.passed else "FAIL", ", ".join(row.survived) or "-"
            why = "" if row.passed else f"  ({row.message})"
            print(f"{mark}  {row.fault:44} {row.status:8} {row.seconds:7.1f}  {survived}{why}", flush=True)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    broken = sum(not row.passed for row in rows)
    if not as_json:
        print(f"{len(rows) - broken} faults contained, {broken} not")
    return int(broken > 0)


def all_faults() -> Iterator[Row]:
    """Faults of strategies, of plugin files, of signals and limits, of files in the cache, of disks and of names."""
    for part in (strategy_faults, plugin_faults, signal_faults, run_faults, asv_faults, cache_faults, file_faults):
        with tempfile.TemporaryDirectory(prefix="hessbench-faults-") as folder:
            yield from part(Path(folder))
