"""Derivatives of recorded expressions, as expressions."""

from __future__ import annotations

import math

from ._functions import FUNCTIONS
from ._graph import CannotTrace, Graph, Node

Rows = list[dict[int, Node]]


def reachable(outputs: list[Node], smooth: bool = False) -> list[Node]:
    """All nodes that `outputs` are computed from, operands first; with `smooth` those that derivatives come through."""
    seen: dict[Node, None] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack.extend(node.smooth_operands() if smooth else node.operands())
    return sorted(seen, key=lambda n: n.index)


def partials(node: Node) -> list[tuple[Node, Node]]:
    """(operand, d node / d operand) for the operands that are not fixed; `select` is left to its callers."""
    g, op = node.graph, node.op
    if node.step:
        return []
    if op == "lin":
        return [(n, c) for n, c in node.args[1]]
    if op == "mul":
        a, b = node.args
        return [(a, b), (b, a)]
    if op == "pow":
        base, e = node.args
        return [(base, g.scale(g.const(e), g.power(base, e - 1.0)))]
    if op == "power":
        b, n, j, k = node.args
        if j + k > 1:
            raise CannotTrace("it needs a third derivative of a power")
        by_n = g.scale(g.const(math.log(b.value)), node) if b.value and b.value > 0 else g.powers(b, n, j, k + 1)
        return [(a, d) for a, d in ((b, g.powers(b, n, j + 1, k)), (n, by_n)) if not a.fixed]
    if op == "exact":
        return [(node.args[1], g.const(1.0))]
    if op == "call":
        name, *arguments = node.args
        slopes = FUNCTIONS[name].partials
        assert slopes is not None
        return [(a, d) for a, d in zip(arguments, slopes(g, node, arguments), strict=True) if not a.fixed]
    return []


class Sum:
    """A linear combination being built; sums over the same symbols are merged into it term by term."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.constant, self.terms = graph, graph.const(0.0), dict[Node, Node]()

    def add(self, node: Node, factor: Node, single: bool = False) -> None:
        """Add `factor node` with a fixed `factor`; a `node` used only here (`single`) may be taken apart."""
        g = self.graph
        single = single and factor.finite
        constant, terms = g.terms(node, deep=single)
        if len(terms) == 1 and not single:
            inner_constant, inner = g.terms(next(iter(terms)), deep=True)
            if inner and factor.finite and all(n.op == "leaf" and n in self.terms for n in inner):
                factor = g.mul(factor, next(iter(terms.values())))
                constant, terms = inner_constant, inner
        if constant.value != 0.0:
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
    nodes = [n for n in reachable(outputs, smooth=True) if not n.fixed]
    rows: dict[Node, dict[int, Node]] = dict(seeds)
    zero = g.const(0.0)
    for node in nodes:
        if node in rows:
            continue
        if node.op == "select":
            c, *branches = node.args
            a, b = (rows.get(n, {}) if not n.fixed else {} for n in branches)
            rows[node] = {k: g.select(c, a.get(k, zero), b.get(k, zero)) for k in sorted({*a, *b})}
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
                elif tangent.fixed and tangent.op != "select":
                    total.add(d, tangent)
                else:
                    total.add(g.mul(d, tangent) if d.finite else _masked(g, tangent, d), g.const(1.0))
        rows[node] = {k: v for k, total in sums.items() if (v := total.node()).value != 0.0}
    return [rows.get(n, {}) if not n.fixed else {} for n in outputs]


def gradient(outputs: list[Node], weights: list[Node], inputs: list[Node]) -> list[Node]:
    """Reverse mode: the derivatives of `sum weights_k outputs_k` by each of `inputs`."""
    g = weights[0].graph
    bars: dict[Node, Sum] = {}
    for node, w in zip(outputs, weights, strict=True):
        bars.setdefault(node, Sum(g)).add(w, g.const(1.0))
    one, zero = g.const(1.0), g.const(0.0)
    for node in reversed([n for n in reachable(outputs, smooth=True) if not n.fixed]):
        if node.op == "leaf" or node not in bars:
            continue
        bar = bars[node].node()
        if node.op == "select":
            c, a, b = node.args
            for operand, part in ((a, g.select(c, bar, zero)), (b, g.select(c, zero, bar))):
                if not operand.fixed:
                    bars.setdefault(operand, Sum(g)).add(part, one)
            continue
        for operand, d in partials(node):
            total = bars.setdefault(operand, Sum(g))
            if d.fixed:
                total.add(bar, d)
            else:
                total.add(g.mul(bar, d) if d.finite else _masked(g, bar, d), one)
    return [bars[x].node() if x in bars else g.const(0.0) for x in inputs]


def _masked(g: Graph, bar: Node, d: Node) -> Node:
    """`bar d`, which is 0 where `bar` is that of a branch not taken, or the tangent of one that is constant, whatever `d` is
    there: infinite, for example."""
    if bar.op == "lin" and bar.args[0].value == 0.0 and any(n.op == "select" for n, _ in bar.args[1]):
        total = Sum(g)
        for n, c in bar.args[1]:
            total.add(_masked(g, n, d), c)
        return total.node()
    if bar.op == "select":
        c, *branches = bar.args
        if any(b.value == 0.0 for b in branches):
            return g.select(c, *(b if b.value == 0.0 else _masked(g, b, d) for b in branches))
    return g.mul(bar, d)
