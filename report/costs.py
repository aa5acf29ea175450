"""Counted operations against their bounds, and what a call from NumPy into a framework costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import words
from .columns import Row, missing

PARTS = ("conversion_s", "dispatch_s", "work_s")
OPERATIONS = {
    "rhs": "The right-hand side",
    "vjp": "Vector-Jacobian product",
    "contraction": "Contraction of the second derivative",
}
QUADRATIC = (2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Bounds:
    """`rows`: (problem, N, w, costs of `systems`); then one value for each system, as text where there may be none."""

    systems: list[str]
    rows: list[tuple[str, int, int, list[Any]]]
    largest: list[float]
    rules: list[str]
    literature: list[str]
    quadratic: list[Any]
    sentence: str


@cache
def bounds() -> Bounds:
    """Counts of all listed problems in their default sizes; takes seconds."""
    from hessbench import costs as counting

    found, left_out = counting.suite_costs(counting.suite())
    by_problem: dict[str, list[Any]] = {}
    for cost in found:
        by_problem.setdefault(cost.problem, []).append(cost)
    of_system = {name: [cost for cost in found if cost.system == name] for name in counting.SYSTEMS}
    first = [costs[0] for costs in of_system.values()]
    rules = [_limit(cost.bound, cost.n if "vjps" in cost.system else None) for cost in first]
    above = [cost for cost in found if cost.bound is not None and cost.multiple > cost.bound]
    over = [cost for cost in found if cost.literature is not None and cost.multiple > cost.literature]
    sentence = (
        f"{len(above)} of {len(found)} counts exceed the bound by operation rules, "
        f"{len(over)} the constants of the literature."
    )
    if left_out:
        sentence += f" Not counted: {words.listed(one.label for one in left_out)}."
    return Bounds(
        list(of_system),
        [(label, own[0].n, own[0].w, own) for label, own in by_problem.items()],
        [max(cost.multiple for cost in costs) for costs in of_system.values()],
        rules,
        [_limit(cost.literature) for cost in first],
        counting.quadratic_costs(QUADRATIC),
        sentence,
    )


def _limit(value: float | None, n: int | None = None) -> str:
    """A limit as text; one that grows with N, as `25 N`, from its value at `n`."""
    return words.NOTHING if value is None else f"{value:g}" if n is None else f"{value / n:g} N"


@dataclass(frozen=True)
class Call:
    """One call of a function at one N: seconds, and the shares of `PARTS` in per cent; `why` if there are none."""

    call_s: float | None
    shares: tuple[float, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Split:
    """How long one call of an operation takes from NumPy into each package: `cells[package][n]`."""

    operation: str
    sizes: tuple[int, ...]
    cells: Mapping[str, Mapping[int, Call]]


def overhead(rows: Iterable[Row]) -> list[Split]:
    """One table for each operation, from the newest row of each (operation, package, n) of the random quadratic system."""
    newest: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        of_one_size = row.get("problem", "random-quadratic") != "random-quadratic"
        if {"operation", "package", "n"} <= set(row) and not of_one_size:
            newest[str(row["operation"]), str(row["package"]), int(row["n"])] = row
    out = []
    for operation in dict.fromkeys([*OPERATIONS, *(key[0] for key in newest)]):
        keys = [key for key in newest if key[0] == operation]
        cells: dict[str, dict[int, Call]] = {}
        for _, package, n in keys:
            cells.setdefault(package, {})[n] = _call(newest[operation, package, n])
        if cells:
            out.append(Split(OPERATIONS.get(operation, operation), tuple(sorted({key[2] for key in keys})), cells))
    return out


def _call(row: Row) -> Call:
    seconds: Any = row.get("call_s")
    if missing(seconds):
        return Call(None, why=str(row.get("message") or row.get("status") or "not measured"))
    known: list[Any] = [row.get(name) for name in PARTS]
    parts: list[float] = [part for part in known if not missing(part)]
    complete = len(parts) == len(PARTS) and sum(parts) > 0
    return Call(seconds, tuple(100 * part / sum(parts) for part in parts) if complete else ())


def overhead_shares(rows: Iterable[Row]) -> tuple[list[str], dict[str, dict[str, tuple[float | None, str]]]]:
    """`(questions, {contender: {question: (share or None, message)}})`: calls into a framework in a whole Hessian."""
    out: dict[str, dict[str, tuple[float | None, str]]] = {}
    asked: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        if not {"contender", "problem", "n", "rtol"} <= set(row):
            continue
        question = f"{row['problem']}, N = {row['n']}, {words.tolerance(row['rtol'])}"
        asked[question] = (row["problem"], -row["rtol"], row["n"])
        share: Any = row.get("share")
        known = (None if missing(share) else float(share), str(row.get("message") or ""))
        out.setdefault(str(row["contender"]), {})[question] = known
    kept = {name: row for name, row in out.items() if any(share for share, _ in row.values())}
    return sorted(asked, key=lambda question: asked[question]), dict(sorted(kept.items()))
