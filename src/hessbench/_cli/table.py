"""The table of `hessbench compare`: while it is measured, and at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from .._measuring.record import MISTAKE, Case, Record, contender
from .._measuring.statuses import rank
from .._plugins.contenders import pareto
from .._storage.text import cut, plain, seconds
from .output import case_table, console, say, say_within, show_cases

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

HEAD = ("", "strategy", "status", "error", "time", "first call", "memory", "rhs")
DROPPABLE = HEAD[5:]
LEGEND = "* no other is both faster and more accurate; first call: with tracing and compiling, without imports"


def show(records: Sequence[Record]) -> None:
    """Print the table: right ones by time, Pareto-best marked, then the others with their reasons."""
    ordered = together(in_order(records))
    show_cases(HEAD, rows_of(ordered), [r.message for r in ordered], DROPPABLE)
    say_within(LEGEND, console())


def together(records: Sequence[Record]) -> list[Record]:
    """The records, of which those that the same mistake of the user's stops are one, with the name of the first."""
    stopped: dict[tuple[str, str], list[Record]] = {}
    for r in records:
        if r.diagnosis == MISTAKE:
            stopped.setdefault((r.status, r.message), []).append(r)
    out: list[Record] = []
    for r in records:
        same = stopped.get((r.status, r.message), [r]) if r.diagnosis == MISTAKE else [r]
        if len(same) == 1:
            out.append(r)
        elif same[0] is r:
            out.append(replace(r, strategy=f"{label(r)}, {len(same) - 1} more", backend=None))
    return out


def in_order(records: Sequence[Record]) -> list[Record]:
    """The right ones by time, then the others by their status."""
    return sorted(records, key=lambda r: (rank(r.status), r.median_s or 0.0))


def rows_of(records: Sequence[Record]) -> list[list[str]]:
    """The cells of each record, in the columns `HEAD`."""
    best = pareto(records)
    return [
        [
            "*" if id(r) in best else "",
            label(r),
            r.status,
            "" if (error := judged(r)) is None else f"{error:.1e}",
            seconds(r.median_s),
            seconds(first_call(r)),
            "" if r.peak_mib is None else f"{r.peak_mib:.1f} MiB",
            "" if r.status != "ok" or not r.rhs else str(r.rhs),
        ]
        for r in records
    ]


def label(r: Record) -> str:
    """The name of a contender."""
    return contender(r.strategy, r.backend)


def judged(record: Record) -> float | None:
    """The error that is shown: of the Hessian, or what the gate condemned the result for."""
    return record.error if record.status == "ok" or record.error_scaled is None else record.error_scaled


def first_call(record: Record) -> float | None:
    """Seconds to the first Hessian, preparation included."""
    return None if record.first_s is None else record.first_s + (record.prepare_s or 0)


class Growing:
    """The table as it grows: on a terminal it is drawn anew with each record, elsewhere each is a line on standard error.

    Nothing is drawn while a case is measured. `silent` shows nothing.
    """

    def __init__(self, total: int, live: Live | None, silent: bool) -> None:
        self.total, self.live, self.silent = total, live, silent
        self.records: list[Record] = []

    def asked(self, cases: Sequence[Case]) -> Iterator[Case]:
        """The cases as they are asked for, each of which is shown as the one that is measured."""
        for number, case in enumerate(cases):
            if self.live is not None:
                self.live.update(self.drawn(f"measuring {cut(case.label, 48)} ({number + 1} of {self.total})"))
                self.live.refresh()
            yield case

    def add(self, record: Record) -> None:
        """Show one more record."""
        self.records.append(record)
        if self.live is None and not self.silent:
            again = record.diagnosis == MISTAKE and record.message in [r.message for r in self.records[:-1]]
            said = seconds(record.median_s) or ("by the same mistake" if again else record.message)
            say(f"{len(self.records)}/{self.total} {label(record)}: {record.status} {said}".rstrip(), error=True)

    def drawn(self, below: str) -> Group:
        """The table of what there is, and a line below it."""
        from rich.console import Group
        from rich.text import Text

        ordered = together(in_order(self.records))
        if not ordered:
            return Group(Text(plain(below)))
        table, _ = case_table(HEAD, rows_of(ordered), [""] * len(ordered), DROPPABLE, console().width)
        return Group(table, Text(plain(below)))


@contextmanager
def growing(total: int, *, silent: bool) -> Iterator[Growing]:
    """A table that grows until the end of the block, where it is gone: the final one is printed."""
    out = console()
    if silent or not out.is_terminal:
        yield Growing(total, None, silent)
        return
    from rich.live import Live

    with Live(console=out, auto_refresh=False, transient=True) as live:  # no thread that draws beside a measurement
        yield Growing(total, live, silent)
