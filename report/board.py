"""A public board: a folder of static files (page, data, preview) that any web server shows, and that others add to.

    index.html                      the page, of all data
    data/MACHINE-HARDWARE.jsonl     records of one machine, one a line, each with the run that it comes from
    preview.png                     for places that show a picture of a page

Who adds results sends their file of `data/`. It is checked line by line before it counts: typed, with the gate's result
beside every time, from a clean checkout that is named, measured once.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hessbench import HessbenchError, InvalidInput, Record
from hessbench._measuring.record import contender
from hessbench._measuring.stored import run_of
from hessbench._storage.files import append_line, make_folder
from hessbench._storage.text import file_stem, plain

from .columns import GATED, KEY, Row
from .load import files_of, load
from .page import Page, build
from .static import readme_figure
from .words import first

NEEDED = ("machine", "hardware", "cpu", "python", "commit", "date", "sources")
DATA = "data"


@dataclass(frozen=True)
class Board:
    """What was published: the page, the files of data with how many records they got, and what was left out, and why."""

    page: Page
    added: dict[str, int]
    refused: tuple[str, ...]


def publish(paths: Iterable[str | Path], folder: str | Path, url: str = "") -> Board:
    """Add the records in `paths` (`.jsonl` files, or folders of them) to the board in `folder`, and write its page anew.

    `url` is where the board will be found; with it the page names its preview. What the checks refuse is left out and named;
    what the board holds already stays as it is.
    Raises `InvalidInput`, before anything is written, where a path does not exist or the board would have no result.
    """
    data, warnings, new = Path(folder) / DATA, list[str](), dict[tuple[Any, ...], str]()
    sources = [path for path, _ in files_of(paths, warnings) if path.suffix == ".jsonl"]
    there = {key for path in data.glob("*.jsonl") for key, _, _ in _lines(path)}
    for key, line, reason in (found for path in sources for found in _lines(path)):
        if reason:
            warnings.append(reason)
        elif key not in there:
            new[key] = line
    if not new and not there:
        detail = "".join(f"\n- {warning}" for warning in first(warnings))
        raise InvalidInput(f"There is no result that counts. `hessbench run` makes some.{detail}")
    make_folder(data)
    added = dict[str, int]()
    for line in new.values():
        name = _file_of(json.loads(line)["run"])
        append_line(data / name, line)
        added[name] = added.get(name, 0) + 1
    page = build([data], Path(folder) / "index.html", preview=f"{url.rstrip('/')}/preview.png" if url else "")
    readme_figure(load([data]).table, Path(folder) / "preview.png")
    return Board(page, added, tuple(warnings))


def check(folder: str | Path) -> list[str]:
    """What is wrong with the data of a board, one sentence each; nothing where all of it counts."""
    folder = Path(folder) / DATA
    if not folder.is_dir():
        raise InvalidInput(
            f"There is no board in {str(folder.parent)!r}: it has no folder {DATA!r}. `hessbench publish` makes one."
        )
    out, seen = list[str](), dict[tuple[Any, ...], str]()
    for path in sorted(folder.iterdir()):
        if path.suffix != ".jsonl":
            out.append(f"{plain(path.name)}: not a file of records (.jsonl).")
            continue
        for number, (key, line, reason) in enumerate(_lines(path), 1):
            if reason:
                out.append(reason)
                continue
            name = _file_of(json.loads(line)["run"])
            if name != path.name:
                out.append(f"{plain(path.name)}, record {number}: its machine and hardware belong into {name}.")
            if key in seen:
                out.append(f"{plain(path.name)}, record {number}: the same measurement stands in {seen[key]} already.")
            seen[key] = plain(path.name)
    return out


def _lines(path: Path) -> Iterator[tuple[tuple[Any, ...], str, str]]:
    """`(key, line, why it does not count)` of each record in a file; rows of other tables are passed over."""
    for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
        if not raw.strip():
            continue
        where = f"{plain(path.name)}, line {number}"
        try:
            line = raw.decode("utf-8")
            data = json.loads(line)
            if isinstance(data, dict) and "row" in data:
                continue
            run, record = run_of(data["run"]), Record.from_json(data["record"])
        except (ValueError, KeyError, TypeError, RecursionError, HessbenchError) as error:
            yield (), "", f"{where}: {plain(error) or type(error).__name__}"
            continue
        reason = _refusal(run, record)
        row = {**run, **vars(record), "contender": contender(record.strategy, record.backend)}
        yield (*(row.get(name) for name in KEY), run.get("date")), line, f"{where}: {reason}" if reason else ""


def _refusal(run: Row, record: Record) -> str:
    """Why a record does not count, or nothing."""
    absent = [name for name in NEEDED if not run.get(name)]
    if absent:
        return f"its run does not say {', '.join(absent)}."
    if run.get("dirty"):
        return "it was measured with changes that no commit has."
    timed = [name for name in GATED if getattr(record, name, None) is not None]
    if record.status != "ok":
        return f"it has {', '.join(timed)}, and its status is {record.status}." if timed else ""
    if record.median_s is None or record.error is None or record.error_scaled is None or record.threshold is None:
        return "it is right without the error, the threshold or the time that say so."
    if not record.error_scaled <= record.threshold:
        return f"its error {record.error_scaled:.1e} is above what is allowed, {record.threshold:.1e}."
    return ""


def _file_of(run: Row) -> str:
    return f"{file_stem(run['machine'])}-{file_stem(run['hardware'])}.jsonl"
