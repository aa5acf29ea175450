"""Whether a Hessian from anywhere is that of a function, by differences of its values alone.

    u^T H u  against  d2(h) = (f(x + h u) - 2 f(x) + f(x - h u)) / h^2,    h = 2^-4, 2^-6, ..., extrapolated (Richardson)

along random directions `u`, as the harness's own witness does. The noise `s` of `f` is measured (J. Moré and S. Wild,
*Estimating computational noise*, SIAM J. Sci. Comput. 33, 2011: high differences of equidistant values), and `4 s / h^2`
of it reaches `d2`; the increment with the least error is taken. Where that error is large, nothing is confirmed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._judging.witness import CONFIRMED, SETTLED, Witness
from .._model.derivatives import Array

ORDERS = (5, 6, 7)  # of differences that a smooth function does not reach at these spacings
SPACINGS = (2.0**-20, 2.0**-12)
SURE = 3.0  # errors of the differences within which they agree
SMALL = 1e-4  # of the first derivative: a second one below is zero


@dataclass(frozen=True)
class HessianFinding:
    """What `check_hessian` found; true where the Hessian is confirmed.

    `error` is the largest relative gap between `u^T H u` and the differences, or the asymmetry; `sees` the smallest relative
    error that the differences could have seen, and `noise` that of `f`, in its own units. Neither `ok` nor `wrong`:
    differences cannot tell. `words` says all this in a sentence.
    """

    ok: bool
    wrong: bool
    error: float
    sees: float
    noise: float
    words: str

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True, eq=False, kw_only=True)
class _Along(Witness):
    """The witness's differences, of any function; smooth near `x`."""

    f: Callable[[Array], Any]
    scales: Array

    @cached_property
    def sizes(self) -> Array:
        return self.scales

    @cached_property
    def directions(self) -> tuple[tuple[Array, bool], ...]:
        """Without equal lengths of components, whose errors would cancel on the diagonal."""
        rng, n = np.random.default_rng(19), self.x.size
        signs, lengths = rng.choice([-1.0, 1.0], (self.count, n)), rng.uniform(0.3, 1.7, (self.count, n))
        out = [(u, False) for u in self.sizes * signs * lengths]
        if self.pairs:
            e = np.diag(self.sizes)
            out += [(e[i] + (e[j] if j < i else 0.0), False) for i in range(n) for j in range(i + 1)]
        return tuple(out)

    def loss(self, x: Array) -> float:
        with np.errstate(all="ignore"):
            try:
                return float(self.f(x.copy()))
            except ArithmeticError:  # a solve that failed
                return math.nan

    @cached_property
    def noise(self) -> float:
        """The size of what in `f` is not smooth, at least its rounding."""
        found = 2.0**-53 * abs(self.value)
        u = self.directions[0][0]
        for spacing in SPACINGS:
            values = np.array([self.loss(self.x + (j - 4) * spacing * u) for j in range(9)])
            for order in ORDERS:
                mean = float(np.mean(np.diff(values, order) ** 2))
                found = max(found, math.sqrt(mean * math.factorial(order) ** 2 / math.factorial(2 * order)))
        return found

    def second(self, r: int) -> tuple[float, float, float]:
        """The second derivative along direction `r` with its error, and the first one's size."""
        columns: list[list[tuple[float, float]]] = [[], [], []]
        best = (math.nan, math.inf, 0.0)
        for level in self.levels:
            amplified = SURE * 4 * self.noise * 4.0**level
            with np.errstate(all="ignore"):
                self._extend(columns, r, level)
            if not columns[2]:
                continue
            (before, now), twice = columns[1][-2:], columns[2][-1]
            error = max(abs(now[1] - before[1]), abs(twice[1] - now[1]), amplified)
            if error < best[1]:
                best = (twice[1], error, abs(now[0]))
            if amplified > 10 * best[1]:
                break
        return best


