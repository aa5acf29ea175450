"""Which form of the implicit discrete adjoint runs, and why: generated C where it can be had, else NumPy.

The road is that of the explicit one, `discrete._linearised`; steps, sweeps and two warnings are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._errors import Unsupported
from .._integrate.ivp import IVP
from .._model.counters import Counters
from .._model.derivatives import Array, Params
from .._model.problem import Problem
from ..discrete._build import vector_width
from ..discrete._columns import EndBlocks, parameter_directions
from ..discrete._columns_numpy import ColumnsSwept
from ..discrete._compiled import flat_params
from ..discrete._compiled_form import can_be_loaded, compiling
from ..discrete._depth import growth
from ..discrete._fallback import with_fallback
from ..discrete._fold import Folded
from ..discrete._given import trusted
from ..discrete._linearised import Form, Linearised, Point
from ..discrete._options import NotCompiled, Products, Run, multiplied, results
from ..discrete._options import Options as Common
from ..discrete._sizes import TRIAL, Solver
from ..discrete._stepper import Tolerances
from ..discrete._trace import moves_switches, record
from .compiled import Compiled, CompiledSwept, Found
from .ends import StepEnds
from .gate import passes
from .kernel import Kernel, generate
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

    def in_numpy(notice: str = "") -> Callable[[Array], Point]:
        return Implicit(folded, NumpyForm(folded, ivp, options), ivp, options.probes, products, notice)

    if options.form != "numpy":
        try:
            form = CompiledForm(folded, ivp, options)
            return with_fallback(Implicit(folded, form, ivp, options.probes, products), in_numpy)
        except NotCompiled as reason:
            notice = f"; not compiled: {reason}"
    return in_numpy(notice)


class CompiledForm:
    """A `Form` by a kernel. Raises `NotCompiled` with the reason."""

    loss_in_c, slopes, sloped, functions, with_events = True, None, None, None, None

    def __init__(self, folded: Folded, ivp: IVP, options: Options) -> None:
        self.folded, self.probes, self.by_component = folded, options.probes, ivp.by_component
        with compiling():
            traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=False)
            kernel = generate(traced, folded.columns.total, options.probes, vector_width())
            can_be_loaded(kernel.source, kernel.level)
            self.compiled = Compiled(kernel, folded.columns, options.probes, options.memory)
        complaint, looked = passes(self.compiled, folded, ivp)
        if complaint is not None:
            raise NotCompiled(complaint)
        self.end, self.chooses, self.name = looked.end, moves_switches(traced), _described(kernel, folded)

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Found:
        folded = self.folded
        directions = parameter_directions(folded.values(p), self.probes, self.by_component)
        values, start = flat_params(self.compiled.kernel.params, p), folded.start(y0)
        return self.compiled.forward(start, values, directions, folded.t_span, ivp, tolerances, ends)

    def swept(self, path: Found, end: EndBlocks, p: Params) -> CompiledSwept:
        return CompiledSwept(self.compiled, path, end)

    def checkpoints(self, path: Found) -> int:
        return 0


def _described(kernel: Kernel, folded: Folded) -> str:
    kind = "dense" if kernel.band is None else f"band of {kernel.band[0]} + 1 + {kernel.band[1]}"
    return (
        f"Radau IIA 5, compiled form ({kind}, tangents of {folded.columns.total} columns), derivatives generated as C"
    )


class NumpyForm:
    """A `Form` in NumPy."""

    chooses, loss_in_c, end, slopes, sloped = None, True, None, None, None
    functions, with_events = None, None

    def __init__(self, folded: Folded, ivp: IVP, options: Options) -> None:
        made = trusted(folded, ivp, by_state=False)
        self.folded, self.derivatives, self.probes, self.by_component = folded, made, options.probes, ivp.by_component
        kind = f"NumPy form (tangents of {folded.columns.total} columns)"
        self.name = f"Radau IIA 5, {kind}, derivatives {made.source}"
        self.most_kept = options.memory / (8.0 * (STAGES * folded.states) ** 2)

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Steps:
        folded = self.folded
        directions = parameter_directions(folded.values(p), self.probes, self.by_component)

        def first(tau: Array, z: Array) -> tuple[Array, Array]:
            jac, by_params = self.derivatives.first(tau, z, p)
            return jac, by_params @ directions.T

        start = folded.start(y0)
        return integrate(folded.slope(p), first, folded.t_span, start, ivp, tolerances, ends, self.most_kept)

    def swept(self, path: Steps, end: EndBlocks, p: Params) -> ColumnsSwept:
        with np.errstate(all="ignore"):
            return ColumnsSwept(Sweeps(self.derivatives, p, path, self.folded.columns), end)

    def checkpoints(self, path: Steps) -> int:
        return 0


class Implicit(Linearised):
    """`Linearised`, whose trial solves are implicit, and which knows how round-off spoils a stiff solve."""

    def step_ends(self, form: Form, ivp: IVP, probes: int) -> StepEnds:
        problem, folded = self.problem, self.folded
        quiet = IVP(METHOD, TRIAL, TRIAL, dim=problem.dim, by_component=True, counters=Counters())

        def trial(x: Array) -> tuple[Array, Array, Array]:
            y0, p = problem.unpack(x)
            path = Solver(quiet, probes, form.attempt, self._system)(y0, p, None)
            tau, _, states = path.sampled(ivp.max_steps)
            tau, states = np.append(tau, folded.t_span[1]), np.vstack([states, path.y1])
            return np.array([folded.time(s, p) for s in tau]), states, _slopes(folded, p, tau, states)

        return StepEnds(problem, trial)

    def said(self, x: Array, y0: Array, p: Params, path: Any) -> Sequence[str]:
        grown = growth(self.ivp, path, y0)
        return (*round_off(path.stiffest, self.ivp), *cancelling(grown), *super().said(x, y0, p, path))


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


def _slopes(folded: Folded, p: Params, tau: Array, states: Array) -> Array:
    """By time (k, M), of the state along a solve."""
    f = folded.slope(p)
    length = float(p["t1"]) - float(p["t0"]) if folded.free else 1.0
    return np.array([f(float(s), z) for s, z in zip(tau, states, strict=True)]) / length
