"""The compiled form: the right-hand side recorded and written as a kernel, compiled, and through the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .._errors import Unavailable
from .._integrate.ivp import IVP
from .._integrate.pairs import Pair
from .._model.derivatives import Array, Params
from ._build import CompilerError, clause, compiler, is_built
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
from ._kernel import Kernel
from ._kernels import chosen
from ._known import Known
from ._moving import Slopes
from ._options import NotCompiled, Options
from ._probe import KernelDerivatives, KernelField
from ._stepper import Tolerances
from ._workspace import Buffer

PRODUCTS_BYTES = 2.0**26  # of the entries of a segment


class CompiledForm:
    """A `_linearised.Form`. Raises `NotCompiled` with the reason.

    `products` says that these will be asked for, and no Hessian.
    """

    loss_in_c = True

    def __init__(self, folded: Folded, ivp: IVP, options: Options, scheme: Pair, products: bool) -> None:
        self.folded, self.by_component = folded, ivp.by_component
        with compiling():
            kernel, coefficients, self.chooses, source = chosen(folded, options, scheme, products)
            can_be_loaded(kernel.source, kernel.level)
            self.compiled = _loaded(kernel, folded, options, products)
        if coefficients is not None:
            self.compiled.fixed.array[:] = coefficients
        looked = look(self.compiled, folded, ivp)
        complaint = passes(self.compiled, folded, scheme, ivp, looked)
        if complaint is not None:
            raise NotCompiled(complaint)
        self.end, self.sizes = looked.end, looked.sizes
        self.name = _described(kernel, source)
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


def _loaded(kernel: Kernel, folded: Folded, options: Options, products: bool) -> Compiled:
    if kernel.sweep != "columns":
        return StateCompiled(kernel, options.probes, options.memory)
    few = min(options.memory, PRODUCTS_BYTES)
    segment = products_segment(kernel, few) if products else hessian_segment(kernel)
    return ColumnsCompiled(kernel, folded.columns, options.probes, options.memory, segment)


def _described(kernel: Kernel, source: str) -> str:
    kind = f"tangents of {kernel.columns} columns" if kernel.sweep == "columns" else f"{kernel.sweep} sweep"
    if kernel.second_order:
        kind = f"q' = v structure, {kind}"
    return f"compiled form ({kind}), {source}"
