"""`ODE`: an adaptive solve of dy/dt = f(y) in JAX, by the 8th-order method of Dormand and Prince (DOP853).

Tableau and error estimate: Hairer, Norsett & Wanner, "Solving ODEs I", 2nd ed., section II.5; the coefficients are
those that SciPy publishes with its class of the same name. Step sizes are not differentiated (they are part of the
method, not of the solution); the last step, which ends at `t1`, is, so that derivatives with respect to both times
are right. The loop is a `lax.while_loop`: it can be jitted, batched and differentiated forward, not in reverse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any

SAFETY, SHRINK, GROW, ORDER = 0.9, 0.2, 6.0, 8
STAGES = 12
"""Evaluations of the field for each attempted step."""

SMALLEST_STEP = 1e-14
"""Relative to the span; an integration that wants to go below has failed."""


class Solution(NamedTuple):
    """State at `t1`, NaN where the solve failed; whether it succeeded; attempted and accepted steps; time reached."""

    y: Array
    ok: Array
    steps: Array
    accepted: Array
    t: Array


def solve(
    field: Callable[[Array], Array], y0: Array, t0: Array, t1: Array, rtol: float, atol: float, max_steps: int
) -> Solution:
    """Integrates an autonomous field from `t0` to `t1`, in either direction; `y0` has shape (n,)."""
    import jax
    import jax.numpy as jnp
    from jax import lax
    from scipy.integrate import DOP853

    a, b, e3, e5 = (jnp.asarray(x) for x in (DOP853.A, DOP853.B, DOP853.E3[:-1], DOP853.E5[:-1]))
    y0, t0, t1 = (jnp.asarray(v, dtype=float) for v in (y0, t0, t1))
    stages, n = b.shape[0], y0.shape[0]
    span = lax.stop_gradient(t1 - t0)

    def attempt(y: Array, h: Array) -> tuple[Array, Array]:
        def stage(i: Array, k: Array) -> Array:
            return k.at[i].set(field(y + h * (a[i] @ k)))

        k = lax.fori_loop(0, stages, stage, jnp.zeros((stages, n)))
        y_new = y + h * (b @ k)
        scale = atol + rtol * jnp.maximum(jnp.abs(y), jnp.abs(y_new))
        err5, err3 = jnp.sum(((e5 @ k) / scale) ** 2), jnp.sum(((e3 @ k) / scale) ** 2)
        total = err5 + 0.01 * err3
        error = jnp.abs(h) * err5 / jnp.sqrt(jnp.where(total > 0, total, 1.0) * max(n, 1))
        return y_new, lax.stop_gradient(error)

    def going(state: tuple) -> Array:
        t, _, h, steps, _, ok = state
        return (t != t1) & (steps < max_steps) & ok & jnp.isfinite(h)

    def step(state: tuple) -> tuple:
        t, y, h, steps, accepted, _ = state
        last = jnp.abs(h) >= jnp.abs(t1 - t)
        h_now = jnp.where(last, t1 - t, h)
        y_new, error = attempt(y, h_now)
        good = (error <= 1.0) & jnp.all(jnp.isfinite(y_new))
        factor = SAFETY * jnp.where(error > 0, error, 1e-10) ** (-1 / ORDER)
        factor = jnp.where(
            good, jnp.clip(factor, SHRINK, GROW), jnp.where(error > 1, jnp.maximum(factor, SHRINK), SHRINK)
        )
        h_next = lax.stop_gradient(h_now) * factor
        t_new = jnp.where(last, t1, t + h_now)
        possible = good | (jnp.abs(h_next) > SMALLEST_STEP * jnp.abs(span))
        return jnp.where(good, t_new, t), jnp.where(good, y_new, y), h_next, steps + 1, accepted + good, possible

    h0 = lax.stop_gradient(span / 100)
    start = (t0, y0, h0, jnp.asarray(0), jnp.asarray(0), jnp.isfinite(span))
    t, y, _, steps, accepted, ok = jax.lax.while_loop(going, step, start)
    ok = ok & (t == t1)
    return Solution(jnp.where(ok, y, jnp.nan), ok, steps, accepted, t)
