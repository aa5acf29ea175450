"""Reading results: asv's JSON, stored records (JSON lines), the output of `hessbench compare`, and exported tables.

Records become one tidy table. Lines that hold a row of another table (`{"run": ..., "row": {"table": "overhead", ...}}`)
are kept as they are.

A file that is truncated, damaged or foreign is named in `Loaded.warnings` and skipped; it never hides the others.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hessbench import HessbenchError, InvalidInput, Record

from .asv_results import Foreign, rows_of
from .columns import COLUMNS, KEY, Row, Table, contender, gate, missing, tidy
from .machines import told_apart

BESIDES = ("benchmarks.json", "machine.json")  # asv's own descriptions, not results
CURATED = "curated"  # a folder of results that come with the package; read only when it, or a file in it, is named


@dataclass(frozen=True, eq=False)
class Loaded:
    """`table`: one row per case (see `columns`); `others`: rows of other tables, each with its run;
    `warnings`: one sentence for each thing that was left out, and why."""

    table: Table
    warnings: tuple[str, ...] = ()
    others: tuple[Row, ...] = ()

    def sorted_others(self) -> list[Row]:
        """`others`, oldest first."""
        return sorted(self.others, key=lambda row: str(row.get("date") or ""))


def load(paths: Iterable[str | Path]) -> Loaded:
    """Read files, and all `.json` and `.jsonl` files below folders; exported `.csv` and `.parquet` files if named.

    Of folders called `curated`, which hold results of others, nothing is read unless they are named.

    A case that asv and a stored record both know is one row: asv's numbers over those of the record.
    Raises `InvalidInput` when a path does not exist.
    """
    warnings: list[str] = []
    groups: dict[tuple[Any, ...], Row] = {}
    others: list[Row] = []
    read: list[Row] = []
    for path, root in _files(paths):
        try:
            found = list(_rows(path, root, warnings))
        except (OSError, UnicodeDecodeError, Foreign, ValueError, TypeError, KeyError, AttributeError) as error:
            warnings.append(f"{path}: skipped, {_reason(error)}.")
            continue
        for row in found:
            row["source"] = path.name
            read.append(row)
    for row in told_apart(read):
        if "table" in row:
            others.append(row)
        else:
            _merge(groups, row)
    rows, dropped = gate(groups.values())
    return Loaded(tidy(rows), (*warnings, *dropped), tuple(others))


def _files(paths: Iterable[str | Path]) -> list[tuple[Path, Path]]:
    """Records before asv's files, so that asv's numbers are laid over them; older names before newer ones."""
    out: dict[Path, Path] = {}
    for given in map(Path, paths):
        if given.is_dir():
            found = (p for kind in ("*.jsonl", "*.json") for p in sorted(given.rglob(kind)))
            own = (p for p in found if p.name not in BESIDES and CURATED not in p.relative_to(given).parts[:-1])
            out.update({p: given for p in own})
        elif given.is_file():
            out[given] = given.parent
        else:
            raise InvalidInput(f"There is no file or folder {str(given)!r}; `make compare` writes `results`.")
    return sorted(out.items(), key=lambda item: item[0].suffix != ".jsonl")


def _rows(path: Path, root: Path, warnings: list[str]) -> Iterable[Row]:
    if path.suffix == ".jsonl":
        yield from _lines(path, warnings)
        return
    if path.suffix in (".csv", ".parquet"):
        yield from _exported(pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path))
        return
    data = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(data, list):
        yield from (_record({"record": item}) for item in data)
    else:
        yield from rows_of(data, _described(path, root))


def _exported(table: Table) -> Iterable[Row]:
    """Rows of a table that `export` wrote."""
    absent = {"problem", "strategy", "status", "rtol"} - set(table.columns)
    if absent:
        raise Foreign(f"not a table of results: no column {', '.join(sorted(absent))}")
    for row in table[[name for name in COLUMNS if name in table.columns]].to_dict("records"):
        yield {name: value for name, value in row.items() if not missing(value)}


def _lines(path: Path, warnings: list[str]) -> Iterable[Row]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            row = _line(data)
        except (ValueError, TypeError, HessbenchError) as error:
            warnings.append(f"{path}, line {number}: skipped, {_reason(error)}.")
            continue
        yield row


def _line(data: Any) -> Row:
    if isinstance(data, dict) and "row" in data:
        if not isinstance(data["row"], dict) or not isinstance(data["row"].get("table"), str):
            raise Foreign("a row that names no table")
        return {**data.get("run", {}), **data["row"]}
    return _record(data if isinstance(data, dict) and "record" in data else {"record": data})


def _record(data: Row) -> Row:
    """A row from `{"run": ..., "record": ...}`; the run may be absent."""
    if not isinstance(data["record"], dict):
        raise Foreign("not a record")
    run = data.get("run", {})
    record = Record.from_json(data["record"])
    return {"suite": "compare", "command": "hessbench compare", **vars(record), **run}


def _described(path: Path, root: Path) -> dict[str, Any]:
    """What `benchmarks.json`, in the folder of results or above it, says about each benchmark."""
    for folder in (path.parent, path.parent.parent, root):
        try:
            data = json.loads((folder / "benchmarks.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(data, dict):
            return {name: entry for name, entry in data.items() if isinstance(entry, dict)}
    return {}


def _merge(groups: dict[tuple[Any, ...], Row], row: Row) -> None:
    """Lay `row` over what is known of the same case; a later record replaces an earlier one as a whole."""
    named = {**row, "contender": contender(row["strategy"], row["backend"])}
    key = tuple(named.get(name) for name in KEY)
    known = groups.get(key, {})
    if known and str(row.get("date") or "") < str(known.get("date") or ""):
        return  # measured before what is known: an asv file that a newer, interrupted run has not replaced yet
    if row.get("message") is not None:
        known = {}
    groups[key] = {**known, **{name: value for name, value in row.items() if not missing(value)}}


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON ({error.msg} at line {error.lineno}); it may have been cut off"
    return str(error).rstrip(".") or type(error).__name__
