"""What the commands print. Names and messages are data: nothing in them is markup, and nothing acts on the terminal.

A table is right at 80 columns: reasons move below it, long names are cut in the middle, and the columns that are needed
least are left out, which is said. In a pipe, where no width is given, nothing is cut or wrapped.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._storage.text import cut, lines, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNBOUNDED = 10_000
NAMED = 3  # contenders that are named where they share a reason
SHORTEST_NAME, LONGEST_NAME = 30, 60
NARROW = 30  # columns below which reasons are put under the table


def say(text: object, *, error: bool = False) -> None:
    """Print text that may hold what others wrote."""
    print(lines(text), file=sys.stderr if error else sys.stdout, flush=True)


def console() -> Console:
    """Standard output, as wide as the terminal; in a pipe as wide as `COLUMNS` says, or without end."""
    from rich.console import Console

    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = UNBOUNDED
    return out


def print_table(table: Table, out: Console) -> None:
    """Print a table, without the spaces that fill its lines."""
    if out.is_terminal:
        out.print(table)
        return
    with out.capture() as captured:
        out.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def fitting(widths: Sequence[int], beside: int, width: int) -> list[list[int]]:
    """Columns of the given widths, by their places, in blocks that each fit into `width` beside a first column."""
    blocks: list[list[int]] = []
    room = -1
    for place, own in enumerate(widths):
        if own + 2 > room:
            blocks.append([])
            room = width - beside
        blocks[-1].append(place)
        room -= own + 2
    return blocks


def say_within(text: str, out: Console) -> None:
    """Print one paragraph within the width of the console."""
    print(textwrap.fill(plain(text), out.width, subsequent_indent="  ", break_on_hyphens=False))


def show_cases(
    head: Sequence[str], rows: Sequence[Sequence[str]], reasons: Sequence[str], droppable: Sequence[str]
) -> None:
    """Print one row for each case, its reason behind it, or below the table where that leaves no room.

    The second column holds the names, which are cut where they must be; then columns of `droppable`, the last one first,
    are left out. From the fourth column on cells are numbers, and stand to the right.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    out, head, left_out = console(), list(head), []
    cells = [[row[0], cut(row[1], LONGEST_NAME), *map(plain, row[2:])] for row in rows]

    def width() -> int:
        widths = [max(map(cell_len, column)) for column in zip(head, *cells, strict=True)]
        return sum(widths) + 2 * (len(widths) - 1)

    beside = out.width - width() - 2 >= min(NARROW, max((len(plain(r)) for r in reasons), default=0))
    for name in ("", *reversed(droppable)):
        longest = max((cell_len(row[1]) for row in cells), default=0)
        over = width() - out.width
        if over <= 0:
            break
        if over <= longest - SHORTEST_NAME:
            cells = [[row[0], cut(row[1], longest - over), *row[2:]] for row in cells]
        elif name:
            at = head.index(name)
            left_out.append(head.pop(at))
            cells = [row[:at] + row[at + 1 :] for row in cells]
    if width() > out.width:
        cells = [[row[0], cut(row[1], SHORTEST_NAME), *row[2:]] for row in cells]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(head):
        table.add_column(heading, justify="right" if place >= 3 else "left", no_wrap=True)
    if beside:
        table.add_column("why", overflow="fold")
    for row, reason in zip(cells, reasons, strict=True):
        table.add_row(*map(Text, row), *([Text(plain(reason))] if beside else []))
    print_table(table, out)
    if not beside:
        by_reason: dict[str, list[str]] = {}
        for row, reason in zip(cells, reasons, strict=True):
            by_reason.setdefault(reason, []).append(row[1])
        for reason, names in by_reason.items():
            if reason:
                shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
                say_within(f"{', '.join(shown)}: {reason}", out)
    if left_out:
        say_within(f"left out for want of room: {', '.join(reversed(left_out))} (--json shows them)", out)
