"""Recording a right-hand side, and its derivatives as expressions.

The right-hand side runs once with a namespace that is NumPy's but for `where`, `maximum` and the like, on object arrays of
nodes. Parameters of floating type are symbols too, so that one kernel serves every value of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._problem import Problem
from ._graph import CannotTrace, Graph, Node

Rows = list[dict[int, Node]]


class Symbols(np.ndarray):
    """An object array of nodes whose comparisons give nodes, where NumPy would ask each for its truth."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [i.view(np.ndarray) if isinstance(i, Symbols) else i for i in inputs]
        if ufunc in (np.less, np.less_equal, np.greater, np.greater_equal):
            options["dtype"] = object
        (target,) = options.pop("out", (None,))
        out = getattr(ufunc, method)(*plain, **options)
        if target is not None:  # in place: `a += b`
            target[...] = out
            return target
        return out.view(Symbols) if isinstance(out, np.ndarray) and out.dtype == object else out


def symbols(nodes: list[Node], shape: tuple[int, ...]) -> Symbols:
    """An array of `nodes`."""
    out = np.empty(len(nodes), dtype=object)
    out[:] = nodes
    return out.reshape(shape).view(Symbols)


class Namespace:
    """NumPy, with the functions that would branch replaced by ones that record."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return _elementwise(_select, condition, a, b)

    def maximum(self, a: Any, b: Any) -> Any:
        return _elementwise(lambda x, y: _pick(x, y, x, y), b, a)

    def minimum(self, a: Any, b: Any) -> Any:
        return _elementwise(lambda x, y: _pick(x, y, y, x), b, a)

    def abs(self, a: Any) -> Any:
        return _elementwise(abs, a)

    absolute = abs

    def zeros_like(self, a: Any) -> Any:
        return np.zeros(np.shape(a))

    def ones_like(self, a: Any) -> Any:
        return np.ones(np.shape(a))


def _elementwise(function: Any, *arrays: Any) -> Any:
    plain = (np.asarray(a, dtype=object).view(np.ndarray) for a in arrays)
    out = np.frompyfunc(function, len(arrays), 1)(*plain)
    return out.view(Symbols) if isinstance(out, np.ndarray) else out


def _select(c: Any, a: Any, b: Any) -> Any:
    if not isinstance(c, Node):
        return a if c else b
    return c.graph.select(c, *_nodes(c.graph, a, b))


def _pick(x: Any, y: Any, a: Any, b: Any) -> Any:
    """`a` where y < x, else `b`."""
    return _select(y < x, a, b)


def _nodes(graph: Graph, *values: Any) -> list[Node]:
    return [v if isinstance(v, Node) else graph.const(v) for v in values]


@dataclass(eq=False)
class Traced:
    """`outputs` (m,) of `inputs` leaves x_0 .. x_{m-1}: the slopes, or the accelerations if `second_order`."""

    graph: Graph
    outputs: list[Node]
    second_order: bool
    params: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number m of inputs and outputs."""
        return len(self.outputs)


def trace(problem: Problem) -> Traced:
    """Record `problem.rhs`. Raises `CannotTrace` with the reason."""
    graph, n = Graph(), problem.dim
    names = tuple(k for k, v in problem.params.items() if np.issubdtype(v.dtype, np.floating))
    p, at = dict(problem.params), 0
    for key in names:
        shape, size = p[key].shape, p[key].size
        leaves = [graph.leaf("p", at + k) for k in range(size)]
        p[key], at = (symbols(leaves, shape) if shape else leaves[0]), at + size
    states = [graph.leaf("x", k) for k in range(n)]
    y = symbols(states, (n,))
    try:
        slope = np.asarray(problem.rhs(Namespace(), graph.leaf("t", 0), y, p), dtype=object)
    except CannotTrace:
        raise
    except Exception as error:
        raise CannotTrace(f"it raised {type(error).__name__} on symbols: {error}") from error
    if slope.shape != (n,):
        raise CannotTrace(f"it returned shape {slope.shape} on symbols")
    outputs = merged(_nodes(graph, *slope))
    half = n // 2
    if n % 2 == 0 and all(outputs[k] is states[half + k] for k in range(half)) and not depends(outputs[half:], half):
        return Traced(graph, outputs[half:], True, names)
    return Traced(graph, outputs, False, names)


def merged(outputs: list[Node]) -> list[Node]:
    """The same outputs, with each sum that is used in one other sum only taken into it."""
    graph, uses = outputs[0].graph, Counter[Node]()
    nodes = reachable(outputs)
    for node in nodes:
        uses.update(node.operands())
    uses.update(outputs)
    new: dict[Node, Node] = {}
    for node in nodes:
        if node.op == "lin":
            total = Sum(graph)
            total.add(node.args[0], graph.const(1.0))
            for n, c in node.args[1]:
                total.add(new[n], c, single=uses[n] == 1)
            new[node] = total.node()
        elif node.op == "mul":
            new[node] = graph.mul(*(new[a] for a in node.args))
        elif node.op == "pow":
            new[node] = graph.power(new[node.args[0]], node.args[1])
        elif node.op == "call":
            new[node] = graph.function(node.args[0], new[node.args[1]])
        elif node.op in ("less", "select") and not node.fixed:
            new[node] = getattr(graph, node.op)(*(new[a] for a in node.args))
        else:
            new[node] = node
    return [new[n] for n in outputs]


