"""Linear combinations that were recorded, as rows over atoms: the states, the time, and what pointwise functions give.

Rows of up to `SHORT` atoms that are positive multiples of one another count as one, as distances and these times masses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._graph import CannotTrace
from ._table import Linear, Table

SHORT, DEEPEST = 4, 500


class Rows:
    """Resolves ids of a table. `matrix` has a row for each id."""

    def __init__(self, table: Table) -> None:
        from scipy.sparse import csr_array

        self.count, self.table = table.count, table
        self.is_linear = np.zeros(table.count, dtype=bool)
        self.constant = np.zeros(table.count)
        rows, cols, values = [], [], []
        for block in table.blocks:
            if not isinstance(block, Linear):
                continue
            ids = block.start + np.arange(len(block.arguments))
            self.is_linear[ids] = True
            fixed = block.arguments < 0
            if fixed.any():
                known = table.values(np.where(fixed, block.arguments, -1)) if table.pool().size else 0.0
                self.constant[ids] = np.where(fixed, known * block.coefficients, 0.0).sum(axis=1)
            row, k = np.nonzero(~fixed)
            rows.append(ids[row])
            cols.append(block.arguments[row, k])
            values.append(block.coefficients[row, k])
        empty = np.zeros(0, dtype=np.int64)
        where = (np.concatenate([*rows, empty]), np.concatenate([*cols, empty]))
        self.matrix = csr_array((np.concatenate([*values, np.zeros(0)]), where), shape=(self.count, self.count))

    def of(self, ids: Array) -> tuple[Any, Array]:
        """Rows (len(ids), count) over atoms, and constants (len(ids),)."""
        from scipy.sparse import csr_array, diags_array

        moving = ids >= 0
        at = np.flatnonzero(moving)
        constant = np.zeros(ids.size)
        if at.size < ids.size:
            constant[~moving] = self.table.values(ids[~moving])
        rows: Any = csr_array((np.ones(at.size), (at, ids[at])), shape=(ids.size, self.count))
        keep = diags_array(np.where(self.is_linear, 0.0, 1.0)).tocsr()
        for _ in range(DEEPEST):
            if not self.is_linear[rows.indices].any():
                rows.sum_duplicates()
                rows.eliminate_zeros()
                rows.sort_indices()
                return rows, constant
            linear = rows @ (self._linear())
            constant = constant + linear @ self.constant
            rows = (rows @ keep) + linear @ self.matrix
        raise CannotTrace("its sums are nested too deeply")

    def _linear(self) -> Any:
        from scipy.sparse import diags_array

        return diags_array(np.where(self.is_linear, 1.0, 0.0)).tocsr()


@dataclass(frozen=True, eq=False)
class Short:
    """Rows of up to `SHORT` atoms: `atoms` (count, SHORT), -1 where there is none, and `coefficients`."""

    atoms: Array
    coefficients: Array

    @classmethod
    def of(cls, rows: Any) -> Short:
        """Those of rows that are short, the others empty."""
        sizes = np.diff(rows.indptr)
        atoms, coefficients = np.full((rows.shape[0], SHORT), -1, dtype=np.int64), np.zeros((rows.shape[0], SHORT))
        for k in range(SHORT):
            at = np.flatnonzero((sizes > k) & (sizes <= SHORT))
            atoms[at, k] = rows.indices[rows.indptr[at] + k]
            coefficients[at, k] = rows.data[rows.indptr[at] + k]
        return cls(atoms, coefficients)

    def alike(self, at: Array) -> tuple[Array, Array, Array]:
        """Of the rows `at`: representatives (their places in `at`), which one each is a multiple of, and by how much."""
        scale = np.abs(self.coefficients[at, 0])
        key = np.hstack([self.atoms[at], (self.coefficients[at] / scale[:, None]).view(np.int64)])
        _, first, which = np.unique(key, axis=0, return_index=True, return_inverse=True)
        which = which.ravel()
        return first, which, scale / scale[first][which]
