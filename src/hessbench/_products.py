"""Products of the Hessian with directions, for as many unknowns as there may be: the Hessian itself is never formed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import backends
from ._derive.native import unseen
from ._errors import HessbenchError, InvalidInput, Unsupported
from ._hybrid.prepare import lift, multiplied
from ._integrate.ivp import IVP
from ._model.counters import Counters
from ._model.derivatives import Array
from ._model.problem import Problem
from ._model.warnings import all_finite, warn
from ._plugins.fit import fit
from ._plugins.prepare import automatic, resolve, smooth_run, tolerances, turns
from ._plugins.strategy import Strategy
from ._storage.preparations import Preparations


@dataclass(frozen=True, eq=False)
class HessianProducts:
    """`value`, `grad` (n,) and `products` (n, k): the Hessian times each direction; `warnings` as in `Result`."""

    value: float
    grad: Array
    products: Array
    counters: Counters = field(default_factory=Counters)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedProducts:
    """A strategy ready to multiply the Hessian of one problem. Call it with `x` (n,) or `None`, and directions (n, k).

    From as many threads at once as there are, as `Prepared`; it warns as that does, of each thing once.
    """

    problem: Problem
    strategy: Strategy
    ivp: IVP
    run: Callable[[Array, Array], tuple[Any, ...]]
    alone: Any = field(default_factory=nullcontext, compare=False, repr=False)
    warned: set[str] = field(default_factory=set, compare=False, repr=False)

    def __call__(self, x: Any, directions: Any) -> HessianProducts:
        """Value, gradient and products at `x`, with counters; `k = 0` directions give the gradient alone.

        Raises `InvalidInput` for a bad `x` or directions of the wrong shape, `IntegrationError` for a failed solve.
        """
        result = self.direct(x, directions)
        if result.warnings:
            warn(result, 2, self.warned)
        return result

    def direct(self, x: Any, directions: Any) -> HessianProducts:
        """The same, without a warning."""
        x = self.problem.check_x(x)
        try:
            d = np.array(directions, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidInput(f"`directions` must be numbers, got {directions!r}.") from None
        if d.ndim != 2 or d.shape[0] != x.size or not np.all(np.isfinite(d)):
            raise InvalidInput(
                f"`directions` has shape {d.shape}; expected ({x.size}, k), finite, one direction in each column. "
                f"Write a single vector v as v[:, None]."
            )
        counters = self.ivp.counters
        with self.alone:
            counters.reset()
            value, grad, products, *said = self.run(x, d)
            counted = counters.snapshot()
        if grad.shape != x.shape or products.shape != d.shape:
            raise HessbenchError(f"The strategy returned products of shape {products.shape}, expected {d.shape}.")
        warnings = (*(said[0] if said else ()), *unseen(self.problem))
        if not all_finite(float(value), grad, products):
            warnings = (*warnings, "the value, the gradient or a product is not finite")
        return HessianProducts(float(value), grad, products, counted, warnings)


def prepare_products(
    problem: Problem,
    strategy: str | Strategy = "auto",
    *,
    rtol: float = 1e-10,
    atol: float | None = None,
    method: str | None = None,
    max_steps: int = 100_000,
) -> PreparedProducts:
    """Trace and compile `strategy` for products of the Hessian of `problem` with directions.

    `rtol`, `atol`, `method` and `max_steps` are as in `prepare`.
    Raises `Unsupported` where the strategy offers none, or with its reason when it refuses the problem.
    """
    if not isinstance(problem, Problem):
        raise InvalidInput(
            f"`problem` is {type(problem).__name__}; expected a `Problem` (see `hessbench.problem(name)`)."
        )
    problem.validate()
    chosen, backend = resolve(automatic(problem, strategy, method)[0], preferred=problem.written_in)
    reason = fit(problem, chosen, backend).reason
    if reason is not None:
        raise Unsupported(reason)
    ivp = tolerances(chosen, problem.dim, rtol, atol, method, max_steps)
    lifted = lift(
        problem.counted(ivp.counters),
        ivp,
        lambda piece: smooth_run(piece, chosen, backend, ivp),
        takes_pieces=chosen.gives_products and chosen.limits.takes_pieces(problem),
    )
    if lifted is not None:
        return PreparedProducts(problem, chosen, ivp, multiplied(lifted), turns(chosen))
    reason = chosen.limits.lacking(problem)
    if reason is not None:
        raise Unsupported(reason)
    run = chosen.prepare_products(problem.counted(ivp.counters), backends.backend(backend), ivp)
    return PreparedProducts(problem, chosen, ivp, run, turns(chosen))


def products(
    problem: Problem, x: Any, directions: Any, strategy: str | Strategy = "auto", **options: Any
) -> HessianProducts:
    """Value, gradient and the Hessian's products with `directions` (n, k) at `x` (default, if `None`: the problem's own point).

    The cost of a product is a small multiple of that of the gradient, however many unknowns there are. `options` are those
    of `prepare_products`; for many points call that once. Warns (`HessbenchWarning`) of what the result's `warnings` say.

    >>> import hessbench, numpy as np
    >>> problem = hessbench.problem("harmonic-oscillator")
    >>> hessbench.products(problem, None, np.eye(4)[:, :1]).products.shape
    (4, 1)
    """
    result = _preparations.get(problem, strategy, options).direct(x, directions)
    if result.warnings:
        warn(result, 2)
    return result


_preparations = Preparations(prepare_products)