def check_hessian(
    f: Callable[[Array], Any],
    x: Any,
    hess: Any,
    *,
    sizes: Any = None,
    directions: int = 4,
    pairs: bool = False,
    rtol: float = CONFIRMED,
) -> HessianFinding:
    """Whether `hess` (n, n) is the Hessian of `f(x)`, a number, at `x` (n,), by differences of `f` along random directions.

    `sizes` (n,) are those of the unknowns, to which the increments are relative: `|x|`, and where that is zero the largest of
    them, or 1. `pairs` adds each unknown and each pair, which sees an error of every entry on its own scale at n(n + 1)/2
    directions. Errors below `rtol`, relative to the Hessian scaled by `u`, are not looked for. `f` is called 18 times
    for its noise and some 12 times for each direction; it has to be smooth within 1/10 of the sizes. It is judged as it is
    computed: a solve at a loose tolerance is another function, with another Hessian, so pass an `rtol` above its errors.
    An asymmetric `hess` is wrong.
    Raises `InvalidInput` for shapes that do not fit.

    >>> import numpy as np
    >>> bool(check_hessian(lambda x: np.sin(x[0]) * x[1], [0.3, 2.0], [[-2 * np.sin(0.3), np.cos(0.3)], [np.cos(0.3), 0]]))
    True
    """
    x, hess, scales = _checked(x, hess, sizes)
    if not np.all(np.isfinite(hess)):
        return HessianFinding(False, True, math.inf, 0.0, math.nan, "The Hessian is not finite.")
    if directions < 1:
        raise InvalidInput(f"`directions` is {directions}; expected at least 1.")
    no_plan: Any = None  # there is no solution to follow
    along = _Along(no_plan, x, f=f, scales=scales, count=directions, pairs=pairs)
    if not math.isfinite(along.value):
        raise InvalidInput(f"`f(x)` is {along.value} at the point itself; expected a finite number.")
    weighted = hess * np.outer(scales, scales)
    asymmetry = float(np.abs(weighted - weighted.T).max()) / (float(np.abs(weighted).max()) or 1.0)
    gaps, seen = [], []
    for r, (u, _) in enumerate(along.directions):
        found, error, slope = along.second(r)
        scale = max(float(np.linalg.norm(hess * np.outer(u, u))), abs(found), SMALL * slope) or 1.0
        gaps.append(abs(found - float(u @ hess @ u)) / scale)
        seen.append(error / scale)
    return _finding(np.array(gaps), np.array(seen), asymmetry, along, rtol)


def _finding(gaps: Array, seen: Array, asymmetry: float, along: _Along, rtol: float) -> HessianFinding:
    settled = seen <= max(SETTLED, rtol)
    apart = settled & (gaps > np.maximum(rtol, SURE * seen))
    sees = max(float(np.max(np.where(np.isfinite(seen), SURE * seen, math.inf))), rtol)
    noise = along.noise
    lopsided = asymmetry > rtol
    wrong = bool(apart.any()) or lopsided
    error = float(np.max(np.where(np.isfinite(gaps), gaps, math.inf), initial=asymmetry))
    if lopsided:
        words = f"The Hessian is not symmetric, by {asymmetry:.1e} of its largest entry, each weighted by the unknowns' sizes."
    elif wrong:
        worst = int(np.argmax(np.where(apart, gaps, 0.0)))
        error = float(gaps[worst])
        words = (
            f"The Hessian is wrong: along a random direction, differences of values disagree with it by {error:.1e}, "
            f"and their own error is {seen[worst]:.1e}. (Is the function itself only that exact? Then pass a larger `rtol`.)"
        )
    elif not settled.all():
        words = (
            f"Differences cannot tell: they see no error below {sees:.1e}, at a noise of the values of {noise:.1e}. "
            f"Tighten the tolerance of its solves, pass `sizes`, or choose a point where it is smooth."
        )
    else:
        words = (
            f"Differences of values confirm the Hessian to {max(error, rtol):.1e}; they see errors from {sees:.1e} on."
        )
    return HessianFinding(bool(settled.all()) and not wrong, wrong, error, sees, noise, words)


def _checked(x: Any, hess: Any, sizes: Any) -> tuple[Array, Array, Array]:
    """Point (n,), Hessian (n, n) and sizes (n,)."""
    try:
        x, hess = np.array(x, dtype=np.float64), np.array(hess, dtype=np.float64)
        scales = np.abs(x) if sizes is None else np.array(sizes, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("`x`, `hess` and `sizes` must be arrays of real numbers.") from None
    if x.ndim != 1 or x.size == 0 or not np.all(np.isfinite(x)):
        raise InvalidInput(f"`x` has shape {x.shape}; expected (n,), finite numbers.")
    if hess.shape != (x.size, x.size):
        raise InvalidInput(
            f"`hess` has shape {hess.shape}; expected ({x.size}, {x.size}), as `x` has {x.size} numbers."
        )
    if scales.shape != x.shape or not np.all(np.isfinite(scales)) or np.any(scales < 0):
        raise InvalidInput(f"`sizes` must be {x.size} positive numbers, got {sizes!r}.")
    return x, hess, np.where(scales > 0, scales, float(np.max(scales)) or 1.0)
