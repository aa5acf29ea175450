"""Tolerances by component: the error of each is measured against its own size along the solution.

    scale of component i  =  atol_i + rtol |y_i|,      atol_i = max(rtol s_i, r_i),      s_i = max over t of |y_i(t)|

and the same for every tangent, which starts from random multiples of the sizes `s`. So nothing depends on units, and no
component hides behind a larger one. `r_i` is the round-off that one step adds to component i (for a tangent, times what it has
grown): no error is asked to be smaller, which a component that is zero but for round-off would need. The tangent of such a
component starts from the largest of the other sizes.

The sizes come from solves at a loose tolerance (`TRIAL`): sizes that were guessed too large leave an error of `TRIAL` times
the guess in the small components, so that a few repetitions find sizes that differ by any number of digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._model.counters import Counters
from .._model.derivatives import Array
from ._stepper import StepTooSmall, Tolerances, probe_directions

TRIAL, PASSES = 1e-6, 6
TOO_LARGE = (
    16.0  # times the size that a solve found: from there on the tolerance of that component has to be found anew
)
SURE = 1e3  # times the round-off of a step: a component that stays below is taken for zero
SMALLEST = 1e-280  # keeps the tolerance of what is exactly zero from being zero
SAMPLES, DRAWS, LAST = 8, 3, 4 * np.finfo(float).eps
DIGITS = 1e-2  # relative error of the state, by the growth of the tangents, from which on no digit of a Hessian is sure
ROUND_OFF = 1e-15  # the smallest tolerance that can be kept


class Visited(Protocol):
    """What a solve tells: the largest magnitudes (1 + probes, N) of state and tangents, and steps of it.

    `sized` is set here: where its tolerances are from; `None` with one `atol` for all.
    """

    sized: Any

    @property
    def largest(self) -> Array: ...
    @property
    def sampled(self) -> Callable[[int], tuple[Array, Array, Array]]:
        """Of at most so many steps, spread over all: starts (k,), sizes (k,) and states (k, N)."""
        ...


V = TypeVar("V", bound=Visited)
System = tuple[Callable[[float, Array], Array], tuple[float, float], Array]


@dataclass(frozen=True, eq=False)
class Sized:
    """Tolerances that were found at one point, with the sizes (N,) behind them; zero where round-off decides."""

    tolerances: Tolerances
    sizes: Array
    seen: tuple[Array, Array]  # times (k,) and states (k, N) of some steps of the last trial
    rtol: float

    @cached_property
    def least(self) -> Array:
        """Sizes (N,) that a solve has to find at least."""
        return self.sizes / TOO_LARGE

    @cached_property
    def most(self) -> Array:
        """Sizes (N,) of tangents up to which an error at the tolerance leaves digits; infinite where round-off decides."""
        return np.where(self.sizes > 0, DIGITS / max(self.rtol, ROUND_OFF) * self.sizes, np.inf)

    def fits(self, found: Visited) -> bool:
        """Whether the sizes are not much larger than those that a solve with them found."""
        return np.count_nonzero(self.least > found.largest[0]) == 0  # `any` takes three times as long

    def calm(self, found: Visited) -> bool:
        """Whether no tangent grew so much that digits are lost; where not, `_depth.growth` tells more exactly."""
        tangents = found.largest[1:]
        return np.count_nonzero(tangents <= self.most) == tangents.size


def fit(
    attempt: Callable[[Tolerances, IVP], V],
    f: Callable[[float, Array], Array],
    span: tuple[float, float],
    y0: Array,
    ivp: IVP,
    probes: int,
) -> Sized:
    """Find the sizes at the start `y0` (N,) by solves `attempt(tolerances, ivp)`. Raises `IntegrationError` as it does."""
    loose = max(ivp.rtol, TRIAL)
    quiet, sizes, passes = replace(ivp, rtol=loose, counters=Counters()), _guess(f, span, y0, loose), 0
    while True:
        start = probe_directions(y0.size, probes) * sizes
        found = attempt(Tolerances(np.tile(loose * sizes, (1 + probes, 1)), start), quiet)
        times, steps, states = found.sampled(SAMPLES)
        largest, noise, passes = found.largest, round_off(f, times, steps, states), passes + 1
        del found  # and its memory, before the next one
        known = np.where(largest[0] > SURE * noise, largest[0], 0.0)
        wanted = _positive(known)
        if passes == PASSES or not (sizes > TOO_LARGE / 2 * wanted).any():
            break
        sizes = wanted
    grown = np.max(largest / wanted, axis=1, keepdims=True)
    rows = np.vstack([np.where(known > 0, known, noise), np.tile(wanted, (probes, 1))])
    atol = np.maximum(np.maximum(ivp.rtol * rows, noise * np.maximum(grown, 1.0)), SMALLEST)
    return Sized(Tolerances(atol, probe_directions(y0.size, probes) * wanted), known, (times, states), ivp.rtol)


def round_off(f: Callable[[float, Array], Array], times: Array, steps: Array, states: Array) -> Array:
    """Round-off (N,) that one step adds to the state: the most of steps of sizes (k,) from states (k, N)."""
    out = np.zeros(states.shape[1])
    for t, h, y in zip(times, steps, states, strict=True):
        out = np.fmax(out, abs(h) * _jitter(f, t, y))
    return out


def _jitter(f: Callable[[float, Array], Array], t: float, y: Array) -> Array:
    """By how much the slope (N,) changes when the last digits of the state do, whatever cancels in it."""
    rng = np.random.default_rng(3)
    with np.errstate(all="ignore"):
        here = f(t, y)
        moved = [np.abs(f(t, y * (1 + LAST * rng.choice([-1.0, 1.0], y.size))) - here) for _ in range(DRAWS)]
    return np.nan_to_num(np.max(moved, axis=0), nan=0.0, posinf=0.0)


def _guess(f: Callable[[float, Array], Array], span: tuple[float, float], y0: Array, loose: float) -> Array:
    """Sizes (N,) before anything is known; rather too large."""
    length = abs(span[1] - span[0])
    with np.errstate(all="ignore"):
        moved = length * np.maximum(np.abs(f(span[0], y0)), _jitter(f, span[0], y0) / loose)
    return _positive(np.where(y0 != 0, np.abs(y0), np.where(np.isfinite(moved), moved, 0.0)))


def _positive(sizes: Array) -> Array:
    """`sizes` (N,) with the largest one, or 1, where there is none."""
    return np.where(sizes > 0, sizes, sizes.max() if sizes.max() > 0 else 1.0)


class Solver(Generic[V]):
    """Solves whose tolerances go by component: those found at the problem's own point, or anew where they do not fit.

    `attempt(tolerances, ivp, *point)` is one solve; a result depends on the point alone, whatever was asked before.
    `system(*point)` gives right-hand side, time span and start.
    """

    def __init__(self, ivp: IVP, probes: int, attempt: Callable[..., V], system: Callable[..., System]) -> None:
        self.ivp, self.probes, self.attempt, self.system = ivp, probes, attempt, system
        self.known: Sized | None = None

    def prepare(self, *point: object) -> None:
        """Find the sizes at the problem's own point; where it can not be integrated, later calls will say so."""
        if self.ivp.by_component:
            try:
                self.known = self._fitted(*point)
            except IntegrationError:
                self.known = None

    def __call__(self, *point: object) -> V:
        """A solve at a point. Raises `IntegrationError` when the end is not reached."""
        if not self.ivp.by_component:
            return self._plain(*point)
        known, failed = self.known, None
        if known is not None:
            try:
                found = self._solved(known, *point)
                if known.fits(found):
                    return found
            except StepTooSmall as error:
                failed = error  # perhaps because the sizes are not those of this point
        try:
            return self._solved(self._fitted(*point), *point)
        except IntegrationError:
            if failed is not None:
                raise failed from None
        return self._plain(*point)  # the solve itself is to say what fails

    def _plain(self, *point: object) -> V:
        tolerances = Tolerances.scalar(self.ivp.atol, self.system(*point)[2].size, self.probes)
        return self.attempt(tolerances, self.ivp, *point)

    def _solved(self, sized: Sized, *point: object) -> V:
        found = self.attempt(sized.tolerances, self.ivp, *point)
        found.sized = sized
        return found

    def _fitted(self, *point: object) -> Sized:
        f, span, y0 = self.system(*point)
        return fit(lambda tolerances, ivp: self.attempt(tolerances, ivp, *point), f, span, y0, self.ivp, self.probes)
