"""Closed orbits: finding them, what their Hessians say, Simó's distorted figure-8, families, functional determinants."""

from __future__ import annotations

from ._analyse import Direction, Spectrum
from ._data import Known, known_orbit, known_orbits
from ._determinants import Determinant, action_hessian, all_determinants, blocks, van_vleck
from ._euler import EulerForm, euler_form
from ._explore import Map, explore
from ._extended import tangent_map
from ._families import Family, Member, follow
from ._find import METHODS, ClosedOrbit, find_closed_orbit
from ._flow import Collision, Flow, Work
from ._physics import Quantities, choreography_defect, curve_distances, quantities, sample
from ._rediscover import Arrival, Soft, soft_directions, walk

__all__ = [
    "METHODS",
    "Arrival",
    "ClosedOrbit",
    "Collision",
    "Determinant",
    "Direction",
    "EulerForm",
    "Family",
    "Flow",
    "Known",
    "Map",
    "Member",
    "Quantities",
    "Soft",
    "Spectrum",
    "Work",
    "action_hessian",
    "all_determinants",
    "blocks",
    "choreography_defect",
    "curve_distances",
    "euler_form",
    "explore",
    "find_closed_orbit",
    "follow",
    "known_orbit",
    "known_orbits",
    "quantities",
    "sample",
    "soft_directions",
    "tangent_map",
    "van_vleck",
    "walk",
]
