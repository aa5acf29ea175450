"""One road from `x` to value, gradient and Hessian, whatever the form and whatever the problem differentiates by.

    solve with error control, sizes of components and steps that end where they must   (`_sizes`, `_ends`; the form's `attempt`)
    blocks of the loss at the end, and of data at the times between                    (`Folded.end`, `_observed`)
    backward sweep; then the Hessian, or its products with directions                  (the form's `swept`)
    what has to be said                                                                (`_ties`, `_depth`)

By the initial state alone is the case of no other columns. A form is a kernel or NumPy code, see `Form`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._model.derivatives import Array, Params
from ._columns import EndBlocks
from ._compiled import Swept
from ._depth import Depth
from ._ends import Slopes, StepEnds
from ._fold import Folded
from ._observed import Observed, Sloped
from ._sizes import Solver, System
from ._stepper import Tolerances
from ._ties import Ties
from ._with_events import WithEvents


@dataclass(eq=False)
class Point:
    """Value, gradient (total,) and Hessian (total, total) at one `x`, and `products(directions)` of (total, k).

    `hess` is `None` where products were asked for; `hessian()` makes it. `end` are the blocks of the loss. `gauss_newton`
    (total, total) comes with a Hessian of a problem with data.
    """

    value: float
    grad: Array
    hess: Array | None
    swept: Swept
    end: EndBlocks
    note: str
    warnings: tuple[str, ...] = ()
    gauss_newton: Array | None = None

    def hessian(self) -> Array:
        """(total, total)"""
        return self.swept.hessian() if self.hess is None else self.hess

    def products(self, directions: Array) -> Array:
        """The Hessian times `directions` (total, k)."""
        return self.swept.products(directions)


class Form(Protocol):
    """A way to solve and to sweep. `chooses`: whether the right-hand side has a switch that unknowns move, if that is known.

    `loss_in_c`: whether the loss may be compiled; `end` (M,), the state at the end at the problem's own point, if known.
    """

    @property
    def name(self) -> str: ...
    @property
    def chooses(self) -> bool | None: ...
    @property
    def loss_in_c(self) -> bool: ...
    @property
    def end(self) -> Array | None: ...
    @property
    def slopes(self) -> Slopes | None: ...
    @property
    def sloped(self) -> Sloped | None: ...
    @property
    def functions(self) -> Any:
        """Those of events (`_event_functions`); `None` where there are none."""
        ...

    @property
    def with_events(self) -> Any:
        """A solve with events (`_with_events.Solved`), where there are `functions`."""
        ...

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Any:
        """A solve: what `_sizes.Visited` and `_depth.Seen` ask for, and `steps`. Raises `IntegrationError`."""
        ...

    def swept(self, path: Any, end: EndBlocks, p: Params) -> Swept:
        """The backward sweep over the steps of `path`."""
        ...

    def checkpoints(self, path: Any) -> int:
        """Steps between states from which stages are computed once more; zero where all stages were kept."""
        ...


class Linearised:
    """A function of `x` (total,) that gives a `Point`; with `products`, one without a Hessian."""

    def __init__(self, folded: Folded, form: Form, ivp: IVP, probes: int, products: bool, notice: str = "") -> None:
        problem = self.problem = folded.problem
        self.folded, self.form, self.whole = folded, form, not products
        self.data = None if problem.data is None else Observed(folded, form.loss_in_c, form.sloped)
        self.blocks, source = self.end_of(form)
        self.note, self.ties = f"{form.name}{f', loss blocks {source}' if source else ''}", Ties(problem)
        self.events = None if form.functions is None else WithEvents(folded, form.with_events, form.functions)
        attempt = form.attempt if self.events is None else self.events.attempt
        self.ivp, self.ends = ivp, self.step_ends(form, ivp, probes)
        self.solve, self.depth = Solver(ivp, probes, attempt, self._system), Depth(problem, ivp, form.chooses)
        own = problem.unpack(problem.x0)
        ends = self._ends(problem.x0, own[1])
        self.solve.prepare(*own, ends)
        self.depth.look(self.solve.known, self._clock(own[1]))
        if self.data is not None:
            self.data.prepare(self._tried(ends), ends)
            self.note += f", data at {self.data.times.size} times, their terms {self.data.source}"
        if self.events is not None:
            self.events.check(self._tried(ends), own[1])
            self.note += ", events"
        self.note += notice

    def __call__(self, x: Array) -> Point:
        y0, p = self.problem.unpack(x)
        ends = self._ends(x, p)
        path = self.solve(y0, p, ends)
        end = self.blocks(y0, path.y1, p)
        if self.data is not None:
            end.marked = self.data.marked(path, ends, y0, p)
            end.value += end.marked.value
        if self.events is not None:
            end.marked = self.events.marked(path, p, end.marked)
        swept = self.form.swept(path, end, p)
        hess = swept.hessian() if self.whole else None
        note, every = self.note, self.form.checkpoints(path)
        if every:
            note += f", checkpoints every {every} steps"
        note += self.ties.note(x, path.y1)
        said = tuple(self.said(x, y0, p, path))
        return Point(end.value, swept.grad, hess, swept, end, note, said, swept.gauss_newton)

    def end_of(self, form: Form) -> tuple[Any, str]:
        """The loss at the ends, with derivatives, and where they are from."""
        return self.folded.end(form.loss_in_c, form.end)

    def step_ends(self, form: Form, ivp: IVP, probes: int) -> Any:
        """Where steps have to end: `at(x)` gives the times in the direction of integration."""
        return StepEnds.of(self.problem, ivp.method, form.slopes)

    def said(self, x: Array, y0: Array, p: Params, path: Any) -> Sequence[str]:
        """Warnings of a solve."""
        return self.depth.warnings(x, path, path.steps, self._clock(p))

    def _ends(self, x: Array, p: Params) -> Array:
        """The times at which steps end at `x`, in the direction of integration."""
        ends = self.ends.at(x)
        if self.events is not None:
            ends = self.events.ends(ends, p)
        return ends if self.data is None else self.data.ends(ends, p)

    def _tried(self, ends: Array) -> Any:
        """A solve at the problem's own point; `None` where there is none."""
        try:
            return self.solve(*self.problem.unpack(self.problem.x0), ends)
        except IntegrationError:
            return None

    def _system(self, y0: Array, p: Params, ends: Array) -> System:
        return self.folded.slope(p), self.folded.t_span, self.folded.start(y0)

    def _clock(self, p: Params) -> Callable[[float], float]:
        return (lambda tau: self.folded.time(tau, p)) if self.folded.free else float
