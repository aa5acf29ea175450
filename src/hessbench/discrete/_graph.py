"""Scalar expressions with shared subexpressions, recorded from a right-hand side by running it once on symbols.

A node is created once for each distinct operation. Two kinds of operations share one graph.

*Recorded* ones are those of NumPy, in its order, so that conditions and steps see the very numbers that NumPy sees:

    leaf (state x, time t, tangent w, multiplier s, parameter u or p), const, truth, plus, minus, times, over, negative,
    raised, call, select, and the conditions less, less_equal, equal, signbit, not, and, or, xor

*Canonical* ones are what is differentiated and compiled (`_simplify` makes them): sums are linear combinations
`c_0 + c_i n_i`, products with a constant are terms of such, quotients are products with powers, and powers of one base are
merged where that changes no number, so that few forms remain:

    leaf, const, lin, mul, pow (constant exponent), power (a derivative of b^n), call, select, exact

Conditions in canonical expressions are recorded ones. `exact` has the value of a recorded node and the derivatives of a
canonical one. Expressions of constants and parameters alone are `fixed`; generated code evaluates them once for each call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._functions import FUNCTIONS

MOST_NODES = 200_000
MOST_PULLED = (
    4  # a power up to which the factor of a base is taken out: farther, `c^e` alone could leave the range of numbers
)
CONDITIONS = ("truth", "less", "less_equal", "equal", "signbit", "not", "and", "or", "xor")


class CannotTrace(Exception):
    """The right-hand side cannot be recorded; the message says why."""


class Node:
    """One operation. `op` and `args` identify it; `index` grows in order of creation; `fixed` needs no state or time.

    `finite`: it is finite wherever states, time and parameters are ordinary numbers. `nonnegative`: it is nowhere negative.
    """

    __slots__ = ("args", "finite", "fixed", "graph", "index", "nonnegative", "op")

    def __init__(self, graph: Graph, op: str, args: tuple, fixed: bool) -> None:
        self.graph, self.op, self.args, self.fixed, self.index = graph, op, args, fixed, len(graph.nodes)
        self.finite, self.nonnegative = _finite(op, args), _nonnegative(op, args)

    @property
    def value(self) -> float | None:
        """The number, if it is one; 0 or 1 for a truth value."""
        return float(self.args[0]) if self.op in ("const", "truth") else None

    @property
    def condition(self) -> bool:
        """Whether it is true or false."""
        return self.op in CONDITIONS

    @property
    def step(self) -> bool:
        """Whether it is constant between jumps."""
        return self.condition or (self.op == "call" and FUNCTIONS[self.args[0]].step)

    def operands(self) -> tuple[Node, ...]:
        """The nodes it is computed from."""
        if self.op == "lin":
            return (self.args[0], *(n for term in self.args[1] for n in term))
        if self.op == "exact":
            return self.args[:1]
        return tuple(a for a in self.args if isinstance(a, Node))

    def smooth_operands(self) -> tuple[Node, ...]:
        """The operands that its derivatives come through."""
        if self.step:
            return ()
        return self.args[1:] if self.op in ("exact", "select") else self.operands()

    def __add__(self, other: Any) -> Node:
        return self.graph.add(self, self.graph.lifted(other))

    def __neg__(self) -> Node:
        return self.graph.scale(self.graph.const(-1.0), self)

    def __sub__(self, other: Any) -> Node:
        return self.graph.add(self, -self.graph.lifted(other))

    def __mul__(self, other: Any) -> Node:
        return self.graph.mul(self, self.graph.lifted(other))


def _finite(op: str, args: tuple) -> bool:
    if op == "const":
        return math.isfinite(args[0])
    if op == "leaf":
        return len(args) == 2
    if op == "call":
        return FUNCTIONS[args[0]].bounded and all(a.finite for a in args[1:])
    if op == "lin":
        return args[0].finite and all(n.finite for term in args[1] for n in term)
    if op == "pow":
        return args[0].finite and args[1] > 0 and (args[1] == int(args[1]) or args[0].nonnegative)
    if op in ("plus", "minus", "times", "negative", "mul", "fixed_mul", "fixed_add", "select"):
        return all(a.finite for a in args)
    return op in CONDITIONS


def _nonnegative(op: str, args: tuple) -> bool:
    if op == "const":
        return args[0] >= 0
    if op == "call":
        return FUNCTIONS[args[0]].positive
    if op == "lin":
        return args[0].nonnegative and all(n.nonnegative for term in args[1] for n in term)
    if op == "pow":
        return args[0].nonnegative or args[1] % 2 == 0 or args[1] != int(args[1])
    if op == "raised":
        return args[0].nonnegative or (args[1].value is not None and args[1].value % 2 == 0)
    if op in ("times", "mul"):
        return args[0] is args[1] or (args[0].nonnegative and args[1].nonnegative)
    if op in ("plus", "fixed_mul", "fixed_add"):
        return args[0].nonnegative and args[1].nonnegative
    return op == "select" and args[1].nonnegative and args[2].nonnegative


class Graph:
    """Creates nodes, each once. Raises `CannotTrace` past `MOST_NODES`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.refused: CannotTrace | None = None
        self._known: dict[tuple, Node] = {}

    def node(self, op: str, args: tuple, fixed: bool) -> Node:
        """The node `op(*args)`, new or known."""
        key = (op, *args)
        found = self._known.get(key)
        if found is None:
            if len(self.nodes) >= MOST_NODES:
                raise CannotTrace(f"it needs more than {MOST_NODES} operations")
            found = self._known[key] = Node(self, op, args, fixed)
            self.nodes.append(found)
        return found

    def const(self, value: Any) -> Node:
        """A number."""
        return self.node("const", (float(value) + 0.0,), True)

    def lifted(self, value: Any) -> Node:
        """`value`, a node or a number, as a node."""
        return value if isinstance(value, Node) else self.const(value)

    def leaf(self, kind: str, k: int, finite: bool = True) -> Node:
        """Entry `k` of an input: kind x, t, w, s, u, or p (the only one that is fixed)."""
        return self.node("leaf", (kind, k) if finite else (kind, k, "may be infinite"), kind == "p")

    def function(self, name: str, *args: Node) -> Node:
        """An elementary function by its NumPy name."""
        if name == "sqrt":
            return self.power(args[0], 0.5)
        values = [a.value for a in args]
        if None not in values:
            with np.errstate(all="ignore"):
                return self.const(FUNCTIONS[name].numpy(*values))
        return self.node("call", (name, *args), all(a.fixed for a in args))

    def select(self, condition: Node, a: Node, b: Node) -> Node:
        """`a` where `condition` holds, else `b`."""
        if condition.value is not None:
            return a if condition.value else b
        return a if a is b else self.node("select", (condition, a, b), condition.fixed and a.fixed and b.fixed)

    def exact(self, value: Node, smooth: Node) -> Node:
        """The number `value`, as a recorded expression, with the derivatives of the canonical `smooth`."""
        return self.node("exact", (value, smooth), False)

    def lin(self, constant: Node, terms: dict[Node, Node]) -> Node:
        """`constant + sum of coefficient * node` for `terms` {node: fixed coefficient}."""
        kept = [(n, c) for n, c in terms.items() if c.value != 0.0 or not n.finite]
        if not kept:
            return constant
        if len(kept) == 1 and constant.value == 0.0 and kept[0][1].value == 1.0:
            return kept[0][0]
        kept.sort(key=lambda term: term[0].index)
        return self.node("lin", (constant, tuple(kept)), False)

    def scale(self, c: Node, a: Node) -> Node:
        """`c a` with `c` fixed."""
        if a.fixed:
            return self._fixed("mul", c, a)
        base, terms = self.terms(a)
        return self.lin(
            base if base.value == 0.0 else self._fixed("mul", c, base),
            {n: self._fixed("mul", c, k) for n, k in terms.items()},
        )

    def terms(self, a: Node, deep: bool = False) -> tuple[Node, dict[Node, Node]]:
        """`a` as (constant, {node: coefficient}); a sum of several terms stays one term unless `deep`."""
        if a.fixed:
            return a, {}
        if a.op == "lin" and (deep or (len(a.args[1]) == 1 and a.args[0].value == 0.0)):
            return a.args[0], dict(a.args[1])
        return self.const(0.0), {a: self.const(1.0)}

    def add(self, a: Node, b: Node) -> Node:
        """`a + b`"""
        if a.fixed and b.fixed:
            return self._fixed("add", a, b)
        (constant, terms), (other, more) = self.terms(a), self.terms(b)
        for n, c in more.items():
            terms[n] = self._fixed("add", terms[n], c) if n in terms else c
        return self.lin(self._fixed("add", constant, other), terms)

    def mul(self, a: Node, b: Node) -> Node:
        """`a b`"""
        if a.fixed or b.fixed:
            return self.scale(a, b) if a.fixed else self.scale(b, a)
        (ca, a), (cb, b) = self._pull(a), self._pull(b)
        (base_a, ea), (base_b, eb) = _base(a), _base(b)
        if base_a is base_b and _merge(base_a, ea, eb):
            product = self.power(base_a, ea + eb)
        else:
            product = self.node("mul", (a, b) if a.index < b.index else (b, a), False)
        return self.scale(self._fixed("mul", ca, cb), product)

    def power(self, a: Node, e: float) -> Node:
        """`a` to a constant exponent."""
        if e == 0.0:
            return self.const(1.0)
        if a.value is not None:
            with np.errstate(all="ignore"):
                return self.const(np.float64(a.value) ** e)
        if not a.fixed and e == int(e) and abs(e) <= MOST_PULLED:
            c, a = self._pull(a)
            if c.value != 1.0:
                return self.scale(self.power(c, e), self.power(a, e))
        base, inner = _base(a)
        if inner != 1.0 and not _nested(base, inner, e):
            base, inner = a, 1.0
        return base if inner * e == 1.0 else self.node("pow", (base, inner * e), a.fixed)

    def powers(self, b: Node, n: Node, j: int = 0, k: int = 0) -> Node:
        """The derivative of `b ** n`, `j` times by b and `k` times by n; powers of `b = 0` times its logarithm are 0."""
        if n.value is not None and math.isfinite(n.value) and not k:
            out = self.power(b, n.value - j)
            return self.scale(self.const(math.prod(n.value - i for i in range(j))), out)
        return self.node("power", (b, n, j, k), b.fixed and n.fixed)

    def _pull(self, a: Node) -> tuple[Node, Node]:
        if a.op == "lin" and len(a.args[1]) == 1 and a.args[0].value == 0.0:
            return a.args[1][0][1], a.args[1][0][0]
        return self.const(1.0), a

    def _fixed(self, op: str, a: Node, b: Node) -> Node:
        x, y = a.value, b.value
        neutral = 1.0 if op == "mul" else 0.0
        if x == neutral:
            return b
        if y == neutral:
            return a
        if op == "mul" and ((x == 0.0 and b.finite) or (y == 0.0 and a.finite)):
            return self.const(0.0)
        if x is not None and y is not None:
            return self.const(x * y if op == "mul" else x + y)
        return self.node(f"fixed_{op}", (a, b) if a.index < b.index else (b, a), True)


def _base(a: Node) -> tuple[Node, float]:
    return a.args if a.op == "pow" else (a, 1.0)


def _half(e: float) -> bool:
    return e != int(e) and 2 * e == int(2 * e)


def _merge(base: Node, a: float, b: float) -> bool:
    """Whether `base^a base^b` is `base^(a + b)` at every number: `x x^-1` is not 1 at 0, `sqrt(x)^2` is not x below it."""
    if a * b < 0 or any(e != int(e) and not _half(e) for e in (a, b)):
        return False
    return base.nonnegative or not (_half(a) and _half(b))


def _nested(base: Node, inner: float, e: float) -> bool:
    """Whether `(base^inner)^e` is `base^(inner e)` at every number: `sqrt(x^2)` is not x."""
    if inner == int(inner):
        return e == int(e)
    product = inner * e
    return _half(inner) and e == int(e) and (product != int(product) or base.nonnegative)
