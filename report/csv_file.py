"""The tidy table as CSV that a spreadsheet can open, and its reading back.

A text that a spreadsheet would run as a formula (`=...`, `+...`, `-...`, `@...`) has a `'` before it; numbers stay numbers.
"""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hessbench._storage.text import SURROGATES, cell, uncell

from .asv_results import Foreign
from .columns import RUN_TEXT, TEXT, Table

MARKED = (*TEXT, *RUN_TEXT, "contender", "problem_label")
LONGEST = 2**24  # characters of a cell


def csv_text(table: Table) -> str:
    """The table as CSV, a missing cell empty."""
    safe = {name: table[name].map(lambda value: cell(str(value))) for name in MARKED if name in table.columns}
    return table.assign(**safe).to_csv(index=False, lineterminator="\n")


def rows_of_csv(
    path: Path, needed: Collection[str], skip: Callable[[str, Exception], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    """`(line, {column: text})` of the rows of a file; damaged ones are told to `skip`.

    Raises `Foreign` for a file that has not the columns `needed`.
    """
    content = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    csv.field_size_limit(LONGEST)
    reader = csv.reader(io.StringIO(content, newline=""))
    heading = next(reader, [])
    absent = set(needed) - set(heading)
    if absent:
        raise Foreign(f"not a table of results: no column {', '.join(sorted(absent))}")
    while True:
        first = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            skip(f"line {first}", error)
            continue
        if not values:
            continue
        if len(values) != len(heading):
            skip(f"line {first}", Foreign(f"{len(values)} cells, expected {len(heading)}"))
        elif any(SURROGATES.search(value) for value in values):
            skip(f"line {first}", Foreign("not text in UTF-8"))
        else:
            row = dict(zip(heading, values, strict=True))
            yield first, {name: uncell(value) if name in MARKED else value for name, value in row.items()}
