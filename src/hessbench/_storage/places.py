"""Where something was found, and whether it is still there: by identity, and by content for what changes in place."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .apart import Unreadable

ABSENT = object()


@dataclass(eq=False)
class Places:
    """What was read where. Objects that hold others are compared by identity, because what these hold was read too.

    A mapping of as many keys as before, in each of which the same object is found, is the same.
    """

    names: list[tuple[Mapping[Any, Any], Any, Any]] = field(default_factory=list)
    sizes: list[tuple[Mapping[Any, Any], int]] = field(default_factory=list)
    cells: list[tuple[types.CellType, Any]] = field(default_factory=list)
    functions: list[tuple[types.FunctionType, Any, Any, Any]] = field(default_factory=list)
    lists: list[tuple[list[Any], tuple[Any, ...]]] = field(default_factory=list)
    elements: list[tuple[np.ndarray, tuple[Any, ...]]] = field(default_factory=list)
    arrays: list[tuple[np.ndarray, np.dtype, tuple[int, ...], bytes]] = field(default_factory=list)
    others: list[tuple[Callable[[Any], Any], Any, Any]] = field(default_factory=list)

    def hold(self) -> bool:
        """Whether all of it is as it was."""
        for where, name, value in self.names:
            if where.get(name, ABSENT) is not value:
                return False
        for where, size in self.sizes:
            if len(where) != size:
                return False
        for f, code, defaults, keywords in self.functions:
            if f.__code__ is not code or f.__defaults__ is not defaults or f.__kwdefaults__ is not keywords:
                return False
        for a, dtype, shape, data in self.arrays:
            if a.tobytes() != data or a.shape != shape or a.dtype != dtype:
                return False
        try:
            for cell, value in self.cells:
                if cell.cell_contents is not value:
                    return False
            pairs = [*self.lists, *((a.ravel().tolist(), items) for a, items in self.elements)]
            for found, items in pairs:
                if len(found) != len(items) or any(x is not y for x, y in zip(found, items, strict=True)):
                    return False
            return all(read(what) == value for read, what, value in self.others)
        except (Unreadable, ValueError):  # ValueError: the cell is empty by now
            return False
