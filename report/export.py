"""The tidy table as a file for other tools."""

import io
from pathlib import Path

from hessbench import InvalidInput
from hessbench._storage.files import write

from .columns import Table
from .csv_file import csv_text

ENDINGS = (".csv", ".parquet")


def export(table: Table, path: str | Path) -> Path:
    """Write `table` as `.csv` (UTF-8, a missing cell is empty) or `.parquet`; return the path.

    Raises `InvalidInput` for another ending, `HessbenchError` if it cannot be written; an old file then stays.
    """
    return write(check_ending(path), csv_text(table) if Path(path).suffix == ".csv" else parquet_bytes(table))


def check_ending(path: str | Path) -> Path:
    """The path, if its ending is one that `export` writes; else raises `InvalidInput`."""
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise InvalidInput(f"{str(path)!r} ends in {path.suffix!r}; expected .csv or .parquet.")
    return path


def parquet_bytes(table: Table, compression: str = "snappy") -> bytes:
    """The table as a parquet file."""
    out = io.BytesIO()
    table.to_parquet(out, index=False, compression=compression)
    return out.getvalue()
