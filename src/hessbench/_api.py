"""From names to a Hessian: what the command line, the benchmarks, the tests and users call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from . import backends
from ._augment import Augmented, augmented
from ._derivatives import Array
from ._errors import HessbenchError, InvalidInput, Unavailable, Unsupported
from ._ivp import IVP
from ._problem import Problem
from ._registry import find, strategies
from ._strategy import Result, Strategy


@dataclass(frozen=True)
class Prepared:
    """A strategy ready to run on one problem. Call it with `x` (n,), or nothing for the problem's own point."""

    problem: Problem
    strategy: Strategy
    backend: str
    ivp: IVP
    run: Callable[[Array], Result]
    augmentation: Augmented | None = None

    def __call__(self, x: Any = None) -> Result:
        """Value, gradient and Hessian at `x`, with counters.

        Raises `InvalidInput` for a bad `x`, `IntegrationError` for a failed solve, `HessbenchError` for a result of the
        wrong shape.
        """
        return self.direct(self.problem.check_x(x))

    def direct(self, x: Array) -> Result:
        """The same for an `x` (n,) of float64 that is handed to the strategy as it is."""
        counters = self.ivp.counters
        counters.reset()
        if self.augmentation is None:
            result = self.run(x)
        else:
            result = self.augmentation.pulled_back(self.run(self.augmentation.start(x)))
        if any(np.iscomplexobj(part) for part in (result.value, result.grad, result.hess)):
            raise HessbenchError(
                "The strategy returned complex numbers, expected real ones: take `.real` where the rest is rounding."
            )
        grad, hess = (np.asarray(a, dtype=np.float64) for a in (result.grad, result.hess))
        n = x.size
        if grad.shape != (n,) or hess.shape != (n, n):
            got = f"gradient {grad.shape} and Hessian {hess.shape}"
            raise HessbenchError(f"The strategy returned {got}, expected ({n},) and ({n}, {n}).")
        blocks = self.problem.blocks
        ignored = tuple(name for name, at in blocks.items() if not (grad[at].any() or hess[at].any()))
        note = result.note
        if ignored:
            said = f"the loss does not depend on {' and '.join(ignored)}: gradient and Hessian there are zero"
            note = f"{note}; {said}" if note else said
        return replace(
            result,
            value=float(result.value),
            grad=grad,
            hess=hess,
            counters=counters.snapshot(),
            note=note,
            blocks=blocks,
            shapes=self.problem.shapes,
            zero_blocks=ignored,
        )


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

    `atol` is `rtol` unless given. Parameters, times and a running loss that the strategy does not handle by itself are
    carried as states (`augmented`), which the result's note says.
    Raises `Unsupported` with the strategy's reason when it refuses the problem.
    """
    if not isinstance(problem, Problem):
        raise InvalidInput(
            f"`problem` is {type(problem).__name__}; expected a `Problem` (see `hessbench.problem(name)`)."
        )
    chosen, backend_name = resolve(strategy, backend)
    problem.validate()
    ivp = IVP(method, rtol, rtol if atol is None else atol, max_steps, dim=problem.dim)
    reason, counted, augmentation = chosen.why_not(problem), problem.counted(ivp.counters), None
    if reason is None and chosen.limits.lacking(problem) is not None:
        augmentation = augmented(counted)
        counted = augmentation.problem
        reason = chosen.why_not(counted)
    if reason is not None:
        raise Unsupported(reason)
    run = chosen.prepare(counted, backends.backend(backend_name), ivp)
    return Prepared(problem, chosen, backend_name, ivp, run, augmentation)


def hessian(problem: Problem, x: Any = None, strategy: str | Strategy = "discrete-adjoint", **options: Any) -> Result:
    """Value, gradient and Hessian of the problem's loss at `x` (default: the problem's own point).

    `options` are those of `prepare`: `backend`, `rtol`, `atol`, `method`, `max_steps`. For many points call `prepare` once.

    >>> import hessbench
    >>> result = hessbench.hessian(hessbench.problem("harmonic-oscillator"), rtol=1e-10)
    >>> result.hess.shape
    (4, 4)
    """
    return prepare(problem, strategy, **options)(x)
