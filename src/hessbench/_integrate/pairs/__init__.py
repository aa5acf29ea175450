"""Embedded explicit Runge-Kutta pairs, one to a file, and the rules by which every adaptive solve here chooses its steps.

    Y_i = y + h a_ij k_j,   k_i = F(t + c_i h, Y_i),   y_new = y + h b_i k_i,   k_s = F(t + h, y_new)   (i, j < s)
    error = h e_i k_i  (i <= s)

A file here of the name of a method, in lower case, with its `PAIR`, is a new pair for `discrete-adjoint` and all that steps
with tableaus. Source: Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, sections II.4 and II.5.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import numpy as np

from ..._errors import InvalidInput
from ..._model.derivatives import Array

# a step is scaled by `SAFETY error^exponent`, between these factors: SciPy's names and values
SAFETY, MIN_FACTOR, MAX_FACTOR = 0.9, 0.2, 10.0
# the first step: norms below `NOTHING` tolerances say nothing, and the guess is then `TINY`; else it moves the state by `SHARE`
# of its size. A slope that changes less than `FLAT` is constant, and the step `THEN` times the guess; else it is at most
# `AT_MOST` times the guess
NOTHING, TINY, SHARE, FLAT, THEN, AT_MOST = 1e-5, 1e-6, 0.01, 1e-15, 1e-3, 100.0
FIRST = {"NOTHING": NOTHING, "TINY": TINY, "SHARE": SHARE, "FLAT": FLAT, "THEN": THEN, "AT_MOST": AT_MOST}  # for C

Numbers = Sequence[Fraction] | Sequence[float]


@dataclass(frozen=True, eq=False)
class Pair:
    """Rows of `a` (`lower`), `b` (`weights`), `c` (`nodes`); one or two rows of `estimates`, the last weight for the new slope.

    With one row the error is its norm; with two (`e5`, `e3`) it is `|e5|^2 / sqrt(|e5|^2 + |e3|^2 / 100)`, as in SciPy.
    `extent` is that of the region of stability on the negative axis. Numbers are exact where the literature has them so.
    """

    name: str
    order: int
    lower: Sequence[Numbers]
    weights: Numbers
    nodes: Numbers
    estimates: Sequence[Numbers]
    exponent: float
    extent: float

    @cached_property
    def a(self) -> Array:
        """(s, s)"""
        s = self.stages
        return np.array([[*map(float, row), *(0.0,) * (s - len(row))] for row in self.lower])

    @cached_property
    def b(self) -> Array:
        """(s,)"""
        return np.array([float(v) for v in self.weights])

    @cached_property
    def c(self) -> Array:
        """(s,)"""
        return np.array([float(v) for v in self.nodes])

    @cached_property
    def errors(self) -> Array:
        """(1 or 2, s + 1)"""
        return np.array([[float(v) for v in row] for row in self.estimates])

    @property
    def stretch(self) -> float:
        """The largest step size times the Jacobian's largest eigenvalue: three quarters of the stability region's extent.

        At its end an error stays, and its derivatives by what the eigenvalue depends on grow with the number of steps and with
        its square: they would be in the gradient and the Hessian.
        """
        return 0.75 * self.extent

    @property
    def limited(self) -> float:
        """From where on stability limits a step, not accuracy: half of the extent; steps swing about `stretch`."""
        return self.stretch / 1.5

    @property
    def stages(self) -> int:
        """Number of slopes that propagate the solution."""
        return len(self.weights)

    def extended(self) -> tuple[Array, Array]:
        """`a` (s + 1, s) and `c` (s + 1,) with the new point as the last stage."""
        return np.vstack([self.a, self.b]), np.append(self.c, 1.0)


def rationals(row: str) -> tuple[Fraction, ...]:
    """Exact numbers between spaces."""
    return tuple(map(Fraction, row.split()))


def numbers(row: str) -> tuple[float, ...]:
    """Decimals between spaces."""
    return tuple(map(float, row.split()))


def rows(text: str) -> tuple[tuple[float, ...], ...]:
    """Rows of decimals between semicolons."""
    return tuple(map(numbers, text.split(";")))


@cache
def names() -> tuple[str, ...]:
    """The methods that there are files for."""
    return tuple(sorted(module.name.upper() for module in pkgutil.iter_modules(__path__)))


@cache
def pair(name: str) -> Pair:
    """The pair of a method, as `RK45` or `DOP853`. Raises `InvalidInput` for others."""
    if name not in names():
        raise InvalidInput(f"There is no explicit pair {name!r}; choose {' or '.join(names())}.")
    return import_module(f"{__name__}.{name.lower()}").PAIR


def first_step(
    xp: Any, f: Callable[[Any, Any], Any], t0: Any, span: Any, y: Any, slope: Any, scale: Any, exponent: float
) -> Any:
    """The size of the first step over `span`, which may be negative, in units of `scale` (n,); one evaluation of `f`.

    Source: section II.4, as SciPy has it.
    """

    def norm(v: Any) -> Any:
        return xp.sqrt(xp.mean((v / scale) ** 2))

    d0, d1 = norm(y), norm(slope)
    h0 = xp.where((d0 < NOTHING) | (d1 < NOTHING), TINY, SHARE * d0 / xp.where(d1 > 0, d1, 1.0))
    h0 = xp.minimum(h0, xp.abs(span))
    moved = h0 * xp.sign(span)
    top = xp.maximum(d1, norm(f(t0 + moved, y + moved * slope) - slope) / h0)
    h1 = xp.where(top <= FLAT, xp.maximum(TINY, THEN * h0), (SHARE / xp.maximum(top, FLAT)) ** -exponent)
    return xp.minimum(xp.minimum(AT_MOST * h0, h1), xp.abs(span))
