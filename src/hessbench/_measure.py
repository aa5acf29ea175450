"""Measure one case in a fresh process with hard limits, so that nothing it does can reach the others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ._api import resolve
from ._errors import HessbenchError, InvalidInput, Unavailable
from ._gate_points import drawn_points, first_kept, run_seed
from ._problem import Problem
from ._record import Case, Record, arguments_json
from ._reference import content_key, is_cached, points
from ._registry import build_problem, find, load_file, problems
from ._strategy import Strategy

ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
REFERENCE_LIMIT = 900.0
_TRIED: set[tuple[str, int]] = set()  # problems and seeds whose references were asked for, found or not
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"


def measure(
    case: Case,
    *,
    time_limit: float = 120.0,
    memory_limit_mib: int | None = 8192,
    budget: float = 1.0,
    gate_seed: int | None = None,
) -> Record:
    """Run `case` in a child process and return one flat record, whatever happens to the child.

    The child is killed with its whole process group after `time_limit` seconds, and may allocate `memory_limit_mib` MiB on
    top of its imports. Repeated calls are timed for about `budget` seconds, on one thread. `gate_seed` sets the drawn point
    where the gate compares, too (default: that of this run, `run_seed`), and is kept in the record.
    Raises `InvalidInput` for a case that names no known problem or strategy; everything later is a status of the record.
    """
    if time_limit <= 0 or budget < 0:
        raise InvalidInput(f"`time_limit` is {time_limit} s and `budget` {budget} s; expected positive numbers.")
    if gate_seed is not None and gate_seed < 0:
        raise InvalidInput(f"`gate_seed` is {gate_seed}; expected a number that is not negative.")
    early = refuse_early(case)
    if early is not None:
        return early
    seed = run_seed() if gate_seed is None else gate_seed
    request = {"case": asdict(case), "memory_limit_mib": memory_limit_mib, "budget": budget, "gate_seed": seed}
    problem = problem_of(case)
    candidates = drawn_points(problem, seed)
    drawn, there = first_kept(problem, candidates), all(is_cached(problem, x) for x in points(problem))
    attempt = (content_key(problem, problem.x0), seed)
    if not there or (drawn is None and attempt not in _TRIED):
        tried = {**request, "only_reference": True, "drawn": [x.tolist() for x in candidates]}
        made = _run_child(tried, REFERENCE_LIMIT)
        stage, record = _last(made[0], case)
        there = all(is_cached(problem, x) for x in points(problem))
        if stage != "done" and not there:
            return _cut_short(record, "while its reference was computed", REFERENCE_LIMIT, *made[1:])
        if record.message and not there:
            return record
        drawn = first_kept(problem, candidates)
        _TRIED.add(attempt)
    request["drawn"] = None if drawn is None else drawn.tolist()
    lines, returncode, timed_out = _run_child(request, time_limit)
    stage, record = _last(lines, case)
    if stage == "done":
        return record
    return _cut_short(
        record, f"after the stage {stage!r}" if stage else "at its start", time_limit, returncode, timed_out
    )


def _cut_short(record: Record, when: str, limit: float, returncode: int, timed_out: bool) -> Record:
    """The record of a child that did not come to its end."""
    record = record.without_times()
    if timed_out:
        return replace(record, status="timeout", message=f"stopped at {limit:g} s, {when}")
    if returncode < 0:
        name = signal.Signals(-returncode).name
        return replace(record, status="failed", message=f"the process was killed by {name} {when}")
    return replace(record, status="failed", message=f"the process ended with exit status {returncode} {when}")


def refuse_early(case: Case) -> Record | None:
    """The record of a case that needs no process: a refused problem or a missing package. `None` for all others."""
    problem = problem_of(case)
    record = replace(blank(case, "failed"), size=problem.size, dim=problem.dim)
    try:
        strategy, backend = resolve(strategy_of(case), case.backend)
    except Unavailable as error:
        return replace(record, status="unavailable", message=str(error))
    reason = strategy.why_not(problem)
    if reason is not None:
        return replace(record, backend=backend, status="unsupported", message=reason)
    return None


def problem_of(case: Case) -> Problem:
    """The problem that a case names: a registered name, or a file that defines `problem`."""
    if case.problem.endswith(".py"):
        found = load_file(case.problem)[1]
        if not found:
            raise InvalidInput(
                f"{case.problem} defines no problem: write `problem = Problem(...)` or `def problem(n):`."
            )
        plugin = next(iter(found.values()))
    else:
        plugin = find(problems(), case.problem, "problem")
    problem = build_problem(plugin.name, plugin.load(), case.arguments)
    problem.validate()
    return problem


def strategy_of(case: Case) -> str | Strategy:
    """The strategy that a case names: a registered name, or a file with one strategy (`file.py`, `file.py/variant`)."""
    if ".py" not in case.strategy:
        return case.strategy
    path, _, variant = case.strategy.partition(".py")
    found = load_file(path + ".py")[0]
    wanted = Path(path).name.replace("_", "-") + variant
    return find(found, wanted, "strategy").load()


def blank(case: Case, status: str) -> Record:
    """A record that knows only its case."""
    return Record(
        problem=case.problem,
        arguments=arguments_json(case.arguments),
        size=None,
        dim=None,
        strategy=case.strategy,
        backend=case.backend,
        rtol=case.rtol,
        atol=case.rtol if case.atol is None else case.atol,
        method=case.method,
        status=status,
    )


def child_environment() -> dict[str, str]:
    """This process's environment, with one thread for every library."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} {XLA_ONE_THREAD}".strip()
    return {**os.environ, **ONE_THREAD, "XLA_FLAGS": flags}


def _run_child(request: dict[str, Any], time_limit: float) -> tuple[list[str], int, bool]:
    """Lines the child reported, its exit status, and whether it had to be killed for time."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "hessbench._child", str(write_end)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(write_end,),
        start_new_session=True,
        env=child_environment(),
    )
    os.close(write_end)
    timed_out = False
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a child that died at once: its exit status tells
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
        text, timed_out = _read_until(read_end, time.monotonic() + time_limit)
        if not timed_out:
            process.wait()
    finally:
        _kill_group(process)
        os.close(read_end)
    return text.decode(errors="replace").splitlines(), process.returncode, timed_out


def _read_until(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    """Everything written to `descriptor` until its other end is closed, or until the deadline (second value true)."""
    import select

    chunks = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return b"".join(chunks), True
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return b"".join(chunks), False
        chunks.append(chunk)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last(lines: list[str], case: Case) -> tuple[str, Record]:
    """The last complete stage line, with its record."""
    for line in reversed(lines):
        try:
            data: dict[str, Any] = json.loads(line)
            return data["stage"], Record.from_json(data["record"])
        except (ValueError, KeyError, HessbenchError):
            continue  # a line cut off by a kill
    return "", blank(case, "failed")
