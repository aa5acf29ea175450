"""The measuring process: reads one case from its request, reports each stage as a line of JSON on descriptor `argv[1]`.

Run by `measure`, never imported by it. Stages: `reference` (it has to be
computed first) or `loaded`, `imported`, `prepared`, `called`, `judged`, `timed`, `done`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .._errors import HessbenchError, InvalidInput, Mistake, NoReference, Unavailable, Unsupported
from .._judging.gate import judge
from .._judging.gate_points import drawn_points, first_kept, first_with_reference, settled
from .._judging.reference import points, reference
from .._judging.unjudged import unjudged
from .._judging.watch import Watch, targets
from .._model.result import Result
from .._plugins.describe import seed
from .._plugins.own_functions import at_line, suspect
from .._plugins.prepare import Prepared, prepare, resolve
from .._processes.within import limit_memory, report_line, status_kib
from .measure import blank, problem_of, refuse_early, strategy_of
from .provenance import versions
from .record import MISTAKE, Case, Record

AGAIN = 0.1  # seconds that calls at random points behind the timed ones may take


def main(out: int, imported: float = 0.0) -> None:
    """Measure the case of the request, and report on the descriptor `out`. The exit status is 0 whenever a record was
    written. `imported`: seconds that a fork server has spent on importing the backend.
    """
    request = json.loads(Path(os.environ["TMPDIR"], "request").read_bytes())
    case, memory_mib, budget = Case(**request["case"]), request["memory_limit_mib"], request["budget"]
    seed(request["known"])
    record = blank(case, "failed")
    problem: Any = None

    def report(stage: str, record: Record) -> None:
        report_line(out, {"stage": stage, "record": record.to_json()})

    def run() -> None:
        nonlocal record
        try:
            drawn = first_kept(problem, candidates)
            for stage, record in stages(case, memory_mib, budget, request["gate_seed"], drawn, imported):
                report(stage, record)
            if record.status in ("wrong", "inaccurate"):
                said = suspect(problem)
                record = replace(record, message=f"{record.message}; {said}" if said else record.message)
        except NoReference as error:
            limit_memory(memory_mib)
            record = unjudged(case, record, error, Path(request["keep"]) if request.get("keep") else None)
            record = with_mistake(record, problem)

    try:
        try:
            problem = problem_of(case)
            early = None if request.get("only_problem") else refuse_early(case)
        except InvalidInput as error:
            return report("invalid", replace(record, message=str(error)))
        if request.get("only_problem"):
            whole = {"record": record.to_json(), "outline": [problem.dim, list(problem.wrt), problem.written_in]}
            return report_line(out, {"stage": "done", **whole})
        if early is not None:
            return report("done", early)
        candidates = drawn_points(problem, request["gate_seed"])
        if request.get("only_reference"):
            for x in points(problem):
                reference(problem, x)
            first_with_reference(problem, candidates)
        elif not request.get("has_reference") and not settled(problem, candidates):
            return report("reference", record)
        else:
            run()
    except NoReference as error:
        record = replace(record, status="unjudged", message=str(error), diagnosis=error.diagnosis)
        record = with_mistake(record, problem)
    except Unsupported as error:
        record = replace(record, status="unsupported", message=str(error))
    except Unavailable as error:
        record = replace(record, status="unavailable", message=str(error))
    except MemoryError:
        record = replace(record, status="failed", message=f"MemoryError: more than the limit of {memory_mib} MiB")
    except Mistake as error:  # of the user's: the same for all whom it stops
        record = replace(record, status="failed", message=str(error), diagnosis=MISTAKE)
    except HessbenchError as error:
        record = replace(record, status="failed", message=f"{type(error).__name__}: {error}")
    except BaseException as error:  # `sys.exit` and `KeyboardInterrupt` of a plugin too
        out_of_memory = (
            "bad_alloc" in str(error) or "RESOURCE_EXHAUSTED" in str(error) or "can't allocate" in str(error)
        )
        text = f"more than the limit of {memory_mib} MiB" if out_of_memory else first_line(error)
        text += "" if problem is None else at_line(error, problem)
        record = replace(record, status="failed", message=f"{type(error).__name__}: {text}")
    report("done", record if record.status == "ok" else record.without_times())


def stages(
    case: Case, memory_mib: int | None, budget: float, seed: int, drawn: Any | None, imported: float = 0.0
) -> Iterator[tuple[str, Record]]:
    """Yield `(stage, record so far)`; the record is complete at the last one. Only a gated case is timed.

    `drawn` is the point of this run beside the problem's own ones; calls there and elsewhere are made again among the timed
    ones in an order that `seed` sets, and a case that goes wrong there loses its times. `imported` as in `main`.
    """
    problem = problem_of(case)
    strategy = strategy_of(case)
    chosen, backend_name = resolve(strategy, case.backend, problem.written_in)
    record = replace(blank(case, "failed"), backend=backend_name, size=problem.size, dim=problem.dim, gate_seed=seed)
    yield "loaded", record
    allowed = chosen.accuracy.threshold(case.rtol)
    where = targets(problem, None if drawn is None else np.array(drawn), allowed)
    limit_memory(memory_mib)

    start = time.perf_counter()
    calls = counting_calls(backend_name)
    used = versions(backend_name, ("hessbench", *chosen.packages))
    record = replace(record, import_s=imported + time.perf_counter() - start, versions=used)
    yield "imported", record

    start = time.perf_counter()
    run = prepare(
        problem, chosen, backend=backend_name, rtol=case.rtol, atol=case.atol, method=case.named_method
    ).quiet()
    rule = "by component" if run.ivp.by_component else "scalar"
    record = replace(record, prepare_s=time.perf_counter() - start, atol_rule=rule)
    yield "prepared", record

    watch = Watch(run.direct, where, seed, allowed)
    calls()
    start = time.perf_counter()
    result = run.direct(watch.at(0))
    first_s = time.perf_counter() - start
    record = replace(record.with_counters(result.counters), note=noted(result.said, drawn), framework_calls=calls())
    yield "called", record

    watch.check(0, result)
    for which in range(1, len(where) - 1):
        watch.call(which)
    watch.call_from_second_thread()
    record = judge(record, watch.seen, watch.agreement, allowed)
    yield "judged", record
    if record.status != "ok":
        return
    seconds = steady_state(run, problem.x0, budget, watch)
    if min(seconds) <= AGAIN:
        watch.again(AGAIN)
    record = judge(record, watch.seen, watch.agreement, allowed)
    if record.status == "ok":
        low, high = median_interval(seconds)
        record = replace(record, first_s=first_s, best_s=min(seconds), median_s=median(seconds), repeats=len(seconds))
        record = replace(record, ci_low_s=low, ci_high_s=high)
    yield "timed", record
    if record.status != "ok":
        return
    mib, result = peak_mib(run, problem.x0)
    watch.check(0, result)
    record = judge(record, watch.seen, watch.agreement, allowed)
    yield "weighed", replace(record, peak_mib=mib) if record.status == "ok" else record.without_times()


def with_mistake(record: Record, problem: Any) -> Record:
    """The record of a case without a reference, which says so where the problem's code loses derivatives."""
    said = suspect(problem)
    return replace(record, message=said, diagnosis=MISTAKE) if said else record


