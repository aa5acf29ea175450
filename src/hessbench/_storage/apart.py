"""Taking objects apart for `fingerprint`: what they hold, in a form that can be compared or walked on."""

from __future__ import annotations

import dis
import hashlib
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from .modules import imported, release_of

SMALL = 2**18  # bytes of an array that are compared as they are
OUTSIDE = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS"})
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
SKIPPED = tuple(
    f"__{key}" for key in ("dict__", "weakref__", "doc__", "module__", "annot", "firstlineno__", "static_attr")
)
SKIPPED += ("__slotnames__", "_abc_")
DESCRIPTORS = (
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


class Unreadable(Exception):
    """What was reached has a part whose state cannot be read."""


class Memo:
    """A value that is remembered to save work: no part of what a function that holds it is."""

    value: Any = None


def content(obj: Any) -> Any:
    """What an object of a class of its own kind holds: numbers, or what it would pickle."""
    try:
        if hasattr(obj, "__array__") and not isinstance(obj, np.ndarray):
            return np.asarray(obj.detach() if hasattr(obj, "detach") else obj)
        made = obj.__reduce_ex__(4)
    except Exception:
        raise Unreadable from None
    if isinstance(made, str):
        return made
    return tuple(part if k < 3 or part is None else list(part) for k, part in enumerate(made[:5]))


def is_plain(obj: Any, kind: type) -> bool:
    """Whether the state of `obj` is its `__dict__`, and nothing else."""
    own = ("__reduce_ex__", "__reduce__", "__getstate__")
    if not hasattr(obj, "__dict__") or any(getattr(kind, key) is not getattr(object, key) for key in own):
        return False
    try:
        made = obj.__reduce_ex__(4)
    except Exception:
        raise Unreadable from None
    return (
        made[0].__name__ == "__newobj__"
        and len(made[1]) == 1
        and not isinstance(made[2], tuple)
        and made[3:] == (None,) * 2
    )


def built_in(obj: Any) -> tuple[Any, ...]:
    """A function in C, which is what its name says if that is where it can be found."""
    owner, name = getattr(obj, "__self__", None), obj.__name__
    if owner is not None and not isinstance(owner, types.ModuleType):
        return (owner, name)
    homes = [getattr(obj, "__module__", None), "numpy", "scipy.special"]
    for home in (home for home in homes if home is not None):
        if getattr(sys.modules.get(home), name, None) is obj:
            return (home, name, release_of(home))
    raise Unreadable


def cell_of(cell: types.CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # empty
        return ()


def numbers(a: Any) -> tuple[Any, ...]:
    kind = a.dtype.str if a.dtype.names is None else a.dtype.descr
    data = a.tobytes() if a.nbytes <= SMALL else hashlib.blake2b(np.ascontiguousarray(a).data, digest_size=32).digest()
    return kind, a.shape, data


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code and that of the functions within."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


@lru_cache(1024)
def names_in(code: types.CodeType) -> list[str]:
    """What a function looks up outside of it, itself or by the functions within."""
    found = (i.argval for part in _codes(code) for i in dis.get_instructions(part) if i.opname in OUTSIDE)
    return list(dict.fromkeys(found))


def imports_in(code: types.CodeType, package: str | None) -> list[types.ModuleType]:
    return [module for part in _codes(code) for module in imported(part, package)]