def depends(outputs: list[Node], start: int) -> bool:
    """Whether any of `outputs` reads a state from number `start` on."""
    return any(n.op == "leaf" and n.args[0] == "x" and n.args[1] >= start for n in reachable(outputs))


def reachable(outputs: list[Node]) -> list[Node]:
    """All nodes that `outputs` are computed from, operands first."""
    seen: dict[Node, None] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack.extend(node.operands())
    return sorted(seen, key=lambda n: n.index)


def partials(node: Node) -> list[tuple[Node, Node]]:
    """(operand, d node / d operand) for the operands that are not fixed."""
    g, op = node.graph, node.op
    if op == "lin":
        return [(n, c) for n, c in node.args[1]]
    if op == "mul":
        a, b = node.args
        return [(a, b), (b, a)]
    if op == "pow":
        base, e = node.args
        return [(base, g.scale(g.const(e), g.power(base, e - 1.0)))]
    if op == "select":
        c, a, b = node.args
        one, zero = g.const(1.0), g.const(0.0)
        return [(n, g.select(c, *w)) for n, w in ((a, (one, zero)), (b, (zero, one))) if not n.fixed]
    if op == "call":
        name, a = node.args
        return [(a, _slope(g, name, a, node))]
    return []


def _slope(g: Graph, name: str, a: Node, value: Node) -> Any:
    f = g.function
    one = g.const(1.0)
    return {
        "exp": lambda: value,
        "log": lambda: g.power(a, -1.0),
        "sin": lambda: f("cos", a),
        "cos": lambda: -f("sin", a),
        "tan": lambda: one + value * value,
        "tanh": lambda: one - value * value,
        "sinh": lambda: f("cosh", a),
        "cosh": lambda: f("sinh", a),
        "arctan": lambda: g.power(one + a * a, -1.0),
        "arcsin": lambda: g.power(one - a * a, -0.5),
        "arccos": lambda: -g.power(one - a * a, -0.5),
    }[name]()


class Sum:
    """A linear combination being built; sums over the same symbols are merged into it term by term."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.constant, self.terms = graph, graph.const(0.0), dict[Node, Node]()

    def add(self, node: Node, factor: Node, single: bool = False) -> None:
        """Add `factor node` with a fixed `factor`; a `node` used only here (`single`) may be taken apart."""
        g = self.graph
        constant, terms = g.terms(node, deep=single)
        if len(terms) == 1 and not single:
            inner_constant, inner = g.terms(next(iter(terms)), deep=True)
            if inner and all(n.op == "leaf" and n in self.terms for n in inner):
                factor = g.mul(factor, next(iter(terms.values())))
                constant, terms = inner_constant, inner
        self.constant = g.add(self.constant, g.mul(factor, constant))
        for n, c in terms.items():
            c = g.mul(factor, c)
            self.terms[n] = g.add(self.terms[n], c) if n in self.terms else c

    def node(self) -> Node:
        """The finished sum."""
        return self.graph.lin(self.constant, self.terms)


def forward(outputs: list[Node], seeds: dict[Node, dict[int, Node]]) -> Rows:
    """Directional derivatives of each output: row k is {direction: d output_k}, zeros left out.

    `seeds` gives the derivatives {direction: node} of leaves. Forward mode with sparse rows.
    """
    if not outputs:
        return []
    g = outputs[0].graph
    nodes = [n for n in reachable(outputs) if not n.fixed]
    rows: dict[Node, dict[int, Node]] = dict(seeds)
    for node in nodes:
        if node in rows:
            continue
        sums: dict[int, Sum] = {}
        pairs = [(rows[a], d) for a, d in partials(node) if rows.get(a)]
        # terms that are products come first, so that a later sum over the same symbols can be merged into them
        pairs.sort(key=lambda pair: not pair[1].fixed and pair[1].op == "lin")
        for row, d in pairs:
            for direction, tangent in row.items():
                total = sums.setdefault(direction, Sum(g))
                if d.fixed:
                    total.add(tangent, d, single=True)
                elif tangent.fixed:
                    total.add(d, tangent)
                else:
                    total.add(g.mul(d, tangent), g.const(1.0))
        rows[node] = {k: v for k, total in sums.items() if (v := total.node()).value != 0.0}
    return [rows.get(n, {}) if not n.fixed else {} for n in outputs]


def gradient(outputs: list[Node], weights: list[Node], inputs: list[Node]) -> list[Node]:
    """Reverse mode: the derivatives of `sum weights_k outputs_k` by each of `inputs`."""
    g = weights[0].graph
    bars: dict[Node, Sum] = {}
    for node, w in zip(outputs, weights, strict=True):
        bars.setdefault(node, Sum(g)).add(w, g.const(1.0))
    for node in reversed([n for n in reachable(outputs) if not n.fixed]):
        if node.op == "leaf" or node not in bars:
            continue
        bar = bars[node].node()
        for operand, d in partials(node):
            total = bars.setdefault(operand, Sum(g))
            if d.fixed:
                total.add(bar, d)
            else:
                total.add(g.mul(bar, d), g.const(1.0))
    return [bars[x].node() if x in bars else g.const(0.0) for x in inputs]
