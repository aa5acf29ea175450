"""The tidy table: one row per measured case, one column per field of a `Record`, and where the row comes from.

Errors are relative, times are seconds, memory is MiB; a cell that was not measured is missing, never zero.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd

from hessbench import Record
from hessbench._measuring.record import contender
from hessbench._measuring.stored import kinds

Table: TypeAlias = Any  # a pandas.DataFrame, whose own annotations make unions that no expression fits
Column: TypeAlias = Any  # a pandas.Series
Row: TypeAlias = dict[str, Any]

RECORD = kinds(Record)  # {field: (type, may be None)}
RUN_TEXT = (
    *("suite", "machine", "hardware", "cpu", "affinity", "governor", "os"),
    *("python", "commit", "date", "command", "sources", "source"),
)
TEXT = tuple(name for name, (kind, _) in RECORD.items() if kind is str)
FLOATS = (*(name for name, (kind, _) in RECORD.items() if kind is float), "load", "others")
COUNTS = (*(name for name, (kind, _) in RECORD.items() if kind is int), "cores")
TRUTHS = (*(name for name, (kind, _) in RECORD.items() if kind is bool), "dirty", "under_load")
DERIVED = ("contender", "problem_label", "error", "total_first_s")
GATED = ("first_s", "best_s", "median_s", "ci_low_s", "ci_high_s", "peak_mib")  # exist for status `ok` alone
COLUMNS = (*TEXT, *FLOATS, *COUNTS, *RUN_TEXT, *TRUTHS)
KEY = ("machine", "commit", "suite", "problem", "arguments", "contender", "rtol", "method")


def tidy(rows: list[Row]) -> Table:
    """A table with typed columns from a list of checked dictionaries that hold any of `COLUMNS`, in any order."""
    cells = {name: [None if missing(row.get(name)) else row.get(name) for row in rows] for name in COLUMNS}
    columns: dict[str, Any] = {}
    for name, values in cells.items():
        if name in FLOATS:
            columns[name] = np.array(values, dtype="float64")
        elif name in COUNTS:
            columns[name] = pd.array(values, dtype="Int64")  # through floats the last digits of a seed would be lost
        elif name in TRUTHS:
            columns[name] = np.array([bool(value) for value in values], dtype=bool)
        else:
            columns[name] = _text(["" if value is None else str(value) for value in values])
    table = cast(Table, pd.DataFrame(columns))
    names = [contender(s, b) for s, b in zip(table["strategy"], table["backend"], strict=True)]
    labels = [problem_label(p, a) for p, a in zip(table["problem"], table["arguments"], strict=True)]
    table["contender"], table["problem_label"] = _text(names), _text(labels)
    table["error"] = table[["error_hess", "error_hess_perturbed"]].max(axis=1)
    table["total_first_s"] = table["first_s"] + table["prepare_s"].fillna(0.0)
    return table


def _text(values: list[str]) -> Column:
    return pd.Series(values, dtype=object)  # plain strings in every version of pandas


def gate(rows: Iterable[Row]) -> tuple[list[Row], list[str]]:
    """The rows without a time that no passed gate stands behind, and one warning for each row that had one."""
    out, warnings = [], []
    for row in rows:
        status = row.get("status") or ""
        offending = [name for name in GATED if not missing(row.get(name))]
        if status != "ok" and offending:
            who = f"{contender(row.get('strategy', ''), row.get('backend'))} on {row.get('problem')}"
            why = f"its status is `{status}`" if status else "no gate result stands beside it"
            warnings.append(f"{row.get('source', '')}: dropped {', '.join(offending)} of {who}, because {why}.")
            row = {**row, **dict.fromkeys(offending)}
        out.append({**row, "status": status or "failed", "message": row.get("message") or _no_reason(status)})
    return out, warnings


def _no_reason(status: str) -> str:
    return (
        ""
        if status == "ok"
        else "no reason was stored"
        if status
        else "asv recorded a failure, whose reason it cannot store"
    )


def missing(value: Any) -> bool:
    """Whether a cell holds nothing: `None` or NaN. An infinite error is a value."""
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def problem_label(problem: str, arguments: str) -> str:
    """`problem(key=value, ...)` from a name and its arguments as JSON."""
    inner = ", ".join(f"{key}={value}" for key, value in sorted(json.loads(arguments or "{}").items()))
    return f"{problem}({inner})" if inner else str(problem)


def parse_label(label: str) -> tuple[str, str]:
    """The inverse of `problem_label`: `(name, arguments as JSON)`."""
    match = re.fullmatch(r"([^()]+)\((.*)\)", label)
    if match is None:
        return label, "{}"
    pairs = (part.partition("=") for part in match[2].split(", "))
    return match[1], json.dumps({key: _literal(text) for key, _, text in pairs}, sort_keys=True)


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
