"""Closed orbits: finding them, what their Hessians say, Simó's distorted figure-8, families, functional determinants."""

from __future__ import annotations

from ._analyse import Direction, Spectrum
from ._find import METHODS, ClosedOrbit, find_closed_orbit
from ._flow import Collision, Flow, Work

__all__ = ["METHODS", "ClosedOrbit", "Collision", "Direction", "Flow", "Spectrum", "Work", "find_closed_orbit"]