def noted(note: str, drawn: Any | None) -> str:
    """The strategy's note, with a word where no point could be drawn."""
    if drawn is not None:
        return note
    return "; ".join(filter(None, (note, "compared at no drawn point: none of three has a reference")))


def steady_state(run: Prepared, x: Any, budget: float, watch: Watch) -> list[float]:
    """Seconds of repeated calls until `budget` seconds are spent: at most 1000, at least three unless one is that long.

    What they return is compared outside the clock, where calls at other points come between them.
    """
    seconds: list[float] = []
    gc.collect()
    gc.disable()
    try:
        while not seconds or (sum(seconds) < (3 * budget if len(seconds) < 3 else budget) and len(seconds) < 1000):
            start = time.perf_counter()
            result = run(x)
            seconds.append(time.perf_counter() - start)
            watch.after_timed(result, seconds[-1], sum(seconds))
            del result
    finally:
        gc.enable()
    return seconds


def median_interval(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """The narrowest pair of order statistics that holds the median with 99 %, whatever the distribution; none below 8.

    The median lies below the k-th smallest of n with probability `sum_{i<k} C(n, i) / 2^n`.
    """
    n, k, tail = len(seconds), 0, 0
    while 200 * (tail + comb(n, k)) <= 2**n:
        tail += comb(n, k)
        k += 1
    ordered = sorted(seconds)
    return (ordered[k - 1], ordered[n - k]) if k else (None, None)


def peak_mib(run: Prepared, x: Any) -> tuple[float | None, Result]:
    """MiB that one call of a warm process needs on top of what it holds, and its result; `None` where `/proc` cannot tell.

    The kernel's high-water mark of resident memory is reset before the call, so that imports do not count.
    """
    gc.collect()
    before = None
    with contextlib.suppress(OSError):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        before = status_kib("VmRSS")
    result = run(x)
    return (None if before is None else max(0, status_kib("VmHWM") - before) / 1024), result


def counting_calls(backend_name: str) -> Callable[[], int | None]:
    """Import a framework and count the calls into it from NumPy; returns a function: how many since it was last asked.

    The count adds 0.1 microseconds to calls that take at least 5. NumPy itself is not counted (`None`).
    """
    from .. import backends

    chosen, count = backends.backend(backend_name), 0
    if backend_name == "numpy":
        return lambda: None
    on_numpy = chosen.on_numpy

    def counted(f: Callable[..., Any]) -> Callable[..., Any]:
        run = on_numpy(f)

        def call(*args: Any) -> Any:
            nonlocal count
            count += 1
            return run(*args)

        return call

    def since() -> int:
        nonlocal count
        seen, count = count, 0
        return seen

    chosen.on_numpy = counted
    return since


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 300 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else "no message"


if __name__ == "__main__":
    main(int(sys.argv[1]))
