"""Errors that units cannot hide: every entry on the scale of its own row and column.

With the sizes `d` of the unknowns (`Problem.sizes`) and `A_ij = d_i d_j |H_ij|` of the reference, where an entry that is
not above the reference's own uncertainty counts as zero:

    e = 1;  100 times, all i at once:  e_i *= sqrt(max_j A_ij / (e_i e_j))        (for a positive H: e_i = sqrt(A_ii))
    EH_ij = d_i d_j |dH_ij| / (e_i e_j)
    Eg_i  = d_i |dg_i| / max(d_i |g_i|, e_i^2)
    EL    = |dL| / max(|L|, declared size of the loss, 2^-52 max e^2)

A row of zeros has the smallest other `e_i`. Where all of `H` is zero, `e^2` is the largest of `|L|` and `d_i |g_i|`, or 1.
Differences are first reduced by the uncertainty of the reference; what is not finite, or of a wrong shape, is infinite.
A change of units of the unknowns (`x -> s x`, with the declared scales) changes none of these numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._hybrid.sizes import state_sizes
from .._model.derivatives import Array

if TYPE_CHECKING:
    from .._model.problem import Problem
    from .._model.result import Result
    from .reference import Reference

ROUNDS = 100
EPS = 2.0**-52
DOUBT = 10  # two methods that differ by much in most entries come close to each other in one of ten by luck


@dataclass(frozen=True)
class Scaled:
    """The largest scaled errors of value, gradient and Hessian, the largest of `H - H^T`, and the name of the worst entry.

    `where` is `value`, `gradient by k` or `Hessian by y0[2], k`.
    """

    hess: float
    grad: float
    value: float
    asymmetry: float
    where: str

    @property
    def worst(self) -> float:
        """The largest of the errors of value, gradient and Hessian, which the gate judges."""
        return max(self.hess, self.grad, self.value)


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What differences from one reference are divided by, made once for many results.

    `sizes` (n,) are `d` and `units` (n,) are `e` above; `value_unit` divides the error of the value. `doubt` (n, n) is the
    uncertainty of the reference's Hessian in the same measure as `EH`, `agreement` that of gradient and value.
    `value_slack` is taken off the error of the value: what an allowed error `a` of the unknowns does to it to second order,
    `a^2 max e^2`, which is all that there is of it where value and gradient vanish, as at a closed orbit.
    """

    against: Reference
    sizes: Array
    units: Array
    value_unit: float
    doubt: Array
    value_slack: float
    name_of: Callable[[int], str]

    def __call__(self, result: Result) -> Scaled:
        """The scaled errors of a result at the point of the reference."""
        n, against = self.sizes.size, self.against
        unit_matrix = np.outer(self.units / self.sizes, self.units / self.sizes)
        hess = _parts(result.hess, against.hess, (n, n), unit_matrix, self.doubt)
        unit_vector = np.maximum(np.abs(against.grad), self.units**2 / self.sizes)
        grad = _parts(result.grad, against.grad, (n,), unit_vector, against.agreement)
        doubt = against.agreement + self.value_slack / self.value_unit
        value = float(_parts(result.value, against.value, (), self.value_unit, doubt))
        lopsided = _parts(result.hess, np.transpose(result.hess), (n, n), unit_matrix, 0.0)
        i, j = sorted(map(int, np.unravel_index(np.argmax(hess), (n, n))))
        named = [
            (float(hess[i, j] if hess[i, j] >= hess[j, i] else hess[j, i]), f"Hessian by {self.name_of(i)}, {self.name_of(j)}"),
            (float(np.max(grad)), f"gradient by {self.name_of(int(np.argmax(grad)))}"),
            (value, "value"),
        ]  # fmt: skip
        return Scaled(named[0][0], named[1][0], value, float(np.max(lopsided)), max(named, key=lambda pair: pair[0])[1])


def yardstick(
    against: Reference,
    sizes: Array,
    *,
    value_scale: float = 0.0,
    allowed: float = 0.0,
    name_of: Callable[[int], str] = "x[{}]".format,
) -> Yardstick:
    """The yardstick of a reference for unknowns of the given `sizes` (n,), all positive.

    `value_scale` is the declared size of the loss, `allowed` the error that the gate allows (see `Yardstick.value_slack`).
    """
    scaled = np.outer(sizes, sizes) * np.abs(against.hess)
    scaled = np.maximum(scaled, scaled.T)
    if against.spread is None:
        units = equilibrated(scaled, _first_order(against, sizes))
        doubt = against.agreement * np.outer(units, units)
    else:
        doubt = DOUBT * np.outer(sizes, sizes) * np.maximum(against.spread, against.spread.T)
    units = equilibrated(np.where(scaled > doubt, scaled, 0.0), _first_order(against, sizes))
    curvature = float(np.max(units)) ** 2
    return Yardstick(
        against,
        sizes,
        units,
        value_unit=max(abs(against.value), value_scale, EPS * curvature),
        doubt=doubt / np.outer(units, units),
        value_slack=allowed**2 * curvature,
        name_of=name_of,
    )


def yardstick_of(problem: Problem, x: Array, against: Reference, allowed: float = 0.0) -> Yardstick:
    """The yardstick of a problem's reference at `x`, by the sizes of its unknowns there."""
    return yardstick(
        against,
        problem.sizes(x, state_sizes(problem, x) if against.states is None else against.states),
        value_scale=problem.loss_scale,
        allowed=allowed,
        name_of=lambda i: entry_name(problem, i),
    )


def equilibrated(scaled: Array, otherwise: float = 1.0) -> Array:
    """`e` (n,) such that the largest entry of each row of `scaled_ij / (e_i e_j)` is 1; `scaled` (n, n) is not negative.

    A row of zeros gets the smallest `e` of the others; where all are, every one is `sqrt(otherwise)`.
    """
    units, there = np.ones(len(scaled)), scaled.any(axis=1)
    if not there.any():
        return np.full(len(scaled), np.sqrt(otherwise))
    part = scaled[np.ix_(there, there)]
    found = np.sqrt(part.max(axis=1))  # no entry underflows on the way, whatever the units
    for _ in range(ROUNDS):
        found = found * np.sqrt((part / found / found[:, None]).max(axis=1))
    units[there] = found
    units[~there] = found.min()
    return units


def entry_name(problem: Problem, i: int) -> str:
    """What the unknown `x[i]` is called: `k`, `y0[2]`, `theta[1, 0]`."""
    for key, at in problem.blocks.items():
        if at.start <= i < at.stop:
            shape = problem.shapes[key]
            index = ", ".join(str(int(k)) for k in np.unravel_index(i - at.start, shape)) if shape else ""
            return f"{key}[{index}]" if index else key
    return f"x[{i}]"


def _first_order(against: Reference, sizes: Array) -> float:
    """The size of the loss as value and gradient tell it; 1 where they are zero."""
    return max(abs(against.value), float(np.max(sizes * np.abs(against.grad)))) or 1.0


def _parts(found: Any, right: Any, shape: tuple[int, ...], unit: Any, doubt: Any) -> Array:
    """Differences over their unit, less the uncertainty; infinite where not finite, everywhere for a wrong shape."""
    try:
        found = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return np.full(shape, np.inf)
    if found.shape != shape:
        return np.full(shape, np.inf)
    with np.errstate(all="ignore"):
        out = np.asarray(np.abs(found - right) / unit)
        return np.where(np.isfinite(out), np.maximum(out - doubt, 0.0), np.inf)
