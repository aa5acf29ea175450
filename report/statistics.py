"""Statistics of the report: scaling laws, crossovers, calls until a preparation has paid off, ratios of paired times.

Every interval is a bootstrap-t interval: residuals (for a mean: the values themselves) are drawn again with replacement,
and the quantile of the studentised estimate, not of the estimate, sets the width. With the four to ten points that a
report has, it keeps its level where the percentile bootstrap does not (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, section 12.5).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL = 0.95
UNRESOLVED = 1.5  # a smaller ratio of two single times is not a difference
FEWEST = 4  # points below which nothing is said about uncertainty
DRAWS = 2000

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """`cost = factor * N^exponent` on the sizes `window`; `low`, `high`: the interval of the exponent, if there is one.

    `last` is the exponent between the two largest sizes: far from `exponent`, the law is not yet asymptotic.
    """

    exponent: float
    low: float | None
    high: float | None
    factor: float
    window: tuple[float, float]
    points: int
    last: float


@dataclass(frozen=True)
class Crossover:
    """Two cost curves cross at size `at`; the order is resolved at `low` and, the other way round, at `high`."""

    at: float
    low: float
    high: float


@dataclass(frozen=True)
class MeanRatio:
    """Geometric mean of paired ratios and its interval, if there are pairs enough."""

    mean: float
    low: float | None
    high: float | None
    pairs: int

    def differs(self, margin: float = 1.1) -> bool:
        """Whether the whole interval lies outside `1 / margin .. margin`."""
        return self.low is not None and self.high is not None and (self.low > margin or self.high < 1 / margin)


def asymptotic(sizes: ArrayLike) -> NDArray[np.bool_]:
    """The window of a scaling law: sizes of at least a quarter of the largest, or the `FEWEST` largest if these are more.

    The choice looks at the sizes alone, never at the costs, so that it cannot favour an exponent.
    """
    sizes = np.asarray(sizes, dtype=float)
    fourth = np.sort(np.unique(sizes))[-FEWEST:][0]
    return sizes >= min(fourth, sizes.max() / 4)


def power_law(sizes: ArrayLike, costs: ArrayLike, level: float = LEVEL, seed: int = 0) -> PowerLaw | None:
    """The exponent of `costs` (positive) over `sizes` on the asymptotic window, by least squares of logarithms.

    `None` with fewer than three sizes; no interval with fewer than `FEWEST`.
    """
    sizes, costs = _sorted(sizes, costs)
    if len(sizes) < 3:
        return None
    chosen = asymptotic(sizes)
    x, y = np.log(sizes[chosen]), np.log(costs[chosen])
    slope, scatter, residuals = (np.squeeze(v) for v in _line(x, y))
    low = high = None
    if len(x) >= FEWEST:
        half = _quantile(x, residuals, level, seed) * float(scatter)
        low, high = float(slope) - half, float(slope) + half
    factor = math.exp(float(y.mean() - slope * x.mean()))
    last = float((y[-1] - y[-2]) / (x[-1] - x[-2]))
    return PowerLaw(float(slope), low, high, factor, (float(sizes[chosen][0]), float(sizes[-1])), len(x), last)


def crossover(sizes: ArrayLike, first: ArrayLike, second: ArrayLike, level: float = 0.99) -> Crossover | None:
    """Where `first`, the cheaper at small sizes, becomes the dearer; `None` if the costs do not say so.

    A difference counts where the ratio exceeds `UNRESOLVED` and what the scatter of all ratios about a smooth curve (a
    parabola of logarithms) explains. `None` too when the order changes more than once, or with fewer than five sizes.
    """
    sizes = np.asarray(sizes, dtype=float)
    if len(sizes) < 5:
        return None
    _, ratio = _sorted(sizes, np.asarray(first, dtype=float) / np.asarray(second, dtype=float))
    x, d = np.log(np.sort(sizes)), np.log(ratio)
    rest = d - np.polyval(np.polyfit(x, d, 2), x)
    free = len(x) - 3
    least = max(math.log(UNRESOLVED), float(stats.t.ppf((1 + level) / 2, free) * math.sqrt(rest @ rest / free)))
    before, after = np.flatnonzero(d < -least), np.flatnonzero(d > least)
    if not len(before) or not len(after) or before[-1] > after[0]:
        return None
    i, j = before[-1], after[0]
    slope, offset = np.polyfit(x[i : j + 1], d[i : j + 1], 1)
    at = math.exp(float(np.clip(-offset / slope, x[i], x[j])))
    return Crossover(at, math.exp(x[i]), math.exp(x[j]))


def cheapest_by_calls(first: Sequence[float], each: Sequence[float]) -> list[tuple[int, int]]:
    """`(who, from which call on)`: who has the least total cost of k calls, as k grows.

    `first` are the costs of preparation and first call together, `each` those of every further call.
    """
    who = min(range(len(first)), key=lambda i: (first[i], each[i]))
    out, calls = [(who, 1)], 1
    while True:
        rivals = [
            (max(calls + 1, math.floor((first[i] - first[who]) / (each[who] - each[i])) + 2), each[i], i)
            for i in range(len(first))
            if each[i] < each[who]
        ]
        if not rivals:
            return out
        calls, _, who = min(rivals)
        out.append((who, calls))


def mean_ratio(ratios: ArrayLike, level: float = LEVEL, seed: int = 0) -> MeanRatio:
    """Geometric mean of positive `ratios` and its bootstrap-t interval (none with fewer than `FEWEST`)."""
    logs = np.log(np.asarray(ratios, dtype=float))
    n, mean = len(logs), float(logs.mean())
    if n < FEWEST:
        return MeanRatio(math.exp(mean), None, None, n)
    drawn = (logs - mean)[np.random.default_rng(seed).integers(0, n, (DRAWS, n))]
    half = _studentised(drawn.mean(1), drawn.std(1, ddof=1), level) * float(logs.std(ddof=1))
    return MeanRatio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n)


def _sorted(sizes: ArrayLike, costs: ArrayLike) -> tuple[Vector, Vector]:
    sizes, costs = np.asarray(sizes, dtype=float), np.asarray(costs, dtype=float)
    order = np.argsort(sizes)
    return sizes[order], costs[order]


def _line(x: Vector, y: Vector) -> tuple[Vector, Vector, Vector]:
    """Slope, its standard error and the residuals of the least-squares line through each row of `y` (..., n)."""
    y = np.atleast_2d(y)
    centred = x - x.mean()
    square = centred @ centred
    slope = y @ centred / square
    residuals = y - y.mean(1, keepdims=True) - slope[:, None] * centred
    return slope, np.sqrt((residuals**2).sum(1) / (len(x) - 2) / square), residuals


def _quantile(x: Vector, residuals: Vector, level: float, seed: int) -> float:
    n, centred = len(x), x - x.mean()
    spread = residuals / np.sqrt(1 - 1 / n - centred**2 / (centred @ centred))
    drawn = (spread - spread.mean())[np.random.default_rng(seed).integers(0, n, (DRAWS, n))]
    slope, scatter, _ = _line(x, drawn)
    return _studentised(slope, scatter, level)


def _studentised(estimates: Vector, scatter: Vector, level: float) -> float:
    """Quantile of |estimate / standard error| over the draws whose values are not all the same."""
    able = scatter > 1e-9 * scatter.max(initial=0.0)
    return float(np.quantile(np.abs(estimates[able]) / scatter[able], level)) if able.any() else 0.0
