"""Calling the compiled CVODES solve: tolerances for all that is integrated, the loss at the end, the Hessian assembled.

A state is measured in its own size, as small as it is at the end: `min(max_t |y_i|, |y_i(t1)|)`; its tangent by unknown k in
that over the size `d_k` of the unknown, or as small as it is at the end. With `E = max_i |l_1,i| |y_i(t1)|`, the loss that the
state can move, the costate has `E / max_t |y_i|`, and the curvature `e_k e_l / (d_k d_l)`: `e_k e_l` bounds the Hessian in the
sizes of the unknowns as closely as it can: the measure by which Hessians are judged. All this comes from solves at the
problem's own point, in preparation.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import HessbenchError, IntegrationError, Unsupported
from .._integrate.ivp import IVP
from .._integrate.state_sizes import state_sizes
from .._model.derivatives import Array, Params
from .._model.problem import Problem
from .._model.result import Result
from ..discrete._build import CompilerError, clause, load
from ..discrete._columns import EndBlocks
from ..discrete._compiled import flat_params
from ..discrete._field import NOTHING, Values, patterns
from ..discrete._fold import Folded
from ..discrete._gate import look, said_of
from ..discrete._graph import CannotTrace
from ..discrete._trace import record
from .source import Source, generate

FIRST_STORED, ROOM = 500, 1.5  # steps between checkpoints of a first solve; later, in those of that one
MEMORY = 2.0**30  # bytes of what is stored between checkpoints
FLOOR, LEAST = 1e-12, 1e-6  # of a size: the least that a component, and that its tangent, is measured in
TRIALS = 3
POINTER, LONG, DOUBLE = ctypes.c_void_p, ctypes.c_long, ctypes.c_double
FLAGS = {
    -1: "took more than max_steps steps",
    -2: "was asked for more accuracy than doubles give",
    -3: "failed error tests again and again",
    -4: "did not converge",
    -6: "failed in factoring a Newton matrix",
    -7: "failed in a linear solve",
    -8: "met values that are not finite",
    -1000: "had no memory",
}  # of CVODES, and our own


class Field:
    """The recorded functions as `discrete._field.Field`, to be compared with NumPy."""

    def __init__(self, code: ctypes.CDLL, source: Source, folded: Folded, p: Params) -> None:
        e, self.n, self.count = source.entries, folded.states, len(source.active)
        self.code, self.active = code, np.array(source.active, dtype=int)
        self.values = flat_params(source.params, p).array
        self.first, self.second, self.take = patterns(e, self.n, self.count)
        self.sizes = self.n, self.first.rows.size, sum(len(e[name]) for name in ("YY", "YU", "UU"))

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        sets, m = t.shape
        outs = [np.zeros((sets, m, size + 1)) for size in self.sizes]
        buffer, s = np.ascontiguousarray(self.values), np.zeros(self.n)
        for i in range(sets):
            buffer[self.active] = u[i]
            for j in range(m):
                y_ij = np.ascontiguousarray(y[i, j])
                s_ij = s if q is None else np.ascontiguousarray(q[i, j])
                self.code.at_point(
                    buffer.ctypes.data, float(t[i, j]), y_ij.ctypes.data, s_ij.ctypes.data, *(o[i, j].ctypes.data for o in outs)
                )  # fmt: skip
        values, first, second = (o[..., :-1] for o in outs)
        return Values((values,), first, second[..., self.take] if q is not None else NOTHING)


class Solver:
    """One compiled problem. `sharpen` multiplies the tolerance of all solves."""

    def __init__(self, problem: Problem, ivp: IVP, sharpen: float) -> None:
        self.problem, self.ivp, self.folded = problem, ivp, Folded(problem)
        self.columns, folded = self.folded.columns, self.folded
        try:
            traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=False)
            self.source = generate(traced, tuple(self.columns.params.tolist()), self.columns.total)
            self.code, _ = load(self.source.text, self.source.level, self.source.libraries)
        except CannotTrace as reason:
            raise Unsupported(f"Its right-hand side cannot be written as C: {clause(reason)}.") from reason
        except CompilerError as reason:
            raise HessbenchError(f"The C compiler failed on generated code: {reason.said[:300]}") from reason
        self._declare()
        own = problem.unpack(problem.x0)[1]
        said = said_of(Field(self.code, self.source, folded, own), folded, look(None, folded, ivp))  # type: ignore[arg-type]
        if said is not None:
            raise HessbenchError(f"The generated C {said.words}.")
        self.rtol = max(sharpen * ivp.rtol, 1e-14)
        self.stored = FIRST_STORED
        self._measure_states()
        self._trial()

    def _declare(self) -> None:
        signatures = {
            "forward": [POINTER, DOUBLE, DOUBLE, *[POINTER] * 4, DOUBLE, LONG, LONG, *[POINTER] * 5],
            "backward": [POINTER, POINTER, POINTER, POINTER, DOUBLE, LONG, *[POINTER] * 3],
            "at_point": [POINTER, DOUBLE, *[POINTER] * 5],
            "release": [POINTER],
        }
        for name, types in signatures.items():
            getattr(self.code, name).argtypes = types
        self.code.at_point.restype = self.code.release.restype = None

    def _measure_states(self) -> None:
        """Sizes (M,) of the states along the solutions at the problem's points; a running loss has that of the loss."""
        points = [x for x in (self.problem.x0, self.problem.perturbed) if x is not None]
        largest = np.max([state_sizes(self.problem, x) for x in points], axis=0)
        more = self.folded.states - self.problem.dim
        sizes = np.append(largest, np.full(more, max(self.problem.loss_scale, 1.0)))
        self.sizes = np.where(sizes > 0, sizes, sizes.max() or 1.0)
        self.scales = self.sizes
        self.v_scales = self.scales / self._unknowns(self.problem.x0)[:, None]

    def _trial(self) -> None:
        """Solves at the problem's own point, which say in what sizes everything is measured, and how much is to be stored."""
        x, d = self.problem.x0, self._unknowns(self.problem.x0)
        z1, steps = self.sizes, 0
        for _ in range(TRIALS):
            z1, v1, steps, handle = self._forward(x)
            self.code.release(handle)
            if self.ivp.by_component:
                self.scales = np.clip(np.abs(z1), FLOOR * self.sizes, self.sizes)
                top = self.scales / d[:, None]
                self.v_scales = np.clip(np.abs(v1), LEAST * top, top)
        per_step = 8.0 * (1 + self.columns.total) * self.folded.states
        self.stored = int(max(10, min(ROOM * steps + 50, MEMORY / per_step)))
        self.blocks, self.loss_source = self.folded.end(compiled=True, z1=z1)
        moved = float(np.max(np.abs(self._end(x, z1).l1) * self.scales)) or 1.0
        self.s_scales = moved / self.sizes
        self.e = np.full(d.size, np.sqrt(moved))
        self.g = np.full(d.size, moved)
        first = self(x)
        self.e = balanced(np.abs(first.hess) * np.outer(d, d), moved)
        self.g = np.maximum(np.abs(first.grad) * d, self.e**2)

    def _end(self, x: Array, z1: Array) -> EndBlocks:
        y0, p = self.problem.unpack(x)
        return self.blocks(y0, z1, p)

    def _forward(self, x: Array) -> tuple[Array, Array, int, Any]:
        """State and tangents (K, M) at the end, steps, and the handle for going back."""
        folded, columns, counts = self.folded, self.columns, np.zeros(6, dtype=np.int64)
        y0, p = self.problem.unpack(x)
        m = folded.states
        z0, v0 = np.ascontiguousarray(folded.start(y0)), np.ascontiguousarray(columns.start(m).T)
        atol, atol_v = self.rtol * self.scales, self.rtol * self.v_scales
        if not self.ivp.by_component:
            atol = np.full(m, self.rtol / self.ivp.rtol * self.ivp.atol)
            atol_v = np.ascontiguousarray(atol / self._unknowns(x)[:, None])
        z1, v1, reached = np.empty(m), np.empty_like(v0), ctypes.c_double()
        handle, t_span = ctypes.c_void_p(), folded.t_span
        values = flat_params(self.source.params, p)  # kept while the code reads it
        flag = self.code.forward(
            values.address, *t_span, _at(z0), _at(v0), _at(atol), _at(atol_v), self.rtol,
            self.ivp.max_steps, self.stored, _at(z1), _at(v1), ctypes.byref(reached), _at(counts), ctypes.byref(handle),
        )  # fmt: skip
        steps, evaluations, failed = map(int, counts[:3])
        self.ivp.counters.add(
            steps=steps, rhs=evaluations, rejected=failed, size=(1 + columns.total) * m / self.problem.dim
        )
        if flag < 0 or not np.all(np.isfinite(v1)):
            self.code.release(handle)
            raise IntegrationError(self._explain("forward", flag, reached.value, steps))
        return z1, v1, steps, handle

    def _unknowns(self, x: Array) -> Array:
        """Sizes (K,) of the unknowns."""
        return self.problem.sizes(x, self.sizes[: self.problem.dim])

    def _explain(self, way: str, flag: int, t: float, steps: int) -> str:
        why = FLAGS.get(flag, f"returned {flag}")
        return f"CVODES, {way}, {why} at t = {t:.6g} after {steps} steps (rtol {self.rtol:g})."

    def _backward(self, handle: Any, x: Array, end: EndBlocks) -> tuple[Array, Array]:
        """The costate at the start (M,) and the quadratures."""
        k, m, counts, unknowns = self.columns.total, self.folded.states, np.zeros(6, dtype=np.int64), self._unknowns(x)
        high, low = np.tril_indices(k)
        atol_s = self.rtol * self.s_scales
        atol_q = self.rtol * np.concatenate([self.g / unknowns, (self.e / unknowns)[low] * (self.e / unknowns)[high]])
        s1, s0, q = np.ascontiguousarray(end.l1, dtype=np.float64), np.empty(m), np.empty(k + low.size)
        flag = self.code.backward(
            handle, _at(s1), _at(atol_s), _at(atol_q), self.rtol, self.ivp.max_steps, _at(s0), _at(q), _at(counts)
        )
        steps, evaluations, failed = map(int, counts[3:])
        size = (m + q.size) / self.problem.dim
        self.ivp.counters.add(steps=steps, rhs=evaluations, rejected=failed, size=size)
        if flag < 0 or not np.all(np.isfinite(q)):
            raise IntegrationError(self._explain("backward", flag, float("nan"), steps))
        return s0, q

    def __call__(self, x: Array) -> Result:
        z1, v1, _, handle = self._forward(x)
        try:
            end = self._end(x, z1)
            s0, q = self._backward(handle, x, end)
        finally:
            self.code.release(handle)
        k = self.columns.total
        curvature, lower = np.zeros((k, k)), np.tril_indices(k)
        curvature[lower] = q[k:]
        curvature = curvature + curvature.T - np.diag(np.diag(curvature))
        grad = self.columns.gradient(end, s0, q[:k])
        hess = self.columns.hessian(end, np.ascontiguousarray(v1.T), curvature)
        kind = "KLU" if self.source.sparse else "dense"
        return Result(
            end.value, grad, hess, note=f"CVODES (BDF, {kind} Newton matrices), loss blocks {self.loss_source}"
        )


def balanced(a: Array, moved: float) -> Array:
    """`e` (K,) so that `a_kl` (K, K), the Hessian in the sizes of the unknowns, is at most `e_k e_l`, and nearly so."""
    a, e = np.where(np.isfinite(a), a, 0.0), np.ones(len(a))
    for _ in range(100):
        row = np.max(a / np.outer(e, e), axis=1)
        e *= np.sqrt(np.where(row > 0, row, 1.0))
    least = np.sqrt(LEAST * moved)
    return np.where(a.any(axis=1), np.maximum(e, least), least)


def _at(array: Array) -> int:
    return array.ctypes.data


def prepare(problem: Problem, ivp: IVP, sharpen: float) -> Callable[[Array], Result]:
    """`run(x)` for any `wrt`, with or without a running loss.

    Raises `Unsupported` for a right-hand side that cannot be recorded, `IntegrationError` where CVODES does not reach the end.
    """
    return Solver(problem, ivp, sharpen)
