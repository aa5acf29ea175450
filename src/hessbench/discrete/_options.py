"""What the discrete adjoints have in common on the side of their callers: options, and results from a linearisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.result import Result

FORMS = ("auto", "numpy", "compiled", "sparse")
Run = Callable[[Array], Result]
Products = Callable[[Array, Array], tuple[float, Array, Array, tuple[str, ...]]]


@dataclass(frozen=True)
class Options:
    """`form` (one of `forms`), random tangents in the error norm, and bytes for what a solve may keep."""

    form: str = "auto"
    probes: int = 1
    memory: float = 2**30
    forms: ClassVar[tuple[str, ...]] = FORMS

    def __post_init__(self) -> None:
        if self.form not in self.forms:
            raise InvalidInput(f"`form` is {self.form!r}; choose one of {', '.join(self.forms)}.")
        if self.probes not in range(0, 9):
            raise InvalidInput(f"`probes` is {self.probes!r}; expected a number of tangents from 0 to 8.")
        if not self.memory > 0:
            raise InvalidInput(f"`memory` is {self.memory!r}; expected a positive number of bytes.")


class NotCompiled(Exception):
    """Why there is no compiled form, in one clause."""


def results(at: Callable[[Array], Any]) -> Run:
    """Results at `x` (n,) from linearisations that have the Hessian."""
    empty = Result(0.0, np.zeros(0), np.zeros((0, 0)))

    def run(x: Array) -> Result:
        point = at(x)
        assert point.hess is not None
        return empty.filled(
            value=point.value,
            grad=point.grad,
            hess=point.hess,
            note=point.note,
            warnings=point.warnings,
            gauss_newton=point.gauss_newton,
        )

    return run


def multiplied(at: Callable[[Array], Any]) -> Products:
    """Value, gradient, products with `directions` (n, k) and warnings at `x` (n,) from linearisations."""

    def products(x: Array, directions: Array) -> tuple[float, Array, Array, tuple[str, ...]]:
        point = at(x)
        found = point.products(directions) if directions.size else np.zeros(directions.shape)
        return point.value, point.grad, found, point.warnings

    return products
