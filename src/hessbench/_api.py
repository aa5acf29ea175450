"""The Hessian at one call: what users, the command line and the tests ask for."""

from __future__ import annotations

from typing import Any

from ._model.problem import Problem
from ._model.result import Result
from ._model.warnings import warn
from ._plugins.prepare import prepare
from ._plugins.strategy import Strategy
from ._storage.preparations import Preparations


def hessian(
    problem: Problem,
    x: Any = None,
    strategy: str | Strategy = "auto",
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
