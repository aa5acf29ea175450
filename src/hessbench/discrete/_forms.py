"""Which form of the discrete adjoint runs, and why: by structure, by size, and by what the machine has."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import IntegrationError, Unavailable
from .._integrate.ivp import IVP
from .._model.derivatives import Array, Params
from .._model.problem import Problem
from .._model.result import Result
from . import _dense, _sparse
from ._build import CompilerError, clause, compiler, is_built, vector_width
from ._compiled import Compiled, flat_params
from ._dense import Costate
from ._depth import Depth
from ._ends import StepEnds
from ._fallback import explained, finite, said_not_finite, singular_derivative, with_fallback
from ._forward import Path
from ._gate import look, passes, slope_of
from ._generic import linearised
from ._given import trusted_derivatives
from ._graph import CannotTrace
from ._kernel import Kernel, generate
from ._kernel_quadratic import quadratic_kernel
from ._loss_kernel import end_blocks
from ._options import NotCompiled, Options, Products, Run, multiplied, results
from ._probe import KernelField
from ._quadratic import agrees_with_rhs, exploit
from ._sizes import Solver
from ._stepper import Tolerances, Trajectory, integrate
from ._tableau import Pair, pair
from ._ties import Ties
from ._trace import moves_switches, trace

LOOPS = range(8, 81)  # states of a quadratic system for which loops in C are faster than scalar code, and than NumPy
DENSE = 0.2  # share of its B from which on it counts as dense
SPARSE_FROM = 48  # states from which a sparse Jacobian pays in NumPy


def prepare(problem: Problem, ivp: IVP, options: Options) -> Run:
    """The discrete adjoint of `problem`: a function of `x` (n,) that returns a `Result`.

    Raises `InvalidInput` for a method that is not an explicit pair, `Unavailable` if there are no derivatives at all.
    """
    if problem.wrt != ("y0",) or problem.running_loss is not None:
        return results(linearised(problem, ivp, options.form, options.probes, options.memory))
    scheme = pair(ivp.method)
    notice = ""
    if options.form in ("auto", "compiled", "sparse"):
        try:
            compiled = _compiled(problem, ivp, options, scheme)
            return with_fallback(compiled, lambda: _numpy(problem, ivp, options, scheme, ""))
        except NotCompiled as reason:
            notice = f"; not compiled: {reason}"
    return _numpy(problem, ivp, options, scheme, notice)


def prepare_products(problem: Problem, ivp: IVP, options: Options) -> Products:
    """Value, gradient (n,), the Hessian's products (n, k) with `directions` (n, k), and warnings: a function of `x` and these.

    The Hessian is not formed: one tangent of the solution and one of its costate for each direction, over the same steps.
    Raises as `prepare` does.
    """
    return multiplied(linearised(problem, ivp, options.form, options.probes, options.memory, products=True))


def _compiled(problem: Problem, ivp: IVP, options: Options, scheme: Pair) -> Run:
    try:
        kernel, coefficients, chooses = _kernel(problem, options, scheme)
        if compiler() is None and not is_built(kernel.source, kernel.level):
            raise NotCompiled("no C compiler on the path (set CC to name one)")
        compiled = Compiled(kernel, options.probes, options.memory)
    except CannotTrace as reason:
        raise NotCompiled(f"the right-hand side cannot be recorded as scalar code, {clause(reason)}") from reason
    except (CompilerError, Unavailable, OSError) as reason:
        raise NotCompiled(clause(reason)) from reason
    if coefficients is not None:
        compiled.fixed.array[:] = coefficients
    fixed = flat_params(kernel.params, problem.params)
    looked = look(compiled, fixed, slope_of(problem), problem.t_span, problem.y0, problem.x0[:0], ivp)
    complaint = passes(compiled, problem, scheme, ivp, looked)
    if complaint is not None:
        raise NotCompiled(complaint)
    (blocks, blocks_source), ties = end_blocks(problem, compiled=True, y1=looked.end), Ties(problem)
    kind = "sparse sweep" if kernel.sparse else "dense sweep"
    if kernel.second_order:
        kind = f"q' = v structure, {kind}"
    source = "derivatives generated as C" if coefficients is None else "dense quadratic, derivatives as loops in C"
    note = f"compiled form ({kind}), {source}, loss blocks {blocks_source}"
    span = problem.t_span
    ends = StepEnds.of(problem, ivp.method, lambda x: KernelField(compiled, problem.params, looked.sizes).slopes)

    def attempt(tolerances: Tolerances, ivp: IVP, y0: Array) -> Path:
        return compiled.forward(y0, fixed, span, ivp, tolerances=tolerances, ends=ends.own)

    def f(t: float, y: Array) -> Array:
        return np.asarray(problem.rhs(np, t, y, problem.params))

    solve, depth = Solver(ivp, options.probes, attempt), Depth(problem, ivp, chooses)
    solve.prepare(f, span, problem.y0, problem.y0)

    def hessian(x: Array) -> Result:
        y0, p = problem.unpack(x)
        path = solve(f, span, y0, y0)
        said = depth.warnings(x, path, path.steps)
        end = blocks(y0, path.y1, p)
        carried = compiled.backward(path, Costate.at_end(end, problem.loss_uses_y0))
        memory = "" if path.stored else f", checkpoints every {compiled.segment} steps"
        note_here = note + memory + ties.note(x, path.y1)
        return Result(end.value, *carried.result(end), note=note_here, warnings=said)

    return hessian


def _kernel(problem: Problem, options: Options, scheme: Pair) -> tuple[Kernel, Array | None, bool]:
    """The kernel of the right-hand side, recorded or as loops, and for the latter the coefficients that it reads.

    The last value tells whether it has a switch that the state moves.
    """
    given, n = problem.derivatives, problem.dim
    chosen = n in LOOPS or (options.form == "compiled" and n >= LOOPS.stop)
    if given is not None and given.quadratic is not None and options.form != "sparse" and chosen:
        terms = given.quadratic(problem.params)
        if np.count_nonzero(terms.bilinear) > DENSE * n**3:
            agrees_with_rhs(terms, problem)
            return *quadratic_kernel(terms, scheme, options.probes, vector_width()), False
    traced = trace(problem)
    sweep = True if options.form == "sparse" and not traced.second_order else None
    patient = options.form == "compiled"
    kernel = generate(traced, scheme, options.probes, vector_width(), sweep, patient)
    return kernel, None, moves_switches(traced)


def _numpy(problem: Problem, ivp: IVP, options: Options, scheme: Pair, notice: str) -> Run:
    derivatives, ties = trusted_derivatives(problem, ivp), Ties(problem)
    blocks, blocks_source = end_blocks(problem, compiled=options.form != "numpy")
    n, s, first = problem.dim, scheme.stages, derivatives.jac_sparsity
    sparse = (
        derivatives.sparse and options.form in ("auto", "sparse") and (n >= SPARSE_FROM or options.form == "sparse")
    )
    name = "sparse matrix-adjoint form" if sparse else "NumPy form"
    linearise = None
    if derivatives.quadratic is not None and not sparse:
        derivatives, linearise, how = exploit(derivatives, problem, compiled=options.form != "numpy")
        name += f" ({how})"
    note = f"{name}, derivatives {derivatives.source}, loss blocks {blocks_source}{notice}"
    most_kept = options.memory / (8.0 * s * (n + len(first.rows) if sparse and first else 4 * n * n))

    def jacobians(t: Array, y: Array, p: Params) -> Any:
        return _sparse.matrices(derivatives, t, y, p) if sparse else derivatives.jac(t, y, p)

    span, fixed = problem.t_span, problem.params

    def f(t: float, y: Array) -> Array:
        return np.asarray(problem.rhs(np, t, y, fixed)) if linearise is None else linearise(t, y)[0]

    def jac(t: Array, y: Array) -> Any:
        return jacobians(t, y, fixed)

    ends = StepEnds.of(problem, ivp.method)

    def attempt(tolerances: Tolerances, ivp: IVP, y0: Array) -> Trajectory:
        return integrate(f, jac, scheme, span, y0, ivp, options.probes, most_kept, linearise, tolerances, ends.own)

    solve, depth = Solver(ivp, options.probes, attempt), Depth(problem, ivp)
    solve.prepare(f, span, problem.y0, problem.y0)
    depth.look(solve.known)

    def hessian(x: Array) -> Result:
        y0, p = problem.unpack(x)

        def singular() -> str | None:
            first, ones = derivatives.jac, np.ones(n)
            return singular_derivative(
                f, lambda t, y: first(t, y, p), lambda t, y: derivatives.vhp(t, y, ones, p), scheme, span, y0, ivp,
                lambda j: f"y[{j}]",
            )  # fmt: skip

        try:
            path = solve(f, span, y0, y0)
        except IntegrationError as error:
            raise explained(error, singular) from error
        steps = path.t.size
        end = blocks(y0, path.y1, p)
        carried, memory = Costate.at_end(end, problem.loss_uses_y0), ""
        if sparse:
            carried = _sparse.backward(f, derivatives, p, scheme, path, carried)
        else:
            segment = min(steps, max(1, int(most_kept)))
            carried = _dense.backward(f, derivatives, p, scheme, path, carried, segment)
            memory = "" if segment == steps else f", checkpoints every {segment} steps"
        note_here, said = note + memory + ties.note(x, path.y1), depth.warnings(x, path, steps)
        result = Result(end.value, *carried.result(end), note=note_here, warnings=said)
        return result if finite(result) else said_not_finite(result, end, singular)

    return hessian
