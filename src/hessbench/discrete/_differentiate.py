"""Derivatives of recorded expressions, as expressions."""

from __future__ import annotations

from typing import Any

from ._graph import Graph, Node

Rows = list[dict[int, Node]]


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
