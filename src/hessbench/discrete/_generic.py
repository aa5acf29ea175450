"""The discrete adjoint of the generic form: Hessians and their products by initial state, parameters and end times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._derivatives import Array
from .._errors import InvalidInput, Unavailable
from .._generated import joint_derivatives_of
from .._ivp import IVP
from .._problem import Problem
from ._build import CompilerError, compiler, is_built, vector_width
from ._columns import parameter_directions
from ._columns_compiled import ColumnsCompiled, hessian_segment, products_segment
from ._columns_gate import passes
from ._columns_kernel import generate_columns
from ._columns_numpy import Sweeps, tangents
from ._fold import Folded, FoldedDerivatives
from ._graph import CannotTrace
from ._stepper import integrate
from ._tableau import Pair, pair
from ._trace import record

PRODUCTS_BYTES = 2.0**26  # of the entries of a segment


@dataclass(frozen=True, eq=False)
class Point:
    """Value and gradient (total,) at one `x`, and how to go on: `hessian()`, or `products(directions)` of (total, k)."""

    value: float
    grad: Array
    hessian: Callable[[], Array]
    products: Callable[[Array], Array]
    note: str


class NotCompiled(Exception):
    """Why there is no compiled form, in one clause."""


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
            return _compiled(folded, ivp, probes, memory, scheme, products)
        except NotCompiled as reason:
            notice = f"; not compiled: {reason}"
    return _numpy(folded, ivp, probes, memory, scheme, notice, compiled=form != "numpy")


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
        raise NotCompiled(f"the right-hand side cannot be recorded as scalar code, {reason}") from None
    except (CompilerError, Unavailable, OSError) as reason:
        raise NotCompiled(str(reason)) from None
    complaint = passes(compiled, folded, scheme, ivp)
    if complaint is not None:
        raise NotCompiled(complaint)
    blocks, source = folded.end(compiled=True)
    note = f"compiled form (tangents of {columns.total} columns), derivatives generated as C, loss blocks {source}"

    def at(x: Array) -> Point:
        y0, p = problem.unpack(x)
        path = compiled.forward(folded.start(y0), compiled.params(p, folded.values(p)), folded.t_span, ivp)
        end = blocks(y0, path.y1, p)
        grad = columns.gradient(end, *compiled.costates(path, end.l1))
        memory = "" if path.stored else f", checkpoints every {compiled.segment} steps"
        return Point(
            end.value,
            grad,
            lambda: columns.hessian(end, *compiled.curvature(path)),
            lambda d: compiled.products(path, end, d),
            note + memory,
        )

    return at


def _numpy(
    folded: Folded, ivp: IVP, probes: int, memory: float, scheme: Pair, notice: str, compiled: bool
) -> Callable[[Array], Point]:
    problem, columns = folded.problem, folded.columns
    derivatives, (blocks, source) = FoldedDerivatives(folded, joint_derivatives_of(problem)), folded.end(compiled)
    made = f"derivatives {derivatives.joint.source}, loss blocks {source}"
    note = f"NumPy form (tangents of {columns.total} columns), {made}{notice}"
    most_kept = memory / (8.0 * scheme.stages * folded.states)

    def at(x: Array) -> Point:
        y0, p = problem.unpack(x)

        def f(tau: float, z: Array) -> Array:
            return np.asarray(folded.rhs(np, tau, z, p))

        slopes = tangents(derivatives, p, parameter_directions(folded.values(p), probes))
        path = integrate(f, slopes, scheme, folded.t_span, folded.start(y0), ivp, probes, most_kept)
        path.jacobians = []
        end = blocks(y0, path.y1, p)
        sweeps = Sweeps(f, derivatives, p, scheme, path, columns, memory)
        swept = sweeps.backward(end.l1)
        return Point(
            end.value,
            columns.gradient(end, swept.lam, swept.pulled),
            lambda: columns.hessian(end, *sweeps.curvature(swept)),
            lambda d: sweeps.products(swept, d, lambda v1: columns.product(end, v1, d)),
            note,
        )

    return at
