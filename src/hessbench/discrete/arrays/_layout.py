"""Where everything stands that the C code of a structure works on: numbers V, inputs z, derivatives D and H, multipliers.

    V = states, time, outputs of all classes        L = multipliers of the slopes, then those of the inputs of all classes

Each row of a class is `pad` long, a multiple of the longest vector; what fills it up repeats the last piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._graph import CannotTrace
from ._programs import Program, Tables
from ._structure import Structure
from ._templates import Template

WIDEST, MOST_CLASSES = 8, 60
DENSE_ROWS = 8  # states that an input of a class reads on the average, from which on it is carried as a dense matrix


def up(k: int) -> int:
    """The next multiple of the longest vector."""
    return -(-k // WIDEST) * WIDEST


@dataclass(eq=False)
class Placed:
    """A class with its template. `at`, `z`, `d`, `h`, `l` are its places in V, the inputs, D, H and L."""

    template: Template
    layer: int
    count: int
    pad: int
    at: int
    z: int
    d: int
    h: int
    l: int
    reads: Any = None  # (rows * pad, V)
    dense: bool = False
    carried: int = 0  # where Z of its inputs is, if it is computed

    def output(self, o: int) -> range:
        """Its output o in V."""
        return range(self.at + o * self.pad, self.at + o * self.pad + self.count)

    def reading(self, i: int) -> range:
        """Its input i among its rows."""
        return range(i * self.pad, i * self.pad + self.count)


class Layout:
    """All of a structure of m inputs, and its linear parts as matrices over V. `slopes` (rows, V) with `constant` (rows,).

    Of the n inputs that were recorded the first m are read, and of the outputs those numbered `outputs` are computed.
    """

    def __init__(self, structure: Structure, n: int, m: int, outputs: range) -> None:
        from scipy.sparse import csr_array

        if len(structure.classes) > MOST_CLASSES:
            raise CannotTrace(f"its pieces are of {len(structure.classes)} forms, more than {MOST_CLASSES}")
        self.m, self.rows = m, len(outputs)
        self.placed, self.size = list[Placed](), up(m + 1)
        self.inputs = self.slots = self.curved = 0
        self.multipliers = up(self.rows)
        position = np.full(structure.z.shape[1], -1, dtype=np.int64)
        position[:m], position[n] = np.arange(m), m
        for kind in structure.classes:
            t, pad = Template(kind), up(kind.count)
            c = Placed(
                t, kind.layer, kind.count, pad, self.size, self.inputs, self.slots, self.curved, self.multipliers
            )
            for o in range(len(t.values)):
                position[kind.outputs[:, o]] = c.at + o * pad + np.arange(kind.count)
            self.size += len(t.values) * pad
            self.inputs += t.rows * pad
            self.slots += len(t.slots) * pad
            self.curved += len(t.curved) * pad
            self.multipliers += t.rows * pad
            self.placed.append(c)

        def over(rows: Any) -> Any:
            coo = rows.tocoo()
            r, c = coo.coords
            assert (position[c] >= 0).all()
            return csr_array((coo.data, (r, position[c])), shape=(rows.shape[0], self.size))

        self.constants = []
        for kind, c in zip(structure.classes, self.placed, strict=True):
            filled = np.minimum(np.arange(c.pad), c.count - 1)
            z = kind.inputs[filled].T.ravel() if c.template.inputs else np.zeros(0, dtype=np.int64)
            rows = over(structure.z[z]) if z.size else csr_array((0, self.size))
            more = [number[filled] for number in c.template.numbers]
            rows.resize((c.template.rows * c.pad, self.size))
            c.reads = rows
            self.constants.append(np.concatenate([structure.z_constant[z] if z.size else np.zeros(0), *more]))
            states = c.reads[: c.template.inputs * c.pad, :m].nnz
            c.dense = c.layer > 1 or states > DENSE_ROWS * max(1, c.template.inputs * c.pad)
        self.slopes: Any = over(structure.slopes[list(outputs)])
        self.constant = structure.constant[list(outputs)]
        pieces = sum(c.count * c.template.operations for c in self.placed)
        self.operations = pieces + 4 * (self.slopes.nnz + sum(c.reads.nnz for c in self.placed))
        self.layers = max((c.layer for c in self.placed), default=1)
        read = [self.slopes, *(c.reads for c in self.placed)]
        self.autonomous = all(rows[:, [m]].nnz == 0 for rows in read)
        self.switches = any(c.template.switches for c in self.placed)

    def programs(self, tables: Tables, pulled: bool = False) -> tuple[list[Program], list[Program], Program]:
        """For each class its inputs from V, and the multipliers of its outputs from L; the slopes from V.

        With `pulled`, the multipliers of the inputs of all, too, as the last ones of the second.
        """
        from scipy.sparse import csr_array, vstack

        states = range(self.m)
        outputs = [c.output(o) for c in self.placed for o in range(len(c.template.values))]
        forward, back, blocks = [], [], [self.slopes]
        for k, c in enumerate(self.placed):
            rows = [c.reading(i) for i in range(c.template.rows)]
            forward.append(Program(tables, f"Z{k}", c.reads, self.constants[k], rows, [states, *outputs]))
            own = np.zeros(c.reads.shape[0])
            for i in range(c.template.inputs):
                own[c.reading(i)] = 1.0
            coo = c.reads.tocoo()
            blocks.append(csr_array((coo.data * own[coo.coords[0]], coo.coords), shape=coo.shape))
        first = csr_array(self.slopes, copy=True)
        first.resize((up(self.rows), self.size))
        blocks[0] = first
        by_columns: Any = vstack(blocks, format="csc")
        zs = [range(c.l + i * c.pad, c.l + i * c.pad + c.count) for c in self.placed for i in range(c.template.inputs)]
        for k, c in enumerate(self.placed):
            width = len(c.template.values) * c.pad
            matrix = by_columns[:, c.at : c.at + width].T.tocsr()
            rows = [range(o * c.pad, o * c.pad + c.count) for o in range(len(c.template.values))]
            back.append(Program(tables, f"B{k}", matrix, None, rows, [range(self.rows), *zs]))
        if pulled:
            matrix = by_columns[:, : self.m].T.tocsr()
            back.append(Program(tables, "PULLED", matrix, None, [states], [range(self.rows), *zs]))
        slopes = Program(tables, "F", self.slopes, self.constant, [range(self.rows)], [states, *outputs])
        return forward, back, slopes
