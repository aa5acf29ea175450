"""Closed orbits: finding them, what their Hessians say, Simó's distorted figure-8, families, functional determinants.

`directions`, `symmetries` and `adjust` are for any problem: soft directions of its Hessian, with names, and their use.
"""

from __future__ import annotations

from ._along import Along, Periodic, determinant_along
from ._analyse import Direction, Spectrum
from ._arclength import Curve, Fold, continue_through_folds
from ._configurations import (
    Configuration,
    configurations,
    euler_exponents,
    gascheau,
    lagrange_exponents,
    ring_limit,
    turning_exponents,
)
from ._data import Known, known_orbit, known_orbits
from ._determinants import Determinant, action_hessian, all_determinants, blocks, van_vleck
from ._directions import Directions, SoftDirection, directions
from ._euler import EulerForm, euler_form
from ._explore import Map, explore
from ._extended import tangent_map
from ._families import Family, Member, follow
from ._find import METHODS, ClosedOrbit, find_closed_orbit
from ._flow import Collision, Flow, Work
from ._motion import Motion
from ._physics import Quantities, choreography_defect, curve_distances, quantities, sample
from ._rediscover import Arrival, Soft, soft_directions, walk
from ._symmetries import Symmetry, symmetries
from ._wanted import Adjusted, adjust, wanted_of

__all__ = [
    "METHODS",
    "Adjusted",
    "Along",
    "Arrival",
    "ClosedOrbit",
    "Collision",
    "Configuration",
    "Curve",
    "Determinant",
    "Direction",
    "Directions",
    "EulerForm",
    "Family",
    "Flow",
    "Fold",
    "Known",
    "Map",
    "Member",
    "Motion",
    "Periodic",
    "Quantities",
    "Soft",
    "SoftDirection",
    "Spectrum",
    "Symmetry",
    "Work",
    "action_hessian",
    "adjust",
    "all_determinants",
    "blocks",
    "choreography_defect",
    "configurations",
    "continue_through_folds",
    "curve_distances",
    "determinant_along",
    "directions",
    "euler_exponents",
    "euler_form",
    "explore",
    "find_closed_orbit",
    "follow",
    "gascheau",
    "known_orbit",
    "known_orbits",
    "lagrange_exponents",
    "quantities",
    "ring_limit",
    "sample",
    "soft_directions",
    "symmetries",
    "tangent_map",
    "turning_exponents",
    "van_vleck",
    "walk",
    "wanted_of",
]
