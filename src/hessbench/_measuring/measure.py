"""Measure one case in a fresh process with hard limits, so that nothing it does can reach the others."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .._errors import HessbenchError, InvalidInput, Unavailable
from .._judging.gate_points import run_seed
from .._model.problem import Problem
from .._plugins.describe import import_limit, known
from .._plugins.fit import fit
from .._plugins.plugin import Plugin
from .._plugins.prepare import resolve
from .._plugins.registry import build_problem, find, load_file, problems, problems_in, strategies
from .._plugins.strategy import Strategy
from .._processes.contain import Ended, contained
from .record import Case, Record, arguments_json

ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
REFERENCE_LIMIT = 900.0
_TRIED: set[tuple[str, int]] = set()  # problems and seeds whose references were asked for, found or not
Child = Callable[[dict[str, Any], float], Ended]  # the child process for a request, for so many seconds
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"


def measure(
    case: Case,
    *,
    time_limit: float = 120.0,
    memory_limit_mib: int | None = 8192,
    budget: float = 1.0,
    keep: Path | None = None,
    gate_seed: int | None = None,
    child: Child | None = None,
) -> Record:
    """Run `case` in a child process and return one flat record, whatever happens to the child.

    The child is ended after `time_limit` seconds, with everything that it started, and may allocate `memory_limit_mib` MiB
    on top of its imports. Repeated calls are timed for about `budget` seconds, on one thread.
    `gate_seed` sets the drawn point where the gate compares, too (default: that of this run, `run_seed`), and is kept in the
    record. Value, gradient and Hessian of a case that has no reference go to the file `keep`. `child` is where the child
    process comes from: by default a new one for each case.
    Raises `InvalidInput` for a case that names no known problem or strategy, or a problem that is none; everything later is
    a status of the record.
    """
    if time_limit <= 0 or budget < 0:
        raise InvalidInput(f"`time_limit` is {time_limit} s and `budget` {budget} s; expected positive numbers.")
    if gate_seed is not None and gate_seed < 0:
        raise InvalidInput(f"`gate_seed` is {gate_seed}; expected a number that is not negative.")
    if is_trusted(case):
        early = refuse_early(case)
        if early is not None:
            return early
    request = {"case": asdict(case), "memory_limit_mib": memory_limit_mib, "budget": budget, "known": known()}
    request["gate_seed"] = run_seed() if gate_seed is None else gate_seed
    request["keep"] = None if keep is None else str(keep)
    run = child or spawned
    ended = run(request, time_limit)
    stage, record = _last(ended.lines, case)
    if stage == "reference":  # it has none yet, and went no further
        made = run({**request, "only_reference": True}, REFERENCE_LIMIT)
        stage, record = _last(made.lines, case)
        if stage != "done":
            return _cut_short(record, "while its reference was computed", REFERENCE_LIMIT, made)
        if record.message and record.status != "unjudged":
            return record
        ended = run({**request, "has_reference": True}, time_limit)
        stage, record = _last(ended.lines, case)
    if stage == "invalid":
        raise InvalidInput(record.message)
    if stage != "done":
        return _cut_short(record, f"after the stage {stage!r}" if stage else "at its start", time_limit, ended)
    if ended.processes and record.status == "ok":
        left = f"it left processes running, which were ended: {', '.join(ended.processes[:5])}"
        record = replace(record, note=f"{record.note}; {left}" if record.note else left)
    return record


def is_trusted(case: Case) -> bool:
    """Whether the case's problem and strategy are both of this package, so that this process may load them.

    Raises `InvalidInput` for names and files that do not exist.
    """
    return strategy_plugin(case).trusted & problem_plugin(case).trusted


def _cut_short(record: Record, when: str, limit: float, ended: Ended) -> Record:
    """The record of a child that did not come to its end."""
    record = record.without_times()
    if ended.why == "limit":
        return replace(record, status="timeout", message=f"stopped at {limit:g} s, {when}")
    if ended.why == "done":
        return replace(record, status="failed", message=f"the process reported what is no record {when}")
    if ended.why != "exit":
        return replace(record, status="failed", message=f"the process that watches over it was ended {when}")
    if ended.status < 0:
        name = signal.Signals(-ended.status).name
        return replace(record, status="failed", message=f"the process was killed by {name} {when}")
    return replace(record, status="failed", message=f"the process ended with exit status {ended.status} {when}")


def refuse_early(case: Case) -> Record | None:
    """The record of a case that needs no reference: a refused problem or a missing package. `None` for all others."""
    problem = problem_of(case)
    record = replace(blank(case, "failed"), size=problem.size, dim=problem.dim)
    try:
        strategy, backend = resolve(strategy_of(case), case.backend, problem.written_in)
    except Unavailable as error:
        return replace(record, status="unavailable", message=str(error))
    reason = fit(problem, strategy, backend).reason
    if reason is not None:
        return replace(record, backend=backend, status="unsupported", message=reason)
    return None


def problem_of(case: Case) -> Problem:
    """The problem that a case names: a registered name, or a file that defines `problem`."""
    plugin = problem_plugin(case)
    problem = build_problem(plugin.name, plugin.load(), case.arguments)
    problem.validate()
    return problem


def outline(case: Case, child: Child | None = None) -> tuple[int, tuple[str, ...], str | None]:
    """The number of states of a case's problem, the names that its Hessian is by, and the one framework that it is written in.

    A problem that is not of this package is built in a child. Raises `InvalidInput` when it cannot be built.
    """
    if problem_plugin(case).trusted:
        problem = problem_of(case)
        return problem.dim, problem.wrt, problem.written_in
    request = {"case": asdict(case), "memory_limit_mib": None, "budget": 0.0, "known": known(), "only_problem": True}
    ended = (child or spawned)(request, import_limit())
    for line in ended.lines:
        said = json.loads(line)
        if said["stage"] == "done" and "outline" in said:
            dim, names, written_in = said["outline"]
            return dim, tuple(names), written_in
    record = _last(ended.lines, case)[1]
    why = record.message or _cut_short(record, "while it was built", import_limit(), ended).message
    raise InvalidInput(f"{case.problem}: {why}" if record.message == "" else why)


def problem_plugin(case: Case) -> Plugin:
    """What is known of the problem that a case names, without loading it; raises `InvalidInput` when there is none."""
    if not case.problem.endswith(".py"):
        return find(problems(), case.problem, "problem")
    return next(iter(problems_in(case.problem).values()))


def strategy_plugin(case: Case) -> Plugin:
    """What is known of the strategy that a case names, without loading it: a registered name, or a file with one strategy
    (`file.py`, `file.py/variant`). Raises `InvalidInput` when there is none.
    """
    if ".py" not in case.strategy:
        return find(strategies(), case.strategy.partition("@")[0], "strategy")
    path, _, variant = case.strategy.rpartition(".py")
    found = load_file(path + ".py")[0]
    return find(found, Path(path).name.replace("_", "-") + variant, "strategy")


def strategy_of(case: Case) -> str | Strategy:
    """The strategy that a case names, loaded if it is in a file."""
    return strategy_plugin(case).load() if ".py" in case.strategy else case.strategy


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


def spawned(request: dict[str, Any], time_limit: float) -> Ended:
    """A child in a process of its own from the start."""
    return contained([sys.executable, "-m", "hessbench._measuring.child"], request, time_limit, child_environment())


def _last(lines: Sequence[str], case: Case) -> tuple[str, Record]:
    """The last complete stage line, with its record."""
    for line in reversed(lines):
        try:
            data: dict[str, Any] = json.loads(line)
            return data["stage"], Record.from_json(data["record"])
        except (ValueError, KeyError, TypeError, RecursionError, HessbenchError):
            continue  # cut off by a kill, or not ours
    return "", blank(case, "failed")
