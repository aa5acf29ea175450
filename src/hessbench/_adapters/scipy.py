"""A problem as the functions that `scipy.optimize.minimize` takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from .._plugins.conditions import Conditions
from .evaluations import Evaluations

SECOND = ("hess", "hessp")


class ScipyObjective:
    """`fun`, `jac`, `hess` and `hessp` of one problem, which share one evaluation for each `x`; see `as_scipy`.

    `x0` is the problem's own point; `evaluations` and `multiplications` count solves and directions. For one thread at a time.
    """

    def __init__(self, evaluations: Evaluations, second: str) -> None:
        self._evaluations = evaluations
        self._second = second

    @property
    def x0(self) -> Array:
        """The problem's own point (n,)."""
        return self._evaluations.x0

    @property
    def evaluations(self) -> int:
        """How many points were evaluated."""
        return self._evaluations.evaluations

    @property
    def multiplications(self) -> int:
        """How many products of the Hessian were computed without it."""
        return self._evaluations.multiplications

    def fun(self, x: Any) -> float:
        """The loss at `x` (n,)."""
        return (self._evaluations.whole if self._second == "hess" else self._evaluations.first)(x).value

    def jac(self, x: Any) -> Array:
        """The gradient (n,) at `x` (n,)."""
        return (self._evaluations.whole if self._second == "hess" else self._evaluations.first)(x).grad.copy()

    def hess(self, x: Any) -> Array:
        """The Hessian (n, n) at `x` (n,), symmetrised, since SciPy's methods rely on it.

        Raises `InvalidInput` where products were asked for.
        """
        if self._second != "hess":
            raise InvalidInput(
                'No matrix is formed after `as_scipy(..., second="hessp")`: pass `hessp`, or `second="hess"`.'
            )
        hess = self._evaluations.whole(x).hess
        assert hess is not None
        return (hess + hess.T) / 2

    def hessp(self, x: Any, p: Any) -> Array:
        """The Hessian at `x` times the direction `p` (n,): (n,)."""
        x, p = np.asarray(x), np.asarray(p, dtype=np.float64)
        if p.shape != self.x0.shape:
            raise InvalidInput(f"`p` has shape {p.shape}; expected {self.x0.shape}, that of `x`.")
        if self._second == "hess":
            return self.hess(x) @ p
        return self._evaluations.times(x, p[:, None])[:, 0]


def as_scipy(problem: Problem | Conditions, *, second: str = "hess", **options: Any) -> ScipyObjective:
    """`fun`, `jac`, `hess`, `hessp` and `x0` of a problem or of conditions for `scipy.optimize.minimize`.

    `second` says what every evaluation brings: `"hess"` value, gradient and Hessian (methods `trust-exact`, `dogleg`), of
    which `hessp` is a product; `"hessp"` value and gradient, and products as they are asked for, without a matrix, for many
    unknowns (`Newton-CG`, `trust-krylov`, and `L-BFGS-B`, which takes none). `options` are those of `hessbench.prepare`,
    or for `"hessp"` of `prepare_products`.
    Raises `InvalidInput` for another `second`; the functions raise what a prepared strategy does: a point whose solve fails
    ends the minimisation with `IntegrationError`.

    >>> import hessbench, scipy.optimize
    >>> f = hessbench.as_scipy(hessbench.problem("harmonic-oscillator"))
    >>> f.hess(f.x0).shape
    (4, 4)
    """
    if second not in SECOND:
        raise InvalidInput(f'`second` is {second!r}; expected "hess" or "hessp".')
    return ScipyObjective(Evaluations(problem, **options), second)
