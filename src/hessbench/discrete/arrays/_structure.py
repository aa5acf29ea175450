"""What was recorded, as linear, then local, then linear: F = A w + c, w = f(z) by pieces, z = B (y, t, earlier w).

A piece is a group of pointwise operations that read one another: one pair of bodies, one unit of a layer, one point of a grid.
Pieces that are alike are one class, so that a class is one function of few numbers and a count. Where operations would hang
together in too large a group, they are cut where one number is read by many, or everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._graph import CannotTrace
from ._rows import SHORT, Rows, Short
from ._table import Pointwise, Table

LARGEST, LAYERS = 48, 40  # operations of a piece, and layers
CUTS = (
    (SHORT, 8),
    (1, 1),
    (0, 0),
)  # terms of a sum inside of a piece, and readers of a number inside of one; in this order
TRUE = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "signbit", "invert"})


@dataclass(frozen=True, eq=False)
class Argument:
    """`constant + sum of coefficient * operand`, over the pieces of a class: numbers, or arrays (count,) where they differ.

    Operands are ("piece", k), operation k of the piece, or ("z", i), its input i.
    """

    constant: Any
    terms: tuple[tuple[str, int, Any], ...]


@dataclass(frozen=True, eq=False)
class Class:
    """Pieces of one form: `operations` (name, arguments), `inputs` (count, r) in the rows of z, `outputs` (count, s) ids.

    `results` are the operations that are outputs; all inputs come from layers before this `layer`.
    """

    layer: int
    operations: tuple[tuple[str, tuple[Argument, ...]], ...]
    results: tuple[int, ...]
    inputs: Array
    outputs: Array

    @property
    def count(self) -> int:
        """Number of pieces."""
        return len(self.outputs)


@dataclass(frozen=True, eq=False)
class Structure:
    """Classes by layer; rows of z and of the slopes over atoms (ids), and their constants."""

    classes: tuple[Class, ...]
    z: Any
    z_constant: Array
    slopes: Any
    constant: Array


def structured(table: Table, outputs: Array) -> Structure:
    """The structure of the numbers `outputs` (n,). Raises `CannotTrace` where there is none that is worth having."""
    rows = Rows(table)
    slopes, constant = rows.of(outputs)
    made = _Pointwise(table, rows, _live(table, outputs))
    for terms, readers in CUTS:
        found = made.cut(terms, readers, slopes)
        if found is not None:
            return Structure(found, *made.inputs(), slopes, constant)
    raise CannotTrace("its operations do not fall into small pieces")


def _live(table: Table, outputs: Array) -> Array:
    """Which ids the outputs are computed from."""
    live = np.zeros(table.count, dtype=bool)
    live[outputs[outputs >= 0]] = True
    for block in reversed(table.blocks):
        used = block.arguments[live[block.start : block.start + len(block.arguments)]]
        live[used[used >= 0]] = True
    return live


class _Pointwise:
    """All pointwise operations of a table that are `live`, and their arguments as rows."""

    def __init__(self, table: Table, rows: Rows, live: Array) -> None:
        blocks = [b for b in table.blocks if isinstance(b, Pointwise)]
        self.names = sorted({b.name for b in blocks})
        self.total = table.count
        ids, ops, arguments = [], [], []
        for b in blocks:
            at = np.flatnonzero(live[b.start : b.start + len(b.arguments)])
            ids.append(b.start + at)
            ops.append(np.full(at.size, self.names.index(b.name)))
            wide = np.full((at.size, 3), np.iinfo(np.int64).min)
            wide[:, : b.arguments.shape[1]] = b.arguments[at]
            arguments.append(wide)
        none = np.zeros(0, dtype=np.int64)
        self.ids, self.ops = np.concatenate([*ids, none]), np.concatenate([*ops, none])
        self.arguments = np.concatenate([*arguments, np.zeros((0, 3), dtype=np.int64)])
        self.present = self.arguments > np.iinfo(np.int64).min
        self.place = np.full(table.count, -1, dtype=np.int64)
        self.place[self.ids] = np.arange(self.ids.size)
        true = [name in TRUE or name.startswith(("logical", "bitwise")) for name in self.names]
        self.true = np.isin(self.ops, np.flatnonzero(true))
        known, self.row = np.unique(self.arguments[self.present], return_inverse=True)
        self.rows, self.constants = rows.of(known)
        self.short, self.sizes = Short.of(self.rows), np.diff(self.rows.indptr)

    def cut(self, terms: int, readers: int, slopes: Any) -> tuple[Class, ...] | None:
        """Classes, if sums of up to `terms` terms stay inside of pieces, and numbers that up to `readers` operations read."""
        atoms, count = self.short.atoms, self.ids.size
        inner = (atoms >= 0) & (self.place[np.maximum(atoms, 0)] >= 0)  # terms that are pointwise
        alone = (self.sizes == 1) & (self.short.coefficients[:, 0] == 1.0) & (self.constants == 0.0)
        inside = inner.any(axis=1) & (alone | (self.sizes <= terms))
        # rows of one argument each, (count, 3), as references: ids of pointwise numbers, or total + number of a row of z
        row = np.full(self.arguments.shape, -1, dtype=np.int64)
        row[self.present] = self.row
        reader, slot = np.nonzero(self.present & inside[row])
        read = atoms[row[reader, slot]]
        pairs = np.stack([np.repeat(reader, SHORT), self.place[read].ravel()], axis=1)
        pairs = np.unique(pairs[inner[row[reader, slot]].ravel()], axis=0)
        shared = (np.bincount(pairs[:, 1], minlength=count) > readers) & ~self.true
        self._references(inside, inner, shared)
        joined = pairs[~shared[pairs[:, 1]]]
        if self.true[pairs[shared[pairs[:, 1]], 1]].any():
            return None
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        graph = coo_array((np.ones(len(joined)), (joined[:, 0], joined[:, 1])), shape=(count, count))
        label = connected_components(graph, directed=False)[1] if count else np.zeros(0, dtype=np.int64)
        if count and np.bincount(label).max() > LARGEST:
            return None
        layer = self._layers(label, row)
        return None if layer is None else self._classes(label, row, layer, slopes)

    def _references(self, inside: Array, inner: Array, shared: Array) -> None:
        """For each row: `terms` (rows, SHORT) of references, 0 for none, `factors`, `offsets`; and the rows of z."""
        atoms, short = self.short.atoms, self.sizes <= SHORT
        self.terms = np.zeros(atoms.shape, dtype=np.int64)  # id + 1 inside of the piece; -(number of z + 1) else
        self.factors, self.offsets = np.zeros(atoms.shape), self.constants.copy()
        shared_atoms = shared[self.place[np.maximum(atoms, 0)]]
        own = inside[:, None] & inner & ~shared_atoms
        self.terms[own] = atoms[own] + 1
        lone = (inside[:, None] & (atoms >= 0) & ~own) | ((self.sizes == 1)[:, None] & (atoms >= 0) & ~own)
        self.terms[lone] = -(atoms[lone] + 1)  # z rows with the number of an atom: that atom
        self.factors[own | lone] = self.short.coefficients[own | lone]
        at = np.flatnonzero(short & ~inside & (self.sizes > 1))
        first, which, scale = self.short.alike(at) if at.size else (at, at, np.zeros(0))
        self.terms[at, 0], self.factors[at, 0] = -(self.total + which + 1), scale
        long = np.flatnonzero(~short)
        self.terms[long, 0], self.factors[long, 0] = -(self.total + first.size + np.arange(long.size) + 1), 1.0
        self.offsets[long] = 0.0
        self.z_rows = np.concatenate([at[first], long]).astype(np.int64)
        self.z_offsets = np.concatenate([np.zeros(first.size), self.constants[long]])

    def inputs(self) -> tuple[Any, Array]:
        """Rows of z over atoms and constants; the first ones are the atoms themselves."""
        from scipy.sparse import eye_array, vstack

        z = vstack([eye_array(self.total, format="csr"), self.rows[self.z_rows]], format="csr")
        return z, np.concatenate([np.zeros(self.total), self.z_offsets])

    def _layers(self, label: Array, row: Array) -> Array | None:
        """The layer of each piece, from 1; `None` for pieces that wait for one another."""
        pieces = int(label.max()) + 1 if label.size else 0
        layer = np.ones(pieces, dtype=np.int64)
        used = self.terms[row] * self.present[:, :, None]  # (count, 3, SHORT)
        reader, _, _ = np.nonzero(used < 0)
        z = -used[used < 0] - 1
        wide, where = np.unique(z, return_inverse=True)
        rows = self.inputs()[0][wide]
        source = self.place[rows.indices]
        by = np.repeat(np.arange(wide.size), np.diff(rows.indptr))
        keep = source >= 0
        if not keep.any():
            return layer
        from scipy.sparse import csr_array

        reads = csr_array((np.ones(reader.size), (label[reader], where)), shape=(pieces, wide.size))
        gives = csr_array((np.ones(keep.sum()), (by[keep], label[source[keep]])), shape=(wide.size, pieces))
        edges: Any = reads @ gives
        edges = edges.tocoo()
        for _ in range(LAYERS):
            new = layer.copy()
            np.maximum.at(new, edges.coords[0], layer[edges.coords[1]] + 1)
            if (new == layer).all():
                return layer
            layer = new
        return None

    def _classes(self, label: Array, row: Array, layer: Array, slopes: Any) -> tuple[Class, ...]:
        order = np.lexsort((self.ids, label))
        label, row, ops = label[order], row[order], self.ops[order]
        starts = np.flatnonzero(np.r_[True, np.diff(label) != 0]) if label.size else np.zeros(0, dtype=np.int64)
        lengths = np.diff(np.r_[starts, label.size])
        rank = np.full(self.total, -1, dtype=np.int64)
        rank[self.ids[order]] = np.arange(label.size) - np.repeat(starts, lengths)
        terms = self.terms[row] * self.present[order][:, :, None]
        outside = np.zeros(self.total, dtype=bool)
        outside[slopes.indices] = True
        z = -terms[terms < 0] - 1
        outside[self.inputs()[0][np.unique(z)].indices] = True
        owner = np.broadcast_to(label[:, None, None], terms.shape)[terms < 0]
        pair = owner * np.int64(self.total + self.z_rows.size + 1) + z  # in the order in which operations read them
        unique, first, which = np.unique(pair, return_index=True, return_inverse=True)
        by_first = np.argsort(first, kind="stable")
        firsts = owner[first[by_first]]
        begins = np.searchsorted(firsts, np.arange(starts.size))
        local = np.empty(unique.size, dtype=np.int64)
        local[by_first] = np.arange(unique.size) - begins[firsts]
        code = np.zeros(terms.shape, dtype=np.int64)
        code[terms > 0] = 1 + rank[terms[terms > 0] - 1]
        code[terms < 0] = -1 - local[which]
        offsets = np.where(self.present[order], self.offsets[row], 0.0)
        exponent = np.isin(ops, [k for k, name in enumerate(self.names) if name in ("power", "float_power")])
        fixed = np.where(exponent & (terms[:, 1] == 0).all(axis=1), offsets[:, 1], 0.0).view(np.int64)
        signature = np.column_stack(
            [
                ops,
                outside[self.ids[order]],
                layer[label],
                self.present[order].sum(axis=1),
                code.reshape(label.size, 3 * SHORT),
                fixed,
            ]
        )
        sources = z[first[by_first]]
        made = []
        for length in np.unique(lengths):
            of = np.flatnonzero(lengths == length)
            wide = signature[starts[of][:, None] + np.arange(length)].reshape(of.size, -1)
            _, representative, group = np.unique(wide, axis=0, return_index=True, return_inverse=True)
            for k in range(representative.size):
                pieces = of[group.ravel() == k]
                nodes = starts[pieces][:, None] + np.arange(length)  # (count, length)
                r = int(-min(code[nodes[0]].min(), 0))
                z_of = sources[begins[pieces][:, None] + np.arange(r)]
                made.append(
                    self._class(nodes, z_of, order, ops, code, self.factors[row], offsets, outside, layer[label])
                )
        return tuple(sorted((c for c in made if c.results), key=lambda c: (c.layer, -c.count)))

    def _class(
        self, nodes: Array, inputs: Array, order: Array, ops: Array, code: Array, factors: Array, offsets: Array,
        outside: Array, layer: Array,
    ) -> Class:  # fmt: skip
        def same(values: Array) -> Any:
            return float(values[0]) if (values == values[0]).all() else values

        operations, ids = [], self.ids[order[nodes]]
        for k in range(nodes.shape[1]):
            at = nodes[:, k]
            arguments = []
            for slot in range(int(self.present[order[at[0]]].sum())):
                terms = tuple(
                    ("piece" if c > 0 else "z", abs(c) - 1, same(factors[at, slot, j]))
                    for j, c in enumerate(code[at[0], slot].tolist())
                    if c
                )
                arguments.append(Argument(same(offsets[at, slot]), terms))
            operations.append((self.names[ops[at[0]]], tuple(arguments)))
        results = tuple(np.flatnonzero(outside[ids[0]]).tolist())
        return Class(int(layer[nodes[0, 0]]), tuple(operations), results, inputs, ids[:, list(results)])
