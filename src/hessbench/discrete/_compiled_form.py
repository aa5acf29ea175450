"""The compiled form: the right-hand side recorded and written as a kernel, compiled, and through the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .._errors import Unavailable
from .._integrate.ivp import IVP
from .._integrate.pairs import Pair
from .._model.derivatives import Array, Params
from ._build import CompilerError, clause, compiler, is_built, vector_width
from ._columns import EndBlocks
from ._compiled import Compiled, Swept
from ._compiled_columns import ColumnsCompiled, hessian_segment, products_segment
from ._compiled_legs import CompiledLegs
from ._compiled_state import StateCompiled
from ._event_functions import Functions, FunctionsInC
from ._events import Events
from ._fold import Folded
from ._forward import Path
from ._gate import look, passes
from ._graph import CannotTrace
from ._kernel import Kernel, generate
from ._kernel_quadratic import quadratic_kernel
from ._known import Known
from ._moving import Slopes
from ._options import NotCompiled, Options
from ._probe import KernelDerivatives, KernelField
from ._quadratic import agrees_with_rhs
from ._stepper import Tolerances
from ._trace import moves_switches, record
from ._workspace import Buffer

LOOPS = range(8, 81)  # states of a quadratic system for which loops in C are faster than scalar code, and than NumPy
DENSE = 0.2  # share of its B from which on it counts as dense
PRODUCTS_BYTES = 2.0**26  # of the entries of a segment


class CompiledForm:
    """A `_linearised.Form`. Raises `NotCompiled` with the reason.

    `products` says that these will be asked for, and no Hessian.
    """

    loss_in_c = True

    def __init__(self, folded: Folded, ivp: IVP, options: Options, scheme: Pair, products: bool) -> None:
        self.folded, self.by_component = folded, ivp.by_component
        with compiling():
            kernel, coefficients, self.chooses = _kernel(folded, options, scheme, products)
            can_be_loaded(kernel.source, kernel.level)
            self.compiled = _loaded(kernel, folded, options, products)
        if coefficients is not None:
            self.compiled.fixed.array[:] = coefficients
        looked = look(self.compiled, folded, ivp)
        complaint = passes(self.compiled, folded, scheme, ivp, looked)
        if complaint is not None:
            raise NotCompiled(complaint)
        self.end, self.sizes = looked.end, looked.sizes
        self.name = _described(kernel, coefficients is not None)
        self.own = folded.problem.constants
        self.events: CompiledLegs | None = None
        if folded.problem.events:
            with compiling():
                functions = FunctionsInC(Events(folded.problem), options.probes)
                self.events = CompiledLegs(self.compiled, functions, folded, self.by_component)
        self.values = self._values(self.own)  # for every call where no parameter moves
        self.span = folded.t_span

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Path:
        values, start = self.values if p is self.own else self._values(p), self.folded.start(y0)
        return self.compiled.forward(start, values, self.span, ivp, tolerances=tolerances, ends=ends)

    @property
    def functions(self) -> Functions | None:
        """Those of events, where there are any."""
        return None if self.events is None else self.events.functions

    def with_events(
        self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None, known: Known
    ) -> Path:
        assert self.events is not None
        values, start = self.values if p is self.own else self._values(p), self.folded.start(y0)
        return self.events(tolerances, ivp, start, values, p, known, ends)

    def swept(self, path: Path, end: EndBlocks, p: Params) -> Swept:
        return self.compiled.swept(path, end)

    def checkpoints(self, path: Path) -> int:
        return 0 if path.stored else self.compiled.segment

    def slopes(self, x: Array) -> Callable[[Array, Array], Array]:
        """A function of many times (m,) and states (m, N) at `x`, for `_ends`."""
        return KernelField(self.compiled, self.folded, self.folded.problem.unpack(x)[1], self.sizes).slopes

    def sloped(self, tau: Array, z: Array, p: Params) -> Slopes:
        """Slopes of the folded right-hand side at places (K,), with their derivatives; its own table for each call."""
        field = KernelField(self.compiled, self.folded, p, self.sizes)
        return Slopes(field.values_at(tau, z), *KernelDerivatives(field).first(tau, z, p))

    def _values(self, p: Params) -> Buffer:
        return self.compiled.params(p, self.folded.values(p), self.by_component)


@contextmanager
def compiling() -> Iterator[None]:
    """Whatever keeps code from being recorded, generated, compiled or loaded becomes `NotCompiled`, with the reason."""
    try:
        yield
    except CannotTrace as reason:
        raise NotCompiled(f"the right-hand side cannot be recorded as scalar code, {clause(reason)}") from reason
    except (CompilerError, Unavailable, OSError) as reason:
        raise NotCompiled(clause(reason)) from reason


def can_be_loaded(source: str, level: str) -> None:
    """Raise `NotCompiled` where there is neither a compiler nor the library from an earlier run."""
    if compiler() is None and not is_built(source, level):
        raise NotCompiled("no C compiler on the path (set CC to name one, or pip install 'hessbench[compiler]')")


def _kernel(folded: Folded, options: Options, scheme: Pair, products: bool) -> tuple[Kernel, Array | None, bool]:
    """The kernel of the right-hand side, recorded or as loops, and for the latter the coefficients that it reads.

    The last value tells whether it has a switch that the unknowns move.
    """
    problem, alone, patient = folded.problem, folded.problem.of_state_alone and not products, options.form == "compiled"
    given, n = problem.derivatives, problem.dim
    chosen = n in LOOPS or (patient and n >= LOOPS.stop)
    if alone and given is not None and given.quadratic is not None and options.form != "sparse" and chosen:
        terms = given.quadratic(problem.params)
        if np.count_nonzero(terms.bilinear) > DENSE * n**3:
            agrees_with_rhs(terms, problem)
            return *quadratic_kernel(terms, scheme, options.probes, vector_width()), False
    traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=alone)
    columns = None if alone else folded.columns
    sweep = True if options.form == "sparse" and not traced.second_order else None
    kernel = generate(traced, scheme, options.probes, vector_width(), columns, sweep, patient)
    return kernel, None, moves_switches(traced)


def _loaded(kernel: Kernel, folded: Folded, options: Options, products: bool) -> Compiled:
    if kernel.sweep != "columns":
        return StateCompiled(kernel, options.probes, options.memory)
    few = min(options.memory, PRODUCTS_BYTES)
    segment = products_segment(kernel, few) if products else hessian_segment(kernel)
    return ColumnsCompiled(kernel, folded.columns, options.probes, options.memory, segment)


def _described(kernel: Kernel, loops: bool) -> str:
    kind = f"tangents of {kernel.columns} columns" if kernel.sweep == "columns" else f"{kernel.sweep} sweep"
    if kernel.second_order:
        kind = f"q' = v structure, {kind}"
    source = "dense quadratic, derivatives as loops in C" if loops else "derivatives generated as C"
    return f"compiled form ({kind}), {source}"
