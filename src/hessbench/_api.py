"""From names to a Hessian: what the command line, the benchmarks, the tests and users call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from threading import RLock
from typing import Any

import numpy as np

from . import backends
from ._derive.augment import Augmented, augmented
from ._errors import HessbenchError, InvalidInput, Unavailable, Unsupported
from ._integrate.ivp import IVP
from ._model.counters import CountersOfThread
from ._model.derivatives import Array
from ._model.problem import Problem
from ._model.warnings import remarkable, sentences, warn
from ._plugins.registry import find, strategies
from ._plugins.strategy import Result, Strategy
from ._storage.preparations import Preparations


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

    def __call__(self, x: Any = None) -> Result:
        """Value, gradient and Hessian at `x`, with counters.

        Raises `InvalidInput` for a bad `x`, `IntegrationError` for a failed solve, `HessbenchError` for a result of the
        wrong shape.
        """
        result = self.direct(self.problem.check_x(x))
        if result.warnings and self.warned is not None:
            warn(result, 2, self.warned)
        return result

    def quiet(self) -> Prepared:
        """The same, for callers that read `Result.warnings` themselves."""
        return replace(self, warned=None)

    def direct(self, x: Array) -> Result:
        """The same for an `x` (n,) of float64 that is handed to the strategy as it is; it does not warn."""
        counters = self.ivp.counters
        with self.alone:
            counters.reset()
            if self.augmentation is None:
                result = self.run(x)
            else:
                result = self.augmentation.pulled_back(self.run(self.augmentation.start(x)))
            counted = counters.snapshot()
        grad, hess = _real(result.grad), _real(result.hess)
        if not isinstance(result.value, float):
            _real(result.value)
        n = x.size
        if grad.shape != (n,) or hess.shape != (n, n):
            got = f"gradient {grad.shape} and Hessian {hess.shape}"
            raise HessbenchError(f"The strategy returned {got}, expected ({n},) and ({n}, {n}).")
        blocks = self.problem.blocks
        ignored = tuple(
            name for name, at in blocks.items() if not (np.count_nonzero(grad[at]) or np.count_nonzero(hess[at]))
        )
        note = result.note
        if ignored:
            said = f"the loss does not depend on {' and '.join(ignored)}: gradient and Hessian there are zero"
            note = f"{note}; {said}" if note else said
        out = Result(
            float(result.value),
            grad,
            hess,
            counted,
            note,
            blocks,
            self.problem.shapes,
            ignored,
            result.warnings,
            result.error,
        )
        return replace(out, warnings=sentences(out, self.ivp)) if remarkable(out, self.ivp) else out


def _real(part: Any) -> Array:
    """`part` in double precision. Raises `HessbenchError` for complex numbers, whose imaginary part would be lost."""
    array = np.asarray(part)
    if array.dtype.kind == "c":
        raise HessbenchError(
            "The strategy returned complex numbers, expected real ones: take `.real` where the rest is rounding."
        )
    return np.asarray(array, dtype=np.float64)


def resolve(strategy: str | Strategy, backend: str | None = None) -> tuple[Strategy, str]:
    """A strategy by name (`name`, `name/variant`, `name@backend`) or instance, and the backend it is to run on.

    Without a backend the first one that is installed is taken. Raises `InvalidInput` or `Unavailable`.
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
    for choice in [backend] if backend else strategy.backends:
        if backends.available(choice):
            return strategy, choice
    wanted = backend or strategy.backends[0]
    raise Unavailable(f"{type(strategy).__name__} needs `{wanted}`: pip install 'hessbench[{wanted}]'")


def prepare(
    problem: Problem,
    strategy: str | Strategy = "discrete-adjoint",
    *,
    backend: str | None = None,
    rtol: float = 1e-10,
    atol: float | None = None,
    method: str = "DOP853",
    max_steps: int = 100_000,
) -> Prepared:
    """Trace and compile `strategy` for `problem`, so that calls cost only the Hessian.

    `atol` left out is `rtol`, or, for strategies that scale by component (`discrete-adjoint`), `rtol` times the size of each
    component along the solution. Parameters, times and a running loss that the strategy does not handle by itself are
    carried as states (`augmented`), which the result's note says.
    Raises `Unsupported` with the strategy's reason when it refuses the problem.
    """
    if not isinstance(problem, Problem):
        raise InvalidInput(
            f"`problem` is {type(problem).__name__}; expected a `Problem` (see `hessbench.problem(name)`)."
        )
    chosen, backend_name = resolve(strategy, backend)
    problem.validate()
    ivp = tolerances(chosen, problem.dim, rtol, atol, method, max_steps)
    reason, counted, augmentation = chosen.why_not(problem), problem.counted(ivp.counters), None
    if reason is None and chosen.limits.lacking(problem) is not None:
        augmentation = augmented(counted)
        counted = augmentation.problem
        reason = chosen.why_not(counted)
    if reason is not None:
        raise Unsupported(reason)
    run = chosen.prepare(counted, backends.backend(backend_name), ivp)
    return Prepared(problem, chosen, backend_name, ivp, run, augmentation, turns(chosen))


def tolerances(strategy: Strategy, dim: int, rtol: float, atol: float | None, method: str, max_steps: int) -> IVP:
    """How `strategy` is to integrate `dim` states: with `atol` left out as the strategy declares. Counts for each thread."""
    by_component = atol is None and strategy.scales_by_component
    return IVP(method, rtol, rtol if atol is None else atol, max_steps, dim, by_component, CountersOfThread())


def turns(strategy: Strategy) -> AbstractContextManager[Any]:
    """What a call of `strategy` waits for: nothing, or other threads."""
    return nullcontext() if strategy.thread_safe else RLock()


def hessian(
    problem: Problem,
    x: Any = None,
    strategy: str | Strategy = "discrete-adjoint",
    *,
    verify: bool = False,
    **options: Any,
) -> Result:
    """Value, gradient and Hessian of the problem's loss at `x` (default: the problem's own point).

    `options` are those of `prepare`: `backend`, `rtol`, `atol`, `method`, `max_steps`. The latest preparations are kept, and
    used again as long as nothing that the problem's functions reach has changed. With `verify`, which takes up to four times as
    long, `error` of the result estimates the Hessian's relative error (see `hessbench._judging.verify`), and it is a warning
    where that is more than a hundred times `rtol`.
    Warns (`HessbenchWarning`) of whatever the result's `warnings` say. Raises what `prepare` and `Prepared` raise.

    >>> import hessbench
    >>> result = hessbench.hessian(hessbench.problem("harmonic-oscillator"), rtol=1e-10)
    >>> result.hess.shape
    (4, 4)
    """
    if verify:
        from ._judging.verify import verifiers

        result = verifiers.get(problem, strategy, options)(problem.check_x(x))
    else:
        result = _preparations.get(problem, strategy, options).direct(problem.check_x(x))
    if result.warnings:
        warn(result, 2)
    return result


_preparations = Preparations(prepare)
