"""Where starts in the plane of two soft directions end up: a picture of the neighbourhood of a closed orbit.

From every point `x + s u + t v` of a grid, Gauss-Newton at fixed period. Ends are told apart by what no symmetry changes: the
nontrivial Floquet multipliers (by trace and trace of squares) and, for equal masses, the choreography defect (`_naming`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._errors import IntegrationError, InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._analyse import Direction, analyse_spectrum
from ._find import ClosedOrbit
from ._flow import Collision, Flow
from ._naming import CHOREOGRAPHY, alike, defect_of, name_of, signature
from ._search import by_gauss_newton

CLOSED = 1e-7


@dataclass(frozen=True, eq=False)
class End:
    """One kind of end: number (0 is the start's own orbit), nontrivial multipliers and their signature, a representative,
    choreography defect, the name of the known orbit that it is (or what can be said of it), and how many starts end here.
    """

    number: int
    multipliers: Array
    signature: Array
    x: Array
    period: float
    defect: float | None
    largest_multiplier: float
    name: str
    count: int


@dataclass(frozen=True, eq=False)
class Map:
    """`kind[i, j]` is the number of the end reached from `x + s[j] first + t[i] second`; -1 means that it did not close."""

    first: Direction
    second: Direction
    s: Array
    t: Array
    kind: Array
    ends: tuple[End, ...]
    monodromies: int


def interesting(orbit: ClosedOrbit) -> list[Direction]:
    """Directions worth exploring: soft or stiff ones from the softest, that is without symmetries and boosts."""
    return [d for d in orbit.directions if d.kind in ("genuine", "soft", "stiff")]


def explore(
    orbit: ClosedOrbit, reach: float = 0.06, n: int = 7, first: int = 0, second: int = 1, max_iterations: int = 15
) -> Map:
    """Scan an n x n grid of half width `reach` along two of `interesting(orbit)`, counted from the softest.

    Cost: about 7 monodromies for each of n^2 points. Raises `InvalidInput` for directions that there are not.
    """
    directions = interesting(orbit)
    if not (0 <= first < len(directions) and 0 <= second < len(directions)) or first == second:
        raise InvalidInput(
            f"Directions {first} and {second}: choose two different ones from 0 to {len(directions) - 1}."
        )
    if n < 2 or not reach > 0:
        raise InvalidInput(f"`n` is {n} and `reach` {reach}; expected at least 2 points and a positive width.")
    u, v = directions[first], directions[second]
    s = t = np.linspace(-reach, reach, n)
    kind, ends = np.full((n, n), -1), [_end(orbit.problem, orbit.x, orbit.period, 0)]
    counts = [0]
    flow = Flow(orbit.problem, rtol=1e-10)
    for i in range(n):
        for j in range(n):
            start = orbit.x + s[j] * u.vector + t[i] * v.vector
            try:
                found = by_gauss_newton(flow, start, orbit.period, True, max_iterations, uphill=2)
            except (IntegrationError, Collision):
                continue
            if found.closure > CLOSED:
                continue
            end = _end(orbit.problem, found.x, orbit.period, len(ends))
            number = next((e.number for e in ends if _same(e, end)), None)
            if number is None:
                number = end.number
                ends.append(end)
                counts.append(0)
            counts[number] += 1
            kind[i, j] = number
    counted = (replace(e, count=c, name=_named(orbit.problem, e)) for e, c in zip(ends, counts, strict=True))
    return Map(u, v, s, t, kind, tuple(counted), flow.work.monodromies)


def _end(problem: Problem, x: Array, period: float, number: int) -> End:
    m = Flow(problem, rtol=1e-10).monodromy(x, period)[1]
    multipliers = analyse_spectrum(problem, x, period, m).nontrivial
    largest = float(np.max(np.abs(multipliers), initial=1.0))
    return End(number, multipliers, signature(multipliers), x, period, defect_of(problem, x, period), largest, "", 0)


def _named(problem: Problem, end: End) -> str:
    name = name_of(problem, end.x, end.period, end.multipliers, end.defect)
    return name if end.number else f"the start's own orbit ({name})"


def _same(a: End, b: End) -> bool:
    """Whether two ends are one orbit up to symmetry. A choreography is never the same as an orbit that is none."""
    if a.defect is not None and b.defect is not None and (a.defect < CHOREOGRAPHY) != (b.defect < CHOREOGRAPHY):
        return False
    return alike(a.signature, b.signature)
