"""The one strategy interface: a way of computing value, gradient and Hessian of a loss through an ODE."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .._errors import Unsupported
from .._model.derivatives import Array
from .._model.given import TIMES
from .._model.result import Result

if TYPE_CHECKING:
    from .._integrate.ivp import IVP
    from .._model.problem import Problem
    from ..backends import Backend

Vector = Array


@dataclass(frozen=True)
class Limits:
    """What a strategy can not do, as data; `refusal` turns it into the sentence that is shown everywhere.

    `parameters`, `running_loss` and `times` say which parts of the generic form the strategy computes by itself. The others
    the harness carries as states of an augmented problem (`hessbench.augmented`), to which the other limits then apply,
    unless `augmentation` is False.

    `data` says that a problem with data at many times arrives as it is: the strategy adds their terms to the loss and fills in
    `Result.gauss_newton`. `doses` says so of events at known times, also at those that parameters move, and `events` of all
    events, unless the problem ends at one. For all others the harness goes over the pieces between.

    `records` says that it needs the operations of the right-hand side, so that one of torch or JAX alone is refused.
    """

    max_dim: int | None = None
    autonomous_only: bool = False
    y1_loss_only: bool = False
    needs_derivatives: bool = False
    reversible_only: bool = False
    parameters: bool = False
    running_loss: bool = False
    times: bool = False
    augmentation: bool = True
    data: bool = False
    doses: bool = False
    events: bool = False
    records: bool = False

    def takes_pieces(self, problem: Problem) -> bool:
        """Whether the strategy is handed the data and events of `problem` as they are."""
        data = self.data or problem.data is None
        known = self.doses and all(event.when is None for event in problem.events)
        events = not problem.events or known or (self.events and not any(event.terminal for event in problem.events))
        return data and events and self.lacking(problem) is None

    def lacking(self, problem: Problem) -> str | None:
        """What the strategy can not do by itself of the problem's generic form, one sentence; `None` if it does all."""
        beyond = [key for key in problem.varied if not self.parameters]
        beyond += [key for key in problem.wrt if key in TIMES and not self.times]
        if beyond:
            return (
                f"It does not differentiate by {', '.join(beyond)}, and this problem asks for {', '.join(problem.wrt)}."
            )
        if not self.running_loss and problem.running_loss is not None:
            return "It has no running loss, and this problem has one."
        return None

    def refusal(self, problem: Problem) -> str | None:
        """The first reason against `problem`, one sentence; `None` if there is none."""
        lacking = self.lacking(problem)
        if lacking is not None and not self.augmentation:
            return lacking
        if self.max_dim is not None:
            dim, carried = (problem.dim, "") if lacking is None else (problem.carried_dim, " with what is carried")
            if dim > self.max_dim:
                return f"It is limited to {self.max_dim} states, and this problem has {dim}{carried}."
        if self.autonomous_only and not problem.autonomous:
            return "It needs a right-hand side that is declared `autonomous=True`, and this one is not."
        if self.y1_loss_only and problem.loss_uses_y0:
            return "It needs a loss that is declared `loss_uses_y0=False`, one of the final state alone, and this one is not."
        if self.needs_derivatives and problem.derivatives is None:
            return "It needs hand-written derivatives, and this problem has none."
        if self.reversible_only and problem.dissipative:
            return "It integrates the state backward in time, which diverges on this dissipative problem."
        return None


@dataclass(frozen=True)
class Accuracy:
    """The scaled error (`docs/gate.md`) that a strategy promises: at most `max(factor * rtol^power, floor)`, and `CAP`.

    It holds for every entry of value, gradient and Hessian, each on the scale of its own row and column. The default
    allows three digits less than the tolerance of the solver, which long and chaotic problems need.
    """

    factor: float = 1e3
    power: float = 1.0
    floor: float = 1e-9

    CAP: ClassVar[float] = 3e-3

    def threshold(self, rtol: float) -> float:
        """The largest scaled error that counts as `ok` at tolerance `rtol`."""
        return min(self.CAP, max(self.factor * rtol**self.power, self.floor))


class Strategy(ABC):
    """One way of computing a Hessian. Subclass it in a file of its own; `strategies/finite_difference.py` is an example.

    A subclass is a frozen dataclass whose fields are its options, each with a default. `variants` names combinations of
    options that are listed beside the plain strategy, as `name/variant`; the key `""` is the plain one.

    The law that `hessbench check` tests: with `run = prepare(problem, backend, ivp)`, `run(x)` returns the value, gradient
    and Hessian at `x` within `accuracy`, does not change `x`, and returns the same again when called again.

    `thread_safe` says that several threads may be in `run` at once: nothing that a call writes is shared, `ivp.counters`
    apart, of which each thread has its own. Calls of other strategies take turns.
    """

    backends: ClassVar[tuple[str, ...]] = ("numpy",)
    packages: ClassVar[tuple[str, ...]] = ()  # modules it imports beside the backend's own
    limits: ClassVar[Limits] = Limits()
    accuracy: ClassVar[Accuracy] = Accuracy()
    scales_by_component: ClassVar[bool] = (
        False  # with `atol` left out, whether errors are measured component by component
    )
    default_method: ClassVar[str] = "DOP853"  # of adaptive solves, where none is named
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"": {}}
    thread_safe: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, problem: Problem, backend: Backend, ivp: IVP) -> Callable[[Vector], Result]:
        """Trace and compile here; what this returns is what is timed.

        `ivp.solve` integrates and counts; `backend` differentiates; `problem.derivatives` are the hand-written ones. What
        `limits` does not cover of the generic form does not arrive here: `problem` is then the augmented one.
        """

    def prepare_products(
        self, problem: Problem, backend: Backend, ivp: IVP
    ) -> Callable[[Vector, Array], tuple[Any, ...]]:
        """Optional: `run(x, directions)` -> value, gradient (n,) and the Hessian's products (n, k) with directions (n, k).

        A fourth value may hold sentences, as `Result.warnings` does.
        """
        raise Unsupported(
            f"{type(self).__name__} gives no products of the Hessian without the Hessian; `discrete-adjoint` does."
        )

    @property
    def gives_products(self) -> bool:
        """Whether `prepare_products` is there."""
        return type(self).prepare_products is not Strategy.prepare_products

    def missing(self) -> str | None:
        """Optional: what the strategy needs beside `packages` and is not here, such as a C library; `None` if it can run."""
        return None

    def why_not(self, problem: Problem) -> str | None:
        """One sentence that says why this strategy refuses `problem`, or `None`.

        An override may narrow `limits`, not what they say about the generic form: the harness asks `limits` for that.
        """
        return self.limits.refusal(problem)
