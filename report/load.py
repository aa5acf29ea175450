"""Reading results: asv's JSON, stored records (JSON lines), the output of `hessbench compare`, and exported tables.

Records become one tidy table. Lines that hold a row of another table (`{"run": ..., "row": {"table": "overhead", ...}}`)
are kept as they are.

A file that is truncated, damaged or foreign is named in `Loaded.warnings` and skipped, a line or a row of it likewise; it
never hides the others. What a record may hold is said once, by its dataclass (`hessbench._measuring.stored`).
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hessbench import InvalidInput, Record
from hessbench._measuring.stored import RUN, fields_of, row_of, run_of
from hessbench._storage.text import encodable, plain

from .asv_results import Foreign, rows_of
from .columns import COLUMNS, KEY, Row, Table, contender, gate, missing, tidy
from .csv_file import rows_of_csv
from .machines import told_apart

BESIDES = ("benchmarks.json", "machine.json")  # asv's own descriptions, not results
NEEDED = {"problem", "strategy", "status", "rtol"}  # columns without which a table is none of results
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
    for path, root in files_of(paths, warnings):
        for row in _kept(path, root, warnings):
            row["source"] = encodable(path.name)
            read.append(row)
    for row in told_apart(read):
        if "table" in row:
            others.append(row)
        else:
            _merge(groups, row)
    rows, dropped = gate(groups.values())
    return Loaded(tidy(rows), (*warnings, *dropped), tuple(others))


def curated_below(paths: Iterable[str | Path]) -> list[Path]:
    """Files of results in folders called `curated` below `paths`."""
    folders = [folder for path in map(Path, paths) for folder in sorted(path.rglob(CURATED)) if folder.is_dir()]
    return [p for folder in folders for p in sorted(folder.iterdir()) if p.suffix in (".jsonl", ".csv", ".parquet")]


def files_of(paths: Iterable[str | Path], warnings: list[str]) -> list[tuple[Path, Path]]:
    """`(file, the path given)` of all results: records before asv's files, whose numbers are laid over them, older names first.

    Of folders called `curated` nothing is taken unless they are named. Raises `InvalidInput` for a path that does not exist.
    """
    out: dict[Path, Path] = {}
    for given in map(Path, paths):
        if os.path.isdir(given):
            found = sorted(_below(given, warnings))
            out.update({p: given for kind in (".jsonl", ".json") for p in found if p.suffix == kind})
        elif os.path.isfile(given):
            out[given] = given.parent
        else:
            raise InvalidInput(f"There is no file or folder {str(given)!r}; `make compare` writes `results`.")
    return sorted(out.items(), key=lambda item: item[0].suffix != ".jsonl")


def _below(folder: Path, warnings: list[str]) -> Iterator[Path]:
    """Files below a folder that may hold results; what has such a name and is no file, or cannot be seen, is named."""

    def unseen(error: OSError) -> None:
        warnings.append(f"{plain(error.filename)}: skipped, {_reason(error)}.")

    for above, folders, names in os.walk(folder, onerror=unseen):
        folders[:] = [name for name in folders if name != CURATED]
        for name in (*names, *folders):
            path = Path(above, name)
            if path.suffix not in (".json", ".jsonl") or name in BESIDES:
                continue
            if os.path.isfile(path):  # anything else, such as a pipe, might wait forever
                yield path
            else:
                warnings.append(f"{plain(path)}: skipped, not a file.")


def _kept(path: Path, root: Path, warnings: list[str]) -> list[Row]:
    """The rows of one file that can be read. Everything else is named in `warnings`."""
    out: list[Row] = []
    before = len(warnings)

    def skip(where: str, error: Exception) -> None:
        warnings.append(f"{plain(path)}{where and ', '}{where}: skipped, {_reason(error)}.")

    try:
        for where, item in _items(path, root, skip):
            try:
                out.append(item())
            except Exception as error:  # one line, whatever is wrong with it
                skip(where, error)
    except Exception as error:  # whatever a damaged file makes its parser raise
        skip("", error)
    if not out and len(warnings) == before:
        skip("", Foreign("it holds no result"))
    return out


def _items(path: Path, root: Path, skip: Any) -> Iterator[tuple[str, Any]]:
    """`(where, function that makes the row)` of everything in a file."""
    if path.suffix == ".csv":
        for number, row in rows_of_csv(path, NEEDED, skip):
            yield f"line {number}", lambda row=row: _exported(row, text=True)
        return
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        _check_columns(table.columns)
        known: Table = table[[name for name in COLUMNS if name in table.columns]]
        for number, row in enumerate(known.to_dict("records"), 1):
            yield f"row {number}", lambda row=row: _exported(row, text=False)
        return
    content = path.read_bytes()
    if not content.strip():
        raise Foreign("it is empty")
    if path.suffix == ".jsonl":
        for number, line in enumerate(content.split(b"\n"), 1):
            if line.strip():
                yield f"line {number}", lambda line=line: _line(json.loads(line.decode("utf-8")))
        return
    data = json.loads(content.decode("utf-8"))
    if isinstance(data, list):
        for number, item in enumerate(data, 1):
            yield f"item {number}", lambda item=item: _line({"record": item})
    else:
        for row in rows_of(data, _described(path, root), skip):
            yield f"{row.get('strategy')} on {row.get('problem')}", lambda row=row: _exported(row, text=False)


def _check_columns(names: Iterable[str]) -> None:
    absent = NEEDED - set(names)
    if absent:
        raise Foreign(f"not a table of results: no column {', '.join(sorted(absent))}")


FROM_TEXT: dict[type, Any] = {int: lambda text: int(float(text)), float: float, bool: lambda text: text == "True"}


def _exported(row: Row, *, text: bool) -> Row:
    """A row of a table that `export` wrote, or of asv, checked."""
    given = {name: value for name, value in row.items() if not missing(value) and value != ""}
    about = {name: given.pop(name) for name in RUN if name in given}
    if text:
        about = {name: FROM_TEXT.get(RUN[name], str)(value) for name, value in about.items()}
    own = fields_of(Record, {k: v for k, v in given.items() if k in COLUMNS and k != "source"}, text=text)
    del own["extra"]
    if not {"problem", "strategy"} <= set(own):
        raise Foreign("it names no problem or no strategy")
    return {**own, **run_of(about)}


def _line(data: Any) -> Row:
    if isinstance(data, dict) and "row" in data:
        return {**run_of(data.get("run", {})), **row_of(data["row"])}
    return _record(data if isinstance(data, dict) and "record" in data else {"record": data})


def _record(data: Row) -> Row:
    """A row from `{"run": ..., "record": ...}`; the run may be absent."""
    run, record = run_of(data.get("run", {})), Record.from_json(data["record"])
    return {"suite": "compare", "command": "hessbench compare", **run, **vars(record)}


def _described(path: Path, root: Path) -> dict[str, Any]:
    """What `benchmarks.json`, in the folder of results or above it, says about each benchmark."""
    for folder in (path.parent, path.parent.parent, root):
        try:
            data = json.loads((folder / "benchmarks.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            return {name: entry for name, entry in data.items() if isinstance(entry, dict)}
    return {}


def _merge(groups: dict[tuple[Any, ...], Row], row: Row) -> None:
    """Lay `row` over what is known of the same case; a later record replaces an earlier one as a whole."""
    named = {**row, "contender": contender(row["strategy"], row.get("backend"))}
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
    if isinstance(error, UnicodeDecodeError):
        return "not text in UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = plain(error.strerror if isinstance(error, OSError) and error.strerror else error)
    return (text[:200] or type(error).__name__).rstrip(".")
