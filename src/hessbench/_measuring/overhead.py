"""What a call from NumPy into a framework costs, split into conversion, dispatch and work.

On the random quadratic system, for the right-hand side `F`, the vjp `s_k F_k,i` and the contraction `s_k F_k,ij`, timed are

    from NumPy to NumPy               `call_s`
    with the framework's own arrays   `native_s`, t(N)
    an operation that only adds       both ways; the difference is the conversion, at every N

and `t(N) = c + k N^q` is fitted by least squares of relative errors, `c, k >= 0`, with `q` = 3, as the operation count of
`F` and its derivatives grows, or 4, as it does for a contraction by columns, whichever fits better. `c` is the dispatch,
`t - c` the work. Fitted is up to N = 50: larger systems (`8 N^3` bytes) leave the cache, and an operation costs more.
In NumPy and numba the derivatives are written by hand, and there is nothing to convert. On other problems, which have one
size, nothing is fitted: there, a call that only adds (`idle_s`) is what a call costs beside its work. `cold_s` is the first
call, which traces and compiles. Run as `python -m hessbench._measuring.overhead PACKAGE N|PROBLEM ...`, which prints a line
of JSON for each measured cell.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from .._errors import InvalidInput, Unsupported
from .._plugins.registry import problem as named_problem
from ..backends import about, distributions, known
from .measure import child_environment
from .overhead_calls import OPERATIONS, PACKAGES, calls
from .record import Record

PROBLEM = "random-quadratic"
SECONDS = 0.1  # of each timing
FITTED = 50  # states
AGREE = 1e-9  # relative, with what the same operation gives in NumPy


@dataclass(frozen=True)
class Row:
    """One cell of the table: seconds of one call, `None` where nothing was measured; see the module's description.

    `dispatch_s` is the same for all `n`. `power` is `q` of the fit, and `fit_error` its largest relative misfit.
    """

    package: str
    operation: str
    n: int
    status: str
    message: str = ""
    version: str = ""
    call_s: float | None = None
    native_s: float | None = None
    conversion_s: float | None = None
    dispatch_s: float | None = None
    work_s: float | None = None
    power: int | None = None
    fit_error: float | None = None
    table: str = "overhead"
    problem: str = PROBLEM
    cold_s: float | None = None
    idle_s: float | None = None

    @property
    def per_call_s(self) -> float | None:
        """Conversion and dispatch together: what a call costs beside its work; `idle_s` where nothing was fitted."""
        known = self.conversion_s is not None and self.dispatch_s is not None
        return self.conversion_s + self.dispatch_s if known else self.idle_s  # type: ignore[operator]


def measure_overhead(package: str, sizes: Sequence[int | str], time_limit: float = 40.0) -> list[Row]:
    """Rows of one package in a process of its own; what it did not come to has a status and a message.

    `sizes` are numbers of states of the random quadratic system, and names of other problems.
    Raises `InvalidInput` for an unknown package.
    """
    if package not in PACKAGES:
        raise InvalidInput(f"There is no package {package!r}; choose one of {', '.join(PACKAGES)}.")
    targets = [target(size) for size in sizes]
    wanted = [Row(package, operation, n, "failed", problem=name) for name, n in targets for operation in OPERATIONS]
    needed = distribution(package)
    if find_spec(needed) is None:
        return [replace(row, status="unavailable", message=f"needs {needed}: pip install {needed}") for row in wanted]
    command = [sys.executable, "-m", "hessbench._measuring.overhead", package, *map(str, sizes)]
    status, message = "failed", "the process ended early"
    try:
        done = subprocess.run(command, capture_output=True, timeout=time_limit, env=child_environment())
        output = done.stdout
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            message = said[-1][:300] if said else f"the process ended with exit status {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, status, message = error.stdout or b"", "timeout", f"stopped at {time_limit:g} s"
    found = {(row.operation, row.problem, row.n): row for row in _rows(output.decode(errors="replace"))}
    rows = [
        found.get((row.operation, row.problem, row.n), replace(row, status=status, message=message)) for row in wanted
    ]
    fitted = [[r for r in rows if r.operation == operation and r.problem == PROBLEM] for operation in OPERATIONS]
    return [row for group in fitted for row in split(group)] + [r for r in rows if r.problem != PROBLEM]


def target(size: int | str) -> tuple[str, int]:
    """Name and number of states of the problem that `size` stands for; a wrong size is found when it is measured."""
    return (size, named_problem(size).dim) if isinstance(size, str) else (PROBLEM, size)


def distribution(package: str) -> str:
    """What has to be installed for `package`: a backend, a way of calling one (`tensorflow-xla`), or numba."""
    name = package.partition("-")[0]
    return about(name).needs() if name in known() else name


def version_of(package: str) -> str:
    """The version that is installed, under whichever name it is distributed."""
    name = package.partition("-")[0]
    for found in distributions(name) if name in known() else (name,):
        with suppress(PackageNotFoundError):
            return version(found)
    return ""


def split(rows: Sequence[Row]) -> list[Row]:
    """`rows` of one operation with dispatch and work; unchanged where fewer than three sizes up to `FITTED` were measured."""
    small = {row.n: row.native_s for row in rows if row.native_s is not None and row.n <= FITTED}
    if len(small) < 3:
        return list(rows)
    error, power, constant = min(fit(small, q) for q in (3, 4))
    return [
        row
        if row.native_s is None
        else replace(row, dispatch_s=constant, work_s=max(0.0, row.native_s - constant), power=power, fit_error=error)
        for row in rows
    ]


def fit(seconds: Mapping[int, float], power: int) -> tuple[float, int, float]:
    """`(largest of |t_fit / t - 1|, q, c)` for `t = c + k n^q` with `c, k >= 0`; `seconds` are `{n: t}`."""
    from scipy.optimize import nnls

    n, t = np.array(list(seconds), dtype=float), np.array(list(seconds.values()))
    design = np.stack([np.ones(n.size), (n / n.max()) ** power], axis=1) / t[:, None]
    scale = design.max(axis=0)
    solution = nnls(design / scale, np.ones(n.size))[0] / scale
    return float(np.max(np.abs(design @ solution - 1))), power, float(solution[0])


def share(record: Record, rows: Sequence[Row]) -> dict[str, Any]:
    """A row of the table `overhead-share`: which part of a whole Hessian its calls from NumPy into a framework are.

    A lower bound: each call is taken to cost what conversion and dispatch of a right-hand side cost, at the nearest N.
    """
    base = {
        "table": "overhead-share",
        **{"problem": record.problem, "n": record.size, "rtol": record.rtol},
        "contender": f"{record.strategy}@{record.backend}",
        **{"status": record.status, "message": record.message, "calls": record.framework_calls},
        **{"per_call_s": None, "median_s": record.median_s, "share": None},
    }
    size = record.dim if record.size is None else record.size
    if record.status != "ok" or record.median_s is None or size is None:
        return base
    if not record.framework_calls:
        return {**base, "message": "It does not call a framework from NumPy, or once for the whole Hessian."}
    near = [r for r in rows if r.package == record.backend and r.operation == "rhs" and r.per_call_s is not None]
    near = [r for r in near if r.problem == record.problem] or [r for r in near if r.problem == PROBLEM]
    if not near:
        return {**base, "message": f"The overhead of {record.backend} is not known."}
    per_call = min(near, key=lambda row: abs(row.n - size)).per_call_s
    assert per_call is not None
    return {**base, "per_call_s": per_call, "share": record.framework_calls * per_call / record.median_s}


def time_package(package: str, sizes: Sequence[int | str]) -> Iterator[Row]:
    """Rows of one package, timed in this process, without the fit. A cell whose result differs from NumPy's has no time."""
    for size in sizes:
        measured = named_problem(size) if isinstance(size, str) else named_problem(PROBLEM, n=size)
        for operation in OPERATIONS:
            row = Row(package, operation, measured.dim, "ok", problem=measured.name, version=version_of(package))
            try:
                ours, numpy = calls(package, measured, operation), calls("numpy", measured, operation)
            except Unsupported as refusal:
                yield replace(row, status="unsupported", message=str(refusal))
                continue
            right = np.asarray(numpy.call())
            start = time.perf_counter()
            first = np.asarray(ours.call())
            row = replace(row, cold_s=time.perf_counter() - start)
            gap = float(np.max(np.abs(first - right)) / np.max(np.abs(right)))
            if not gap < AGREE:
                yield replace(row, status="failed", message=f"differs from NumPy's result by {gap:.1e}")
                continue
            call, native = by_turns([ours.call, ours.native], SECONDS)
            conversion, idle = 0.0, None
            if ours.idle_call is not None and ours.idle_native is not None:
                there_and_back, alone = by_turns([ours.idle_call, ours.idle_native], SECONDS)
                conversion, idle = max(0.0, there_and_back - alone), there_and_back
            yield replace(row, call_s=call, native_s=native, conversion_s=conversion, idle_s=idle)


def by_turns(functions: Sequence[Callable[[], Any]], seconds: float) -> list[float]:
    """Least seconds of one call of each function. They take turns, in blocks of about a millisecond."""
    blocks, least = [], [float("inf")] * len(functions)
    for function in functions:
        function()
        start = time.perf_counter()
        function()
        blocks.append(max(1, int(1e-3 / (time.perf_counter() - start + 1e-9))))
    end, rounds = time.perf_counter() + seconds * len(functions), 0
    while time.perf_counter() < end or not rounds:
        for k, function in enumerate(functions):
            start = time.perf_counter()
            for _ in range(blocks[k]):
                function()
            least[k] = min(least[k], (time.perf_counter() - start) / blocks[k])
        rounds += 1
    return least


def _rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        try:
            yield Row(**json.loads(line))
        except (ValueError, TypeError):
            continue  # cut off, or printed by the framework


def main() -> None:
    """Time the package named on the command line at the sizes, and on the problems, that follow."""
    sizes = [int(text) if text.lstrip("-").isdecimal() else text for text in sys.argv[2:]]
    for row in time_package(sys.argv[1], sizes):
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main()
