"""Any strategy for one smooth piece and a loss of its end, lifted to problems that are smooth in pieces only.

Each segment is the map `(y, q) = f(y_s, a, t_s, t_e)` from its start. The strategy is asked for the Hessian of
`lambda . y + q` by `(y_s, a, t_s, t_e, lambda)`: its rows of `lambda` are the tangents of the segment, its gradient there
the state at the end, and one preparation serves all segments of a branch, whatever follows them. With the multipliers
`lambda` of segments and jumps and `mu` of roots,

    backward   lambda- = h_,y^T lambda+ + l_m,y + mu g_,y          mu = -(all else that the time moves) / (g_,y F + g_,t)
    forward    T_,u = -(g_,y V + g_,p p_,u) / gd                   V- = V + b T_,u          V+ = h_,y V- + h_,t T_,u + h_,p p_,u
    Hessian    sum of W^T [second derivatives of lambda . f + q, lambda . h, l_m, mu g] W,   W = d(state, parameters, times)/du

Source: Griewank & Walther, Evaluating Derivatives, chapter 5 (Hessian of the Lagrangian); events: Rozenvasser, General
sensitivity equations of discontinuous systems, Automation and Remote Control 28 (1967) 400.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from ..discrete._events import Moment
from .march import March
from .model import Model
from .segments import Node, Pieces, Segment
from .switched import Branch

MULTIPLIER = "segment-multiplier"
Run = Callable[[Array], Result]


def segment_problem(problem: Problem, branch: Branch | None = None, segment: Segment | None = None) -> Problem:
    """One smooth piece of `problem` as a problem of its own: loss `lambda . y1`, by start, parameters, times and lambda."""
    rhs, running = (problem.rhs, problem.running_loss) if branch is None else (branch.rhs, branch.running_loss)
    own = rhs is problem.rhs

    def loss(xp: Any, y0: Any, y1: Any, p: Any) -> Any:
        return xp.sum(p[MULTIPLIER] * y1)

    return replace(
        problem,
        rhs=rhs,
        loss=loss,
        running_loss=running,
        y0=problem.y0 if segment is None else segment.y0,
        t_span=problem.t_span if segment is None else (segment.start.t, segment.end.t),
        params={**problem.params, MULTIPLIER: np.ones(problem.dim)},
        wrt=("y0", *problem.varied, "t0", "t1", MULTIPLIER),
        data=None,
        events=(),
        autonomous=problem.autonomous and own,
        loss_uses_y0=False,
        derivatives=problem.derivatives if own else None,
        loss_blocks=None,
        overrides=problem.overrides if own else {},
        exact=None,
        perturbed=None,
        scale={key: value for key, value in problem.scale.items() if key in problem.varied},
    )


@dataclass(eq=False)
class Map:
    """A segment's derivatives at its multiplier: gradient (K+1,) and Hessian of `lambda . y + q` by u = (y, a, t_s, t_e), and
    the tangents (N, K+1) of its end.
    """

    grad: Array
    hess: Array
    tangents: Array


@dataclass(eq=False)
class Lifted:
    """`model` by a strategy for its segments: `make(problem)` prepares that. Call it with x (n,).

    `allowed` is how far, relative to `sizes`, it may end from the tighter solution that finds the pieces without a warning.
    `stiff` has the pieces found by an implicit method.
    `whole` is the strategy for the problem as it is, used where the solution crosses no switch; `None` with data and events.
    """

    model: Model
    rtol: float
    make: Callable[[Problem], Run]
    whole: Run | None
    sizes: Array
    allowed: float = 1e-5
    stiff: bool = False
    prepared: dict[Any, Run] = field(default_factory=dict)
    alone: Any = field(default_factory=RLock, repr=False)

    def pieces(self, x: Array) -> Pieces:
        """The segments and nodes at `x`."""
        with self.alone:
            return March(self.model, x, self.rtol, self.sizes.copy(), self.stiff).run()

    def __call__(self, x: Array) -> Result:
        """Value, gradient, Hessian and Gauss-Newton matrix at `x`."""
        pieces = self.pieces(x)
        if pieces.plain and self.whole is not None:
            return self.whole(x)
        with self.alone:
            return Sweep(self, x, pieces).result()

    def run_of(self, segment: Segment) -> Run:
        """The strategy for the branch of a segment, prepared when it is first met."""
        key = segment.branch.signature
        if key not in self.prepared:
            self.prepared[key] = self.make(segment_problem(self.model.problem, segment.branch, segment))
        return self.prepared[key]


class Sweep:
    """The backward sweep of multipliers over `pieces`, and the forward one of tangents."""

    def __init__(self, lifted: Lifted, x: Array, pieces: Pieces) -> None:
        self.lifted, self.x, self.pieces, self.model = lifted, x, pieces, lifted.model
        problem = self.model.problem
        self.n, self.places = problem.dim, self.model.places
        self.a, self.blocks = x[self.places], problem.blocks
        self.by_time: dict[int, float] = {}  # id of a moment -> derivative of the Lagrangian by its time
        self.maps: dict[int, Map] = {}
        self.behind: dict[int, Array] = {}  # id of a node -> multiplier of its jump
        self.mu: dict[int, float] = {}
        self.notes: dict[str, None] = {}
        self.warnings: dict[str, None] = {}

    def result(self) -> Result:
        """Both sweeps."""
        value, grad = self.value(), self.backward()
        hess, gauss_newton = self.forward()
        count = len(self.pieces.segments)
        lifted = f"lifted over {count} smooth segment{'s' * (count > 1)}"
        note = "; ".join([lifted, *self.notes])
        return Result(value, grad, hess, note=note, warnings=tuple(self.warnings), gauss_newton=gauss_newton)

    def v(self, moment: Moment, y: Array) -> Array:
        return np.concatenate([y, self.a, [moment.t]])

    def ends(self) -> Array:
        t = [self.pieces.first.t, self.pieces.last.t]
        return np.concatenate([self.pieces.y0, self.pieces.y1, self.a, t])

    def moved(self, moment: Moment, by: float) -> None:
        self.by_time[id(moment)] = self.by_time.get(id(moment), 0.0) + by

    def value(self) -> float:
        """The loss, from the solve that found the pieces alone."""
        total = float(self.model.loss.value(self.ends())[0])
        for item in self.pieces.items:
            if isinstance(item, Segment):
                total += item.integral
            elif item.data is not None:
                total += self.data(item, self.v(item.moment, item.before))[0]
        return total

    def backward(self) -> Array:
        """The gradient; multipliers are kept for `forward`."""
        n, p, grad = self.n, self.a.size, np.zeros(self.x.size)
        end, loss = self.ends(), self.model.loss
        slope = loss.first(end)[0]
        lam, by_a = slope[n : 2 * n], slope[2 * n : 2 * n + p].copy()
        self.moved(self.pieces.first, slope[-2])
        self.moved(self.pieces.last, slope[-1])
        running = self.model.problem.running_loss is not None
        for k, item in reversed(list(enumerate(self.pieces.items))):
            if isinstance(item, Segment):
                made = self.maps[k] = self.map(item, lam)
                lam, by_a = made.grad[:n], by_a + made.grad[n : n + p]
                self.moved(item.start, made.grad[-2])
                if item.end.kind != "root":
                    self.moved(item.end, made.grad[-1])
                continue
            v = self.v(item.moment, item.before)
            if item.data is not None:
                first = self.data(item, v)[1]
                lam, by_a = lam + first[:n], by_a + first[n : n + p]
                self.moved(item.moment, first[-1])
            if item.jump is not None:
                self.behind[k] = lam
                pulled = lam @ item.jump.first(v)
                lam, by_a = pulled[:n], by_a + pulled[n : n + p]
                self.moved(item.moment, pulled[-1])
            if item.root is not None:
                before = self.pieces.items[k - 1]
                assert isinstance(before, Segment)
                f, g = before.branch.slope(item.moment.t, item.before, self.a), item.root.first(v)[0]
                rate = self.by_time.get(id(item.moment), 0.0) + lam @ f[:n] + (f[n] if running else 0.0)
                mu = self.mu[k] = -rate / (g[:n] @ f[:n] + g[-1])
                lam, by_a = lam + mu * g[:n], by_a + mu * g[n : n + p]
        grad[self.places] += by_a
        if "y0" in self.blocks:
            grad[self.blocks["y0"]] += slope[:n] + lam
        for moment in self.moments():
            rate = self.by_time.get(id(moment), 0.0)
            if moment.kind in self.blocks:
                grad[self.blocks[moment.kind]] += rate
            elif moment.kind == "at":
                grad[self.places] += rate * moment.first
        return grad

    def moments(self) -> list[Moment]:
        """All moments, each once."""
        every = [self.pieces.first, self.pieces.last]
        for item in self.pieces.items:
            every += [item.start, item.end] if isinstance(item, Segment) else [item.moment]
        return list({id(m): m for m in every}.values())

    def map(self, segment: Segment, lam: Array) -> Map:
        """The strategy's answer for a segment whose end has the multiplier `lam` (N,)."""
        size = float(np.max(np.abs(lam), initial=0.0))
        scale = 1.0 if size == 0.0 or segment.branch.running_loss is not None else size
        u = np.concatenate([segment.y0, self.a, [segment.start.t, segment.end.t]])
        run = self.lifted.run_of(segment)
        found = run(np.concatenate([u, lam / scale]))
        self.notes.update(dict.fromkeys([found.note] if found.note else []))
        self.warnings.update(dict.fromkeys(found.warnings))
        k = u.size
        gap = np.abs(found.grad[k:] - segment.y1) / np.maximum(self.lifted.sizes[: self.n], np.abs(segment.y1))
        if not np.all(gap <= self.lifted.allowed):
            said = (
                f"on a segment from t = {segment.start.t:.6g} to {segment.end.t:.6g} the strategy ends {np.max(gap):.1e} away "
                f"from a tighter solution: its derivatives are as inaccurate; use a smaller `rtol`"
            )
            self.warnings[said] = None
        hess = 0.5 * (found.hess[:k, :k] + found.hess[:k, :k].T) * scale
        return Map(found.grad[:k] * scale, hess, found.hess[k:, :k])

    def data(self, node: Node, v: Array) -> tuple[float, Array]:
        """Value and gradient (K,) of the data at a node."""
        value, grad = self.model.data_first(*self.rows_at(node, v))
        return value, grad.sum(axis=-1)

    def data_curvature(self, node: Node, v: Array) -> tuple[Array, Array]:
        """The Hessian (K, K) of the data at a node, and what Gauss-Newton takes for it."""
        whole, part = self.model.data_second(*self.rows_at(node, v))
        return whole.sum(axis=-1), part.sum(axis=-1)

    def rows_at(self, node: Node, v: Array) -> tuple[Array, slice]:
        """v (K,) for each of the node's rows of data, and the rows."""
        assert node.data is not None
        return np.repeat(v[:, None], node.data.stop - node.data.start, axis=1), node.data

    def forward(self) -> tuple[Array, Array]:
        """The Hessian and the Gauss-Newton matrix, by tangents of everything with respect to x."""
        n, size = self.n, self.x.size
        by_a = np.zeros((self.a.size, size))
        by_a[np.arange(self.a.size), self.places] = 1.0
        v = np.zeros((n, size))
        if "y0" in self.blocks:
            v[:, self.blocks["y0"]] = np.eye(n)
        start, rows = v, {id(m): self.known_row(m, by_a) for m in self.moments() if m.kind != "root"}
        hess, gauss_newton = np.zeros((2, size, size))
        for moment in self.moments():
            if moment.kind == "at":
                hess += self.by_time.get(id(moment), 0.0) * (by_a.T @ moment.second @ by_a)
        for k, item in enumerate(self.pieces.items):
            if isinstance(item, Segment):
                made = self.maps[k]
                at_start = np.vstack([v, by_a, rows[id(item.start)]])
                fixed, b = made.tangents[:, :-1] @ at_start, made.tangents[:, -1]
                if item.end.kind == "root":
                    node = self.pieces.items[k + 1]
                    assert isinstance(node, Node) and node.root is not None
                    g = node.root.first(self.v(item.end, item.y1))[0]
                    rows[id(item.end)] = -(g[:n] @ fixed + g[n:-1] @ by_a) / (g[:n] @ b + g[-1])
                w = np.vstack([at_start, rows[id(item.end)]])
                hess += w.T @ made.hess @ w
                v = fixed + np.outer(b, rows[id(item.end)])
                continue
            at = self.v(item.moment, item.before)
            w = np.vstack([v, by_a, rows[id(item.moment)]])
            if item.data is not None:
                whole, part = self.data_curvature(item, at)
                hess += w.T @ whole @ w
                gauss_newton += w.T @ part @ w
            if item.root is not None:
                hess += w.T @ item.root.second(at, np.array([self.mu[k]])) @ w
            if item.jump is not None:
                hess += w.T @ item.jump.second(at, self.behind[k]) @ w
                v = item.jump.first(at) @ w
        w = np.vstack([start, v, by_a, rows[id(self.pieces.first)], rows[id(self.pieces.last)]])
        ends = w.T @ self.model.loss.second(self.ends(), np.ones(1)) @ w
        return hess + ends, gauss_newton + ends

    def known_row(self, moment: Moment, by_a: Array) -> Array:
        """How a moment that is no root moves with x (n,)."""
        row = np.zeros(self.x.size)
        if moment.kind in self.blocks:
            row[self.blocks[moment.kind]] = 1.0
        return moment.first @ by_a if moment.kind == "at" else row
