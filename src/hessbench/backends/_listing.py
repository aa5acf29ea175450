"""The backends that there are: the files of this folder, then entry points of other packages. No framework is imported.

One that cannot be used stays in the list with its reason and hides no other.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from ._base import OPERATIONS, Backend, Ranks

PACKAGE = "hessbench.backends"  # and the group of entry points
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Listed:
    """A name, the class behind it or the reason why there is none, and where it comes from (`distribution`: empty for here)."""

    name: str
    cls: type[Backend] | None
    origin: str
    error: str = ""
    distribution: str = ""


@cache
def listed() -> dict[str, Listed]:
    """All backends by name. One whose name is taken is listed with its origin."""
    out: dict[str, Listed] = {}
    for found in (*in_folder(), *_entry_points()):
        if found.name in out:
            clash = f"the name {found.name!r} is already taken by {out[found.name].origin}; rename this backend"
            found = Listed(f"{found.name} ({found.origin})", None, found.origin, clash)
        out[found.name] = found
    return out


@cache
def in_folder() -> tuple[Listed, ...]:
    """Those of this folder: each file that defines a subclass of `Backend`."""
    out: list[Listed] = []
    for name in sorted(found.name for found in iter_modules(import_module(PACKAGE).__path__)):
        try:
            classes = _defined_in(import_module(f"{PACKAGE}.{name}"))
        except (Exception, SystemExit) as fault:
            out.append(Listed(name.strip("_"), None, f"{name}.py", _in_words(fault)))
        else:
            out += [_judged(name.strip("_"), cls, f"{name}.py") for cls in classes]
    return tuple(out)


def _defined_in(module: ModuleType) -> list[type[Backend]]:
    classes = [
        value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    return [cls for cls in classes if issubclass(cls, Backend) and cls is not Backend]


def _entry_points() -> Iterator[Listed]:
    for point in entry_points(group=PACKAGE):
        distribution = point.dist.name if point.dist else ""
        origin = f"{point.value} of {distribution or 'an unknown package'}"
        try:
            cls = point.load()
        except (Exception, SystemExit) as fault:
            yield Listed(point.name, None, origin, _in_words(fault), distribution)
        else:
            yield _judged(point.name, cls, origin, distribution)


def _judged(name: str, cls: Any, origin: str, distribution: str = "") -> Listed:
    try:
        error = wrong_with(cls, name)
    except Exception as fault:  # of fields that are something else altogether
        error = _in_words(fault)
    return Listed(name, cls if error is None else None, origin, error or "", distribution)


def wrong_with(cls: Any, name: str) -> str | None:
    """What of a backend's class is not as `Backend` says, in one sentence; `None` if nothing is."""
    if not (inspect.isclass(cls) and issubclass(cls, Backend)):
        return f"{cls!r} is not a subclass of `Backend`"
    if inspect.isabstract(cls):
        return f"`{cls.__name__}` does not define {', '.join(f'`{missing}`' for missing in sorted(cls.__abstractmethods__))}"
    if getattr(cls, "name", None) != name or not NAME.fullmatch(name):
        return f"`name` is {getattr(cls, 'name', None)!r}, expected {name!r}, of lower-case letters, digits and dashes"
    if cls.order not in (0, 1, 2):
        return f"`order` is {cls.order!r}, expected the highest derivatives it takes: 0, 1 or 2"
    if not isinstance(cls.operations, tuple) or not all(o in OPERATIONS for o in cls.operations):
        return f"`operations` is {cls.operations!r}, expected a tuple of some of {', '.join(OPERATIONS)}"
    if bool(cls.order) != bool(cls.operations):
        return f"`order` is {cls.order} and `operations` is {cls.operations!r}: one says that it differentiates, one does not"
    for operation in cls.operations:
        if getattr(cls, operation) is getattr(Backend, operation):
            return f"`operations` names `{operation}`, which the class does not define"
    if not isinstance(cls.apart, tuple) or not all(isinstance(package, str) for package in cls.apart):
        return f"`apart` is {cls.apart!r}, expected a tuple of names of packages"
    if not isinstance(cls.ranks, Ranks) or not all(isinstance(getattr(cls.ranks, f.name), int) for f in fields(Ranks)):
        return f"`ranks` is {cls.ranks!r}, expected `Ranks(...)` of whole numbers"
    if not isinstance(cls.needs(), str) or cls.needs() == cls.__module__.partition(".")[0]:
        return f"`package` is {cls.needs()!r}, expected the framework that it imports, or 'numpy' where there is none"
    return None


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
