"""Functions recorded as expressions of one flat vector of inputs, and what is done with their switches.

    f(v) = outputs,   v (K,)

Every input is a leaf x_k. What chooses between numbers is an *atom*: a comparison, the sign of a number, or a step such as
`floor`. Expressions in which each atom is given its outcome (`folded`) are smooth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._differentiate import reachable
from ._graph import Graph, Node
from ._namespace import Namespace
from ._operations import joined, lift, number, opposite, plain
from ._symbols import Symbol, symbols
from ._trace import returned

Outcome = bool | float
JOINING = ("not", "and", "or", "xor", "truth")


class Inputs:
    """The leaves v_0 .. v_{K-1} as arrays and scalars of symbols, in the order in which they are asked for."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.nodes = graph, list[Node]()

    def array(self, shape: tuple[int, ...]) -> Any:
        """New inputs as an array of symbols, or one symbol for shape ()."""
        size = int(np.prod(shape, dtype=int))
        new = [self.graph.leaf("x", len(self.nodes) + k) for k in range(size)]
        self.nodes += new
        return symbols(new, shape) if shape else Symbol(new[0])


def record(what: str, f: Callable[[Any, Inputs], Any]) -> tuple[list[Node], int]:
    """The outputs of `f(xp, inputs)`, flattened, and the number K of inputs. Raises `CannotTrace` with the reason."""
    graph = Graph()
    inputs = Inputs(graph)
    out = returned(graph, what, lambda: f(Namespace(), inputs))
    entries = [v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v for v in out.ravel().tolist()]
    nodes = [number(v.node if isinstance(v, Symbol) else lift(graph, v)) for v in entries]
    return rebuilt(nodes, _without_rests), len(inputs.nodes)


def rebuilt(outputs: Sequence[Node], replaced: Callable[[Node, list[Node]], Node | None]) -> list[Node]:
    """`outputs` with nodes replaced: `replaced(node, new operands)` gives another node, or `None` to keep the operation."""
    new: dict[Node, Node] = {}
    for node in reachable(list(outputs)):
        operands = [new[a] for a in node.operands()]
        other = replaced(node, operands)
        new[node] = _again(node, operands) if other is None else other
    return [new[n] for n in outputs]


def _again(node: Node, operands: list[Node]) -> Node:
    """The recorded operation of `node` on other operands, evaluated where they are numbers."""
    graph, op = node.graph, node.op
    if not operands or operands == list(node.operands()):
        return node
    if op == "not":
        return opposite(operands[0])
    if op in ("and", "or", "xor"):
        return joined(op, *operands)
    if op == "select":
        return graph.select(operands[0], *operands[1:])
    if op == "call" and node.args[0] != "sqrt":
        return graph.function(node.args[0], *operands)
    return plain("sqrt" if op == "call" else op, *operands)


def _without_rests(node: Node, operands: list[Node]) -> Node | None:
    """`a % b` as `a - b floor(a / b)`, whose step is an atom; a test for nan, which numbers of a solution pass."""
    if node.op == "call" and node.args[0] in ("remainder", "fmod"):
        a, b = operands
        ratio = plain("over", a, b)
        whole = node.graph.function("floor" if node.args[0] == "remainder" else "trunc", ratio)
        return plain("minus", a, plain("times", b, whole))
    if node.op == "call" and node.args[0] == "floor_divide":
        return node.graph.function("floor", plain("over", *operands))
    if node.op == "equal" and operands[0] is operands[1]:
        return lift(node.graph, True)
    return None


def is_atom(node: Node) -> bool:
    """Whether it chooses on its own, so that its outcome has to be given."""
    return node.step and not node.fixed and node.op not in JOINING


def atoms(outputs: Sequence[Node]) -> list[Node]:
    """All atoms that `outputs` are computed from, operands first."""
    return [n for n in reachable(list(outputs)) if is_atom(n)]


def inputs_of(node: Node) -> set[int]:
    """The numbers of the inputs that a node is computed from."""
    return {n.args[1] for n in reachable([node]) if n.op == "leaf"}


def as_node(graph: Graph, atom: Node, outcome: Outcome) -> Node:
    """An outcome as a node: a truth value or a number."""
    return lift(graph, bool(outcome) if atom.condition else float(outcome))


def folded(outputs: Sequence[Node], outcomes: Mapping[Node, Outcome]) -> list[Node]:
    """`outputs` with the outcomes of all atoms given: smooth expressions."""
    return rebuilt(outputs, lambda node, _: as_node(node.graph, node, outcomes[node]) if node in outcomes else None)


def live(outputs: Sequence[Node], outcomes: Mapping[Node, Outcome]) -> list[Node]:
    """The atoms on which `outputs` depend with these outcomes: those of branches not taken are left out."""
    every = reachable(list(outputs))
    truth = dict(zip(every, folded(every, outcomes), strict=True))
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if is_atom(node):
            found[node] = None
        if node.op == "select":
            condition, a, b = node.args
            stack += [condition, a if truth[condition].value else b]
        else:
            stack += node.operands()
    return sorted(found, key=lambda n: n.index)


def guards(atom: Node, outcome: Outcome, operands: Sequence[Node]) -> list[tuple[Node, Outcome]]:
    """Expressions that are positive as long as `atom` has this outcome, each with the outcome behind its root.

    None for `equal` and for a sign of zero, which hold at single points or for good.
    """
    graph, op = atom.graph, atom.op
    a = operands[0]
    if op in ("less", "less_equal"):
        b = operands[1]
        return [(plain("minus", b, a) if outcome else plain("minus", a, b), not outcome)]
    if op == "signbit":
        return [(plain("negative", a) if outcome else a, not outcome)]
    if op == "equal":
        return []
    name, k = atom.args[0], float(outcome)
    if name == "sign":
        return [] if k == 0 else [(plain("times", graph.const(k), a), -k)]
    low, high = {
        "floor": (k, k + 1),
        "ceil": (k - 1, k),
        "rint": (k - 0.5, k + 0.5),
        "trunc": (k if k > 0 else k - 1, k if k < 0 else k + 1),
    }[name]
    return [(plain("minus", a, graph.const(low)), k - 1), (plain("minus", graph.const(high), a), k + 1)]
