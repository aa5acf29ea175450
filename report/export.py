"""The tidy table as a file for other tools."""

from pathlib import Path

from hessbench import InvalidInput

from .columns import Table


def export(table: Table, path: str | Path) -> Path:
    """Write `table` as `.csv` (UTF-8, a missing cell is empty) or `.parquet`; return the path.

    Raises `InvalidInput` for another ending.
    """
    path = Path(path)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        raise InvalidInput(f"{str(path)!r} ends in {path.suffix!r}; expected .csv or .parquet.")
    return path
