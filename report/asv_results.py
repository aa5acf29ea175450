"""One file of asv results as rows: numbers of one case that are spread over several benchmarks, put together again.

asv stores for each benchmark `zip(result_columns, values)` with trailing nulls dropped. `result` is row-major over the
parameters, or null when nothing worked; `null` is a failure and `NaN` a skip. The names of the parameters stand in
`benchmarks.json`.
"""

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any

from hessbench import STATUSES, InvalidInput, Record
from hessbench._measuring.stored import fields_of
from hessbench._storage.text import plain

from .columns import COLUMNS, Row, parse_label

PARAMETERS = ("problem", "contender", "rtol")
SAME_CASES = {"metrics": "hessian"}  # a module that shows other columns of another one's cases
VERSION = 2  # of asv's files of results
MOST = 10**6  # cases of one benchmark: a damaged file must not ask for more
TIMES = ("median_s", "ci_low_s", "ci_high_s")


class Foreign(ValueError):
    """The data is not what it was taken for; the message says in what."""


def rows_of(data: Any, described: Mapping[str, Any], skip: Callable[[str, Exception], None]) -> list[Row]:
    """Rows of one result file (parsed JSON). `described` maps names of benchmarks to their entry in `benchmarks.json`.

    Left out are benchmarks whose parameters are not those of a case, and cases that were skipped everywhere. A benchmark
    or a number that cannot be used is told to `skip`, and a case whose status this version does not know is left out.
    Raises `Foreign` for anything but asv results.
    """
    if not isinstance(data, dict) or not {"results", "result_columns", "commit_hash"} <= set(data):
        raise Foreign("not a file of asv results")
    if data.get("version") != VERSION:
        raise Foreign(f"asv results of version {plain(data.get('version'))[:40]}, expected {VERSION}")
    if not isinstance(data["results"], dict) or not isinstance(data["result_columns"], list):
        raise Foreign("asv results of an unknown form")
    rows: dict[tuple[str, ...], Row] = {}
    unknown: set[tuple[str, ...]] = set()
    for name, values in data["results"].items():
        try:
            for key, about, numbers in _cells(name, values, data, described):
                rows.setdefault(key, {}).update(about)
                try:
                    rows[key].update(numbers())
                except InvalidInput as error:
                    skip(f"{plain(name)} of {plain(key[1])} with {plain(key[2])}", error)
                    if name.endswith("_status"):
                        unknown.add(key)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            skip(plain(name), error)
    return [row for key, row in rows.items() if key not in unknown]


def _cells(
    name: str, values: Any, data: Row, described: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Row, Callable[[], Row]]]:
    """`(key, what is known of the case and its run, function that gives its numbers)` of one benchmark."""
    if values is None:
        return
    module = name.partition(".")[0]
    suite = str(SAME_CASES.get(module, module))
    names = described.get(name, {}).get("param_names") or PARAMETERS
    cell = dict(zip(data["result_columns"], values, strict=False))
    parameters = [[_literal(text) for text in axis] for axis in cell.get("params") or []]
    if len(parameters) != len(names) or not {"problem", "contender"} <= set(names):
        return
    if math.prod(map(len, parameters)) > MOST:
        raise Foreign("more cases than can be")
    for position, key in enumerate(product(*parameters)):
        if not _skipped(cell.get("result"), position):
            about = {**_case(dict(zip(names, key, strict=True))), **_run(data, suite, cell)}
            yield (suite, *map(str, key)), about, partial(_numbers, name, cell, position)


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
        return _checked({k: v for k, v in zip(TIMES, (value, low, high), strict=True) if v is not None})
    if kind != "track" or value is None:
        return {}
    if field == "status":
        if value not in range(len(STATUSES)):
            raise InvalidInput(f"the code {value} of a status is not known to this version")
        return {"status": STATUSES[int(value)]}
    return _checked({field: value}) if field in COLUMNS else {}


def _checked(numbers: Row) -> Row:
    own = fields_of(Record, numbers)
    del own["extra"]
    return own


def _skipped(values: Any, position: int) -> bool:
    return isinstance(values, list) and position < len(values) and values[position] != values[position]  # NaN


def _at(values: Any, position: int) -> float | None:
    """The number of one cell, or `None` for what was skipped, failed, cut off or is no number."""
    if not isinstance(values, list) or position >= len(values):
        return None
    value = values[position]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return value


def _literal(text: Any) -> Any:
    """The value that asv wrote as Python writes it."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def _moment(milliseconds: Any) -> str | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _python(named: Any) -> str | None:
    """The version that asv built an environment for; `None` for the path of an interpreter, whose version records hold."""
    return named if isinstance(named, str) and re.fullmatch(r"[\d.]+", named) else None
