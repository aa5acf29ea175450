"""Expressions as C statements, for one point (`double`) or for a vector of points (`vd`, a GNU vector type).

Statements come in the order in which nodes were created; each node is computed once. What depends on parameters alone is
read from the table `C`, which `prepare` fills.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ._differentiate import reachable
from ._functions import FUNCTIONS
from ._graph import Node

LONGEST, PART = 2000, 300  # statements of one C function, and of each part of a longer one
CONDITIONS = {
    "less": "less", "less_equal": "less_equal", "equal": "equal", "signbit": "signed_", "not": "negated", "and": "both",
    "or": "either", "xor": "unlike",
}  # fmt: skip
MOST_MULTIPLIED = 64  # the largest exponent that is written as products


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
    """Writes the body of one function. `fixed(node)` names what depends on parameters alone, unless it is to `prepare` it.

    `time` is how the function reads the time.
    """

    def __init__(self, fixed: Callable[[Node], str], vector: bool, prepare: bool = False, time: str = "t") -> None:
        self.time = time
        self.prepare, self.fixed, self.type, self.prefix = (
            prepare,
            fixed,
            "vd" if vector else "double",
            "v" if vector else "",
        )
        self.names: dict[Node, str] = {}
        self.powers: dict[tuple[Node, float], str] = {}
        self.roots: dict[Node, str] = {}
        self.lines: list[str] = []

    def body(self, outputs: list[Node], targets: list[str], added: int = 0) -> str:
        """Statements that assign `outputs` to the lvalues `targets`, or add the last `added` of them."""
        for node in reachable(outputs):
            if node.op != "const" and (self.prepare or not node.fixed):
                self.names[node] = self.statement(node)
        for k, (node, target) in enumerate(zip(outputs, targets, strict=True), added - len(outputs)):
            self.lines.append(f"{target} {'=' if k < 0 else '+='} {self.spread(self.name(node))};")
        return "".join(f"  {line}\n" for line in self.lines)

    def name(self, node: Node) -> str:
        """The variable or constant that holds `node`."""
        if node in self.names:
            return self.names[node]
        return f"vholds({self.spread(self.fixed(node))})" if node.condition and self.prefix else self.fixed(node)

    def spread(self, text: str) -> str:
        """`text` as a value of the kernel's type."""
        return f"SPREAD({text})" if self.prefix else text

    def define(self, expression: str) -> str:
        """A new variable that holds `expression`."""
        name = f"r{len(self.lines)}"
        self.lines.append(f"const {self.type} {name} = {expression};")
        return name

    def call(self, function: str, *nodes: Node, more: str = "") -> str:
        """A new variable that holds a C function of nodes."""
        values = [self.name(n) if n.condition else self.spread(self.name(n)) for n in nodes]
        return self.define(f"{self.prefix}{function}({', '.join(values)}{more})")

    def statement(self, node: Node) -> str:
        op, args = node.op, node.args
        if op == "leaf" and args[0] == "u":
            return self.define(self.spread(self.fixed(node.graph.leaf("p", *args[1:]))))
        if op == "leaf":
            return self.define(
                {"x": "X[{}]", "w": "X[{}]", "s": "L[{}]", "t": self.time, "p": "P[{}]"}[args[0]].format(args[1])
            )
        if op == "lin":
            return self.define(self.spread(self.sum(node)))
        if op in ("mul", "fixed_mul"):
            return self.define(f"{self.name(args[0])} * {self.name(args[1])}")
        if op in ("fixed_add", "plus"):
            return self.define(self.spread(f"({self.name(args[0])} + {self.name(args[1])})"))
        if op == "minus":
            return self.define(self.spread(f"({self.name(args[0])} - {self.name(args[1])})"))
        if op == "over":
            return self.define(self.spread(f"({self.name(args[0])} / {self.name(args[1])})"))
        if op == "negative":
            return self.define(f"-{self.name(args[0])}")
        if op == "pow":
            return self.power(*args)
        if op == "exact":
            return self.name(args[0])
        if op in CONDITIONS:
            return self.call(CONDITIONS[op], *args)
        if op == "power":
            return self.call("powers", *args[:2], more=f", {args[2]}, {args[3]}")
        name = {"times": "times", "raised": "pow", "select": "choose"}.get(op)
        if name is not None:
            return self.call(name, *args)
        return self.call("sqrt" if args[0] == "sqrt" else FUNCTIONS[args[0]].c, *args[1:])

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
        """`base` to a multiple of one half, from one square root, one reciprocal and products; by `pow` to any other."""
        if (base, e) in self.powers:
            return self.powers[base, e]
        b = self.name(base)
        if e == 1.0:
            return b
        half = e != int(e)
        if abs(e) > MOST_MULTIPLIED or 2 * e != int(2 * e):
            out = self.define(f"{self.prefix}pow({self.spread(b)}, {self.spread(literal(e))})")
        elif e == 0.5:
            out = self.define(f"{self.prefix}sqrt({self.spread(b)})")
        elif e == -0.5 and base.nonnegative:
            out = self.define(f"1.0 / {self.power(base, 0.5)}")
        elif e == -0.5:  # of -0 it is infinity, though the root of -0 is -0
            out = self.define(f"1.0 / {self.prefix}sqrt({self.spread(f'({b} + 0.0)')})")
        elif e == -1.0:
            out = self.define(f"1.0 / {b}")
        elif half:
            out = self.inverse_half(base, e) if e < 0 else self.product(base, e - 0.5, 0.5)
        else:
            part = e / 2 if e % 2 == 0 else (e + 1) / 2 if e < 0 else (e - 1) / 2
            out = self.product(base, part, e - part)
        self.powers[base, e] = out
        return out

    def inverse_half(self, base: Node, e: float) -> str:
        """A negative half-integer power; the root and the reciprocal do not wait for each other where `base` has a sign."""
        if not base.nonnegative:
            return self.product(base, e + 0.5, -0.5)
        if base not in self.roots:  # 1 in the place of 0, which would make nan of the infinite reciprocal
            b, zero, one = (self.spread(text) for text in (self.name(base), "0.0", "1.0"))
            root, v = self.power(base, 0.5), self.prefix
            self.roots[base] = self.define(f"{v}choose({v}equal({b}, {zero}), {one}, {root})")
        return self.define(f"{self.power(base, e - 0.5)} * {self.roots[base]}")

    def product(self, base: Node, e: float, f: float) -> str:
        """The product of two powers."""
        b = self.power(base, f)
        return self.define(f"{self.power(base, e)} * {b}")


