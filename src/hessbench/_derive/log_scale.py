"""Parameters on a logarithmic scale: the same problem, by the logarithms of some of its parameters.

With `k = exp(u)`, gradients and Hessians by `u` are `k g` and `k_i H_ij k_j + delta_ij k_i g_i`. Nothing of that is written
here: the functions of the problem read `exp(u)` where they read `k`, and every strategy differentiates that with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.data import Data
from .._model.derivatives import Derivatives
from .._model.events import Event
from .._model.problem import Problem

PREFIX = "log_"


class Natural(Mapping[str, Any]):
    """Parameters in which a name of `names` is the exponential of `log_name`; no other is touched before it is read."""

    def __init__(self, xp: Any, p: Mapping[str, Any], names: tuple[str, ...]) -> None:
        self.xp, self.p, self.logs = xp, p, {name: PREFIX + name for name in names}

    def __getitem__(self, name: str) -> Any:
        if name in self.logs.values():
            raise KeyError(name)
        return self.xp.exp(self.p[self.logs[name]]) if name in self.logs else self.p[name]

    def __iter__(self) -> Iterator[str]:
        back = {log: name for name, log in self.logs.items()}
        return (back.get(name, name) for name in self.p)

    def __len__(self) -> int:
        return len(self.p)

    def copy(self) -> dict[str, Any]:
        """As of a dictionary."""
        return dict(self)


def on_log_scale(problem: Problem, *names: str) -> Problem:
    """`problem` by `log_k`, the natural logarithm of each entry of the parameter `k`, in place of `k`, for `names`.

    Without names, all parameters in `wrt`. They keep their places in the decision vector; the right-hand side, the loss, data
    and events are the user's own. The size of a logarithm is 1, which is a factor of e; sizes that were declared are dropped.
    Derivatives that are hand-written stay, unless they are by these parameters.
    Raises `InvalidInput` for a name that is not a parameter in `wrt`, or a value that is not positive.

    >>> import hessbench
    >>> problem = hessbench.on_log_scale(hessbench.problem("sir"), "beta")
    >>> problem.wrt
    ('log_beta', 'gamma')
    """
    names = names or problem.varied
    if not names:
        raise InvalidInput(f"problem {problem.name!r} has no parameter in `wrt`, which is {problem.wrt}.")
    for name in names:
        if name not in problem.varied:
            raise InvalidInput(
                f"problem {problem.name!r}: {name!r} is not a parameter in `wrt`; there are {', '.join(problem.varied)}."
            )
        if not np.all(problem.params[name] > 0):
            value = problem.params[name]
            raise InvalidInput(
                f"problem {problem.name!r}: {name!r} is {value}, which has no logarithm; leave it out of the names."
            )
        if PREFIX + name in problem.params:
            raise InvalidInput(f"problem {problem.name!r} has a parameter {PREFIX + name!r} already; rename it.")

    def over(function: Callable[..., Any] | None, at: int, xp: int | None = 0) -> Any:
        """`function`, whose argument `at` is `p`, and whose argument `xp` is the namespace (NumPy without one)."""
        if function is None:
            return None

        def natural(*args: Any) -> Any:
            args = list(args)  # type: ignore[assignment]
            args[at] = Natural(np if xp is None else args[xp], args[at], names)  # type: ignore[index]
            return function(*args)

        return natural

    logs = {name: PREFIX + name for name in names}
    scale = {key: value for key, value in problem.scale.items() if key not in logs}
    wrt = tuple(logs.get(key, key) for key in problem.wrt)
    inside = np.concatenate([np.full(at.stop - at.start, key in logs) for key, at in problem.blocks.items()])

    def natural(x: Any) -> Any:
        return np.where(inside, np.exp(np.where(inside, x, 0.0)), x)

    def exact(x: Any) -> Any:
        k = natural(x)
        found = None if problem.exact is None else problem.exact(k)
        if found is None:
            return None
        value, grad, hess = found
        by = np.where(inside, k, 1.0)
        return value, by * grad, by[:, None] * hess * by + np.diag(np.where(inside, k * grad, 0.0))

    def logarithms(x: Any) -> Any:
        return np.where(inside, np.log(np.where(inside, x, 1.0)), x)

    off = problem.perturbed
    if off is not None and np.any(off[inside] <= 0):
        off = None
    return replace(
        problem,
        rhs=over(problem.rhs, 3),
        loss=over(problem.loss, 3),
        running_loss=over(problem.running_loss, 3),
        params={logs.get(key, key): np.log(v) if key in logs else v for key, v in problem.params.items()},
        wrt=wrt,
        derivatives=_derivatives(problem.derivatives, over),
        loss_blocks=over(problem.loss_blocks, 2, None),
        exact=None if problem.exact is None else exact,
        overrides={key: over(function, 3) for key, function in problem.overrides.items()},
        perturbed=None if off is None else logarithms(off),
        scale={**scale, **dict.fromkeys(logs.values(), 1.0)},
        data=_data(problem.data, over),
        events=[_event(event, names, over) for event in problem.events],
        logs={**problem.logs, **{log: name for name, log in logs.items()}},
    )


def _derivatives(given: Derivatives | None, over: Callable[..., Any]) -> Derivatives | None:
    if given is None:
        return None
    return replace(
        given,
        vjp=over(given.vjp, 3, None),
        jac=over(given.jac, 2, None),
        vhp=over(given.vhp, 3, None),
        jac_values=over(given.jac_values, 2, None),
        vhp_values=over(given.vhp_values, 3, None),
        quadratic=over(given.quadratic, 0, None),
        joint=None,
    )


def _data(data: Data | None, over: Callable[..., Any]) -> Data | None:
    if data is None:
        return None
    if data.likelihood is not None:
        return replace(data, likelihood=data.likelihood.over(lambda f: over(f, 3)), loss=None)
    return replace(data, loss=over(data.loss, 4), residual=over(data.residual, 4))


def _event(event: Event, names: tuple[str, ...], over: Callable[..., Any]) -> Event:
    at = event.at
    if isinstance(at, str) and at in names:
        key = at

        def times(xp: Any, p: Any) -> Any:
            return xp.reshape(p[key], (-1,))

        at = over(times, 1)
    elif callable(at):
        at = over(at, 1)
    return replace(event, at=at, when=over(event.when, 3), jump=over(event.jump, 3))
