"""One piece of a class as scalar expressions, with derivatives, and as C functions of vectors of pieces or of points.

    w_o = f_o(z),    D = f_o,i,    H = s_o f_o,ij  (i >= j)

Numbers that differ between the pieces of a class are inputs too, which nothing is differentiated by.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._differentiate import forward, gradient
from .._emit import LONGEST, Writer, function, literal, operations
from .._graph import CannotTrace, Graph, Node
from .._operations import operation
from .._simplify import merged, simplified, switches
from ._structure import Argument, Class

Slots = list[tuple[int, int]]


class Template:
    """Expressions of a class. `slots` (o, i) of D and `curved` (i, j) of H are those that can differ from zero.

    `numbers` are the arrays (count,) of inputs behind those of the class.
    """

    def __init__(self, kind: Class) -> None:
        self.kind, self.graph = kind, Graph()
        self.inputs, self.numbers = kind.inputs.shape[1], list[Array]()
        z = [self.graph.leaf("x", i) for i in range(self.inputs)]
        nodes: list[Node] = []
        for name, arguments in kind.operations:
            nodes.append(operation(name, *(self._argument(a, z, nodes) for a in arguments)))
        self.recorded = [nodes[k] for k in kind.results]
        self.values = merged(simplified(self.recorded)) if self.recorded else []
        seeds = {leaf: {i: self.graph.const(1.0)} for i, leaf in enumerate(z)}
        bars = gradient(self.values, [self.graph.leaf("s", o) for o in range(len(self.values))], z) if z else []
        first, second = forward(self.values, dict(seeds)) if z else [], forward(bars, dict(seeds))
        self._first = [(o, i, node) for o, row in enumerate(first) for i, node in sorted(row.items())]
        self._second = [(i, j, node) for i, row in enumerate(second) for j, node in sorted(row.items()) if j <= i]
        self.slots: Slots = [(o, i) for o, i, _ in self._first]
        self.curved: Slots = [(i, j) for i, j, _ in self._second]
        blocks = ([n for *_, n in self._first], [n for *_, n in self._second])
        self.operations = sum(map(operations, (self.values, *blocks)))  # of one piece
        self.switches = bool(self.values and switches(self.values))

    @property
    def rows(self) -> int:
        """Inputs of all kinds."""
        return self.inputs + len(self.numbers)

    def _argument(self, a: Argument, z: list[Node], nodes: list[Node]) -> Node:
        out: Node | None = (
            None if a.terms and isinstance(a.constant, float) and a.constant == 0.0 else self._number(a.constant)
        )
        for kind, k, factor in a.terms:
            node = z[k] if kind == "z" else nodes[k]
            if not (isinstance(factor, float) and factor == 1.0):
                node = operation("multiply", self._number(factor), node)
            out = node if out is None else operation("add", out, node)
        assert out is not None
        return out

    def _number(self, value: Any) -> Node:
        if isinstance(value, float):
            return self.graph.const(value)
        known = next((k for k, other in enumerate(self.numbers) if np.array_equal(other, value)), None)
        if known is None:
            known = len(self.numbers)
            self.numbers.append(value)
        return self.graph.leaf("x", self.inputs + known)

    def functions(self, k: int) -> str:
        """C: `value_k`, `both_k` (with D) and, if there is any, `curved_k` (H from z and multipliers s)."""
        values = [(f"W[{o} * stride + e]", node) for o, node in enumerate(self.values)]
        slots = [(f"D[{d} * stride + e]", node) for d, (_, _, node) in enumerate(self._first)]
        curved = [(f"H[{h} * stride + e]", node) for h, (_, _, node) in enumerate(self._second)]
        return (
            self._function(f"value_{k}", "vd *restrict W", values)
            + self._function(f"both_{k}", "vd *restrict W, vd *restrict D", values + slots)
            + (self._function(f"curved_{k}", "const vd *restrict B, vd *restrict H", curved) if curved else "")
        )

    def _function(self, name: str, out: str, targets: list[tuple[str, Node]]) -> str:
        body = Writer(lambda node: literal(node.value), True).body([n for _, n in targets], [t for t, _ in targets])
        x = ", ".join(f"Z[{i} * stride + e]" for i in range(self.rows))
        given = f"const vd X[] = {{{x}}};" if x else ""
        if "restrict B" in out:
            multipliers = ", ".join(f"B[{o} * stride + e]" for o in range(len(self.values)))
            given += f" const vd L[] = {{{multipliers or 'SPREAD(0.0)'}}};"
        head = [f"long n, long stride, const vd *restrict Z, {out}"]
        loop = f"  for (long e = 0; e < n; e++) {{ {given}\n{body}  }}\n"
        if loop.count("\n") > LONGEST:
            raise CannotTrace("one piece of it takes too many operations")
        return function(name, head, loop, "vd")
