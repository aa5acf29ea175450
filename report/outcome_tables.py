"""Who came out how: the matrix of outcomes, and what was expected."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from hessbench._measuring.statuses import TABLE, rank

from . import words
from .classes import problem_class
from .columns import Table

NO_EVIDENCE = {row.name for row in TABLE if not row.evidence}  # say nothing about right or wrong
AS_STATUS = {"ok": "ok", "inaccurate": "inaccurate", "wrong": "wrong", "refuses": "unsupported"}


@dataclass(frozen=True)
class Outcome:
    """One status of a contender on a problem: how often, and for what is wrong how much; `detail` on pointing."""

    status: str
    text: str
    detail: str


@dataclass(frozen=True)
class Matrix:
    """`rows[contender][problem]`: outcomes, the most frequent statuses of all sizes and tolerances together."""

    columns: list[str]
    rows: Mapping[str, Mapping[str, list[Outcome]]]


def matrix(table: Table) -> Matrix:
    """Outcomes of every contender on every problem, its sizes, other numbers and tolerances together."""
    names = [_without_numbers(p, a) for p, a in zip(table["problem"], table["arguments"], strict=True)]
    rows: dict[str, dict[str, list[Outcome]]] = {}
    for (contender, name), own in table.assign(name=names).groupby(["contender", "name"]):
        found = [_outcome(status, own[own["status"] == status]) for status in sorted(set(own["status"]), key=rank)]
        rows.setdefault(str(contender), {})[str(name)] = found
    return Matrix(sorted(set(names)), rows)


def _without_numbers(problem: str, arguments: str) -> str:
    kept = {key: value for key, value in json.loads(arguments or "{}").items() if isinstance(value, str)}
    return words.title(problem, json.dumps(kept))


def _outcome(status: str, rows: Table) -> Outcome:
    count, worst = len(rows), rows[["error", "error_scaled"]].max(axis=1).max()
    text = f"{status} {count}" if count > 1 else status
    detail = words.listed(rows["problem_label"].unique(), most=3)
    if status in ("wrong", "inaccurate"):
        return Outcome(status, f"{text}: {words.error(worst)}", f"error up to {words.error(worst)}: {detail}")
    messages = [message for message in rows["message"].unique() if message]
    return Outcome(
        status, text, ": ".join([words.meaning(status) if not messages else words.short(messages[0]), detail])
    )


@dataclass(frozen=True)
class Expectation:
    """What is expected of one contender on one class, what the records say, and whether that agrees (`None`: no record)."""

    expected: str
    observed: str = ""
    agrees: bool | None = None


def expectations(table: Table) -> tuple[list[str], dict[str, dict[str, Expectation]]]:
    """`(classes, {contender: {class: ...}})` from hessbench's table of expected outcomes."""
    from hessbench._judging import outcomes

    kinds = [kind.name for kind in outcomes.CLASSES]
    seen: dict[tuple[str, str], set[str]] = {}
    for row in table.to_dict("records"):
        kind = problem_class(row["problem"], row["arguments"])
        seen.setdefault((row["contender"], kind), set()).add(row["status"])
    out = {
        contender: {kind: _expectation(row[kind], seen.get((contender, kind), set())) for kind in kinds}
        for contender, row in outcomes.table().items()
    }
    return kinds, out


def disagreements(expected: Mapping[str, Mapping[str, Expectation]]) -> str:
    """How many cells the records bear out, in a sentence."""
    cells = [cell for row in expected.values() for cell in row.values() if cell.agrees is not None]
    if not cells:
        return "The records shown here say nothing about them."
    bad = sum(not cell.agrees for cell in cells)
    out = f"The records shown here, of other sizes and tolerances, bear on {words.plural(len(cells), 'cell')}"
    return f"{out} and agree." if not bad else f"{out}; {bad} {'differs' if bad == 1 else 'differ'} (marked)."


def _expectation(expected: str, seen: set[str]) -> Expectation:
    if not seen - NO_EVIDENCE:
        return Expectation(expected)
    seen = seen - NO_EVIDENCE
    return Expectation(expected, ", ".join(sorted(seen)), seen == {AS_STATUS.get(expected, "failed")})
