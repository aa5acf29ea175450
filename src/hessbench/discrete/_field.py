"""A right-hand side with derivatives from anywhere, at many points at once: what `_trust` compares with NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from .._model.derivatives import Array

NOTHING = np.zeros(0)


class Twice(NamedTuple):
    """Something that a kernel computes in two ways, and the size (of each component) that its difference is measured by."""

    ours: Array
    theirs: Array
    size: Array


@dataclass(frozen=True, eq=False)
class Values:
    """Values (sets, m, n), as often as they are computed; entries on the field's patterns; second ones or `NOTHING`."""

    values: tuple[Array, ...]
    first: Array
    second: Array
    twice: tuple[Twice, ...] = ()


class Pattern:
    """Places of the entries of a matrix of `shape`; an entry may occur once only."""

    def __init__(self, entries: Sequence[tuple[int, int]] | Array, shape: tuple[int, int]) -> None:
        rows, cols = np.array(entries, dtype=int).reshape(-1, 2).T
        self.shape, self.rows, self.cols = shape, rows, cols
        self._full = rows.size == shape[0] * shape[1] and np.array_equal(rows * shape[1] + cols, np.arange(rows.size))
        self._by_rows, self._by_cols = _groups(rows), _groups(cols)

    @classmethod
    def full(cls, rows: int, cols: int) -> Pattern:
        """Every entry, row by row."""
        return cls(np.column_stack(np.divmod(np.arange(rows * cols), cols)), (rows, cols))

    def times(self, values: Array, v: Array) -> Array:
        """The matrix of `values` (..., nnz) times `v` (..., cols): (..., rows)."""
        if self._full:
            return (self.dense(values) @ v[..., None])[..., 0]
        return _summed(values * v[..., self.cols], self._by_rows, self.shape[0])

    def transposed_times(self, values: Array, v: Array) -> Array:
        """(..., cols) for `v` (..., rows)."""
        if self._full:
            return (v[..., None, :] @ self.dense(values))[..., 0, :]
        return _summed(values * v[..., self.rows], self._by_cols, self.shape[1])

    def dense(self, values: Array) -> Array:
        """(..., rows, cols)"""
        if self._full:
            return values.reshape(*values.shape[:-1], *self.shape)
        out = np.zeros((*values.shape[:-1], *self.shape))
        out[..., self.rows, self.cols] = values
        return out


Groups = tuple[Array, Array, Array]


def _groups(index: Array) -> Groups:
    order = np.argsort(index, kind="stable")
    present, starts = np.unique(index[order], return_index=True)
    return order, present, starts


def _summed(products: Array, groups: Groups, size: int) -> Array:
    order, present, starts = groups
    out = np.zeros((*products.shape[:-1], size))
    if present.size:
        out[..., present] = np.add.reduceat(products[..., order], starts, axis=-1)
    return out


def patterns(places: Mapping[str, Sequence[tuple[int, int]]], n: int, count: int) -> tuple[Pattern, Pattern, Array]:
    """Patterns of `F_,v` and of `q . F_,vv` whose entries are those of J, A and of YY, YU, UU (`_expressions`).

    A kernel has one triangle of what is beside `YY`: the last value tells which of its entries stand where in the second.
    """
    first = Pattern([*places["J"], *((r, n + j) for r, j in places["A"])], (n, n + count))
    upper = [*places["YY"], *((r, n + j) for r, j in places["YU"]), *((n + i, n + j) for i, j in places["UU"])]
    mirrored = [i for i, (r, c) in enumerate(upper) if i >= len(places["YY"]) and r != c]
    second = Pattern([*upper, *((upper[i][1], upper[i][0]) for i in mirrored)], (n + count, n + count))
    return first, second, np.array([*range(len(upper)), *mirrored], dtype=int)


class Field(Protocol):
    """(F, F_,v, q . F_,vv) by v = (y, u): `n` states, `count` parameters u.

    Called with times (sets, m), states (sets, m, n), parameters (sets, P) and multipliers (sets, m, n) or `None`.
    """

    n: int
    count: int
    first: Pattern
    second: Pattern

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values: ...
