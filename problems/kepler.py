"""Kepler problem over whole periods, in the plane or in space; a closed orbit with a closed-form Hessian.

    dq/dt = v,   dv/dt = -mu q / r^3,   r = |q|,   state (q, v),   loss |y(n T) - y(0)|^2 after n periods

The energy `E = |v|^2 / 2 - mu / r` of the start gives the semi-axis `a = -mu / (2 E)` and the period
`T = 2 pi sqrt(a^3 / mu)`, with `T'(E) = 3 T / (2 |E|)`. After n periods a neighbouring orbit is late by `n T'(E) dE`:

    M - 1 = -n T'(E) F(y0) grad E(y0)^T,   grad E = (mu q / r^3, v),   |F| = |grad E|
    H = 2 (M - 1)^T (M - 1) = 2 n^2 T'^2 |grad E|^2 (grad E)(grad E)^T

of rank one: eigenvalue `2 n^2 T'^2 |grad E|^4` (288 pi^2 for the circle with mu = a = n = 1) and 2 dim - 1 null
directions. The closed form holds where the orbit through `x` has the period of the one through `y0`; `exact` returns
`None` elsewhere.
Source: Kepler's third law; the monodromy by differentiating `y(n T(E); x) = x`.

    F_v,q = mu (3 q q^T / r^5 - 1 / r^3)
    s_k F_k,ij = mu (3 (u q^T + q u^T + (u.q) 1) / r^5 - 15 (u.q) q q^T / r^7)   with u the part of s that belongs to v
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure

DEFAULT = {2: (0.5, 0.0, 0.0, math.sqrt(3)), 3: (0.5, 0.0, 0.0, 0.0, 0.8 * math.sqrt(3), 0.6 * math.sqrt(3))}


def rhs(xp, t, y, p):
    d = y.shape[0] // 2
    q = y[:d]
    r2 = xp.sum(xp.reshape(q * q, (1, d)), axis=1)
    return xp.concatenate([y[d:], -q * (p["mu"] / (r2 * xp.sqrt(r2)))])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def position(y, p):
    """q (..., d), 1 / r^2 and mu / r^3, both (..., 1)."""
    q = y[..., : y.shape[-1] // 2]
    inv = 1.0 / np.vecdot(q, q)[..., None]
    return q, inv, p["mu"] * inv * np.sqrt(inv)


def vjp(t, y, s, p):
    q, inv, w = position(y, p)
    d = q.shape[-1]
    u = s[..., d:]
    out = np.empty(np.broadcast_shapes(y.shape, s.shape))
    out[..., :d] = w * (3 * inv * np.vecdot(u, q)[..., None] * q - u)
    out[..., d:] = s[..., :d]
    return out


def jac(t, y, p):
    q, inv, w = position(y, p)
    d, eye = q.shape[-1], np.eye(q.shape[-1])
    out = np.zeros((*y.shape, 2 * d))
    out[..., :d, d:] = eye
    out[..., d:, :d] = w[..., None] * ((3 * inv * q)[..., :, None] * q[..., None, :] - eye)
    return out


def vhp(t, y, s, p):
    q, inv, w = position(y, p)
    d = q.shape[-1]
    u = s[..., d:]
    uq = np.vecdot(u, q)[..., None]
    # half + its transpose = u q^T + q u^T - 5 (u.q) q q^T / r^2
    half = (u - 2.5 * uq * inv * q)[..., :, None] * q[..., None, :]
    shape = np.broadcast_shapes(y.shape, s.shape)
    out = np.zeros((*shape, 2 * d))
    out[..., :d, :d] = (3 * w * inv)[..., None] * (half + half.swapaxes(-1, -2) + uq[..., None] * np.eye(d))
    return out


def orbit(y, mu):
    """Energy and period of the orbit through `y` (2 dim,); the period is `None` where there is none."""
    q, v = np.split(y, 2)
    energy = float(v @ v) / 2 - mu / math.sqrt(q @ q)
    swept = (q @ q) * (v @ v) - (q @ v) ** 2  # |q x v|^2
    if not (energy < 0 and swept > 1e-24 * (q @ q) * (v @ v)):
        return energy, None
    axis = -mu / (2 * energy)
    return energy, 2 * math.pi * axis * math.sqrt(axis / mu)


def closed_form(mu, period, periods):
    """`exact(x)` for orbits of this `period` traversed `periods` times."""

    def exact(x):
        energy, own = orbit(x, mu) if np.any(x[: x.size // 2]) else (0.0, None)
        if own is None or abs(own - period) > 1e-13 * period:
            return None
        q, v = np.split(x, 2)
        g = np.concatenate([mu * q / math.sqrt(q @ q) ** 3, v])
        late = periods * 1.5 * period / abs(energy)
        return 0.0, np.zeros(x.size), 2 * late**2 * (g @ g) * np.outer(g, g)

    return exact


def problem(dim: int = 2, mu: float = 1.0, y0=None, periods: int = 1) -> Problem:
    """The orbit through `y0` = (q, v), (2 dim,), in `dim` = 2 or 3 dimensions, traversed `periods` times."""
    if dim not in DEFAULT:
        raise InvalidInput(f"kepler: `dim` is {dim!r}, expected 2 or 3.")
    if not (isinstance(mu, int | float) and 0 < mu < math.inf):
        raise InvalidInput(f"kepler: `mu` is {mu!r}, expected a positive number.")
    if not (isinstance(periods, int | np.integer) and periods >= 1):
        raise InvalidInput(f"kepler: `periods` is {periods!r}, expected a whole number of at least 1.")
    start = _start(dim, math.sqrt(mu), y0)
    energy, period = orbit(start, mu)
    if period is None:
        what = "escapes" if energy >= 0 else "falls into the centre"
        raise InvalidInput(
            f"kepler: the orbit through `y0` = {start.tolist()} {what} (energy {energy:.6g}). Expected one that "
            f"closes, of negative energy and with a velocity not along the position: start slower, or more sideways."
        )
    return Problem(
        name="kepler",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, periods * period),
        y0=start,
        params={"mu": float(mu)},
        autonomous=True,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=non_closure,
        exact=closed_form(float(mu), period, int(periods)),
        perturbed=start * (1 + 0.02 * np.array([1, -2, -1, 1, -2, 1][: 2 * dim])) + 0.01,
        size=dim,
    )


def _start(dim, speed, y0):
    if y0 is None:
        return np.array(DEFAULT[dim]) * np.repeat([1.0, speed], dim)
    start = np.array(y0, dtype=float)
    if start.shape != (2 * dim,) or not np.all(np.isfinite(start)):
        raise InvalidInput(f"kepler: `y0` is {y0!r}, expected {2 * dim} finite numbers (q, v) for dim = {dim}.")
    if not np.any(start[:dim]):
        raise InvalidInput("kepler: `y0` starts in the centre, where the force is infinite; move it away.")
    return start
