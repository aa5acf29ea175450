"""Which form of the implicit discrete adjoint runs, and why: generated C where it can be had, else NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._errors import Unavailable, Unsupported
from .._integrate.ivp import IVP
from .._model.counters import Counters
from .._model.derivatives import Array, Params
from .._model.problem import Problem
from ..discrete._build import CompilerError, clause, compiler, is_built, vector_width
from ..discrete._columns import parameter_directions
from ..discrete._compiled import flat_params
from ..discrete._depth import Depth, growth
from ..discrete._fallback import with_fallback
from ..discrete._fold import Folded
from ..discrete._given import trusted_folded
from ..discrete._graph import CannotTrace
from ..discrete._options import NotCompiled, Products, Run, multiplied, results
from ..discrete._options import Options as Common
from ..discrete._sizes import TRIAL, Sized, Solver
from ..discrete._stepper import Tolerances
from ..discrete._ties import Ties
from ..discrete._trace import moves_switches, record
from .compiled import Compiled, Found
from .ends import StepEnds
from .gate import passes
from .kernel import generate
from .radau import STAGES
from .stepper import Steps, integrate
from .sweeps import Sweeps

FORMS = ("auto", "compiled", "numpy")
METHOD = "Radau"
CANCELLED = 1e-6  # relative error by round-off in the sum of second derivatives
LOST, LEAST_LOST = 1e4, 1e-8  # tolerances that the round-off of `h F_k,k` may be, and the least one that counts


@dataclass(frozen=True)
class Options(Common):
    """As of the explicit strategy, but for the forms; `memory` is for factors and tangents that are kept."""

    forms: ClassVar[tuple[str, ...]] = FORMS


@dataclass(frozen=True, eq=False)
class Point:
    """Value, gradient (total,) and Hessian at one `x`, or how to go on: `products(directions)` of (total, k)."""

    value: float
    grad: Array
    hess: Array | None
    products: Callable[[Array], Array]
    note: str
    warnings: tuple[str, ...] = ()


def prepare(problem: Problem, ivp: IVP, options: Options) -> Run:
    """The implicit discrete adjoint of `problem`: a function of `x` (n,) that returns a `Result`.

    Raises `Unsupported` for another method than Radau, `Unavailable` if there are no derivatives at all.
    """
    return results(linearised(problem, ivp, options))


def prepare_products(problem: Problem, ivp: IVP, options: Options) -> Products:
    """Value, gradient (n,), the Hessian's products with `directions` (n, k), and warnings: a function of `x` and these."""
    return multiplied(linearised(problem, ivp, options, products=True))


def linearised(problem: Problem, ivp: IVP, options: Options, products: bool = False) -> Callable[[Array], Point]:
    """A function of `x` (total,) for any `wrt`, with or without a running loss; no Hessian if it is made for `products`."""
    if ivp.method != METHOD:
        raise Unsupported(f"`method` is {ivp.method!r}; `implicit-adjoint` has {METHOD!r} alone: leave `method` out.")
    folded, notice = Folded(problem), ""
    if options.form != "numpy":
        try:
            compiled = _compiled(folded, ivp, options, products)
            return with_fallback(compiled, lambda: _numpy(folded, ivp, options, "", products))
        except NotCompiled as reason:
            notice = f"; not compiled: {reason}"
    return _numpy(folded, ivp, options, notice, products)


def _compiled(folded: Folded, ivp: IVP, options: Options, products: bool) -> Callable[[Array], Point]:
    problem, columns = folded.problem, folded.columns
    try:
        traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=False)
        kernel = generate(traced, columns.total, options.probes, vector_width())
        if compiler() is None and not is_built(kernel.source, kernel.level):
            raise NotCompiled("no C compiler on the path (set CC to name one)")
        compiled = Compiled(kernel, columns, options.probes, options.memory)
    except CannotTrace as reason:
        raise NotCompiled(f"the right-hand side cannot be recorded as scalar code, {clause(reason)}") from reason
    except (CompilerError, Unavailable, OSError) as reason:
        raise NotCompiled(clause(reason)) from reason
    complaint, looked = passes(compiled, folded, ivp)
    if complaint is not None:
        raise NotCompiled(complaint)
    (blocks, source), ties = folded.end(compiled=True, z1=looked.end), Ties(problem)
    kind = "dense" if kernel.band is None else f"band of {kernel.band[0]} + 1 + {kernel.band[1]}"
    note = f"Radau IIA 5, compiled form ({kind}, tangents of {columns.total} columns), derivatives generated as C, "
    note += f"loss blocks {source}"

    def attempt(tolerances: Tolerances, ivp: IVP, x: Array, ends: Array | None) -> Found:
        y0, p = problem.unpack(x)
        directions = parameter_directions(folded.values(p), options.probes, ivp.by_component)
        values = flat_params(kernel.params, p)
        return compiled.forward(folded.start(y0), values, directions, folded.t_span, ivp, tolerances, ends)

    solve, _ = solver(folded, ivp, options.probes, attempt)
    depth = Depth(problem, ivp, moves_switches(traced))

    def at(x: Array) -> Point:
        y0, p = problem.unpack(x)
        found = solve(x)
        end = blocks(y0, found.y1, p)
        grad = columns.gradient(end, *compiled.costates(found, end.l1))
        return Point(
            end.value,
            grad,
            None if products else compiled.hessian(found, end),
            lambda d: compiled.products(found, end, d),
            note + ties.note(x, found.y1[: problem.dim]),
            (
                *round_off(found.stiffest, ivp),
                *cancelling(growth(ivp, found, y0)),
                *depth.warnings(x, found, found.steps, lambda tau: folded.time(tau, p)),
            ),
        )

    return at


