"""A function that was recorded by the array, with products of its derivatives, in C: nothing in it has a matrix's size.

    value F(v),   push F_,v dv,   pull q F_,v,   bend dq F_,v + (q . F_,vv) dv

Sums over pieces go by whole vectors of them (see `_kernel`); a call takes a few times as long as the value.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._build import fixed_part, load, vector_width
from .._functions import scalars, vectors
from .._workspace import Buffer
from ._layout import WIDEST, Layout, up
from ._programs import Tables
from ._structure import structured
from ._table import Table

SIZES = "#define Q 1\n#define COLUMNS 1\n#define N 1\n"  # of what a kernel has and this has not


class ArrayFunction:
    """Calls the four functions at one point; from as many threads as there are. Raises `CannotTrace`, or what `load` raises.

    `operations`: about how many a value and its derivatives as matrices would take. It is compiled when it is first called.
    """

    def __init__(self, table: Table, outputs: Array) -> None:
        self.layout = layout = Layout(structured(table, outputs), table.n, table.n, range(outputs.size))
        self.inputs, self.rows, self.switches, self.operations = (
            table.n,
            outputs.size,
            layout.switches,
            layout.operations,
        )
        self._tables = Tables()
        self.forward, self.back, self.slopes = layout.programs(self._tables, pulled=True)
        self._code: Any = None

    def compile(self) -> None:
        """Load the code. Raises what `_build.load` raises."""
        numbers = self._tables.array()
        self._numbers = Buffer(numbers.size)
        self._numbers.array.view(np.int64)[:] = numbers.view(np.int64)
        self._code, _ = load(self.source())
        pointer, real = ctypes.c_void_p, ctypes.c_double
        for name, count in (("value", 3), ("push", 4), ("pull", 4), ("bend", 6)):
            function = getattr(self._code, name)
            function.argtypes, function.restype = [real] + [pointer] * count, None

    def value(self, t: float, v: Array) -> Array:
        """(rows,)"""
        return self._called("value", self.rows, t, v)

    def push(self, t: float, v: Array, dv: Array) -> Array:
        """(rows,)"""
        return self._called("push", self.rows, t, v, dv)

    def pull(self, t: float, v: Array, q: Array) -> Array:
        """(inputs,)"""
        return self._called("pull", self.inputs, t, v, q)

    def bend(self, t: float, v: Array, dv: Array, q: Array, dq: Array) -> Array:
        """(inputs,)"""
        return self._called("bend", self.inputs, t, v, dv, q, dq)

    def _called(self, name: str, size: int, t: float, *vectors: Array) -> Array:
        out, given = np.empty(size), [np.ascontiguousarray(a, dtype=np.float64) for a in vectors]
        getattr(self._code, name)(t, *(a.ctypes.data for a in given), self._numbers.address, out.ctypes.data)
        return out

    def source(self) -> str:
        """The C code."""
        layout, placed = self.layout, self.layout.placed
        sizes = {
            "NVAR": layout.size, "NZ": layout.inputs, "ND": layout.slots, "NH": layout.curved, "NL": layout.multipliers,
            "NB": max([0, *(len(c.template.values) * c.pad for c in placed)]),
        }  # fmt: skip
        head = [f"#define VW {vector_width()}\n#define M {self.inputs}\n{SIZES}", scalars(), vectors()]
        head += [fixed_part("discrete", "vector_math.h"), fixed_part("discrete", "arrays.c")]
        head += [f"#define {name} {up(size) + WIDEST}\n" for name, size in sizes.items()]
        return "".join(
            [*head, *self._tables.lines, *(c.template.functions(k) for k, c in enumerate(placed)), self._body()]
        )

    def _body(self) -> str:
        placed, rows = self.layout.placed, self.rows
        value = both = push = pull = bend = ""
        for k, c in enumerate(placed):
            lanes, z = f"{c.pad} / VW", f"ZS + {c.z}"
            read = self.forward[k].call("d", "V", z, True)
            value += f"{read}  value_{k}({lanes}, {lanes}, (vd *)({z}), (vd *)(V + {c.at}));\n"
            both += f"{read}  both_{k}({lanes}, {lanes}, (vd *)({z}), (vd *)(V + {c.at}), (vd *)(D + {c.d}));\n"
            push += self.forward[k].call("d", "dV", f"dZ + {c.z}", False)
            for d, (o, i) in enumerate(c.template.slots):
                push += _along(c.pad, f"D + {c.d + d * c.pad}", f"dZ + {c.z + i * c.pad}", f"dV + {c.at + o * c.pad}")
        for k, c in reversed(list(enumerate(placed))):
            lanes = f"{c.pad} / VW"
            pull += self.back[k].call("d", "LB", "B", True)
            bend += self.back[k].call("d", "LB", "B", True) + self.back[k].call("d", "dLB", "dB", True)
            for d, (o, i) in enumerate(c.template.slots):
                slot, to = f"D + {c.d + d * c.pad}", f"LB + {c.l + i * c.pad}"
                pull += _along(c.pad, slot, f"B + {o * c.pad}", to)
                bend += _along(c.pad, slot, f"B + {o * c.pad}", to) + _along(c.pad, slot, f"dB + {o * c.pad}", f"d{to}")
            if c.template.curved:
                bend += f"  curved_{k}({lanes}, {lanes}, (vd *)(ZS + {c.z}), (vd *)B, (vd *)(H + {c.h}));\n"
            for h, (i, j) in enumerate(c.template.curved):
                for a, b in {(i, j), (j, i)}:
                    at = f"H + {c.h + h * c.pad}", f"dZ + {c.z + a * c.pad}", f"dLB + {c.l + b * c.pad}"
                    bend += _along(c.pad, *at)
        start = "  NUMBERS(V, NVAR); NUMBERS(ZS, NZ);\n  memcpy(V, X, M * 8);\n  V[M] = t;\n"
        moved = "  NUMBERS(dV, NVAR); NUMBERS(dZ, NZ);\n  memset(dV, 0, NVAR * 8);\n  memcpy(dV, dX, M * 8);\n"
        one, other = (
            f"  NUMBERS({d}LB, NL); NUMBERS({d}B, NB);\n  memset({d}LB, 0, NL * 8);\n  memcpy({d}LB, {d}L, {rows} * 8);\n"
            for d in ("", "d")
        )
        two = one + other
        pulled, slopes = self.back[-1], self.slopes

        def written(name: str, vectors: list[str], body: str, out: str) -> str:
            head = ", ".join(["double t", *(f"const double *{v}" for v in [*vectors, "C"]), "double *O"])
            return f"void {name}({head}) {{\n{body}{out}}}\n"

        derived = f"  NUMBERS(D, ND);\n{both}"
        curved = f"{start}{moved}{two}  NUMBERS(H, NH);\n{derived}{push}{bend}"
        return (
            written("value", ["X"], f"{start}{value}", slopes.call("d", "V", "O", True))
            + written("push", ["X", "dX"], f"{start}{moved}{derived}{push}", slopes.call("d", "dV", "O", False))
            + written("pull", ["X", "L"], f"{start}{one}{derived}{pull}", pulled.call("d", "LB", "O", False))
            + written("bend", ["X", "dX", "L", "dL"], curved, pulled.call("d", "dLB", "O", False))
        )


def _along(pad: int, slopes: str, source: str, to: str) -> str:
    return f"  along({pad} / VW, (vd *)({slopes}), (vd *)({source}), (vd *)({to}));\n"
