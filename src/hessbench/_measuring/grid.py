"""Measuring a grid of cases: each once a day, kept on disk at once, and skipped when an easier one ran out of time.

A store is a folder of JSON lines, one file for each machine, commit and suite. A line is `{"run": ..., "record": ...}`, or
`{"run": ..., "row": ...}` for what is no case. A line that was cut off is skipped when it is read, and measured again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from .._errors import HessbenchError
from .._storage.files import append_line, make_folder
from .._storage.text import file_stem
from .machine import CONDITIONS, Watch
from .measure import blank, measure
from .provenance import now
from .record import Case, Record

SIZES = ("n", "d", "dim", "periods", "t", "t1")  # arguments of problem families that cost grows with


class Store:
    """Records of one suite, `run` being their provenance. Those of other suites count as measured too.

    A record is used again if machine, commit and sources are the same and it was made after `since` (ISO 8601 in UTC; by
    default in the last 24 hours). So an interrupted suite continues where it stopped.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any], since: str | None = None) -> None:
        make_folder(folder)
        stem = file_stem(f"{run['machine']}-{run['commit'][:8]}")
        self.run, self._watch = dict(run), Watch()
        self.path = folder / f"{stem}-{run['suite']}.jsonl"
        self._known: dict[tuple[Any, ...], tuple[dict[str, Any], Record]] = {}
        self._last: dict[tuple[Any, ...], Record] = {}
        since = since or (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
        others = folder.glob(f"{stem}-*.jsonl")
        for path in sorted(others, key=lambda path: path == self.path):  # our own replace others
            with suppress(OSError):  # what cannot be read is measured again
                for line in path.read_bytes().splitlines():
                    self._read(line, since)

    def _read(self, line: bytes, since: str) -> None:
        try:
            data = json.loads(line)
            run, record = data["run"], Record.from_json(data["record"])
            same = all(run.get(key) == self.run.get(key) for key in ("commit", "sources", "hardware"))
            if same:
                self._last[_key(record)] = record
            if same and run["date"] >= since:
                self._known[_key(record)] = run, record
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, HessbenchError):
            return  # cut off, damaged, a row of a table, or written by another version

    def find(self, case: Case) -> Record | None:
        """The record of `case`, if it was measured; a copy is kept under this suite as well."""
        run, record = self._known.get(_key(blank(case, "failed")), ({}, None))
        if record is not None and run["suite"] != self.run["suite"]:
            self.add(record, run["date"], {key: run[key] for key in CONDITIONS if key in run})
        return record

    def last(self, case: Case) -> Record | None:
        """The record of `case` of whatever age, for runs that do not ask for it and are not to lose it."""
        return self._last.get(_key(blank(case, "failed")))

    def add(self, record: Record, date: str | None = None, conditions: Mapping[str, Any] | None = None) -> None:
        """Append a record, made at `date` (default: now) under `conditions` (default: those since the last record)."""
        run = {**self.run, **(self._watch.since() if conditions is None else conditions), "date": date or now()}
        self._known[_key(record)] = run, record
        append_line(self.path, json.dumps({"run": run, "record": record.to_json()}))

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Append a row of a table that is no record; `row["table"]` names it."""
        append_line(self.path, json.dumps({"run": {**self.run, "date": now()}, "row": dict(row)}))


class Keeping(Protocol):
    """Where records go, and where those that are known come from: a `Store`, or what a command keeps of its own."""

    def find(self, case: Case) -> Record | None:
        """The record of `case`, if there is one already."""

    def add(self, record: Record) -> None:
        """Keep a record that was made just now."""


class Executor(Protocol):
    """Where cases are measured. It asks for the next case when it has room for it, so that what came back before counts."""

    def __call__(self, cases: Iterable[Case], run: Callable[[Case], Record]) -> Iterator[tuple[Case, Record]]:
        """Each case with `run(case)`, in the order in which they end."""
        ...


def here(cases: Iterable[Case], run: Callable[[Case], Record]) -> Iterator[tuple[Case, Record]]:
    """The executor of this machine: one case after the other."""
    for case in cases:
        yield case, run(case)


def measure_grid(
    cases: Iterable[Case],
    store: Keeping,
    executor: Executor = here,
    options: Callable[[Case], Mapping[str, Any]] | None = None,
    **limits: Any,
) -> Iterator[tuple[Case, Record]]:
    """Measure `cases`, the easy ones first; yield each with its record, which is kept by then, as they end.

    `limits` are those of `measure`, as `options` are of a single case.
    """
    late: list[Case] = []
    done: list[tuple[Case, Record]] = []  # what needs no measuring

    def asked() -> Iterator[Case]:
        for case in cases:
            record = store.find(case)
            if record is None:
                reason = next((why for easier in late if (why := easier_than(easier, case))), None)
                if reason is None:
                    yield case
                    continue
                record = replace(blank(case, "timeout"), message=f"{reason} already ran out of time")
                store.add(record)
            if record.status == "timeout":
                late.append(case)
            done.append((case, record))

    def run(case: Case) -> Record:
        return measure(case, **limits, **(options(case) if options else {}))

    for case, record in executor(asked(), run):
        store.add(record)
        if record.status == "timeout":
            late.append(case)
        yield from done
        done.clear()
        yield case, record
    yield from done


def easier_than(a: Case, b: Case) -> str | None:
    """In what `a` is easier than `b`, if it differs from `b` in one size or in the tolerance alone, and is easier."""
    if (a.problem, a.strategy, a.backend, a.method) != (b.problem, b.strategy, b.backend, b.method):
        return None
    differ = {key for key in {*a.arguments, *b.arguments} if a.arguments.get(key) != b.arguments.get(key)}
    if not differ and a.rtol > b.rtol:
        return f"the looser tolerance {a.rtol:g}"
    if len(differ) == 1 and a.rtol == b.rtol:
        (key,) = differ
        if key in SIZES and key in a.arguments and key in b.arguments and a.arguments[key] < b.arguments[key]:
            return f"the smaller size {key} = {a.arguments[key]}"
    return None


def _key(r: Record) -> tuple[Any, ...]:
    return r.problem, r.arguments, r.strategy, r.backend, r.rtol, r.atol, r.method
