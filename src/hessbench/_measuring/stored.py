"""Reading what was stored of a measurement: typed by the fields of the dataclass, whatever the file holds.

A record is read if each field that this version knows has its type and a value that can be: no negative count, no time
that is not finite. What a newer version added is kept, so that writing the record again does not lose it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, get_args, get_type_hints

from .._errors import InvalidInput
from .._storage.text import encodable, plain
from .statuses import STATUSES

DEEPEST = 8  # nesting of what is kept unread
LARGEST = 2**63  # counts above fit no table
UNREAD = "extra"  # the field of a dataclass that keeps what it does not know
RANGES = {  # of numbers that are divided by, or whose logarithm is taken; times and memory end at 1e12, see below
    **{"rtol": (1e-300, 1.0), "atol": (1e-300, 1.0), "dim": (1, 1e12), "n": (1, 1e12), "cores": (1, 1e6)},
    **dict.fromkeys(("best_s", "median_s"), (1e-12, 1e12)),
}
BEFORE = {"schema": 1}  # of records that were stored before they said it
NAMES = ("problem", "strategy")  # never empty
RUN = {
    **dict.fromkeys(("suite", "machine", "cpu", "os", "python", "commit", "date", "command", "sources"), str),
    **dict.fromkeys(("hardware", "affinity", "governor"), str),
    **{"cores": int, "dirty": bool, "load": float, "others": float, "under_load": bool},
}
ROW = {
    **dict.fromkeys(("table", "package", "version", "operation", "status", "message", "problem", "contender"), str),
    **dict.fromkeys(("rtol", "share", "power", "fit_error"), float),
    **dict.fromkeys(("n", "calls"), int),
}


@cache
def kinds(cls: type) -> Mapping[str, tuple[type, bool]]:
    """`{field: (type, whether it may be None)}` of a flat dataclass, without the field that keeps what is unknown."""
    out = {}
    for name, hint in get_type_hints(cls).items():
        options = get_args(hint) or (hint,)
        if name != UNREAD:
            out[name] = next(option for option in options if option is not type(None)), type(None) in options
    return out


def fields_of(cls: type, data: Any, *, text: bool = False) -> dict[str, Any]:
    """The fields of `cls` in `data`, checked, and what else it holds under `extra`; some may be absent.

    With `text` every value is text, as in a CSV file, where an empty one is `None`.
    Raises `InvalidInput` that names the first field that cannot be used.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput(f"Not a record but {_kind(data)}.")
    out: dict[str, Any] = {UNREAD: {}}
    for name, value in data.items():
        if name in kinds(cls):
            kind, optional = kinds(cls)[name]
            out[name] = _field(name, value, kind, optional, text)
        else:
            out[UNREAD][_key(name)] = _kept(name, value)
    return out


def read(cls: type, data: Any) -> Any:
    """An instance of `cls` from `data`. Raises `InvalidInput` for a missing field or one that cannot be used."""
    fields = {name: value for name, value in BEFORE.items() if name in kinds(cls)} | fields_of(cls, data)
    try:
        return cls(**fields)
    except TypeError:
        absent = [name for name in kinds(cls) if name not in fields and not hasattr(cls, name)]
        raise InvalidInput(f"Not a record: no {', '.join(absent)}.") from None


def run_of(data: Any) -> dict[str, Any]:
    """Where a record comes from, checked; what this version does not know is kept if it is a plain value."""
    out = _row(data, RUN, "a run")
    date = out.get("date")
    try:
        if date:
            datetime.fromisoformat(date)
    except ValueError:
        raise InvalidInput(f"`date` is {_shown(date)}, not a moment as ISO 8601 writes it.") from None
    return out


def row_of(data: Any) -> dict[str, Any]:
    """A row of another table than that of records, checked. Raises `InvalidInput` for one that names no table."""
    out = _row(data, ROW, "a row")
    if not out.get("table"):
        raise InvalidInput("A row that names no table.")
    return out


