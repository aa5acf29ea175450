"""`ODE`: an adaptive solve of dy/dt = f(y) in JAX, by the 8th-order method of Dormand and Prince (DOP853)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hessbench._integrate import jax_solver
from hessbench._integrate.jax_solver import Solution as Solution

Array = Any


def solve(
    field: Callable[[Array], Array], y0: Array, t0: Array, t1: Array, rtol: float, atol: float, max_steps: int
) -> Solution:
    """Integrates an autonomous field from `t0` to `t1`, in either direction; `y0` has shape (n,)."""
    return jax_solver.solve(lambda t, y: field(y), y0, t0, t1, rtol, atol, max_steps)
