"""Value, gradient, Hessian and its products at the latest point, each computed once: what all adapters stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.given import vector
from .._model.problem import Problem
from .._plugins.conditions import Conditions, named
from .._plugins.prepare import prepare
from .._products import prepare_products


@dataclass(frozen=True)
class At:
    """What is known at `x` (n,): value, gradient (n,), and the Hessian (n, n) if it was formed."""

    x: Array
    value: float
    grad: Array
    hess: Array | None = None


class Evaluations:
    """A `Problem` or `Conditions` at one point after another; `evaluations` counts the points, `multiplications` the products.

    `options` are those of `hessbench.prepare` or `prepare_products`, whichever is used.
    Nothing is prepared before it is needed. A call at the point of the one before gets what that has found;
    points are compared by their numbers, not by identity, and what is kept is a read-only copy.
    """

    def __init__(self, problem: Problem | Conditions, **options: Any) -> None:
        if not isinstance(problem, Problem | Conditions):
            raise InvalidInput(f"`problem` is {type(problem).__name__}; expected a `Problem` or `Conditions`.")
        self.problem = problem
        self.options = options
        self.evaluations = 0
        self.multiplications = 0
        self._kept: At | None = None

    @property
    def x0(self) -> Array:
        """The problem's own point (n,), a copy."""
        return self.problem.x0.copy()

    def whole(self, x: Any) -> At:
        """Value, gradient and Hessian at `x`."""
        return self._at(x, lambda point: point.hess is not None, self._by_hessian)

    def first(self, x: Any) -> At:
        """Value and gradient at `x`, by products of no directions: no Hessian is formed."""
        return self._at(x, lambda point: True, self._by_products)

    def times(self, x: Any, directions: Array) -> Array:
        """The Hessian at `x` times directions (n, k), by products, with value and gradient on the way."""
        x = self._checked(x)
        value, grad, products = self._products(x, directions)
        self.multiplications += directions.shape[1]
        if self._kept_at(x) is None:
            self._keep(At(x, value, grad))
        return products

    def _at(self, x: Any, enough: Callable[[At], bool], find: Callable[[Array], At]) -> At:
        x = self._checked(x)
        kept = self._kept_at(x)
        return kept if kept is not None and enough(kept) else self._keep(find(x))

    def _kept_at(self, x: Array) -> At | None:
        """What is known, if that is at `x`."""
        return self._kept if self._kept is not None and np.array_equal(self._kept.x, x) else None

    def _keep(self, found: At) -> At:
        for part in (found.x, found.grad, found.hess):
            if part is not None:
                part.setflags(write=False)
        self.evaluations += 1
        self._kept = found
        return found

    def _checked(self, x: Any) -> Array:
        """A copy of `x`, which its owner may change in place."""
        if isinstance(self.problem, Problem):
            return self.problem.check_x(np.asarray(x))
        return np.array(vector("conditions", "x", x, self.problem.x0.size))

    def _by_hessian(self, x: Array) -> At:
        result = self._hessian(x)
        return At(x, result.value, np.array(result.grad), np.array(result.hess))

    def _by_products(self, x: Array) -> At:
        value, grad, _ = self._products(x, np.zeros((x.size, 0)))
        return At(x, value, grad)

    @cached_property
    def _hessian(self) -> Callable[[Array], Any]:
        if isinstance(self.problem, Conditions):
            return self.problem.prepare(**self.options)
        return prepare(self.problem, **self.options)

    @cached_property
    def _products(self) -> Callable[[Array, Array], tuple[float, Array, Array]]:
        """Value, gradient (n,) and products (n, k)."""
        if isinstance(self.problem, Conditions):
            return summed_products(self.problem, **self.options)
        run = prepare_products(self.problem, **self.options)

        def multiplied(x: Array, directions: Array) -> tuple[float, Array, Array]:
            found = run(x, directions)
            return found.value, np.array(found.grad), np.array(found.products)

        return multiplied


@dataclass(frozen=True, eq=False)
class Remade:
    """`call`, which is made anew by `make(problem, **options)` where it is loaded from a pickle."""

    call: Callable[[Any], Any]
    make: Callable[..., Any]
    problem: Problem | Conditions
    options: Mapping[str, Any]

    def __call__(self, x: Any) -> Any:
        """The loss at `x` (n,)."""
        return self.call(x)

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (self.make, self.problem, dict(self.options))


def _remade(make: Callable[..., Any], problem: Problem | Conditions, options: dict[str, Any]) -> Any:
    return make(problem, **options)


def summed_products(conditions: Conditions, **options: Any) -> Callable[[Array, Array], tuple[float, Array, Array]]:
    """`H V = sum of P_c^T H_c (P_c V)` over conditions c, and value and gradient; an error names the condition."""
    runs = {}
    for c, problem in conditions.problems.items():
        with named(c):
            runs[c] = prepare_products(problem, **options)

    def multiplied(x: Array, directions: Array) -> tuple[float, Array, Array]:
        value, grad, products = 0.0, np.zeros(x.size), np.zeros(directions.shape)
        for c, run in runs.items():
            at = conditions.places[c]
            with named(c):
                found = run(x[at], directions[at])
            value += found.value
            grad[at] += found.grad
            products[at] += found.products
        return value, grad, products

    return multiplied