def _row(data: Any, known: Mapping[str, type], what: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidInput(f"Not {what} but {_kind(data)}.")
    out = {}
    for name, value in data.items():
        kind = known.get(name, float if isinstance(name, str) and name.endswith("_s") else None)
        kept = _kept(name, value) if kind is None else _field(name, value, kind, True, False)
        if kept is not None:
            out[_key(name)] = kept
    return out


def _field(name: str, value: Any, kind: type, optional: bool, text: bool) -> Any:
    """`value` as `kind`, or the reason why not."""
    if text and kind is not str:
        value = None if value == "" else _number(value)
    if value is None or (isinstance(value, float) and math.isnan(value) and kind is not float):
        if not optional:
            raise InvalidInput(f"`{name}` is missing.")
        return None
    out = CONVERT[kind](name, value)
    if kind in (int, float):
        _check_range(name, out)
    if kind is str and not out and name in NAMES:
        raise InvalidInput(f"`{name}` is empty.")
    if name == "status" and kind is str and out not in STATUSES:
        raise InvalidInput(f"`status` is {_shown(out)}, which this version does not know ({', '.join(STATUSES)}).")
    if name == "arguments":
        return _arguments(out)
    return None if out == "" and optional else out


def _check_range(name: str, value: float) -> None:
    """Refuse what no measurement gives; an error may be anything from 0 to infinity, or NaN."""
    time = name.endswith("_s") or name == "peak_mib"
    low, high = RANGES.get(name, (0.0, 1e12 if time else math.inf))
    if not low <= value <= high and not (value != value and high == math.inf):
        raise InvalidInput(f"`{name}` is {value:g}; expected {low:g} to {high:g}.")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"`{name}` is {_shown(value)}; expected a text.")
    return encodable(value)


def _integer(name: str, value: Any) -> int:
    whole = isinstance(value, float) and value.is_integer()
    if isinstance(value, bool) or not (isinstance(value, int) or whole):
        raise InvalidInput(f"`{name}` is {_shown(value)}; expected a whole number.")
    if not -LARGEST < value < LARGEST:
        raise InvalidInput(f"`{name}` is too large a number.")
    return int(value)


def _float(name: str, value: Any) -> float:
    if isinstance(value, str) and value in ("inf", "-inf", "nan"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"`{name}` is {_shown(value)}; expected a number.")
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput(f"`{name}` is too large a number.") from None


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"`{name}` is {_shown(value)}; expected true or false.")
    return value


CONVERT: Mapping[type, Callable[[str, Any], Any]] = {str: _text, int: _integer, float: _float, bool: _truth}


def _number(text: Any) -> Any:
    """The value that a cell of a CSV file stands for; the text itself if it is none."""
    if text in ("True", "False"):
        return text == "True"
    for read_as in (int, float):
        try:
            return read_as(text)
        except (ValueError, TypeError):
            continue
    return text


def _arguments(text: str) -> str:
    """The arguments of a problem family: a JSON object, written in the canonical way."""
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InvalidInput(f"`arguments` is {_shown(text)}; expected a JSON object as text.")
    return json.dumps(_kept("arguments", data), sort_keys=True)


def _kept(name: Any, value: Any) -> Any:
    """A value that is kept as it is, its texts encodable, if it is not nested beyond reason."""

    def copy(value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return encodable(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth < DEEPEST and isinstance(value, dict):
            return {_key(k): copy(v, depth + 1) for k, v in value.items()}
        if depth < DEEPEST and isinstance(value, list | tuple):
            return [copy(v, depth + 1) for v in value]
        raise InvalidInput(f"`{plain(name)}` is nested too deeply, or {_kind(value)}.")

    return copy(value, 0)


def _key(name: Any) -> str:
    return encodable(str(name))


def _kind(value: Any) -> str:
    names = {
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
        dict: "an object",
    }
    return "nothing" if value is None else names.get(type(value), f"of type {type(value).__name__}")


def _shown(value: Any) -> str:
    """A value in a message: short, and itself only where that is safe."""
    if isinstance(value, str):
        short = plain(value)
        return repr(short if len(short) <= 40 else short[:39] + "…")
    return _kind(value) if isinstance(value, dict | list | int) and not isinstance(value, bool) else plain(value)
