"""Recording a right-hand side as expressions.

The right-hand side runs once with a namespace that is NumPy's but for new arrays, on arrays of symbols (see `_symbols`).
Parameters of floating type are symbols too, so that one kernel serves every value of them; those that the problem
differentiates by (leaf u) are variables of the expressions, all others (leaf p) are fixed for a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._model.derivatives import Params
from .._model.problem import Problem
from ._differentiate import reachable
from ._graph import MOST_NODES, CannotTrace, Graph, Node
from ._namespace import Namespace
from ._operations import lift
from ._simplify import merged, simplified, switches
from ._symbols import Symbol, symbols


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
    if (numbers := sum(params[key].size for key in names)) > MOST_NODES:
        raise CannotTrace(f"it has {numbers} parameters")
    p, at, places = dict(params), 0, dict[str, range]()
    for key in names:
        shape, size = p[key].shape, p[key].size
        places[key], kind = range(at, at + size), "u" if key in varied else "p"
        p[key], at = symbols(leaves(graph, kind, p[key], at), shape), at + size
    active = tuple(k for key in varied for k in places[key])
    states = [graph.leaf("x", k) for k in range(n)]
    y = symbols(states, (n,))
    slope = returned(graph, "it", lambda: rhs(Namespace(), Symbol(graph.leaf("t", 0)), y, p))
    if slope.shape != (n,):
        raise CannotTrace(f"it returned shape {slope.shape} on symbols")
    outputs = canonical(graph, slope.tolist())
    half = n // 2
    moves = mechanical and n % 2 == 0 and all(outputs[k] is states[half + k] for k in range(half))
    if moves and not depends(outputs[half:], half):
        return Traced(graph, outputs[half:], True, names, at)
    return Traced(graph, outputs, False, names, at, active)


def leaves(graph: Graph, kind: str, value: Any, start: int) -> list[Node]:
    """A leaf for each entry of a parameter."""
    return [graph.leaf(kind, start + k, bool(finite)) for k, finite in enumerate(np.isfinite(np.ravel(value)))]


def returned(graph: Graph, what: str, function: Callable[[], Any]) -> Any:
    """What `function()` returns on symbols, as an array of objects. Raises `CannotTrace` with the reason, in one line."""
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(function(), dtype=object)
    except CannotTrace:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:120]
        raise CannotTrace(f"{what} raised {type(error).__name__} on symbols: {said}") from error
    if graph.refused is not None:
        raise graph.refused
    return out


def canonical(graph: Graph, values: list[Any]) -> list[Node]:
    """Symbols and numbers as canonical expressions, with the fewest sums."""
    entries = [v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v for v in values]
    nodes = [v.node if isinstance(v, Symbol) else lift(graph, v) for v in entries]
    return merged(simplified(nodes))


def depends(outputs: list[Node], start: int) -> bool:
    """Whether any of `outputs` reads a state from number `start` on."""
    return any(n.op == "leaf" and n.args[0] == "x" and n.args[1] >= start for n in reachable(outputs))


def moves_switches(traced: Traced) -> bool:
    """Whether the function has a switch that the state or an active parameter moves; one of the time alone stays."""
    return any(kinds & {"x", "u"} for _, kinds in switches(traced.outputs))
