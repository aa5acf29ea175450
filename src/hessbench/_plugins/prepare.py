"""From a problem and the name of a strategy to a call that costs only the Hessian."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from threading import RLock
from typing import Any

import numpy as np

from .. import backends
from .._derive.augment import Augmented
from .._derive.native import unseen
from .._errors import HessbenchError, InvalidInput, Unavailable, Unsupported
from .._hybrid.asis import AsIs
from .._hybrid.prepare import lift
from .._integrate.ivp import IVP
from .._model.counters import CountersOfThread
from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from .._model.warnings import remarkable, sentences, warn
from .batch import Batch, at_points
from .fisher import fisher
from .fit import fit
from .own_functions import mistake
from .registry import find, strategies
from .strategy import Strategy


@dataclass(frozen=True)
class Prepared:
    """A strategy ready to run on one problem. Call it with `x` (n,), or nothing for the problem's own point.

    Any number of threads may call it at once: in parallel where the strategy is `thread_safe`, else one after the other
    (`alone`). A call warns (`HessbenchWarning`) of what the result's `warnings` say, of each thing once; `quiet` never does.
    """

    problem: Problem
    strategy: Strategy
    backend: str
    ivp: IVP
    run: Callable[[Array], Result]
    augmentation: Augmented | None = None
    alone: Any = field(default_factory=nullcontext, compare=False, repr=False)
    warned: set[str] | None = field(default_factory=set, compare=False, repr=False)
    why: str = ""  # of a choice by "auto", for the note

    def __call__(self, x: Any = None) -> Result:
        """Value, gradient and Hessian at `x`, with counters.

        Raises `InvalidInput` for a bad `x`, `IntegrationError` for a failed solve, `HessbenchError` for a result of the
        wrong shape.
        """
        result = self.direct(self.problem.check_x(x))
        if result.warnings and self.warned is not None:
            warn(result, 2, self.warned)
        return result

    def batch(self, x: Any, workers: int | None = None) -> Batch:
        """Values, gradients and Hessians at the rows of `x` (B, n), by `workers` threads.

        Left out, one for each processor, or one where a Hessian takes less than 0.1 ms: threads would wait for one another.
        Every point gets what a call of its own gives, to the bit; strategies that are not `thread_safe` take one thread. A
        point that fails is in `Batch.failed`, costs no other point, and is warned of, as is whatever results warn of. Raises
        `InvalidInput` for points of the wrong shape, naming the row of one that the problem refuses.
        """
        out = at_points(self.direct, self.problem, x, workers, self.strategy.thread_safe)
        if out.warnings and self.warned is not None:
            warn(out, 2)
        return out

    def quiet(self) -> Prepared:
        """The same, for callers that read `Result.warnings` themselves."""
        return replace(self, warned=None)

    def direct(self, x: Array) -> Result:
        """The same for an `x` (n,) of float64 that is handed to the strategy as it is; it does not warn."""
        counters = self.ivp.counters
        with self.alone:
            counters.reset()
            try:
                result = self.bare(x)
            except Exception as error:
                if (known := mistake(error, self.problem)) is not None:
                    raise known from error
                raise
            counted = counters.snapshot()
        grad, hess = _real(result.grad), _real(result.hess)
        if not isinstance(result.value, float):
            _real(result.value)
        n = x.size
        if grad.shape != (n,) or hess.shape != (n, n):
            got = f"gradient {grad.shape} and Hessian {hess.shape}"
            raise HessbenchError(f"The strategy returned {got}, expected ({n},) and ({n}, {n}).")
        blocks = self.problem.blocks
        ignored: tuple[str, ...] = ()
        if np.count_nonzero(grad) < n:
            ignored = tuple(
                name for name, at in blocks.items() if not (np.count_nonzero(grad[at]) or np.count_nonzero(hess[at]))
            )
        note = "; ".join(part for part in (result.note, self.why) if part) if self.why else result.note
        if ignored:
            said = f"the loss does not depend on {' and '.join(ignored)}: gradient and Hessian there are zero"
            note = f"{note}; {said}" if note else said
        out = result.filled(
            value=float(result.value),
            grad=grad,
            hess=hess,
            counters=counted,
            note=note,
            blocks=blocks,
            shapes=self.problem.shapes,
            zero_blocks=ignored,
            x=x,
            logs=self.problem.logs,
            informed=self.informed(x),
        )
        out = replace(out, warnings=sentences(out, self.ivp)) if remarkable(out, self.ivp) else out
        return replace(out, warnings=(*out.warnings, *said)) if (said := unseen(self.problem)) else out

    def informed(self, x: Array) -> Callable[[], Array] | None:
        """What computes the expected Fisher information at `x` (n,); `None` where no likelihood is declared."""
        data = self.problem.data
        if data is None or data.likelihood is None:
            return None
        return partial(fisher, self.problem, x.copy(), self.ivp, self.again)

    def again(self, problem: Problem, x: Array) -> Result:
        """Another problem by the same strategy, prepared and run once at `x` (n,)."""
        ivp = self.ivp
        atol = None if ivp.by_component else ivp.atol
        made = prepare(
            problem,
            self.strategy,
            backend=self.backend,
            rtol=ivp.rtol,
            atol=atol,
            method=ivp.method,
            max_steps=ivp.max_steps,
        )
        return made.direct(x)

    def bare(self, x: Array) -> Result:
        """What the strategy returns at `x` (n,), unchecked and uncounted; `alone` is for the caller to hold."""
        if self.augmentation is None:
            return self.run(x)
        return self.augmentation.pulled_back(self.run(self.augmentation.start(x)))


def _real(part: Any) -> Array:
    """`part` in double precision. Raises `HessbenchError` for complex numbers, whose imaginary part would be lost."""
    if type(part) is np.ndarray and part.dtype == np.float64:
        return part
    array = np.asarray(part)
    if array.dtype.kind == "c":
        raise HessbenchError(
            "The strategy returned complex numbers, expected real ones: take `.real` where the rest is rounding."
        )
    return np.asarray(array, dtype=np.float64)


def resolve(strategy: str | Strategy, backend: str | None = None, preferred: str | None = None) -> tuple[Strategy, str]:
    """A strategy by name (`name`, `name/variant`, `name@backend`) or instance, and the backend it is to run on.

    Without a backend the `preferred` one is taken if the strategy runs on it, else the first that is installed.
    Raises `InvalidInput` or `Unavailable`.
    """
    if isinstance(strategy, str):
        name, _, suffix = strategy.partition("@")
        backend = backend or suffix or None
        strategy = find(strategies(), name, "strategy").load()
        assert isinstance(strategy, Strategy)
    if backend is not None and backend not in strategy.backends:
        raise InvalidInput(f"{type(strategy).__name__} runs on {', '.join(strategy.backends)}, not on {backend!r}.")
    missing = [package for package in strategy.packages if find_spec(package) is None]
    if missing:
        raise Unavailable(f"{type(strategy).__name__} needs {', '.join(missing)}: pip install {' '.join(missing)}")
    if (lacking := strategy.missing()) is not None:
        raise Unavailable(f"{type(strategy).__name__} needs {lacking}")
    for choice in [backend] if backend else sorted(strategy.backends, key=lambda name: name != preferred):
        if backends.available(choice):
            return strategy, choice
    wanted = backend or strategy.backends[0]
    raise Unavailable(f"{type(strategy).__name__} needs `{wanted}`: {backends.remedy(wanted)}")


def prepare(
    problem: Problem,
    strategy: str | Strategy = "auto",
    *,
    backend: str | None = None,
    rtol: float = 1e-10,
    atol: float | None = None,
    method: str | None = None,
    max_steps: int = 100_000,
) -> Prepared:
    """Trace and compile `strategy` for `problem`, so that calls cost only the Hessian.

    "auto" is `implicit-adjoint` where a trial solve is stiff, else `discrete-adjoint`; the note says why. A `method` that is
    named is obeyed, or refused by strategies that do not have it; left out, it is the strategy's own (DOP853, or Radau for
    `implicit-adjoint`).

    `atol` left out is `rtol`, or, for strategies that scale by component (`discrete-adjoint`), `rtol` times the size of each
    component along the solution. Parameters, times and a running loss that the strategy does not handle by itself are
    carried as states (`augmented`), which the result's note says. `backend` names the framework of strategies that have
    several; a solve of more than `max_steps` steps fails.
    Raises `Unsupported` with the strategy's reason when it refuses the problem, and `InvalidInput` with the line of the user's
    code for a mistake there that is known.
    """
    if not isinstance(problem, Problem):
        raise InvalidInput(
            f"`problem` is {type(problem).__name__}; expected a `Problem` (see `hessbench.problem(name)`)."
        )
    problem.validate()
    try:
        return _prepared(problem, strategy, backend, rtol, atol, method, max_steps)
    except Exception as error:
        if (known := mistake(error, problem)) is not None:
            raise known from error
        raise


def _prepared(
    problem: Problem,
    strategy: str | Strategy,
    backend: str | None,
    rtol: float,
    atol: float | None,
    method: str | None,
    max_steps: int,
) -> Prepared:
    """The same for a problem that is valid, with the exceptions as they come."""
    strategy, why = automatic(problem, strategy, method)
    chosen, backend_name = resolve(strategy, backend, problem.written_in)
    ivp = tolerances(chosen, problem.dim, rtol, atol, method, max_steps)
    reason = fit(problem, chosen, backend_name).reason
    if reason is not None:
        raise Unsupported(reason)
    counted = problem.counted(ivp.counters)
    lifted = lift(
        counted,
        ivp,
        lambda piece: smooth_run(piece, chosen, backend_name, ivp),
        isinstance(chosen, AsIs),
        chosen.limits.takes_pieces(problem),
    )
    if lifted is not None:
        return Prepared(problem, chosen, backend_name, ivp, lifted, None, turns(chosen), why=why)
    run, augmentation = fitted(counted, chosen, backend_name, ivp)
    return Prepared(problem, chosen, backend_name, ivp, run, augmentation, turns(chosen), why=why)


def fitted(
    counted: Problem, chosen: Strategy, backend: str, ivp: IVP
) -> tuple[Callable[[Array], Result], Augmented | None]:
    """The strategy for a smooth problem, which is augmented where that is needed. Raises `Unsupported`."""
    found = fit(counted, chosen, backend)
    if found.reason is not None:
        raise Unsupported(found.reason)
    return chosen.prepare(found.problem, backends.backend(backend), ivp), found.augmentation


def smooth_run(problem: Problem, chosen: Strategy, backend: str, ivp: IVP) -> Callable[[Array], Result]:
    """The strategy for a smooth problem as a function of its decision vector."""
    run, augmentation = fitted(problem, chosen, backend, ivp)
    if augmentation is None:
        return run
    return lambda x: augmentation.pulled_back(run(augmentation.start(x)))


def automatic(problem: Problem, strategy: str | Strategy, method: str | None) -> tuple[str | Strategy, str]:
    """What `strategy` stands for on `problem` if it is "auto", and why, for a note; else `strategy` and nothing."""
    if strategy != "auto":
        return strategy, ""
    from ..implicit.choice import chosen

    if method is not None:
        IVP(method, 1e-6, 1e-6)  # raises for a name that no method has
    choice = chosen(problem, method)
    return choice.strategy, choice.why


def tolerances(
    strategy: Strategy, dim: int, rtol: float, atol: float | None, method: str | None, max_steps: int
) -> IVP:
    """How `strategy` is to integrate `dim` states: what is left out is as it declares. Counts for each thread."""
    by_component = atol is None and strategy.scales_by_component
    method = method or strategy.default_method
    return IVP(method, rtol, rtol if atol is None else atol, max_steps, dim, by_component, CountersOfThread())


def turns(strategy: Strategy) -> AbstractContextManager[Any]:
    """What a call of `strategy` waits for: nothing, or other threads."""
    return nullcontext() if strategy.thread_safe else RLock()
