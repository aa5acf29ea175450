"""Trying the best few for real, each in a process of its own and judged by the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .._errors import HessbenchError
from .._measuring.measure import Child, blank, measure
from .._measuring.record import Case, Record, contender
from .predict import total

Tell = Callable[[Record], None]


def race(
    case: Case, labels: Sequence[str], most: int, child: Child, tell: Tell, accuracy: float | None = None, **limits: Any
) -> Iterator[Record]:
    """Records of `labels` in their order on the problem of `case`: the first `most`, and on until one of them is right.

    What stops one of them is in its record, and leaves the others alone; where one cannot be judged, none can.
    """
    right = False
    for place, label in enumerate(labels):
        if place >= most and right:
            return
        strategy, _, backend = label.rpartition("@")
        asked = replace(case, strategy=strategy, backend=backend)
        try:
            record = measure(asked, child=child, **limits)
        except HessbenchError as error:
            record = replace(blank(asked, "failed"), message=str(error))
        right = right or is_right(record, accuracy)
        with suppress(OSError):  # whoever listens has gone
            tell(record)
        yield record
        if record.status == "unjudged":
            return


def is_right(record: Record, accuracy: float | None = None) -> bool:
    """Whether the gate calls it right, it was timed, and its error is known to be at most `accuracy`."""
    if record.status != "ok" or record.best_s is None or record.error is None:
        return False
    return accuracy is None or record.error <= accuracy


def cost(record: Record, calls: int | None) -> float:
    """Seconds of `calls` Hessians, preparation included, of a record that is right; of one alone for `None`."""
    assert record.best_s is not None
    return float(total(first(record), record.best_s, calls))


def first(record: Record) -> float:
    """Seconds of the first Hessian, preparation included."""
    return (record.first_s or 0.0) + (record.prepare_s or 0.0)


def ranked(records: Sequence[Record], calls: int | None, accuracy: float | None = None) -> list[Record]:
    """The right ones, by what so many calls cost (`cost`); of equal ones the more accurate."""
    right = [r for r in records if is_right(r, accuracy)]
    return sorted(right, key=lambda r: (cost(r, calls), r.error))


def label(record: Record) -> str:
    """`strategy@backend`."""
    return contender(record.strategy, record.backend)


def pays_from(one: Record, other: Record) -> int | None:
    """From how many calls on `one` costs less than `other`; `None` if it never does."""
    assert one.best_s is not None and other.best_s is not None
    gain, paid = other.best_s - one.best_s, max(first(one), one.best_s) - max(first(other), other.best_s)
    if gain <= 0:
        return None
    return 1 if paid < 0 else int(paid / gain) + 2
