"""Names for closed orbits that a search ends at: the known orbit that it is, or what can be said of it.

Two orbits of bodies are the same up to motions, mirrors and size if what none of these changes agrees: `T |E|^1.5` in the rest
frame (Newtonian gravity of equal masses), the nontrivial Floquet multipliers, and whether all bodies share one curve.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from ._analyse import analyse_spectrum
from ._data import known_orbit, known_orbits
from ._flow import Flow
from ._physics import choreography_defect, equal_parts, may_dance, sample
from ._systems import system_of

NEAR = 1e-4  # relative difference of `T |E|^1.5` above which two orbits are not compared further
SAME = 1e-3  # relative difference of signatures below which two orbits are the same
CHOREOGRAPHY = 1e-5  # defect below which the bodies share one curve


def signature(multipliers: Array) -> Array:
    """Trace and trace of squares (2,) of the nontrivial multipliers (k,)."""
    return np.array([np.sum(multipliers).real, np.sum(multipliers**2).real])


def alike(a: Array, b: Array) -> bool:
    """Whether two signatures (2,) agree."""
    return bool(np.max(np.abs(a - b) / (1 + np.abs(a))) < SAME)


def defect_of(problem: Problem, x: Array, period: float) -> float | None:
    """The choreography defect of the closed orbit through `x` (N,), or `None` where the masses differ."""
    system = system_of(problem)
    if not may_dance(system):
        return None
    return choreography_defect(sample(problem, x, period, equal_parts(150, system.bodies), 1e-9), system.dim)


def invariant(problem: Problem, x: Array, period: float) -> float | None:
    """`T |E|^1.5` in the rest frame of the orbit through `x` (N,); `None` where there is no such scaling."""
    system = system_of(problem)
    if problem.name not in ("three-body", "n-body") or system.scaling is None or system.energy is None:
        return None
    assert system.masses is not None
    q, v = x.reshape(2, system.bodies, system.dim)
    rest = np.concatenate([q.ravel(), (v - system.masses @ v / np.sum(system.masses)).ravel()])
    return period * abs(system.energy(rest)) ** 1.5


def name_of(problem: Problem, x: Array, period: float, multipliers: Array, defect: float | None) -> str:
    """The name of the closed orbit through `x` (N,) with these nontrivial `multipliers` (k,) and choreography `defect`."""
    size, system = invariant(problem, x, period), system_of(problem)
    if size is not None and system.masses is not None:
        for key in known_orbits():
            other = _facts(key)
            if other is None or other[0] != (system.bodies, *(system.masses / system.masses[0])):
                continue
            scale = float(system.masses[0]) ** 2.5  # masses m times as large: E grows with m^2.5 / m, at the same T
            if abs(size / scale - other[1]) > NEAR * other[1]:
                continue
            known, dances = _closer(key)
            if alike(known, signature(multipliers)) and (defect is None or (defect < CHOREOGRAPHY) == dances):
                return key
    largest = float(np.max(np.abs(multipliers), initial=1.0))
    kind = "choreography" if defect is not None and defect < CHOREOGRAPHY else "orbit"
    return f"{'a stable' if largest < 1 + 1e-6 else 'an unstable'} {kind} without a name"


@cache
def _facts(key: str) -> tuple[tuple[float, ...], float] | None:
    """Number of bodies with relative masses, and `T |E|^1.5` for unit masses; `None` for no orbit of bodies."""
    problem = known_orbit(key).problem()
    size, masses = invariant(problem, problem.y0, problem.t_span[1]), system_of(problem).masses
    if size is None or masses is None:
        return None
    return (len(masses), *(masses / masses[0])), size / float(masses[0]) ** 2.5


@cache
def _closer(key: str) -> tuple[Array, bool]:
    """Signature of a known orbit, and whether its bodies share a curve. Cost: one monodromy."""
    problem = known_orbit(key).problem()
    x, period = problem.y0, problem.t_span[1]
    multipliers = analyse_spectrum(problem, x, period, Flow(problem, rtol=1e-10).monodromy(x, period)[1]).nontrivial
    defect = defect_of(problem, x, period)
    return signature(multipliers), defect is not None and defect < 1e-4  # a published start is rounded
