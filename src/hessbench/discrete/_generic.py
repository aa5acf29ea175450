"""The discrete adjoint of the generic form: Hessians and their products by initial state, parameters and end times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import IntegrationError, InvalidInput, Unavailable
from .._integrate.ivp import IVP
from .._model.derivatives import Array, Params
from .._model.problem import Problem
from ._build import CompilerError, clause, compiler, is_built, vector_width
from ._columns import parameter_directions
from ._columns_compiled import ColumnsCompiled, hessian_segment, products_segment
from ._columns_gate import looked_at, passes
from ._columns_kernel import generate_columns
from ._columns_numpy import Sweeps, tangents
from ._depth import Depth
from ._ends import Slopes, StepEnds
from ._fallback import explained, finite, said_not_finite, singular_derivative, with_fallback
from ._fold import Folded
from ._forward import Path
from ._given import trusted_folded
from ._graph import CannotTrace
from ._options import NotCompiled
from ._probe import ColumnsField
from ._sizes import Sized, Solver, V
from ._stepper import Tolerances, Trajectory, integrate
from ._tableau import Pair, pair
from ._ties import Ties
from ._trace import moves_switches, record

PRODUCTS_BYTES = 2.0**26  # of the entries of a segment


@dataclass(frozen=True, eq=False)
class Point:
    """Value and gradient (total,) at one `x`, and how to go on: `hessian()`, or `products(directions)` of (total, k).

    `hess` is there already unless products were asked for.
    """

    value: float
    grad: Array
    hess: Array | None
    hessian: Callable[[], Array]
    products: Callable[[Array], Array]
    note: str
    warnings: tuple[str, ...] = ()


def linearised(
    problem: Problem, ivp: IVP, form: str, probes: int, memory: float, products: bool = False
) -> Callable[[Array], Point]:
    """A function of `x` (total,) for any `wrt`, with or without a running loss; `products` says what it is made for.

    Raises `InvalidInput` for a method that is not an explicit pair or the form "sparse", which is for the initial state
    alone, `Unavailable` if there are no derivatives at all.
    """
    scheme, folded, notice = pair(ivp.method), Folded(problem), ""
    if form == "sparse":
        raise InvalidInput(
            "The form 'sparse' differentiates by the initial state alone, without a running loss; choose 'auto', "
            "'compiled' or 'numpy'."
        )
    if form in ("auto", "compiled"):
        try:
            compiled = _compiled(folded, ivp, probes, memory, scheme, products)
            return with_fallback(
                compiled, lambda: _numpy(folded, ivp, probes, memory, scheme, "", products, compiled=True)
            )
        except NotCompiled as reason:
            notice = f"; not compiled: {reason}"
    return _numpy(folded, ivp, probes, memory, scheme, notice, products, compiled=form != "numpy")


def _compiled(
    folded: Folded, ivp: IVP, probes: int, memory: float, scheme: Pair, products: bool
) -> Callable[[Array], Point]:
    problem, columns = folded.problem, folded.columns
    try:
        traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=False)
        kernel = generate_columns(traced, tuple(columns.params.tolist()), columns.total, scheme, probes, vector_width())
        if compiler() is None and not is_built(kernel.source, kernel.level):
            raise NotCompiled("no C compiler on the path (set CC to name one)")
        segment = products_segment(kernel, min(memory, PRODUCTS_BYTES)) if products else hessian_segment(kernel)
        compiled = ColumnsCompiled(kernel, columns, probes, memory, segment)
    except CannotTrace as reason:
        raise NotCompiled(f"the right-hand side cannot be recorded as scalar code, {clause(reason)}") from reason
    except (CompilerError, Unavailable, OSError) as reason:
        raise NotCompiled(clause(reason)) from reason
    looked = looked_at(compiled, folded, ivp)
    complaint = passes(compiled, folded, scheme, ivp, looked)
    if complaint is not None:
        raise NotCompiled(complaint)
    (blocks, source), ties = folded.end(compiled=True, z1=looked.end), Ties(problem)
    note = f"compiled form (tangents of {columns.total} columns), derivatives generated as C, loss blocks {source}"

    def attempt(tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array) -> Path:
        values = compiled.params(p, folded.values(p), ivp.by_component)
        return compiled.forward(folded.start(y0), values, folded.t_span, ivp, tolerances=tolerances, ends=ends)

    def slopes(x: Array) -> Callable[[Array, Array], Array]:
        return ColumnsField(compiled, folded, problem.unpack(x)[1], looked.sizes).slopes

    solve, _ = _solver(folded, ivp, probes, attempt, slopes)
    depth = Depth(problem, ivp, moves_switches(traced))

    def at(x: Array) -> Point:
        y0, p = problem.unpack(x)
        path = solve(x)
        end = blocks(y0, path.y1, p)
        grad = columns.gradient(end, *compiled.costates(path, end.l1))
        memory = "" if path.stored else f", checkpoints every {compiled.segment} steps"
        said = note + memory + ties.note(x, path.y1[: problem.dim])

        def hessian() -> Array:
            return columns.hessian(end, *compiled.curvature(path))

        hess = None if products else hessian()
        beyond = depth.warnings(x, path, path.steps, lambda tau: folded.time(tau, p))
        return Point(end.value, grad, hess, hessian, lambda d: compiled.products(path, end, d), said, beyond)

    return at


def _numpy(
    folded: Folded, ivp: IVP, probes: int, memory: float, scheme: Pair, notice: str, products: bool, compiled: bool
) -> Callable[[Array], Point]:
    problem, columns = folded.problem, folded.columns
    derivatives, (blocks, source), ties = trusted_folded(folded, ivp), folded.end(compiled), Ties(problem)
    made = f"derivatives {derivatives.joint.source}, loss blocks {source}"
    note = f"NumPy form (tangents of {columns.total} columns), {made}{notice}"
    most_kept = memory / (8.0 * scheme.stages * folded.states)

    def attempt(tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array) -> Trajectory:
        slopes = tangents(derivatives, p, parameter_directions(folded.values(p), probes, ivp.by_component))
        f, start = folded.slope(p), folded.start(y0)
        path = integrate(f, slopes, scheme, folded.t_span, start, ivp, probes, most_kept, None, tolerances, ends)
        path.jacobians = []
        return path

    solve, known = _solver(folded, ivp, probes, attempt)
    depth, own = Depth(problem, ivp), problem.unpack(problem.x0)[1]
    depth.look(known, lambda tau: folded.time(tau, own))

    def at(x: Array) -> Point:
        y0, p = problem.unpack(x)
        f = folded.slope(p)

        def singular() -> str | None:
            ones = np.ones(folded.states)

            def first(tau: Array, z: Array) -> Array:
                return np.concatenate(derivatives.first(tau, z, p), axis=-1)

            def second(tau: Array, z: Array) -> Array:
                return derivatives.second(tau, z, np.broadcast_to(ones, z.shape), p)

            z0 = folded.start(y0)
            return singular_derivative(
                f, first, second, scheme, folded.t_span, z0, ivp, folded.name, lambda tau: folded.time(tau, p)
            )

        try:
            path = solve(x)
        except IntegrationError as error:
            raise explained(error, singular) from error
        end = blocks(y0, path.y1, p)
        sweeps = Sweeps(f, derivatives, p, scheme, path, columns, memory)
        with np.errstate(all="ignore"):
            swept = sweeps.backward(end.l1)

            def hessian() -> Array:
                return columns.hessian(end, *sweeps.curvature(swept))

            hess = None if products else hessian()
        point = Point(
            end.value,
            columns.gradient(end, swept.lam, swept.pulled),
            hess,
            hessian,
            lambda d: sweeps.products(swept, d, lambda v1: columns.product(end, v1, d)),
            note + ties.note(x, path.y1[: problem.dim]),
            depth.warnings(x, path, path.t.size, lambda tau: folded.time(tau, p)),
        )
        return point if finite(point) else said_not_finite(point, end, singular)

    return at


def _solver(
    folded: Folded, ivp: IVP, probes: int, attempt: Callable[..., V], slopes: Slopes | None = None
) -> tuple[Callable[[Array], V], Sized | None]:
    """Solves at `x` by `attempt(tolerances, ivp, y0, p, ends)`, with the sizes of the problem's own point where they fit."""
    problem, solve, span = folded.problem, Solver(ivp, probes, attempt), folded.t_span
    ends = StepEnds.of(problem, ivp.method, slopes)

    def parts(x: Array) -> tuple[Any, ...]:
        y0, p = problem.unpack(x)
        return folded.slope(p), span, folded.start(y0), y0, p, ends.at(x)

    solve.prepare(*parts(problem.x0))
    return (lambda x: solve(*parts(x))), solve.known
