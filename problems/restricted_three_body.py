"""Circular restricted three-body problem in rotating coordinates, in space: a closed orbit round one or both primaries.

State: position q = (x, y, z), velocity v. The larger primary is at (-mu, 0, 0), the smaller at (1 - mu, 0, 0); with the
vectors `D_1, D_2` from the primaries to the body and the masses `m_1 = 1 - mu, m_2 = mu`,

    dq/dt = v,   dv/dt = (x, y, 0) + 2 (v_y, -v_x, 0) - sum_e m_e D_e / |D_e|^3   on (0, period),   loss |y(period) - y(0)|^2

The default is Arenstorf's orbit, which passes within 0.0063 of the smaller primary.
Source: Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, section II.0 (start and period); Szebehely,
Theory of Orbits (1967), for the equations. Jacobi's constant is `x^2 + y^2 + 2 m_1 / |D_1| + 2 m_2 / |D_2| - |v|^2`.

    F_v,q = diag(1, 1, 0) + sum_e m_e (3 D_e D_e^T / |D_e|^5 - 1 / |D_e|^3)      F_v,v = [[0, 2, 0], [-2, 0, 0], [0, 0, 0]]
    s_k F_k,ij = sum_e m_e (3 (u D^T + D u^T + (u.D) 1) / |D|^5 - 15 (u.D) D D^T / |D|^7)   with u the part of s for v
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure

ARENSTORF = ((0.994, 0.0, 0.0, 0.0, -2.0015851063790824, 0.0), 17.065216560157964, 0.012277471)
PLANE = np.diag([1.0, 1.0, 0.0])
CORIOLIS = np.array([[0.0, 2.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def rhs(xp, t, y, p):
    mu, q, v = p["mu"], y[:3], y[3:]
    large = xp.concatenate([q[:1] + mu, q[1:]])
    small = xp.concatenate([q[:1] + (mu - 1.0), q[1:]])
    r1, r2 = (xp.sum(xp.reshape(d * d, (1, 3)), axis=1) for d in (large, small))
    pull = large * ((1.0 - mu) / (r1 * xp.sqrt(r1))) + small * (mu / (r2 * xp.sqrt(r2)))
    turn = xp.concatenate([q[:1] + 2.0 * v[1:2], q[1:2] - 2.0 * v[:1], 0.0 * q[2:]])
    return xp.concatenate([v, turn - pull])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def pairs(y, p):
    """D (..., 2, 3), 1 / |D|^2 and m / |D|^3, both (..., 2, 1)."""
    mu = p["mu"]
    d = y[..., None, :3] + np.array([[mu, 0, 0], [mu - 1, 0, 0]])
    inv = 1.0 / np.sum(d * d, axis=-1, keepdims=True)
    return d, inv, np.array([[1 - mu], [mu]]) * inv * np.sqrt(inv)


def gradient_of_force(y, p):
    """F_v,q (..., 3, 3), symmetric."""
    d, inv, w = pairs(y, p)
    k = w[..., None] * ((3 * inv * d)[..., :, None] * d[..., None, :] - np.eye(3))
    return PLANE + np.sum(k, axis=-3)


def vjp(t, y, s, p):
    g, u = gradient_of_force(y, p), s[..., 3:]
    out = np.empty(np.broadcast_shapes(y.shape, s.shape))
    out[..., :3] = np.sum(g * u[..., None, :], axis=-1)
    out[..., 3:] = s[..., :3] + u @ CORIOLIS
    return out


def jac(t, y, p):
    g = gradient_of_force(y, p)
    out = np.zeros((*y.shape, 6), dtype=g.dtype)
    out[..., :3, 3:] = np.eye(3)
    out[..., 3:, :3] = g
    out[..., 3:, 3:] = CORIOLIS
    return out


def vhp(t, y, s, p):
    d, inv, w = pairs(y, p)
    u = s[..., None, 3:]
    ud = np.sum(u * d, axis=-1, keepdims=True)
    # half + its transpose = u D^T + D u^T - 5 (u.D) D D^T / |D|^2
    half = (u - 2.5 * ud * inv * d)[..., :, None] * d[..., None, :]
    k = (3 * w * inv)[..., None] * (half + half.swapaxes(-1, -2) + ud[..., None] * np.eye(3))
    out = np.zeros((*np.broadcast_shapes(y.shape, s.shape), 6))
    out[..., :3, :3] = np.sum(k, axis=-3)
    return out


def problem(mu: float | None = None, y0=None, period: float | None = None) -> Problem:
    """Arenstorf's orbit, or the orbit from `y0` (6,) over `period` with the smaller primary's share `mu` of the mass."""
    given = [value is not None for value in (mu, y0, period)]
    if any(given) and not all(given):
        raise InvalidInput(
            "restricted-three-body: give `mu`, `y0` and `period` together, or none of them (Arenstorf's orbit)."
        )
    start, t1, share = (y0, period, mu) if all(given) else ARENSTORF
    if not (isinstance(share, int | float) and 0 < share <= 0.5):
        raise InvalidInput(f"restricted-three-body: `mu` is {share!r}, expected a number above 0 and at most 0.5.")
    state = np.array(start, dtype=float)
    if state.shape != (6,) or not np.all(np.isfinite(state)):
        raise InvalidInput(f"restricted-three-body: `y0` is {start!r}, expected 6 finite numbers (q, v).")
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"restricted-three-body: `period` is {t1!r}, expected a positive number.")
    if any(np.array_equal(state[:3], [x, 0, 0]) for x in (-share, 1 - share)):
        raise InvalidInput(
            "restricted-three-body: `y0` starts in a primary, where the force is infinite; move it away."
        )
    return Problem(
        name="restricted-three-body",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, float(t1)),
        y0=state,
        params={"mu": float(share)},
        autonomous=True,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=non_closure,
        perturbed=0.98 * state + 0.01 * np.array([-1, 3, 2, -1, 1, -2]),
    )
