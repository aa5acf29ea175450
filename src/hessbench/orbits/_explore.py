"""Where starts in the plane of two soft directions end up: a picture of the neighbourhood of a closed orbit.

From every point `x + s u + t v` of a grid, Gauss-Newton at fixed period. Ends are told apart by what no symmetry changes: the
nontrivial Floquet multipliers (by trace and trace of squares) and, for equal masses, the choreography defect.
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
from ._physics import choreography_defect, sample
from ._search import by_gauss_newton
from ._systems import system_of

SAME = 1e-3  # relative difference of signatures below which two orbits are the same
CLOSED = 1e-7


@dataclass(frozen=True, eq=False)
class End:
    """One kind of end: number (0 is the start's own orbit), signature, a representative, choreography defect, count."""

    number: int
    name: str
    signature: Array
    x: Array
    period: float
    defect: float | None
    largest_multiplier: float
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
    counted = (replace(e, count=c) for e, c in zip(ends, counts, strict=True))
    return Map(u, v, s, t, kind, tuple(counted), flow.work.monodromies)


def _end(problem: Problem, x: Array, period: float, number: int) -> End:
    system = system_of(problem)
    m = Flow(problem, rtol=1e-10).monodromy(x, period)[1]
    multipliers = analyse_spectrum(problem, x, period, m).nontrivial
    defect = None
    if system.bodies == 3 and system.masses is not None and np.all(system.masses == system.masses[0]):
        defect = choreography_defect(sample(problem, x, period, 150, 1e-9), system.dim)
    signature = np.array([np.sum(multipliers).real, np.sum(multipliers**2).real])
    name = "the start's own orbit" if number == 0 else f"orbit {number}"
    return End(number, name, signature, x, period, defect, float(np.max(np.abs(multipliers), initial=1.0)), 0)


def _same(a: End, b: End) -> bool:
    """Whether two ends are one orbit up to symmetry. A choreography is never the same as an orbit that is none."""
    if a.defect is not None and b.defect is not None and (a.defect < 1e-5) != (b.defect < 1e-5):
        return False
    return bool(np.max(np.abs(a.signature - b.signature) / (1 + np.abs(a.signature))) < SAME)
