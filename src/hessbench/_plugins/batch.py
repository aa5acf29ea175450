"""Hessians at many points: threads take one point after the other, and each gets what a call of its own gives, to the bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from threading import Event, Thread
from time import perf_counter
from typing import Any

import numpy as np

from .._errors import HessbenchError, InvalidInput
from .._model.counters import Counters
from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from .._model.warnings import kind
from .._processes.processors import allowed

TRIED, WORTH = (
    4,
    1e-4,
)  # points by which it is seen what one takes, and seconds from which threads gain more than they wait


@dataclass(frozen=True, eq=False)
class Batch:
    """`values` (B,), `grads` (B, n) and `hessians` (B, n, n) at B points; `gauss_newton` (B, n, n) with data only.

    Gauss-Newton matrices that a strategy does not give are nan.

    `failed` has the error of each point that could not be computed, by its number; all its numbers are nan. `warnings` are
    sentences, each with the points that it was said of. `counters` is the sum over all points.
    """

    values: Array
    grads: Array
    hessians: Array
    gauss_newton: Array | None
    counters: Counters
    failed: Mapping[int, HessbenchError]
    warnings: tuple[str, ...]


def at_points(at: Callable[[Array], Result], problem: Problem, x: Any, workers: int | None, safe: bool) -> Batch:
    """`at` for each row of `x`, (B, n), by threads if that is `safe`. Raises `InvalidInput` for points and `workers`."""
    rows = _points(problem, x)
    return _run(at, rows, _workers(workers, len(rows), safe), TRIED if workers is None else 0, problem.data is not None)


def _points(problem: Problem, x: Any) -> Array:
    """`x` as (B, n) numbers, every row a point of the problem. Raises `InvalidInput` that names the row."""
    try:
        rows = np.array(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"The points are {type(x).__name__}; expected numbers, one point in each row.") from None
    n = problem.x0.size
    if rows.ndim != 2 or rows.shape[1] != n:
        raise InvalidInput(f"The points have shape {rows.shape}; expected (B, {n}), one point in each row.")
    for k, row in enumerate(rows):
        try:
            problem.check_x(row)
        except InvalidInput as error:
            raise InvalidInput(f"point {k}: {error}") from None
    return rows


def _run(at: Callable[[Array], Result], x: Array, workers: int, tried: int, with_data: bool) -> Batch:
    """`at` for each row of `x` (B, n) by so many threads, of which this one is the first.

    It takes `tried` points alone; the others do not start where one of these took less than `WORTH` seconds.
    """
    count, n = x.shape
    values, grads, hessians = np.full(count, np.nan), np.full((count, n), np.nan), np.full((count, n, n), np.nan)
    normal = np.full((count, n, n), np.nan) if with_data else None
    waiting, stop, raised = deque(range(count)), Event(), []
    failed: dict[int, HessbenchError] = {}
    said: dict[int, tuple[str, ...]] = {}
    counted = [Counters() for _ in range(workers)]

    def take(own: Counters, most: float = inf) -> None:
        while most > 0 and not stop.is_set():
            most -= 1
            try:
                k = waiting.popleft()
            except IndexError:
                return
            try:
                found = at(x[k])
            except HessbenchError as error:
                failed[k] = error
                continue
            values[k], grads[k], hessians[k] = found.value, found.grad, found.hess
            if normal is not None and found.gauss_newton is not None:
                normal[k] = found.gauss_newton
            if found.warnings:
                said[k] = found.warnings
            own.include(found.counters)

    def helped(own: Counters) -> None:
        try:
            take(own)
        except BaseException as error:
            raised.append(error)
            stop.set()

    if workers > 1 and _quickest(lambda: take(counted[0], 1), tried) < WORTH:
        workers = 1
    threads = [Thread(target=helped, args=(own,), daemon=True) for own in counted[1:workers]]
    for thread in threads:
        thread.start()
    try:
        take(counted[0])
    finally:
        stop.set()  # what the others have begun they finish; where nothing failed, that is all there is
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]
    for own in counted[1:]:
        counted[0].include(own)
    failed = dict(sorted(failed.items()))
    sentences = (*_failures(failed, count), *_gathered(said, count))
    return Batch(values, grads, hessians, normal, counted[0], failed, sentences)


def _quickest(call: Callable[[], None], times: int) -> float:
    """Seconds of the shortest of so many calls; infinite without any."""
    best = inf
    for _ in range(times):
        start = perf_counter()
        call()
        best = min(best, perf_counter() - start)
    return best


def _workers(asked: int | None, count: int, safe: bool) -> int:
    """How many threads work on `count` points. Raises `InvalidInput`."""
    if asked is not None and (isinstance(asked, bool) or not isinstance(asked, int) or asked < 1):
        raise InvalidInput(f"`workers` is {asked!r}; expected a number of threads, at least 1.")
    if not safe:
        return 1
    return max(1, min(asked or len(allowed()), count))


def _failures(failed: Mapping[int, HessbenchError], count: int) -> list[str]:
    if not failed:
        return []
    first = next(iter(failed))
    return [f"{len(failed)} of {count} points could not be computed (point {first}: {failed[first]})"]


def _gathered(said: Mapping[int, tuple[str, ...]], count: int) -> list[str]:
    """Each kind of sentence once, as it was said of the first of its points."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for k in sorted(said):
        for sentence in said[k]:
            kinds.setdefault(kind(sentence), []).append((k, sentence))
    return [f"at {len(of)} of {count} points (point {of[0][0]}): {of[0][1]}" for of in kinds.values()]