def function(name: str, heads: list[str], body: str, kind: str) -> str:
    """A C function of parameters `heads`; a long body becomes several functions, whose compile time grows with length only.

    Values of type `kind` that a later part reads go through an array.
    """
    head, arguments = ", ".join(heads), ", ".join(re.split(r"[ *]", h)[-1] for h in heads)
    lines = body.splitlines(keepends=True)
    if len(lines) <= LONGEST:
        return f"static __attribute__((noinline)) void {name}({head}) {{\n{body}}}\n"
    parts = [lines[k : k + PART] for k in range(0, len(lines), PART)]
    defined = {
        m[1]: k for k, part in enumerate(parts) for line in part if (m := re.match(rf"  const {kind} (\w+) =", line))
    }
    slots, sources = dict[str, int](), []
    read = [{word for line in part for word in re.findall(r"\br\d+\b", line)} for part in parts]
    for k, words in enumerate(read):
        for word in sorted(words):
            if defined[word] < k:
                slots.setdefault(word, len(slots))
    for k, part in enumerate(parts):
        before = "".join(f"  const {kind} {w} = W[{slots[w]}];\n" for w in sorted(read[k]) if defined[w] < k)
        after = "".join(f"  W[{slots[w]}] = {w};\n" for w in slots if defined[w] == k)
        start = f"static __attribute__((noinline)) void {name}_{k}({head}, {kind} *restrict W) {{\n"
        sources.append(f"{start}{before}{''.join(part)}{after}}}\n")
    calls = "".join(f"  {name}_{k}({arguments}, W);\n" for k in range(len(parts)))
    sources.append(
        f"static void {name}({head}) {{\n  static _Thread_local {kind} W[{max(1, len(slots))}];\n{calls}}}\n"
    )
    return "".join(sources)


def operations(outputs: list[Node]) -> int:
    """Roughly the multiplications and additions of `outputs`, for choosing between two forms."""
    count = 0
    for node in reachable(outputs):
        if not node.fixed and node.op != "leaf":
            count += (
                len(node.args[1]) if node.op == "lin" else 10 if node.op in ("call", "pow", "power", "raised") else 1
            )
    return count
