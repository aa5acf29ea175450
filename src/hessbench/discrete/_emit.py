"""Expressions as C statements, for one point (`double`) or for a vector of points (`vd`, a GNU vector type).

Statements come in the order in which nodes were created; each node is computed once. What depends on parameters alone is
read from the table `C`, which `prepare` fills.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ._graph import Node
from ._trace import reachable

C_NAMES = {"arctan": "atan", "arcsin": "asin", "arccos": "acos"}


class Table:
    """Numbers the expressions of parameters alone that kernels read, as `C[slot]`."""

    def __init__(self) -> None:
        self.slots: dict[Node, int] = {}

    def name(self, node: Node) -> str:
        """How a kernel reads the fixed `node`."""
        if node.value is not None:
            return literal(node.value)
        return f"C[{self.slots.setdefault(node, len(self.slots))}]"

    def source(self) -> str:
        """The function `prepare(P, C)`."""
        writer = Writer(lambda node: literal(node.value), False, prepare=True)
        body = writer.body(list(self.slots), [f"C[{slot}]" for slot in self.slots.values()])
        return (
            f'__attribute__((optimize("O0"))) void prepare(const double *restrict P, double *restrict C) {{\n{body}}}\n'
        )


def literal(value: float | None) -> str:
    """A C constant with all its digits."""
    assert value is not None
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "INFINITY", "-inf": "(-INFINITY)"}.get(str(value), "NAN")
    text = repr(float(value))
    return f"({text})" if value < 0 else text


class Writer:
    """Writes the body of one function. `fixed(node)` names what depends on parameters alone, unless it is to `prepare` it."""

    def __init__(self, fixed: Callable[[Node], str], vector: bool, prepare: bool = False) -> None:
        self.prepare, self.fixed, self.type, self.prefix = (
            prepare,
            fixed,
            "vd" if vector else "double",
            "v" if vector else "",
        )
        self.names: dict[Node, str] = {}
        self.powers: dict[tuple[Node, float], str] = {}
        self.lines: list[str] = []

    def body(self, outputs: list[Node], targets: list[str]) -> str:
        """Statements that assign `outputs` to the lvalues `targets`."""
        for node in reachable(outputs):
            if node.op != "const" and (self.prepare or not node.fixed):
                self.names[node] = self.statement(node)
        for node, target in zip(outputs, targets, strict=True):
            self.lines.append(f"{target} = {self.spread(self.name(node))};")
        return "".join(f"  {line}\n" for line in self.lines)

    def name(self, node: Node) -> str:
        """The variable or constant that holds `node`."""
        return self.names.get(node) or self.fixed(node)

    def spread(self, text: str) -> str:
        """`text` as a value of the kernel's type."""
        return f"SPREAD({text})" if self.prefix else text

    def define(self, expression: str) -> str:
        """A new variable that holds `expression`."""
        name = f"r{len(self.lines)}"
        self.lines.append(f"const {self.type} {name} = {expression};")
        return name

    def statement(self, node: Node) -> str:
        op, args = node.op, node.args
        if op == "leaf":
            return self.define(
                {"x": "X[{}]", "w": "X[{}]", "s": "L[{}]", "t": "t", "p": "P[{}]"}[args[0]].format(args[1])
            )
        if op == "lin":
            return self.define(self.spread(self.sum(node)))
        if op in ("mul", "fixed_mul"):
            return self.define(f"{self.name(args[0])} * {self.name(args[1])}")
        if op == "fixed_add":
            return self.define(f"{self.name(args[0])} + {self.name(args[1])}")
        if op == "pow":
            return self.power(*args)
        if op == "less":
            return ", ".join(self.spread(self.name(a)) for a in args)
        if op == "select":
            chosen = ", ".join(self.spread(self.name(a)) for a in args[1:])
            which = self.prefix or "d"
            return self.define(f"{which}select({self.name(args[0])}, {chosen})")
        name = C_NAMES.get(args[0], args[0])
        return self.define(f"{self.prefix}{name}({self.spread(self.name(args[1]))})")

    def sum(self, node: Node) -> str:
        constant, terms = node.args
        parts = [] if constant.value == 0.0 else [self.name(constant)]
        for n, c in sorted(terms, key=lambda term: term[1].value is not None and term[1].value < 0):
            if c.value in (1.0, -1.0):
                parts.append(("-" if c.value < 0 else "") + self.name(n))
            else:
                parts.append(f"{self.name(c)} * {self.name(n)}")
        return re.sub(r"\+ -", "- ", " + ".join(parts))

    def power(self, base: Node, e: float) -> str:
        """`base` to a multiple of one half, from one square root, one reciprocal and products."""
        if (base, e) in self.powers:
            return self.powers[base, e]
        b = self.name(base)
        if e == 1.0:
            return b
        if e == 0.5:
            out = self.define(f"{self.prefix}sqrt({self.spread(b)})")
        elif e == -1.0:
            out = self.define(f"1.0 / {b}")
        elif e != int(e):
            out = self.define(f"{self.power(base, e - 0.5)} * {self.power(base, 0.5)}")
        else:
            half = e / 2 if e % 2 == 0 else (e + 1) / 2 if e < 0 else (e - 1) / 2
            rest = self.power(base, e - half)
            out = self.define(f"{self.power(base, half)} * {rest}")
        self.powers[base, e] = out
        return out


def operations(outputs: list[Node]) -> int:
    """Roughly the multiplications and additions of `outputs`, for choosing between two forms."""
    count = 0
    for node in reachable(outputs):
        if not node.fixed and node.op != "leaf":
            count += len(node.args[1]) if node.op == "lin" else 10 if node.op in ("call", "pow") else 1
    return count
