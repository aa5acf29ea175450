"""Linear maps as tables that the C code reads: sparse rows, and blocks that are dense as matrices.

    out = c + M v         out[r] = constant[r] + sum over k from start[r] to start[r + 1] of coefficient[k] v[column[k]]

All tables stand in one array of doubles, in which the integers are kept as they are, two in the place of a double.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._model.derivatives import Array

DENSE, LEAST = 0.4, 12  # share of a block from which on it is dense, and its rows and columns


class Tables:
    """Collects arrays; each has a name, which C reads it by."""

    def __init__(self) -> None:
        self.parts, self.size, self.lines = list[Array](), 0, list[str]()

    def add(self, name: str, values: Array) -> None:
        """Integers or doubles, from a multiple of 64 bytes on."""
        integers = values.dtype.kind == "i"
        if integers:
            values = values.astype(np.int32).ravel()
            values = np.concatenate([values, np.zeros(values.size % 2, dtype=np.int32)]).view(np.float64)
        values = np.ascontiguousarray(values, dtype=np.float64).ravel()
        kind = "const int *" if integers else "const double *"
        self.lines.append(f"#define {name} (({kind})(C + {self.size}))\n")
        padded = np.zeros(-(-values.size // 8) * 8)
        padded.view(np.int64)[: values.size] = values.view(np.int64)
        self.parts.append(padded)
        self.size += padded.size

    def array(self) -> Array:
        """All of them."""
        out = np.zeros(max(1, self.size))
        if self.parts:
            out.view(np.int64)[:] = np.concatenate([p.view(np.int64) for p in self.parts])
        return out


class Program:
    """A linear map, by name. `segments` are the ranges of columns and of rows within which blocks may be dense."""

    def __init__(
        self, tables: Tables, name: str, matrix: Any, constant: Array | None, rows: list[range], columns: list[range]
    ) -> None:
        self.name, self.count, self.blocks = name, matrix.shape[0], list[tuple[str, range, range]]()
        matrix = matrix.tocsr()
        for r in rows:
            for c in columns:
                if len(r) < LEAST or len(c) < LEAST:
                    continue
                block = matrix[r.start : r.stop, c.start : c.stop]
                if block.nnz < DENSE * len(r) * len(c):
                    continue
                wide = np.zeros((len(r), -(-len(c) // 8) * 8))
                wide[:, : len(c)] = block.toarray()
                label = f"{name}_M{len(self.blocks)}"
                tables.add(label, wide)
                self.blocks.append((label, r, c))
                matrix = _without(matrix, r, c)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        tables.add(f"{name}_START", matrix.indptr.astype(np.int64))
        tables.add(f"{name}_COLUMN", matrix.indices.astype(np.int64))
        tables.add(f"{name}_COEF", matrix.data)
        self.fixed = constant is not None and bool(np.any(constant))
        if self.fixed:
            tables.add(f"{name}_CONST", constant)  # pyright: ignore
        sizes = np.diff(matrix.indptr)
        same = sizes.size > 0 and 1 <= sizes[0] <= 4 and bool((sizes == sizes[0]).all())
        self.rows = f"rows{sizes[0]}" if same else "rows"

    def call(self, kind: str, source: str, out: str, constant: bool) -> str:
        """C statements for numbers (`kind` "d") or vectors ("v")."""
        first = f"{self.name}_CONST" if constant and self.fixed else "0"
        table = f"{self.name}_START, {self.name}_COLUMN, {self.name}_COEF"
        lines = [f"{self.rows}_{kind}({self.count}, {table}, {first}, {source}, {out});"]
        lines += [
            f"dense_{kind}({len(r)}, {len(c)}, {-(-len(c) // 8) * 8}, {label}, {source} + {c.start}, {out} + {r.start});"
            for label, r, c in self.blocks
        ]
        return "".join(f"  {line}\n" for line in lines)


def _without(matrix: Any, rows: range, cols: range) -> Any:
    """The matrix with a block of zeros."""
    coo = matrix.tocoo()
    r, c = coo.coords
    keep = ~((r >= rows.start) & (r < rows.stop) & (c >= cols.start) & (c < cols.stop))
    from scipy.sparse import csr_array

    return csr_array((coo.data[keep], (r[keep], c[keep])), shape=matrix.shape)


def triples(left: Any, middle: Array, right: Any, count: int) -> tuple[Array, Array, Array, Array]:
    """Terms left[r, e] * x[middle[e]] * right[e, c] for e < count: rows, columns, slots and coefficients."""
    left, right = left.tocsc(), right.tocsr()
    ups, downs = np.diff(left.indptr)[:count], np.diff(right.indptr)[:count]
    each = ups * downs
    e = np.repeat(np.arange(count), each)
    at = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    a = left.indptr[e] + at // downs[e]
    b = right.indptr[e] + at % downs[e]
    return left.indices[a], right.indices[b], middle[e], left.data[a] * right.data[b]
