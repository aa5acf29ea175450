"""From recorded expressions to canonical ones: few forms, each term once, no number changed but by rounding."""

from __future__ import annotations

from collections import Counter

from ._differentiate import Sum, reachable
from ._graph import Graph, Node
from ._operations import number, plain


def simplified(outputs: list[Node]) -> list[Node]:
    """The recorded `outputs` in canonical form. Conditions and steps in them stay as they were recorded."""
    graph, new = outputs[0].graph, dict[Node, Node]()
    outputs = [number(n) for n in outputs]
    for node in reachable(outputs, smooth=True):
        new[node] = node if node.fixed or node.op in ("leaf", "const") else _canonical(graph, node, new)
    return [new[n] for n in outputs]


def _canonical(g: Graph, node: Node, new: dict[Node, Node]) -> Node:
    op, args = node.op, node.args
    if op == "call" and args[0] in ("remainder", "fmod"):
        a, b = args[1:]
        if args[0] == "remainder":
            whole = g.function("floor_divide", a, b)
        else:
            whole = g.function("rint", plain("over", plain("minus", a, node), b))
        return g.exact(node, g.add(_of(a, new), -g.mul(_of(b, new), whole)))
    if node.step:
        return node
    if op == "call":
        made = g.function(args[0], *(_of(a, new) for a in args[1:]))
        return g.exact(node, made) if args[0] == "arctan2" else made  # which jumps by 2 pi with the sign of a zero
    if op == "select":
        return g.select(args[0], _of(args[1], new), _of(args[2], new))
    a = _of(args[0], new)
    if op == "negative":
        return -a
    b = _of(args[1], new)
    if op == "plus":
        return g.add(a, b)
    if op == "minus":
        return g.add(a, -b)
    if op == "times":
        return g.mul(a, b)
    if op == "over":
        quotient = g.mul(a, g.power(b, -1.0))
        return g.exact(node, quotient) if args[0] is args[1] else quotient  # `x (1 / x)` is not 1 for every x
    assert op == "raised", op
    if b.value is not None and not a.finite and b.value % 1 != 0:
        return g.node(
            "power", (a, b, 0, 0), False
        )  # infinite to a half is not a root: 0 at minus infinity, for example
    return g.powers(a, b)


def _of(node: Node, new: dict[Node, Node]) -> Node:
    return new.get(node, node)  # operands of steps are no smooth operands, but canonical where they are leaves or fixed


def merged(outputs: list[Node]) -> list[Node]:
    """The same canonical outputs, with each sum that is used in one other sum only taken into it."""
    graph, uses = outputs[0].graph, Counter[Node]()
    nodes = reachable(outputs, smooth=True)
    for node in nodes:
        uses.update(node.operands())
    uses.update(outputs)
    new: dict[Node, Node] = {}
    for node in nodes:
        if node.fixed or node.step:
            new[node] = node
        elif node.op == "lin":
            total = Sum(graph)
            total.add(node.args[0], graph.const(1.0))
            for n, c in node.args[1]:
                total.add(new[n], c, single=uses[n] == 1)
            new[node] = total.node()
        elif node.op == "mul":
            new[node] = graph.mul(*(new[a] for a in node.args))
        elif node.op == "pow":
            new[node] = graph.power(new[node.args[0]], node.args[1])
        elif node.op == "power":
            b, n, j, k = node.args
            new[node] = graph.node("power", (new[b], new[n], j, k), False)
        elif node.op == "call":
            new[node] = graph.function(node.args[0], *(new[a] for a in node.args[1:]))
        elif node.op == "select":
            c, a, b = node.args
            new[node] = graph.select(c, new[a], new[b])
        else:
            new[node] = node
    return [new[n] for n in outputs]


def switches(outputs: list[Node]) -> list[tuple[Node, frozenset[str]]]:
    """Conditions and steps that `outputs` read and that change with states, time or active parameters.

    Each comes with the kinds of what it depends on: x, t, u. A node is a condition (`Node.condition`: true or false) or a
    number that is constant between jumps (`floor` and the like). Tests for nan are left out, and so are `and`, `or`, `not` of
    conditions that are listed themselves.
    """
    found = []
    for node in reachable(outputs):
        if not node.step or node.fixed or node.op in ("not", "and", "or", "xor"):
            continue
        if node.op == "equal" and node.args[0] is node.args[1]:
            continue
        found.append((node, frozenset(n.args[0] for n in reachable([node]) if n.op == "leaf" and not n.fixed)))
    return found
