"""The table of what was recorded: blocks of operations on numbers, each of which has an id.

Ids 0 .. n - 1 are the states, n is the time; those below zero are constants, in a pool. A block is of one of two kinds:

    Linear      sum over k of coefficient_k argument_k    (sums, differences, products with constants, contractions)
    Pointwise   a function of up to three arguments, by its NumPy name
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._graph import CannotTrace

MOST_NUMBERS, MOST_BLOCKS = 8_000_000, 20_000


@dataclass(frozen=True, eq=False)
class Linear:
    """Ids `start` .. of `coefficients` (count, k) times the numbers `arguments` (count, k)."""

    start: int
    arguments: Array
    coefficients: Array


@dataclass(frozen=True, eq=False)
class Pointwise:
    """Ids `start` .. of the function `name` of `arguments` (count, 1 to 3)."""

    start: int
    name: str
    arguments: Array


class Table:
    """What was recorded, by id. `refused` stands even if what is recorded catches the exception."""

    def __init__(self, n: int) -> None:
        self.n, self.count, self.blocks = n, n + 1, list[Linear | Pointwise]()
        self.refused: CannotTrace | None = None
        self._pool, self._known, self._pooled = list[Array](), dict[bytes, int](), 0

    def refuse(self, reason: str) -> CannotTrace:
        """The exception to raise."""
        self.refused = CannotTrace(reason)
        return self.refused

    def constants(self, values: Any) -> Array:
        """Ids of numbers, of their shape."""
        values = np.asarray(values)
        if values.dtype.kind not in "fiub":
            raise self.refuse(f"it computes with an array of type {values.dtype}")
        values = values.astype(np.float64)
        if values.size == 1:
            key = values.tobytes()
            if key not in self._known:
                self._known[key] = self._pooled
                self._add(values)
            return np.full(values.shape, -1 - self._known[key], dtype=np.int64)
        start = self._pooled
        self._add(values)
        return (-1 - start - np.arange(values.size, dtype=np.int64)).reshape(values.shape)

    def _add(self, values: Array) -> None:
        self._pool.append(values.ravel())
        self._pooled += values.size

    def pool(self) -> Array:
        """All constants: the one with id -1 - k is number k."""
        return np.concatenate(self._pool or [np.zeros(0)])

    def values(self, ids: Array) -> Array:
        """The constants with these ids."""
        self._pool = [self.pool()]
        return self._pool[0][-1 - ids]

    def linear(self, arguments: Array, coefficients: Array) -> Array:
        """New ids (count,) of linear combinations (count, k) of numbers; those of constants are constants."""
        out = np.empty(len(arguments), dtype=np.int64)
        fixed = (arguments < 0).all(axis=1)
        if fixed.any():
            out[fixed] = self.constants((self.values(arguments[fixed]) * coefficients[fixed]).sum(axis=1))
        if not fixed.all():
            moving = ~fixed
            out[moving] = self._new(int(moving.sum()))
            self.blocks.append(Linear(int(out[moving][0]), arguments[moving], coefficients[moving]))
        return out

    def pointwise(self, name: str, arguments: Array) -> Array:
        """New ids (count,) of a function of numbers (count, 1 to 3), one of which is no constant in every row."""
        out = self._new(len(arguments))
        self.blocks.append(Pointwise(int(out[0]), name, arguments))
        return out

    def _new(self, count: int) -> Array:
        start = self.count
        self.count += count
        if self.count > MOST_NUMBERS or len(self.blocks) >= MOST_BLOCKS:
            raise self.refuse("it computes too many numbers")
        return np.arange(start, self.count, dtype=np.int64)
