"""Contenders on a problem without a reference: they run, and are shown by how much they differ from one another."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .._errors import NoReference
from .._measuring.measure import problem_of, strategy_of
from .._measuring.record import Case, Record
from .._model.derivatives import Array
from .._model.result import Result
from .._plugins.prepare import prepare
from .._storage.files import write

Numbers = tuple[float, Array, Array]


def unjudged(case: Case, record: Record, error: NoReference, keep: Path | None) -> Record:
    """The record of a case that nothing can be said about, after one call of its strategy, which may raise.

    Value, gradient and Hessian go to the file `keep`.
    """
    problem = problem_of(case)
    more = {"backend": case.backend, "rtol": case.rtol, "atol": case.atol, "method": case.named_method}
    run = prepare(problem, strategy_of(case), **more)
    result = run(problem.x0)
    if keep is not None:
        save(keep, result)
    said = {"diagnosis": error.diagnosis} if hasattr(record, "diagnosis") else {}
    return replace(
        record, status="unjudged", message=str(error), note=result.note, size=problem.size, dim=problem.dim, **said
    )


def save(path: Path, result: Result) -> None:
    """Write the numbers of a result at once, into a folder that may not be there yet."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = io.BytesIO()
    np.savez(file, value=result.value, grad=result.grad, hess=result.hess)
    write(path, file.getvalue())


def load(path: Path) -> Numbers | None:
    """The numbers in a file; `None` if there are none."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return float(data["value"]), data["grad"], data["hess"]
    except Exception:  # no file, or one that a killed process left
        return None


def with_differences(cases: Sequence[Case], records: Sequence[Record], files: Sequence[Path]) -> list[Record]:
    """The records, of which those that are unjudged say in front of their message how far they are from the others."""
    places = [i for i, record in enumerate(records) if record.status == "unjudged"]
    found = {i: numbers for i in places if (numbers := load(files[i])) is not None}
    if len(found) < 2:
        return list(records)
    problem = problem_of(cases[places[0]])
    gaps = differences(found, problem.sizes(problem.x0))
    out = list(records)
    for i, gap in gaps.items():
        other = "the median of all" if len(found) > 2 else "the other one"
        out[i] = replace(records[i], message=f"differs from {other} by {gap:.1e}; {records[i].message}")
    return out


def differences(found: Mapping[int, Numbers], sizes: Array) -> dict[int, float]:
    """The largest scaled difference of each to the median of all (of two: to one another); infinite where not finite.

    Entries are multiplied by the sizes (n,) of their unknowns, and taken relative to the largest entry of the median: of the
    Hessian, and of gradient and value on the larger of their own scale and the Hessian's.
    """
    scaled = {
        i: (np.array([value]), grad * sizes, hess * np.outer(sizes, sizes)) for i, (value, grad, hess) in found.items()
    }
    out = dict.fromkeys(scaled, 0.0)
    floor = 0.0
    for part in (2, 1, 0):
        finite = [parts[part] for parts in scaled.values() if np.all(np.isfinite(parts[part]))]
        if not finite:
            return dict.fromkeys(scaled, float("inf"))
        middle = np.median(finite, axis=0)
        size = floor = max(float(np.max(np.abs(middle))), floor)
        for i, parts in scaled.items():
            against = middle if len(scaled) > 2 else next(p[part] for j, p in scaled.items() if j != i)
            gap = float(np.max(np.abs(parts[part] - against))) / (size or 1.0)
            out[i] = max(out[i], gap if np.isfinite(gap) else np.inf)
    return out
