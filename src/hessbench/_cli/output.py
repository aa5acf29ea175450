"""What the commands print. Names and messages are data: nothing in them is markup, and nothing acts on the terminal.

A table is right at 80 columns: reasons move below it, the columns that are needed least are left out, which is said, and
names that are longer than any of ours are cut in the middle. In a pipe, where no width is given, nothing is cut or wrapped.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._storage.text import cut, lines, plain, some

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNBOUNDED = 10_000
SHORTEST_NAME, WHOLE_NAME, LONGEST_NAME = 30, 40, 60  # of a name: where there is no room, while there is, ever
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
    """Print one row for each case, its reason behind it, or below the table where that leaves no room."""
    out = console()
    table, below = case_table(head, rows, reasons, droppable, out.width)
    print_table(table, out)
    for paragraph in below:
        say_within(paragraph, out)


def case_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], reasons: Sequence[str], droppable: Sequence[str], most: int
) -> tuple[Table, list[str]]:
    """A table of at most `most` columns with one row for each case, and the paragraphs that stand below it.

    The second column holds the names. Where there is no room, columns of `droppable` are left out, the last one first, then
    names are cut. From the fourth column on cells are numbers, and stand to the right.
    """
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    head, left_out = list(head), []
    cells = [[row[0], cut(row[1], LONGEST_NAME), *map(plain, row[2:])] for row in rows]

    def width() -> int:
        widths = [max(map(cell_len, column)) for column in zip(head, *cells, strict=True)]
        return sum(widths) + 2 * (len(widths) - 1)

    beside = most - width() - 2 >= min(NARROW, max((len(plain(r)) for r in reasons), default=0))
    for name in ("", *reversed(droppable), ""):
        longest = max((cell_len(row[1]) for row in cells), default=0)
        over = width() - most
        if over <= 0:
            break
        shortest = WHOLE_NAME if set(droppable) & set(head) else SHORTEST_NAME
        if over <= longest - shortest:
            cells = [[row[0], cut(row[1], longest - over), *row[2:]] for row in cells]
        elif name:
            at = head.index(name)
            left_out.append(head.pop(at))
            cells = [row[:at] + row[at + 1 :] for row in cells]
    if width() > most:
        cells = [[row[0], cut(row[1], SHORTEST_NAME), *row[2:]] for row in cells]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(head):
        table.add_column(heading, justify="right" if place >= 3 else "left", no_wrap=True)
    if beside:
        table.add_column("why", overflow="fold")
    for row, reason in zip(cells, reasons, strict=True):
        table.add_row(*map(Text, row), *([Text(plain(reason))] if beside else []))
    below = [] if beside else [f"{names}: {reason}" for reason, names in by_reason(cells, reasons).items()]
    if left_out:
        below.append(f"left out for want of room: {', '.join(reversed(left_out))} (--json shows them)")
    return table, below


def by_reason(cells: Sequence[Sequence[str]], reasons: Sequence[str]) -> dict[str, str]:
    """For each reason who has it, the first of them by name."""
    found: dict[str, list[str]] = {}
    for row, reason in zip(cells, reasons, strict=True):
        if reason:
            found.setdefault(reason, []).append(row[1])
    return {reason: some(names) for reason, names in found.items()}
