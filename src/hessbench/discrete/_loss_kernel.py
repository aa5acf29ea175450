"""Derivatives of the loss of the end points as C, recorded as the right-hand side is: without a framework, in microseconds."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from .._derivatives import Array, Params
from .._errors import Unavailable
from .._loss import JointLoss, LossBlocks, joint_layout, joint_loss, loss_blocks
from .._problem import Problem
from ._build import CompilerError, load
from ._compiled import flat_params
from ._differentiate import forward, gradient
from ._emit import Table, Writer, operations
from ._forward import Buffer
from ._functions import SCALARS
from ._graph import CannotTrace, Graph, Node
from ._namespace import Namespace
from ._symbols import Symbol, symbols
from ._trace import canonical, leaves, returned

MOST_OPERATIONS = 5000  # compile within a few seconds
STEP, AGREES = 1e-5, 1e-5  # of the differences that check new code, and how closely

JointBlocks = Callable[[Array, Array, Params], JointLoss]


def end_blocks(problem: Problem, compiled: bool) -> tuple[Callable[[Array, Array, Params], LossBlocks], str]:
    """What `loss_blocks` gives, preferring hand-written ones, then C if `compiled`. Raises as it does."""
    if problem.loss_blocks is not None or not compiled:
        return loss_blocks(problem)
    try:
        joint = JointLossInC(problem)
    except (CannotTrace, CompilerError, Unavailable, OSError):
        return loss_blocks(problem)
    n, times = problem.dim, {key: problem.constants[key] for key in ("t0", "t1")}

    def blocks(y0: Array, y1: Array, p: Params) -> LossBlocks:
        at = joint(y0, y1, {**times, **p})
        g, h = at.grad, at.hess
        return LossBlocks(at.value, g[:n], g[n : 2 * n], h[:n, :n], h[:n, n : 2 * n], h[n : 2 * n, n : 2 * n])

    return blocks, "generated as C"


def joint_end_blocks(problem: Problem, compiled: bool) -> tuple[JointBlocks, str]:
    """What `joint_loss` gives, by C if `compiled` and possible. Raises as it does."""
    if compiled:
        try:
            return JointLossInC(problem), "generated as C"
        except (CannotTrace, CompilerError, Unavailable, OSError):
            pass
    return joint_loss(problem)


class JointLossInC:
    """`blocks(y0, y1, p)` of `joint_loss`; parameters outside `wrt` are those of the problem, whatever `p` says.

    Not to be shared between threads. Raises `CannotTrace` with the reason, `Unavailable` without a compiler, `CompilerError`
    where it fails or its code does not agree with differences of the loss.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem, (self.parts, self.at) = problem, joint_layout(problem)
        size = self.at["t1"].stop
        fixed = {k: v for k, v in problem.params.items() if k not in self.parts and np.issubdtype(v.dtype, np.floating)}
        inputs, output = self._recorded(fixed)
        first = gradient([output], [output.graph.const(1.0)], inputs)
        second = forward(first, {x: {k: output.graph.const(1.0)} for k, x in enumerate(inputs)})
        slopes = [k for k, node in enumerate(first) if node.value != 0.0]
        entries = [(r, c) for r, row in enumerate(second) for c in sorted(row) if c <= r]
        nodes = [output, *(first[k] for k in slopes), *(second[r][c] for r, c in entries)]
        if (count := operations(nodes)) > MOST_OPERATIONS:
            raise CannotTrace(f"derivatives of the loss take {count} operations, more than {MOST_OPERATIONS}")
        table = Table()
        body = Writer(table.name, False).body(nodes, [f"G[{k}]" for k in range(len(nodes))])
        head = "void loss(const double *restrict X, const double *restrict C, double *restrict G)"
        code, _ = load(f"{SCALARS}{table.source()}{head} {{\n{body}}}\n")
        code.prepare.argtypes, code.loss.argtypes = [ctypes.c_void_p] * 2, [ctypes.c_void_p] * 3
        code.prepare.restype = code.loss.restype = None
        self.z, self.out, self.table = Buffer(size), Buffer(len(nodes)), Buffer(max(1, len(table.slots)))
        code.prepare(flat_params(tuple(fixed), problem.params).address, self.table.address)
        self._loss, self.slopes = code.loss, np.array(slopes, dtype=int)
        rows, cols = np.array(entries, dtype=int).reshape(-1, 2).T
        self.lower, self.upper = rows * size + cols, cols * size + rows
        self._check()

    def __call__(self, y0: Array, y1: Array, p: Params) -> JointLoss:
        """Value and derivatives; `p` holds the parameters in `wrt` and the end times."""
        z, n = self.z.array, y0.size
        z[:n], z[n : 2 * n], z[-2], z[-1] = y0, y1, p["t0"], p["t1"]
        for key, part in self.parts.items():
            z[part] = np.ravel(p[key])
        return self._at_z()

    def _at_z(self) -> JointLoss:
        self._loss(self.z.address, self.table.address, self.out.address)
        out, size, slopes = self.out.array, self.z.array.size, self.slopes
        grad, hess = np.zeros(size), np.zeros(size * size)
        grad[slopes] = out[1 : 1 + slopes.size]
        hess[self.lower] = hess[self.upper] = out[1 + slopes.size :]
        return JointLoss(float(out[0]), grad, hess.reshape(size, size), self.at)

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

    def _check(self) -> None:
        """Compare with the loss in NumPy, and derivatives with differences along a random direction."""
        problem, rng, size = self.problem, np.random.default_rng(7), self.z.array.size
        n, own = problem.dim, problem.constants
        z = np.concatenate([problem.y0, problem.y0, *(np.ravel(own[key]) for key in (*self.parts, "t0", "t1"))])
        z[: 2 * n] += 0.01 * (1 + np.abs(z[: 2 * n])) * rng.standard_normal(2 * n)
        along = (1 + np.abs(z)) * rng.standard_normal(size)

        def value(z: Array) -> float:
            given = {key: np.reshape(z[part], problem.params[key].shape) for key, part in self.parts.items()}
            return float(problem.loss(np, z[:n], z[n : 2 * n], {**own, **given, "t0": z[-2], "t1": z[-1]}))

        def by_c(z: Array) -> JointLoss:
            self.z.array[:] = z
            return self._at_z()

        with np.errstate(all="ignore"):
            here, there, back = by_c(z), by_c(z + STEP * along), by_c(z - STEP * along)
            slope = (value(z + STEP * along) - value(z - STEP * along)) / (2 * STEP)
            curved = (there.grad - back.grad) / (2 * STEP)
            size = abs(here.value) + np.abs(here.grad) @ np.abs(along)
            pairs = [
                (here.value, value(z), size),
                (here.grad @ along, slope, size),
                (here.hess @ along, curved, size + np.abs(here.hess) @ np.abs(along)),
            ]
            for ours, theirs, scale in pairs:
                gap = float(np.max(np.abs(ours - theirs) / scale)) if np.any(scale) else 0.0
                if not gap <= AGREES:
                    raise CompilerError(f"the compiled loss differs from the loss in NumPy by {gap:.1e}")