def _numpy(folded: Folded, ivp: IVP, options: Options, notice: str, products: bool) -> Callable[[Array], Point]:
    problem, columns, m = folded.problem, folded.columns, folded.states
    derivatives, (blocks, source), ties = trusted_folded(folded, ivp), folded.end(compiled=True), Ties(problem)
    note = f"Radau IIA 5, NumPy form (tangents of {columns.total} columns), derivatives {derivatives.joint.source}, "
    note += f"loss blocks {source}{notice}"
    most_kept = options.memory / (8.0 * (STAGES * m) ** 2)

    def attempt(tolerances: Tolerances, ivp: IVP, x: Array, ends: Array | None) -> Steps:
        y0, p = problem.unpack(x)
        directions = parameter_directions(folded.values(p), options.probes, ivp.by_component)

        def first(tau: Array, z: Array) -> tuple[Array, Array]:
            jac, by_params = derivatives.first(tau, z, p)
            return jac, by_params @ directions.T

        start = folded.start(y0)
        return integrate(folded.slope(p), first, folded.t_span, start, ivp, tolerances, ends, most_kept)

    solve, known = solver(folded, ivp, options.probes, attempt)
    depth, own = Depth(problem, ivp), problem.unpack(problem.x0)[1]
    depth.look(known, lambda tau: folded.time(tau, own))

    def at(x: Array) -> Point:
        y0, p = problem.unpack(x)
        path = solve(x)
        end, sweeps = blocks(y0, path.y1, p), Sweeps(derivatives, p, path, columns)
        with np.errstate(all="ignore"):
            swept = sweeps.costates(end.l1)
        return Point(
            end.value,
            columns.gradient(end, swept.lam, swept.pulled),
            None if products else columns.hessian(end, *sweeps.curvature(swept)),
            lambda d: sweeps.products(swept, d, lambda v1: columns.product(end, v1, d)),
            note + ties.note(x, path.y1[: problem.dim]),
            (
                *round_off(path.stiffest, ivp),
                *cancelling(growth(ivp, path, y0)),
                *depth.warnings(x, path, path.t.size, lambda tau: folded.time(tau, p)),
            ),
        )

    return at


def round_off(stiffest: float, ivp: IVP) -> tuple[str, ...]:
    """A sentence where `1 - h J` loses the digits of what the flow conserves: `stiffest` is the largest `|h F_k,k|`."""
    lost = stiffest * np.finfo(float).eps
    if lost < LOST * max(ivp.rtol, LEAST_LOST):
        return ()
    return (
        f"steps are up to {stiffest:.0e} times as long as the fastest time scale, so that round-off may leave fewer digits of "
        f"gradient and Hessian than rtol = {ivp.rtol:g} asks for, where the flow conserves something.",
    )


def cancelling(grown: float) -> tuple[str, ...]:
    """A sentence where changes grow `grown`-fold on the way, as on the jumps of relaxation oscillations, and shrink again.

    Second derivatives along the way are as large as the square of that, and their sum is what is left of them.
    """
    if grown * grown * np.finfo(float).eps < CANCELLED:
        return ()
    return (
        f"small changes grow {grown:.0e}-fold on the way and shrink again, so that second derivatives cancel: round-off may "
        f"leave no digit of the Hessian at any tolerance (verify=True tells).",
    )


def solver(
    folded: Folded, ivp: IVP, probes: int, attempt: Callable[..., Any]
) -> tuple[Callable[[Array], Any], Sized | None]:
    """Solves at `x` by `attempt(tolerances, ivp, x, ends)`, with the sizes of the problem's own point where they fit; these."""
    problem = folded.problem
    solve = Solver(ivp, probes, attempt)

    def parts(x: Array, ends: Array | None) -> tuple[Any, ...]:
        y0, p = problem.unpack(x)
        return folded.slope(p), folded.t_span, folded.start(y0), x, ends

    def trial(x: Array) -> tuple[Array, Array, Array]:
        quiet = IVP(METHOD, TRIAL, TRIAL, dim=problem.dim, by_component=True, counters=Counters())
        p = problem.unpack(x)[1]
        path = Solver(quiet, probes, attempt)(*parts(x, None))
        tau, _, states = path.sampled(ivp.max_steps)
        tau, states = np.append(tau, folded.t_span[1]), np.vstack([states, path.y1])
        slopes = _slopes(folded, p, tau, states)
        return np.array([folded.time(s, p) for s in tau]), states, slopes

    ends = StepEnds(problem, trial)
    solve.prepare(*parts(problem.x0, ends.at(problem.x0)))
    return (lambda x: solve(*parts(x, ends.at(x)))), solve.known


def _slopes(folded: Folded, p: Params, tau: Array, states: Array) -> Array:
    """By time (k, M), of the state along a solve."""
    f = folded.slope(p)
    length = float(p["t1"]) - float(p["t0"]) if folded.free else 1.0
    return np.array([f(float(s), z) for s, z in zip(tau, states, strict=True)]) / length
