"""Derivatives of the loss of the end points as C, recorded as the right-hand side is: without a framework, in microseconds."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from .._derive.loss import differentiating_loss, joint_layout, joint_loss, loss_blocks
from .._errors import HessbenchError, InvalidInput, Unavailable
from .._model.derivatives import Array, Params
from .._model.loss import JointLoss, LossBlocks
from .._model.problem import Problem
from ._build import CompilerError, clause, load
from ._compiled import flat_params
from ._differentiate import forward, gradient
from ._emit import Table, Writer, operations
from ._functions import scalars
from ._graph import CannotTrace, Graph, Node
from ._namespace import Namespace
from ._symbols import Symbol, symbols
from ._trace import canonical, leaves, returned
from ._trust_loss import complaint
from ._workspace import Buffer

MOST_OPERATIONS = 5000  # compile within a few seconds

JointBlocks = Callable[[Array, Array, Params], JointLoss]


class NotTrusted(HessbenchError):
    """Derivatives do not agree with NumPy; the message says where."""


def end_blocks(
    problem: Problem, compiled: bool, y1: Array | None = None
) -> tuple[Callable[[Array, Array, Params], LossBlocks], str]:
    """What `loss_blocks` gives, preferring hand-written ones, then C if `compiled`; with the reason where there is no C.

    They are checked at the state `y1` at the end. Raises as it does, and `InvalidInput` where no blocks agree with NumPy.
    """
    if problem.loss_blocks is not None:
        return loss_blocks(problem)
    joint, why = _in_c(problem, y1) if compiled else (None, "")
    if joint is None:
        return _trusted(loss_blocks, problem, y1, why)
    n, times = problem.dim, {key: problem.constants[key] for key in ("t0", "t1")}

    def blocks(y0: Array, y1: Array, p: Params) -> LossBlocks:
        at = joint(y0, y1, {**times, **p})
        g, h = at.grad, at.hess
        return LossBlocks(at.value, g[:n], g[n : 2 * n], h[:n, :n], h[:n, n : 2 * n], h[n : 2 * n, n : 2 * n])

    return blocks, "generated as C"


def joint_end_blocks(problem: Problem, compiled: bool, y1: Array | None = None) -> tuple[JointBlocks, str]:
    """What `joint_loss` gives, by C if `compiled` and possible. Otherwise as `end_blocks`."""
    joint, why = _in_c(problem, y1) if compiled else (None, "")
    return (joint, "generated as C") if joint is not None else _trusted(joint_loss, problem, y1, why)


def _in_c(problem: Problem, y1: Array | None) -> tuple[JointLossInC | None, str]:
    """The loss as C, or the reason why not, for a note; that there is no compiler is said of the right-hand side."""
    try:
        return JointLossInC(problem, y1), ""
    except (CannotTrace, CompilerError, NotTrusted) as reason:
        return None, f", not as C: {clause(reason)}"
    except (Unavailable, OSError):
        return None, ""


def _trusted(made_by: Any, problem: Problem, y1: Array | None, why: str) -> tuple[Any, str]:
    """Blocks by the first framework whose value and derivatives are those of the loss in NumPy."""
    from ..backends import backend

    said = None
    for name in differentiating_loss():
        blocks, source = made_by(problem, backend(name))
        said = complaint(blocks, problem, y1, groups=0)
        if said is None or not said.wrong:
            return blocks, source + why
    if said is None:
        return made_by(problem)  # raises what is missing
    raise InvalidInput(
        f"problem {problem.name!r}: no framework differentiates this loss as NumPy computes it: it {said.words}. "
        f"Write `loss_blocks` by hand, or the loss with functions that all namespaces share."
    )


class JointLossInC:
    """`blocks(y0, y1, p)` of `joint_loss`; parameters outside `wrt` are those of the problem, whatever `p` says.

    Any number of threads may call it at once. Raises `CannotTrace` with the reason, `Unavailable` without a compiler,
    `CompilerError` where it fails, `NotTrusted` where its code does not agree with the loss in NumPy; `y1` is the state at
    the end, if known.
    """

    def __init__(self, problem: Problem, y1: Array | None = None) -> None:
        self.problem, (self.parts, self.at) = problem, joint_layout(problem)
        size = self.at["t1"].stop
        fixed = {k: v for k, v in problem.params.items() if k not in self.parts and np.issubdtype(v.dtype, np.floating)}
        inputs, output = self._recorded(fixed)
        first = gradient([output], [output.graph.const(1.0)], inputs)
        second = forward(first, {x: {k: output.graph.const(1.0)} for k, x in enumerate(inputs)})
        places = [(output, 0), *((node, 1 + k) for k, node in enumerate(first) if node.value != 0.0)]
        for r, row in enumerate(second):
            for c in sorted(row):
                if c <= r:
                    both = sorted({(r, c), (c, r)})
                    places += [(row[c], 1 + size + a * size + b) for a, b in both]
        nodes = [node for node, _ in places]
        if (count := operations(nodes)) > MOST_OPERATIONS:
            raise CannotTrace(f"derivatives of the loss take {count} operations, more than {MOST_OPERATIONS}")
        table = Table()
        body = Writer(table.name, False).body(nodes, [f"G[{at}]" for _, at in places])
        head = "void loss(const double *restrict X, const double *restrict C, double *restrict G)"
        code, _ = load(f"{scalars()}{table.source()}{head} {{\n{body}}}\n")
        code.prepare.argtypes, code.loss.argtypes = [ctypes.c_void_p] * 2, [ctypes.c_void_p] * 3
        code.prepare.restype = code.loss.restype = None
        self.size, self.table = size, Buffer(max(1, len(table.slots)))
        self.waiting: list[tuple[Buffer, Buffer]] = []  # room for arguments and results that no call uses
        given = flat_params(tuple(fixed), problem.params)  # kept while the code reads it
        code.prepare(given.address, self.table.address)
        self._loss = code.loss
        said = complaint(self, problem, y1)
        if said is not None:
            raise NotTrusted(f"the compiled loss {said.words}")

    def __call__(self, y0: Array, y1: Array, p: Params) -> JointLoss:
        """Value and derivatives; `p` holds the parameters in `wrt` and the end times."""
        room = self._room()
        z, n = room[0].array, y0.size
        z[:n], z[n : 2 * n], z[-2], z[-1] = y0, y1, p["t0"], p["t1"]
        for key, part in self.parts.items():
            z[part] = np.ravel(p[key])
        return self._at_z(room)

    def _room(self) -> tuple[Buffer, Buffer]:
        try:
            return self.waiting.pop()
        except IndexError:
            return Buffer(self.size), Buffer(1 + self.size + self.size**2)  # entries that are always zero stay so

    def _at_z(self, room: tuple[Buffer, Buffer]) -> JointLoss:
        z, results = room
        self._loss(z.address, self.table.address, results.address)
        out, size = results.array.copy(), self.size
        self.waiting.append(room)
        return JointLoss(float(out[0]), out[1 : 1 + size], out[1 + size :].reshape(size, size), self.at)

    def _recorded(self, fixed: Params) -> tuple[list[Node], Node]:
        problem, graph, n, place = self.problem, Graph(), self.problem.dim, 0
        inputs = [graph.leaf("x", k) for k in range(self.at["t1"].stop)]
        p = {**problem.params, "t0": Symbol(inputs[-2]), "t1": Symbol(inputs[-1])}
        for key, part in self.parts.items():
            p[key] = symbols(inputs[part], problem.params[key].shape)
        for key, value in fixed.items():
            p[key], place = symbols(leaves(graph, "p", value, place), value.shape), place + value.size
        y0, y1 = symbols(inputs[:n], (n,)), symbols(inputs[n : 2 * n], (n,))
        out = returned(graph, "the loss", lambda: problem.loss(Namespace(), y0, y1, p))
        if out.size != 1:
            raise CannotTrace(f"the loss returned shape {out.shape} on symbols")
        return inputs, canonical(graph, [out.item()])[0]
