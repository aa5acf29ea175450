"""What the suites compare, and how a suite turns cases into records. What is installed can add to it and never removes.

A suite measures in one `setup_cache`: every case in a child process of its own, behind the correctness gate. Its
`track_` benchmarks only read. asv stores numbers alone, so the full records, with the message that says why a case has
no time, are appended to `results/records/` as they are made: an interruption loses the case in progress and no other.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from hessbench import Case, strategies
from hessbench._measuring.grid import Store, measure_grid
from hessbench._measuring.measure import child_environment
from hessbench._measuring.provenance import provenance
from hessbench._measuring.statuses import status

ROOT = Path(__file__).resolve().parents[1]
LARGE = bool(os.environ.get("HESSBENCH_LARGE"))
HALF_HOUR = 1800
LIMITS = {"time_limit": 15.0, "budget": 0.2}  # seconds, of a process and of repeated calls
LARGE_LIMITS = {"time_limit": 300.0, "budget": 0.2}
STIFF = (
    "implicit-adjoint",
    "cvodes-adjoint",
    "casadi-integrator/bdf",
    "diffrax-adjoint/kvaerno5",
    "discrete-adjoint",
)
UNITS = {
    **{"status": "code", "peak_mib": "MiB", "rhs": "evaluations", "steps": "steps"},
    **{
        "ratio": "rows / one pass",
        "ratio_by_n": "rows / one pass / N",
        "framework": "framework / NumPy",
        "share": "of 1",
    },
}


def contenders():
    """`strategy@backend` for every file of the strategies folder, whether its backend is installed or not.

    Behind them those that other installed packages add by entry points, unless they cannot be loaded.
    """
    own = [p for p in strategies().values() if Path(p.origin).is_file()]
    added = [p for p in strategies().values() if not Path(p.origin).is_file() and p.error is None]
    return [f"{p.name}@{b}" for p in own + added for b in _backends(p)]


def plain():
    """The contenders that are no variant of another."""
    return [name for name in contenders() if "/" not in name]


def variants():
    """The contenders that are a variant of another."""
    return [name for name in contenders() if "/" in name]


def stiff():
    """The contenders that are meant for stiff problems, and the default strategy, which is not."""
    return [name for name in contenders() if name.partition("@")[0] in STIFF]


def _backends(plugin):
    return plugin.backends or ("numpy",)


def labels(problems):
    """asv parameters of `(name, arguments)` pairs, as `name(key=value)`."""
    return [Case(name, "", arguments=arguments).problem_label for name, arguments in problems]


def cases(problems, tolerances, names, method=None):
    """All cases of a grid by their asv parameters (problem, contender, rtol[, method]), in the order they are measured."""
    out = {}
    for label, (name, arguments) in zip(labels(problems), problems, strict=True):
        for rtol in tolerances:
            for contender in names:
                strategy, _, backend = contender.partition("@")
                case = Case(name, strategy, backend, arguments, rtol, method=method or "DOP853")
                out[(label, contender, rtol, *([method] if method else []))] = case
    return out


def store(suite):
    """Where the records of a suite are kept: `results/records/`, or below `HESSBENCH_RESULTS`.

    Records younger than `HESSBENCH_SINCE` (a moment in UTC; by default 24 hours ago) are used and not measured again.
    """
    folder = Path(os.environ.get("HESSBENCH_RESULTS") or ROOT / "results") / "records"
    return Store(folder, provenance(suite, f"asv run --bench {suite}", ROOT), os.environ.get("HESSBENCH_SINCE"))


def measure_all(suite, grid, **limits):
    """Measure every case of `grid`, a dictionary; return `{key: record}` and keep each record on disk at once.

    `HESSBENCH_ONLY`, a regular expression, limits it to some cases: `HESSBENCH_ONLY=mine asv run -b "smoke.*mine"`. The others
    keep what was measured of them at this commit, so that asv does not store `n/a` over it.
    """
    stoppable()
    only, kept = re.compile(os.environ.get("HESSBENCH_ONLY", "")), store(suite)
    asked = {key: case for key, case in grid.items() if only.search(" ".join(map(str, key)))}
    before = {key: kept.last(case) for key, case in grid.items() if key not in asked}
    records, keys = {}, {id(case): key for key, case in asked.items()}
    progress(0, len(asked))
    for case, record in measure_grid(asked.values(), kept, **limits):
        records[keys[id(case)]] = record
        progress(len(records), len(asked))
    return records | {key: record for key, record in before.items() if record is not None}


def stoppable():
    """Turn the signal by which asv stops a `setup_cache` into an exit, so that the case in progress is stopped too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def progress(done, total):
    """Tell `hessbench run` how far a suite is."""
    path = os.environ.get("HESSBENCH_PROGRESS")
    if path:
        Path(path).write_text(json.dumps({"done": done, "total": total}))


