"""`hessbench orbit ...`: closed orbits, what their Hessians say, Simó's orbit, families, determinants."""

from __future__ import annotations

from . import _command_orbits, _command_systems  # noqa: F401  (each registers its commands)
from ._command import app

__all__ = ["app"]
