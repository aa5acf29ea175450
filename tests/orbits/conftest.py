"""Orbits that several tests look at, each closed once."""

from functools import cache

import pytest

import hessbench
from hessbench.orbits import ClosedOrbit, find_closed_orbit, known_orbit


@cache
def closed(name: str, dim: int = 2) -> ClosedOrbit:
    """A known orbit, closed at its own period; `dim=3` puts the planar one into space."""
    problem = hessbench.problem("three-body", start=name, dim=3) if dim == 3 else known_orbit(name).problem()
    return find_closed_orbit(problem, period="fixed")


@pytest.fixture(scope="session")
def eight() -> ClosedOrbit:
    return closed("figure-8")


@pytest.fixture(scope="session")
def eight_in_space() -> ClosedOrbit:
    return closed("figure-8", dim=3)


@pytest.fixture(scope="session")
def simo() -> ClosedOrbit:
    return closed("simo")
