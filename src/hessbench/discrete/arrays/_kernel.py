"""A right-hand side that was recorded by the array as the parts of a kernel: `slope`, `slopes`, `jacobian`, `contraction`.

    dw = D dz,   J = A_y + sum of A_w D Z,   q . F_,yy = sum of Z^T H Z,   Z = dz/dy,   H from multipliers s = A^T q

Classes whose inputs read few states add to J and to the contraction term by term, by tables; others by products of matrices.
The code is as long as what was written is; tables, numbers and patterns come beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._integrate.pairs import Pair
from ..._model.derivatives import Array
from .._build import fixed_part
from .._expressions import Entries
from .._graph import CannotTrace
from .._kernel import Kernel, assemble, prefers_sparse
from ._layout import WIDEST, Layout, Placed, up
from ._programs import Program, Tables, triples
from ._structure import Structure, structured
from ._table import Table

FULL = 0.5  # share of entries from which on a pattern counts as full
MOST_BYTES = 2.0**27  # of the matrices Z of one vector of points


class ArrayLoops:
    """What `assemble` asks of a right-hand side; `coefficients` are what the functions read as `C`.

    `operations` is about how many scalar operations value, Jacobian and contraction take. Raises `CannotTrace` with the reason.
    """

    params = ()

    def __init__(self, table: Table, slopes: Array, width: int) -> None:
        n, self.width = table.n, width
        structure = structured(table, slopes)
        self.second_order = _mechanical(structure, n)
        half = n // 2 if self.second_order else n
        self.layout = layout = Layout(structure, n, half, range(n - half, n))
        self.m, self.autonomous, self.tables = half, layout.autonomous, Tables()
        self.forward, self.back, self.slopes = layout.programs(self.tables)
        self.operations = layout.operations
        self.lines: dict[str, list[str]] = {"J": [], "Z": [], "YY": []}
        self.places: dict[str, Entries] = {"J": [], "A": [], "YY": [], "YU": [], "UU": []}
        self.wide, self.carried = up(half), 0
        self._first()
        self._second()
        self.coefficients = self.tables.array()
        self.switches = layout.switches

    def _first(self) -> None:
        """The pattern of J and the statements for it, and those for Z of classes that are dense."""
        layout, m = self.layout, self.m
        for k, c in enumerate(layout.placed):
            if c.dense and c.layer > 1:
                c.carried = self.carried
                self.carried += c.template.inputs * c.count * m
                for i in range(c.template.inputs):
                    rows = c.reads[c.reading(i).start : c.reading(i).stop]
                    out = f"Z + {c.carried + i * c.count * m}"
                    self._chain(f"ZZ{k}_{i}", rows, out, "Z", True)
            elif c.dense:
                for i in range(c.template.inputs):
                    z = np.zeros((c.count, self.wide))
                    z[:, :m] = c.reads[c.reading(i).start : c.reading(i).stop, :m].toarray()
                    self.tables.add(f"Y{k}_{i}", z)
        if self.carried * 8.0 * self.width > MOST_BYTES:
            raise CannotTrace("its layers are too wide for matrices of their derivatives")
        self._chain("J", layout.slopes, "O", "J", any(c.dense for c in layout.placed))

    def _chain(self, name: str, rows: Any, out: str, part: str, full: bool) -> None:
        """Statements that compute the derivatives by the states of linear combinations `rows` (count, V) of V."""
        from scipy.sparse import csr_array

        m, terms, layout = self.m, [], self.layout
        own = rows[:, :m].tocoo()
        for c in layout.placed:
            for d, (o, i) in enumerate(c.template.slots):
                if not c.dense and c.reads[c.reading(i).start : c.reading(i).stop, :m].nnz:
                    at = c.output(o)
                    slots = c.d + d * c.pad + np.arange(c.count)
                    z = c.reads[c.reading(i).start : c.reading(i).stop, :m]
                    terms.append(triples(rows[:, at.start : at.stop], slots, z, c.count))
        r, col, slot, coef = _joined(terms)
        known = np.concatenate([own.coords[0] * np.int64(m) + own.coords[1], r * np.int64(m) + col])
        places = np.unique(known)
        if full or (m > 12 and places.size > FULL * rows.shape[0] * m):
            places = np.arange(rows.shape[0] * m)
        if part == "J":
            self.places["J"] = list(zip(*(v.tolist() for v in np.divmod(places, m)), strict=True))
        constant = np.zeros(places.size)
        np.add.at(constant, np.searchsorted(places, own.coords[0] * np.int64(m) + own.coords[1]), own.data)
        where = (np.searchsorted(places, r * np.int64(m) + col), slot)
        matrix = csr_array((coef, where), shape=(places.size, max(1, layout.slots)))
        self.lines[part].append(Program(self.tables, name, matrix, constant, [], []).call("v", "D", out, True))
        self.operations += 2 * coef.size
        for k, c in enumerate(layout.placed):
            for d, (o, i) in enumerate(c.template.slots):
                of = rows[:, c.output(o).start : c.output(o).stop]
                if c.dense and of.nnz:
                    label = f"{name}_{k}_{d}"
                    Program(self.tables, label, of, None, [], [])
                    where = f"{label}_START, {label}_COLUMN, {label}_COEF, D + {c.d + d * c.pad}"
                    z, kind, wide = self._z(k, c, i)
                    self.operations += 2 * of.nnz * m
                    self.lines[part].append(f"  chain_{kind}({rows.shape[0]}, {where}, {z}, {wide}, {out});\n")

    def _z(self, k: int, c: Placed, i: int) -> tuple[str, str, int]:
        """Where Z of input i is: C, its kind and the length of a row."""
        if c.layer > 1:
            return f"Z + {c.carried + i * c.count * self.m}", "v", self.m
        return f"Y{k}_{i}", "d", self.wide

    def _second(self) -> None:
        from scipy.sparse import csr_array

        m, layout, terms = self.m, self.layout, []
        for c in layout.placed:
            if c.dense:
                continue
            z = [c.reads[c.reading(i).start : c.reading(i).stop, :m] for i in range(c.template.inputs)]
            for h, (i, j) in enumerate(c.template.curved):
                slots = c.h + h * c.pad + np.arange(c.count)
                terms.append(triples(z[i].T, slots, z[j], c.count))
                if i != j:
                    terms.append(triples(z[j].T, slots, z[i], c.count))
        r, col, slot, coef = _joined(terms)
        full = any(c.dense and c.template.curved for c in layout.placed)
        places = np.unique(r * np.int64(m) + col)
        if full or (m > 12 and places.size > FULL * m * m):
            places = np.arange(m * m)
        self.places["YY"] = list(zip(*(v.tolist() for v in np.divmod(places, m)), strict=True))
        matrix = csr_array(
            (coef, (np.searchsorted(places, r * np.int64(m) + col), slot)), shape=(places.size, max(1, layout.curved))
        )
        lines = self.lines["YY"]
        self.operations += 2 * coef.size
        lines.append(Program(self.tables, "YY", matrix, None, [], []).call("v", "H", "O", True))
        for k, c in enumerate(layout.placed):
            for h, (i, j) in enumerate(c.template.curved if c.dense else []):
                (x, kind, wide), y = self._z(k, c, i), self._z(k, c, j)[0]
                self.operations += c.count * m * m
                lines.append(f"  curve_{kind}({c.count}, H + {c.h + h * c.pad}, {x}, {y}, {wide}, {int(i == j)}, O);\n")
        if full:
            lines.append("  mirror(O);\n")

    def functions(self) -> str:
        """The C functions that `assemble` asks for."""
        layout, placed = self.layout, self.layout.placed
        sizes = {
            "NVAR": layout.size, "NZ": layout.inputs, "ND": layout.slots, "NH": layout.curved, "NL": layout.multipliers,
            "NB": max([0, *(max(c.template.rows, len(c.template.values)) * c.pad for c in placed)]), "NZZ": self.carried,
        }  # fmt: skip
        code = [fixed_part("discrete", "vector_math.h"), fixed_part("discrete", "arrays.c")]
        for kind, number, deep in (("d", "double", False), ("v", "vd", True)):
            if any(c.dense and (c.layer > 1) == deep for c in placed):
                code.append(f"CHAIN({kind}, {number})\nCURVE({kind}, {number})\n")
        code += [f"#define {name} {up(size) + WIDEST}\n" for name, size in sizes.items()]
        code += [*self.tables.lines, *(c.template.functions(k) for k, c in enumerate(placed))]
        return "".join([*code, self._points(), self._lanes()])

    def _points(self) -> str:
        """`slope` and `slopes`, which go over the pieces of a class by whole vectors."""
        value = both = push = ""
        for k, c in enumerate(self.layout.placed):
            n, to = f"{c.pad} / VW, {c.pad} / VW, (vd *)z", f"(vd *)(V + {c.at})"
            read = self.forward[k].call("d", "V", "z", True)
            value += f"{read}  value_{k}({n}, {to});\n"
            both += f"{read}  both_{k}({n}, {to}, (vd *)(D + {c.d}));\n"
            if c.template.slots:
                push += self.forward[k].call("d", "dV", "z", False)
            for d, (o, i) in enumerate(c.template.slots):
                at = [
                    f"(vd *)({name})"
                    for name in (f"D + {c.d + d * c.pad}", f"z + {i * c.pad}", f"dV + {c.at + o * c.pad}")
                ]
                push += f"  along({c.pad} / VW, {', '.join(at)});\n"
        head = "(double t, const double *restrict X, const double *restrict C, double *restrict G)"
        start = "  memcpy(V, X, M * 8);\n  V[M] = t;\n"
        room = "  NUMBERS(V, NVAR); NUMBERS(z, NB);\n"
        return (
            f"static void slope{head} {{\n{room}{start}{value}{self.slopes.call('d', 'V', 'G', True)}}}\n"
            f"static __attribute__((noinline)) void slopes{head} {{\n{room}  NUMBERS(dV, NVAR); NUMBERS(D, ND);\n"
            f"{start}{both}{self.slopes.call('d', 'V', 'G', True)}"
            "  for (int r = 1; r <= TANGENTS; r++) {\n  memset(dV, 0, NVAR * 8);\n  memcpy(dV, X + r * M, M * 8);\n  G += M;\n"
            f"{push}{self.slopes.call('d', 'dV', 'G', False)}  }}\n}}\n"
        )

    def _lanes(self) -> str:
        """`jacobian` and `contraction`, for a vector of points."""
        placed, deep = self.layout.placed, self.layout.layers > 1
        points = pull = ""
        for k, c in enumerate(placed):
            points += self.forward[k].call("v", "V", f"ZS + {c.z}", True)
            points += f"  if (D) both_{k}({c.count}, {c.pad}, ZS + {c.z}, V + {c.at}, D + {c.d});\n"
        for k, c in reversed(list(enumerate(placed))):
            pull += self.back[k].call("v", "LB", "B", True)
            if c.template.curved:
                pull += f"  curved_{k}({c.count}, {c.pad}, ZS + {c.z}, B, H + {c.h});\n"
            for d, (o, i) in enumerate(c.template.slots if deep else []):
                pull += f"  along({c.count}, D + {c.d + d * c.pad}, B + {o * c.pad}, LB + {c.l + i * c.pad});\n"
        lanes = "const vd *T, const vd *restrict X, const double *restrict C"
        room = "  ROOM(vd, V, NVAR); ROOM(vd, ZS, NZ); ROOM(vd, D, ND); ROOM(vd, Z, NZZ);\n"
        carried = "  carried(C, D, Z);\n"
        return (
            f"static __attribute__((noinline)) void points({lanes}, vd *V, vd *ZS, vd *D) {{\n"
            f"  memcpy(V, X, M * sizeof(vd));\n  V[M] = T[0];\n{points}}}\n"
            "static __attribute__((noinline)) void carried(const double *restrict C, const vd *restrict D, vd *restrict Z) {\n"
            f"{''.join(self.lines['Z'])}}}\n"
            f"static void jacobian({lanes}, vd *restrict O) {{\n{room}  points(T, X, C, V, ZS, D);\n{carried}"
            f"{''.join(self.lines['J'])}}}\n"
            f"static void contraction({lanes}, const vd *restrict L, vd *restrict O) {{\n{room}"
            "  ROOM(vd, H, NH); ROOM(vd, LB, NL); ROOM(vd, B, NB);\n"
            f"  points(T, X, C, V, ZS, {'D' if deep else '0'});\n{carried if deep else ''}"
            f"  memset(LB, 0, NL * sizeof(vd));\n  memcpy(LB, L, M * sizeof(vd));\n{pull}{''.join(self.lines['YY'])}}}\n"
        )


def _joined(terms: list[tuple[Array, Array, Array, Array]]) -> list[Array]:
    none = np.zeros(0, dtype=np.int64)
    return [np.concatenate([none if k < 3 else np.zeros(0), *(t[k] for t in terms)]) for k in range(4)]


def _mechanical(structure: Structure, n: int) -> bool:
    """Whether q' = v, v' = g(t, q)."""
    half = n // 2
    if n % 2:
        return False
    slopes, rest = structure.slopes, structure.slopes[half:]
    same = slopes[:half].nnz == half and (slopes[:half].indices == half + np.arange(half)).all()
    if not same or (slopes[:half].data != 1.0).any() or structure.constant[:half].any():
        return False
    used = [np.unique(c.inputs) for c in structure.classes if c.inputs.size]
    read = np.concatenate([rest.indices, *(structure.z[z].indices for z in used)])
    return not ((read >= half) & (read < n)).any()


def array_kernel(parts: ArrayLoops, pair: Pair, probes: int, width: int, sparse: bool | None = None) -> Kernel:
    """The kernel around the loops, by the initial state alone; an operation count chooses the sweep if `sparse` is `None`."""
    m, n = parts.m, parts.m * (2 if parts.second_order else 1)
    fewer = prefers_sparse(n, m, len(parts.places["J"]), len(parts.places["YY"]), pair) if sparse is None else sparse
    prepare = "void prepare(const double *P, double *C) {}\n"  # there are no parameters
    sweep = "sparse" if fewer else "dense"
    code = prepare + parts.functions()
    return assemble(parts, code, parts.coefficients.size, pair, probes, width, sweep, tiles=True)
