"""One file of asv results as rows: numbers of one case that are spread over several benchmarks, put together again.

asv stores for each benchmark `zip(result_columns, values)` with trailing nulls dropped. `result` is row-major over the
parameters, or null when nothing worked; `null` is a failure and `NaN` a skip. The names of the parameters stand in
`benchmarks.json`.
"""

import ast
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Any

from hessbench import STATUSES

from .columns import COLUMNS, Row, parse_label

PARAMETERS = ("problem", "contender", "rtol")
SAME_CASES = {"metrics": "hessian"}  # a module that shows other columns of another one's cases
TIMES = ("median_s", "ci_low_s", "ci_high_s")


class Foreign(ValueError):
    """The data is not what it was taken for; the message says in what."""


def rows_of(data: Any, described: Mapping[str, Any]) -> list[Row]:
    """Rows of one result file (parsed JSON). `described` maps names of benchmarks to their entry in `benchmarks.json`.

    Left out are benchmarks whose parameters are not those of a case, and cases that were skipped everywhere.
    Raises `Foreign` for anything but asv results.
    """
    if not isinstance(data, dict) or not {"results", "result_columns", "commit_hash"} <= set(data):
        raise Foreign("not a file of asv results")
    if not isinstance(data["results"], dict) or not isinstance(data["result_columns"], list):
        raise Foreign("asv results of an unknown form")
    rows: dict[tuple[str, ...], Row] = {}
    for name, values in data["results"].items():
        if values is None:
            continue
        module = name.partition(".")[0]
        suite = str(SAME_CASES.get(module, module))
        names = described.get(name, {}).get("param_names") or PARAMETERS
        cell = dict(zip(data["result_columns"], values, strict=False))
        parameters = [[_literal(text) for text in axis] for axis in cell.get("params") or []]
        if len(parameters) != len(names) or not {"problem", "contender"} <= set(names):
            continue
        for position, key in enumerate(product(*parameters)):
            if _skipped(cell.get("result"), position):
                continue
            row = rows.setdefault((suite, *map(str, key)), _case(dict(zip(names, key, strict=True))))
            row.update(_run(data, suite, cell))
            row.update(_numbers(name, cell, position))
    return list(rows.values())


def _case(parameters: Row) -> Row:
    problem, arguments = parse_label(str(parameters["problem"]))
    strategy, _, backend = str(parameters["contender"]).partition("@")
    rtol = parameters.get("rtol")
    case = {"problem": problem, "arguments": arguments, "strategy": strategy, "backend": backend}
    return {**case, "rtol": rtol, "atol": parameters.get("atol", rtol), "method": parameters.get("method", "DOP853")}


def _run(data: Row, suite: str, cell: Row) -> Row:
    params = data.get("params") or {}
    cores = str(params.get("num_cpu"))
    return {
        "suite": suite,
        "machine": params.get("machine"),
        "cpu": params.get("cpu"),
        "cores": int(cores) if cores.isdigit() else None,
        "os": params.get("os"),
        "python": _python(data.get("python")),
        "commit": data["commit_hash"],
        "date": _moment(cell.get("started_at")),
        "command": f"asv run --bench {suite}",
    }


def _numbers(name: str, cell: Row, position: int) -> Row:
    function = name.rpartition(".")[2]
    kind, _, field = function.partition("_")
    value = _at(cell.get("result"), position)
    if kind == "time":
        low, high = (_at(cell.get(f"stats_ci_99_{side}"), position) for side in "ab")
        return {k: v for k, v in zip(TIMES, (value, low, high), strict=True) if v is not None}
    if kind != "track" or value is None:
        return {}
    if field == "status":
        return {"status": STATUSES[int(value)]} if value in range(len(STATUSES)) else {}
    return {field: value} if field in COLUMNS else {}


def _skipped(values: Any, position: int) -> bool:
    return isinstance(values, list) and position < len(values) and values[position] != values[position]  # NaN


def _at(values: Any, position: int) -> float | None:
    """The number of one cell, or `None` for what was skipped, failed, cut off or is no number."""
    if not isinstance(values, list) or position >= len(values):
        return None
    value = values[position]
    if not isinstance(value, int | float) or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _moment(milliseconds: Any) -> str | None:
    if not isinstance(milliseconds, int | float):
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _python(named: Any) -> str | None:
    """The version that asv built an environment for; `None` for the path of an interpreter, whose version records hold."""
    return named if isinstance(named, str) and re.fullmatch(r"[\d.]+", named) else None
