"""Scalar expressions with shared subexpressions, recorded from a right-hand side by running it once on symbols.

A node is created once for each distinct operation. Sums are linear combinations `c_0 + c_i n_i`, products with a constant
are terms of such, quotients are products with powers, and powers of one base are merged, so that few forms remain:

    leaf (state x, time t, tangent w, multiplier s, parameter u or p), const, lin, mul, pow, function, less, select

Expressions of constants and parameters alone are marked `fixed`; generated code evaluates them once for each call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

FUNCTIONS = {
    "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "sinh": np.sinh,
    "cosh": np.cosh, "arctan": np.arctan, "arcsin": np.arcsin, "arccos": np.arccos,
}  # fmt: skip
MOST_NODES = 100_000


class CannotTrace(Exception):
    """The right-hand side cannot be recorded; the message says why."""


class Node:
    """One operation. `op` and `args` identify it; `index` grows in order of creation; `fixed` needs no state or time."""

    __slots__ = ("args", "fixed", "graph", "index", "op")

    def __init__(self, graph: Graph, op: str, args: tuple, fixed: bool) -> None:
        self.graph, self.op, self.args, self.fixed, self.index = graph, op, args, fixed, len(graph.nodes)

    @property
    def value(self) -> float | None:
        """The number, if it is one."""
        return self.args[0] if self.op == "const" else None

    def operands(self) -> tuple[Node, ...]:
        """The nodes it is computed from."""
        if self.op == "lin":
            return (self.args[0], *(n for term in self.args[1] for n in term))
        return tuple(a for a in self.args if isinstance(a, Node))

    def __add__(self, other: Any) -> Any:
        return _binary(self, other, self.graph.add)

    __radd__ = __add__

    def __neg__(self) -> Node:
        return self.graph.scale(self.graph.const(-1.0), self)

    def __pos__(self) -> Node:
        return self

    def __sub__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.add(a, -b))

    def __rsub__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.add(b, -a))

    def __mul__(self, other: Any) -> Any:
        return _binary(self, other, self.graph.mul)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.mul(a, a.graph.power(b, -1.0)))

    def __rtruediv__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.mul(b, a.graph.power(a, -1.0)))

    def __pow__(self, other: Any) -> Any:
        return _binary(self, other, self.graph.general_power)

    def __rpow__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.general_power(b, a))

    def __abs__(self) -> Node:
        return self.graph.select(self.graph.less(self, self.graph.const(0.0)), -self, self)

    def __lt__(self, other: Any) -> Any:
        return _binary(self, other, self.graph.less)

    def __gt__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.less(b, a))

    def __le__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.less(a, b))

    def __ge__(self, other: Any) -> Any:
        return _binary(self, other, lambda a, b: a.graph.less(b, a))

    def __bool__(self) -> bool:
        raise CannotTrace("it branches on a value (`if`, `max`, ...); use `where` of the namespace it is given")

    def __float__(self) -> float:
        if self.value is None:
            raise CannotTrace("it converts a value to a Python number")
        return self.value

    def sqrt(self) -> Node:
        return self.graph.power(self, 0.5)

    def square(self) -> Node:
        return self.graph.power(self, 2.0)

    def reciprocal(self) -> Node:
        return self.graph.power(self, -1.0)

    def conjugate(self) -> Node:
        return self


def _binary(a: Node, other: Any, operation: Any) -> Any:
    if isinstance(other, np.ndarray) and other.ndim:
        return NotImplemented
    return operation(a, other if isinstance(other, Node) else a.graph.const(other))


def _function(name: str) -> Any:
    return lambda self: self.graph.function(name, self)


for _name in FUNCTIONS:
    setattr(Node, _name, _function(_name))


class Graph:
    """Creates nodes, each once. Raises `CannotTrace` past `MOST_NODES`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
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

    def leaf(self, kind: str, k: int) -> Node:
        """Entry `k` of an input: kind x, t, w, s, u, or p (the only one that is fixed)."""
        return self.node("leaf", (kind, k), kind == "p")

    def function(self, name: str, a: Node) -> Node:
        """An elementary function by its NumPy name."""
        if a.value is not None:
            return self.const(FUNCTIONS[name](a.value))
        return self.node("call", (name, a), a.fixed)

    def less(self, a: Node, b: Node) -> Node:
        """The condition a < b."""
        return self.node("less", (a, b), a.fixed and b.fixed)

    def select(self, condition: Node, a: Node, b: Node) -> Node:
        """`a` where `condition` holds, else `b`."""
        if condition.op != "less":
            raise CannotTrace("`where` is given a condition that is no comparison")
        return a if a is b else self.node("select", (condition, a, b), condition.fixed and a.fixed and b.fixed)

    def lin(self, constant: Node, terms: dict[Node, Node]) -> Node:
        """`constant + sum of coefficient * node` for `terms` {node: fixed coefficient}."""
        kept = [(n, c) for n, c in terms.items() if c.value != 0.0]
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
        return self.lin(self._fixed("mul", c, base), {n: self._fixed("mul", c, k) for n, k in terms.items()})

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
        if base_a is base_b:
            product = self.power(base_a, ea + eb)
        else:
            product = self.node("mul", (a, b) if a.index < b.index else (b, a), False)
        return self.scale(self._fixed("mul", ca, cb), product)

    def power(self, a: Node, e: float) -> Node:
        """`a` to a constant exponent that is a multiple of one half."""
        if e == 0.0:
            return self.const(1.0)
        if a.value is not None:
            return self.const(np.float64(a.value) ** e)
        if e == 1.0:
            return a
        if not a.fixed and e == int(e):
            c, a = self._pull(a)
            if c.value != 1.0:
                return self.scale(self.power(c, e), self.power(a, e))
        base, inner = _base(a)
        if inner != 1.0 and inner == int(inner) and e != int(e):
            base, inner = a, 1.0  # sqrt(x^2) is not x
        return base if inner * e == 1.0 else self.node("pow", (base, inner * e), a.fixed)

    def general_power(self, a: Node, b: Node) -> Node:
        """`a ** b`; through `exp` and `log` where the exponent is not a multiple of one half."""
        if b.value is not None and 2 * b.value == int(2 * b.value) and abs(b.value) <= 16:
            return self.power(a, b.value)
        return self.function("exp", self.mul(b, self.function("log", a)))

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
        if op == "mul" and (x == 0.0 or y == 0.0):
            return self.const(0.0)
        if x is not None and y is not None:
            return self.const(x * y if op == "mul" else x + y)
        return self.node(f"fixed_{op}", (a, b) if a.index < b.index else (b, a), True)


def _base(a: Node) -> tuple[Node, float]:
    return a.args if a.op == "pow" else (a, 1.0)


def finite(a: Node) -> bool:
    """Whether a constant, if it is one, is a finite number."""
    return a.value is None or math.isfinite(a.value)
