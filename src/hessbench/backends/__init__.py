"""Array frameworks behind one small interface; each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from .._errors import InvalidInput, Unavailable
from ._base import Backend

PACKAGES = {"numpy": "numpy", "jax": "jax", "torch": "torch", "autograd": "autograd", "casadi": "casadi"}

__all__ = ["PACKAGES", "Backend", "available", "backend"]


def available(name: str) -> bool:
    """Whether the package of backend `name` is installed, found out without importing it."""
    return find_spec(PACKAGES[name]) is not None


def backend(name: str) -> Backend:
    """The backend called `name`. Raises `InvalidInput` for an unknown name, `Unavailable` for a missing package."""
    if name not in PACKAGES:
        raise InvalidInput(f"There is no backend {name!r}; choose one of {', '.join(PACKAGES)}.")
    if not available(name):
        raise Unavailable(f"Backend {name!r} needs the package `{PACKAGES[name]}`: pip install 'hessbench[{name}]'.")
    return import_module(f"._{name}", __name__).BACKEND