def stored(records, key, field):
    """A field of the record of one case, the status as a code; what was not measured is shown as `n/a` by asv.

    (`number`, a better name, is taken: asv reads a module's `number` as an option.)
    """
    from asv_runner.benchmarks.mark import SkipNotImplemented

    value = getattr(records[key], field) if key in records else None
    if value is None:
        raise SkipNotImplemented(records[key].message if key in records else "not asked for")
    return status(value).code if field == "status" else value


def ratio(records, key, other):
    """Ratio of the median times of two cases; skipped where one of them has none."""
    return stored(records, key, "median_s") / stored(records, other, "median_s")


def declared(suite):
    """A class decorator: version (asv's own sees neither parameters nor plugins) and unit of every benchmark."""
    for name, function in vars(suite).items():
        kind, _, field = name.partition("_")
        if kind in ("time", "track"):
            function.version = "1"
        if kind == "track":
            function.unit = UNITS.get(field, "seconds" if field.endswith("_s") else "relative")
    return suite


def cpu_seconds(run):
    """`[CPU seconds of a call]`; empty where the clock did not move, which is no time that a call can take."""
    start = time.process_time()
    run()
    seconds = time.process_time() - start
    return [seconds] if seconds > 0 else []


def by_turns(runs, seconds):
    """Lists of CPU times; every contender gets the same share of the clock, a fast one many runs in a row."""
    times = [[] for _ in runs]
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end or min(map(len, times)) < 5:
        if now > end + 10 * seconds + 60:
            raise RuntimeError("The clock of CPU time moves too rarely: give it calls that take longer.")
        for run, taken in zip(runs, times, strict=True):
            stop = time.perf_counter() + 0.02
            while True:
                taken += cpu_seconds(run)
                if time.perf_counter() > stop:
                    break
    return times


CHILD = """
import json, sys, time
start = time.process_time()
import hessbench
from hessbench import Case
from hessbench._measuring.child import counting_calls
from hessbench._measuring.measure import problem_of
case = Case(**json.loads(sys.argv[1]))
calls, problem = counting_calls(case.backend), problem_of(case)
run = hessbench.prepare(problem, case.strategy, backend=case.backend, rtol=case.rtol, method=case.named_method)
run.direct(problem.x0)
setup, count, times = time.process_time() - start, calls(), []
while len(times) < 3 or sum(times) < 0.3:
    start = time.process_time()
    run.direct(problem.x0)
    times.append(time.process_time() - start)
print(json.dumps([setup, count, min(times)]))
"""


def in_cpu_seconds(case):
    """`(set-up with the first Hessian, calls from NumPy into the framework, the least of some Hessians)` in a process of its
    own, in CPU seconds, which other programs lengthen little. Raises `RuntimeError` with the last words of one that fails.
    """
    command = [sys.executable, "-c", CHILD, json.dumps(asdict(case))]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment())
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no word"])[-1][:100])
    return json.loads(done.stdout.strip().splitlines()[-1])
