"""What plugins need beside the names of `hessbench` itself; the built-in strategies import nothing that others could not.

`Counted` counts what torchdiffeq does. `solve` is the adaptive solve in JAX by SciPy's RK45 or DOP853 (`METHODS`), to be
compiled with what surrounds it; asking for either of the two imports JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._hybrid.course import Course as Course
from ._hybrid.course import Terms as Terms
from ._hybrid.crossing import Crossing as Crossing
from ._hybrid.legs import Legs as Legs
from ._hybrid.legs import travelled as travelled
from ._hybrid.steps import Turns as Turns
from ._hybrid.steps import counts_for as counts_for
from ._hybrid.steps import turns as turns
from ._integrate.fixed_step import stepping as stepping
from ._integrate.torchdiffeq import Counted as Counted

if TYPE_CHECKING:
    from ._integrate.jax_solver import METHODS as METHODS
    from ._integrate.jax_solver import solve as solve

__all__ = [
    "METHODS",
    "Counted",
    "Course",
    "Crossing",
    "Legs",
    "Terms",
    "Turns",
    "counts_for",
    "solve",
    "stepping",
    "travelled",
    "turns",
]


def __getattr__(name: str) -> Any:
    if name in ("METHODS", "solve"):
        return getattr(import_module("._integrate.jax_solver", __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
