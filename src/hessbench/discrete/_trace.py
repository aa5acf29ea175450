"""Recording a right-hand side as expressions.

The right-hand side runs once with a namespace that is NumPy's but for `where`, `maximum` and the like, on object arrays of
nodes. Parameters of floating type are symbols too, so that one kernel serves every value of them; those that the problem
differentiates by (leaf u) are variables of the expressions, all others (leaf p) are fixed for a call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._derivatives import Params
from .._problem import Problem
from ._differentiate import Sum, reachable
from ._graph import CannotTrace, Graph, Node


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
    """`outputs` (m,) of `inputs` leaves x_0 .. x_{m-1}: the slopes, or the accelerations if `second_order`.

    `params` are the names of the parameters that are symbols, flattened one behind the other to `inputs` numbers; `active`
    are the places there of those that are differentiated by, in the order of `varied`.
    """

    graph: Graph
    outputs: list[Node]
    second_order: bool
    params: tuple[str, ...]
    inputs: int = 0
    active: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number m of inputs and outputs."""
        return len(self.outputs)


def trace(problem: Problem) -> Traced:
    """Record `problem.rhs`. Raises `CannotTrace` with the reason."""
    return record(problem.rhs, problem.dim, problem.params)


def record(rhs: Any, n: int, params: Params, varied: tuple[str, ...] = (), mechanical: bool = True) -> Traced:
    """Record `rhs(xp, t, y, p)` of `n` states; the parameters `varied` are variables. Raises `CannotTrace` with the reason.

    Only if `mechanical` is a structure `q' = v, v' = g(t, q)` made use of.
    """
    graph = Graph()
    names = tuple(k for k, v in params.items() if np.issubdtype(v.dtype, np.floating))
    p, at, places = dict(params), 0, dict[str, range]()
    for key in names:
        shape, size = p[key].shape, p[key].size
        places[key], kind = range(at, at + size), "u" if key in varied else "p"
        leaves = [graph.leaf(kind, k) for k in places[key]]
        p[key], at = (symbols(leaves, shape) if shape else leaves[0]), at + size
    active = tuple(k for key in varied for k in places[key])
    states = [graph.leaf("x", k) for k in range(n)]
    y = symbols(states, (n,))
    try:
        slope = np.asarray(rhs(Namespace(), graph.leaf("t", 0), y, p), dtype=object)
    except CannotTrace:
        raise
    except Exception as error:
        raise CannotTrace(f"it raised {type(error).__name__} on symbols: {error}") from error
    if slope.shape != (n,):
        raise CannotTrace(f"it returned shape {slope.shape} on symbols")
    outputs = merged(_nodes(graph, *slope))
    half = n // 2
    moves = mechanical and n % 2 == 0 and all(outputs[k] is states[half + k] for k in range(half))
    if moves and not depends(outputs[half:], half):
        return Traced(graph, outputs[half:], True, names, at)
    return Traced(graph, outputs, False, names, at, active)


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
