"""An adaptive solve of dy/dt = f(t, y) in JAX, by the pair of SciPy's `RK45` or `DOP853`, compiled with what surrounds it.

Error norm, step size control, first step and dense output are SciPy's. Step sizes are not differentiated (they are part of
the method, not of the solution); the last step, which ends at `t1`, is, so that derivatives with respect to both times are
right. The loop is a `lax.while_loop`: it can be jitted, batched and differentiated forward, not in reverse.
Source: Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, 2nd ed., sections II.4 to II.6 and II.10.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .pairs import MAX_FACTOR, MIN_FACTOR, SAFETY, first_step, pair

Array = Any
METHODS = ("RK45", "DOP853")  # with dense output

SMALLEST_STEP = 1e-14
"""Relative to the span; an integration that wants to go below has failed."""


class Solution(NamedTuple):
    """State at `t1`, NaN where the solve failed; whether it succeeded; attempted and accepted steps; evaluations of the
    field; time reached; and the trajectory, if it was asked for."""

    y: Array
    ok: Array
    steps: Array
    accepted: Array
    rhs: Array
    t: Array
    dense: Dense | None


class Dense(NamedTuple):
    """Polynomials on the accepted steps: start times (m,), infinite where there is none, sizes (m,), and coefficients
    (m, r, n) of the powers of the fraction of the step."""

    t: Array
    h: Array
    coefficients: Array

    def __call__(self, t: Array) -> Array:
        """`y(t)` (n,)."""
        import jax.numpy as jnp

        way = jnp.sign(self.h[0])
        i = jnp.maximum(jnp.sum(way * self.t <= way * t) - 1, 0)
        x = (t - self.t[i]) / self.h[i]
        return x ** jnp.arange(self.coefficients.shape[1]) @ self.coefficients[i]


def solve(
    field: Callable[[Array, Array], Array],
    y0: Array,
    t0: Array,
    t1: Array,
    rtol: float,
    atol: float,
    max_steps: int,
    method: str = "DOP853",
    dense: int = 0,
) -> Solution:
    """Integrates `field(t, y)` from `t0` to `t1`, in either direction; `y0` has shape (n,).

    Errors are kept to `rms(error / (atol + rtol |y|)) < 1` by `method`, one of `METHODS`; more than `max_steps` attempts fail.
    `dense` is the largest number of accepted steps that the trajectory is stored for; a solve that takes more has failed.
    """
    import jax.numpy as jnp
    from jax import lax

    scheme = pair(method)
    a, c = scheme.extended()
    s, n = scheme.stages, y0.shape[0]
    a, c, errors = jnp.asarray(np.pad(a, ((0, 0), (0, 1)))), jnp.asarray(c), jnp.asarray(scheme.errors)
    y0, t0, t1 = (jnp.asarray(v, dtype=float) for v in (y0, t0, t1))
    span = lax.stop_gradient(t1 - t0)

    def attempt(t: Array, y: Array, slope: Array, h: Array) -> Array:
        def stage(i: Array, k: Array) -> Array:
            return k.at[i].set(field(t + c[i] * h, y + h * (a[i] @ k)))

        return lax.fori_loop(1, s + 1, stage, jnp.zeros((s + 1, n)).at[0].set(slope))

    def error_of(y: Array, y_new: Array, k: Array, h: Array) -> Array:
        e = jnp.mean((errors @ k / (atol + rtol * jnp.maximum(jnp.abs(y), jnp.abs(y_new)))) ** 2, axis=1)
        if len(e) == 1:
            return jnp.abs(h) * jnp.sqrt(e[0])
        total = e[0] + 0.01 * e[1]
        return jnp.abs(h) * e[0] / jnp.sqrt(jnp.where(total > 0, total, 1.0))

    def going(state: tuple) -> Array:
        t, _, _, h, _, steps, _, ok, _ = state
        return (t != t1) & (steps < max_steps) & ok & jnp.isfinite(h)

    def step(state: tuple) -> tuple:
        t, y, slope, h, fresh, steps, accepted, _, kept = state
        last = jnp.abs(h) >= jnp.abs(t1 - t)
        h_now = jnp.where(last, t1 - t, h)
        k = attempt(t, y, slope, h_now)
        y_new = y + h_now * (a[s] @ k)
        error = lax.stop_gradient(error_of(y, y_new, k, h_now))
        good = (error < 1.0) & jnp.all(jnp.isfinite(y_new))
        factor = jnp.where(jnp.isfinite(error), SAFETY * jnp.maximum(error, 1e-30) ** scheme.exponent, 0.0)
        h_next = lax.stop_gradient(h_now) * jnp.clip(factor, MIN_FACTOR, jnp.where(good & fresh, MAX_FACTOR, 1.0))
        possible = good | (jnp.abs(h_next) > SMALLEST_STEP * jnp.abs(span))
        if dense:
            kept = lax.cond(good, lambda: keep(kept, accepted, t, y, k, h_now), lambda: kept)
            possible &= accepted + good <= dense
        t_new = jnp.where(last, t1, t + h_now)
        moved = (jnp.where(good, new, old) for new, old in ((t_new, t), (y_new, y), (k[s], slope)))
        return *moved, h_next, good, steps + 1, accepted + good, possible, kept

    def keep(kept: Dense, i: Array, t: Array, y: Array, k: Array, h: Array) -> Dense:
        for row, fraction in zip(more_a, more_c, strict=True):
            k = jnp.vstack([k, field(t + fraction * h, y + h * (row[: len(k)] @ k))])
        new = Dense(t, h, jnp.vstack([y, h * (weights @ k)]))
        return Dense(*(store.at[i].set(value) for store, value in zip(kept, new, strict=True)))

    slope = field(t0, y0)
    scale = atol + rtol * jnp.abs(y0)
    h0 = first_step(jnp, field, t0, span, y0, slope, scale, scheme.exponent)
    h0 = lax.stop_gradient(h0 * jnp.sign(span))
    more_a, more_c, weights = _interpolant(method)
    never = jnp.full(dense, jnp.inf) * jnp.sign(span)
    kept = Dense(never, jnp.ones(dense), jnp.zeros((dense, len(weights) + 1, n))) if dense else None
    start = (t0, y0, slope, h0, jnp.asarray(True), jnp.asarray(0), jnp.asarray(0), jnp.isfinite(span), kept)
    t, y, _, _, _, steps, accepted, ok, kept = lax.while_loop(going, step, start)
    ok = ok & (t == t1)
    rhs = 2 + s * steps + (len(more_c) * accepted if dense else 0)
    return Solution(jnp.where(ok, y, jnp.nan), ok, steps, accepted, rhs, t, kept)


@cache
def _interpolant(method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Further stages (e, s + 1 + e) and their times (e,), and the weights (r, s + 1 + e) of all slopes in the coefficients
    of x, x^2, ..., x^r, divided by the step size."""
    from scipy import integrate

    stepper: Any = getattr(integrate, method)
    if method == "RK45":
        return np.zeros((0, stepper.n_stages + 1)), np.zeros(0), stepper.P.T
    s, extra = stepper.n_stages, stepper.A_EXTRA
    total = np.append(stepper.B, np.zeros(4))
    first, last = np.eye(s + 4)[[0, s]]
    in_turn = np.vstack([total, first - total, 2 * total - last - first, stepper.D])
    # these are weights of x, x (1 - x), x^2 (1 - x), x^2 (1 - x)^2, ...: in powers of x
    powers, product = np.zeros((7, 7)), np.array([1.0])
    for i in range(7):
        product = np.convolve(product, [0.0, 1.0] if i % 2 == 0 else [1.0, -1.0])
        powers[: len(product) - 1, i] = product[1:]
    return extra, stepper.C_EXTRA, powers @ in_turn
