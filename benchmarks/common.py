"""What the suites compare, and how a suite turns cases into records. Nothing here depends on what is installed.

A suite measures in one `setup_cache`: every case in a child process of its own, behind the correctness gate. Its
`track_` benchmarks only read. asv stores numbers alone, so the full records, with the message that says why a case has
no time, are appended to `results/records/` as they are made: an interruption loses the case in progress and no other.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path

from hessbench import STATUSES, Case, measure, strategies
from hessbench._provenance import now, provenance

ROOT = Path(__file__).resolve().parents[1]
LARGE = bool(os.environ.get("HESSBENCH_LARGE"))
HALF_HOUR = 1800
UNITS = {"status": "code", "peak_mib": "MiB", "rhs": "evaluations"}


def contenders():
    """`strategy@backend` for every file of the strategies folder, whether its backend is installed or not."""
    return [f"{p.name}@{b}" for p in strategies().values() if Path(p.origin).is_file() for b in _backends(p)]


def plain():
    """The contenders that are no variant of another."""
    return [name for name in contenders() if "/" not in name]


def _backends(plugin):
    return plugin.target.backends if plugin.target is not None else ("numpy",)


def labels(problems):
    """asv parameters of `(name, arguments)` pairs, as `name(key=value)`."""
    return [Case(name, "", arguments=arguments).problem_label for name, arguments in problems]


def cases(problems, tolerances, names):
    """All cases of a grid by their asv parameters (problem, contender, rtol), in the order they are measured."""
    out = {}
    for label, (name, arguments) in zip(labels(problems), problems, strict=True):
        for rtol in tolerances:
            for contender in names:
                strategy, _, backend = contender.partition("@")
                out[label, contender, rtol] = Case(name, strategy, backend, arguments, rtol)
    return out


def measure_all(suite, grid, **limits):
    """Measure every case of `grid`, a dictionary; return `{key: record}` and keep each record on disk at once.

    `HESSBENCH_ONLY`, a regular expression, limits it to some cases: `HESSBENCH_ONLY=mine asv run -b "smoke.*mine"`.
    """
    only = re.compile(os.environ.get("HESSBENCH_ONLY", ""))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # how asv stops it: the case in progress is to be stopped too
    run = provenance(suite, f"asv run --bench {suite}", ROOT)
    folder = Path(os.environ.get("HESSBENCH_RESULTS", ROOT / "results")) / "records"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run['machine']}-{run['commit'][:8]}-{suite}.jsonl"
    records = {}
    with path.open("a", encoding="utf-8") as file:
        for key, case in grid.items():
            if not only.search(" ".join(map(str, key))):
                continue
            record = measure(case, **limits)
            records[key] = record
            file.write(json.dumps({"run": {**run, "date": now()}, "record": record.to_json()}) + "\n")
            file.flush()
    return records


def stored(records, key, field):
    """A field of the record of one case, the status as a code; what was not measured is shown as `n/a` by asv.

    (`number`, a better name, is taken: asv reads a module's `number` as an option.)
    """
    from asv_runner.benchmarks.mark import SkipNotImplemented

    value = getattr(records[key], field) if key in records else None
    if value is None:
        raise SkipNotImplemented(records[key].message if key in records else "not asked for")
    return STATUSES.index(value) if field == "status" else value


def declared(suite):
    """A class decorator: version (asv's own sees neither parameters nor plugins) and unit of every benchmark."""
    for name, function in vars(suite).items():
        kind, _, field = name.partition("_")
        if kind in ("time", "track"):
            function.version = "1"
        if kind == "track":
            function.unit = UNITS.get(field, "seconds" if field.endswith("_s") else "relative")
    return suite
