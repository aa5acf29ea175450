"""Three bodies under gravity (G = 1) in the plane or in space: the figure-8, its neighbours, or any other orbit.

State: positions q_1, q_2, q_3, then velocities, each with `dim` components. With the differences `D_e = q_{e+1} - q_e`
(indices modulo 3) and `f(D) = D / |D|^3`,

    dq_e/dt = v_e,   dv_e/dt = m_{e+1} f(D_e) - m_{e-1} f(D_{e-1})   on (0, period),   loss |y(period) - y(0)|^2

Starts, all with unit masses and positions (-1, 0), (1, 0), (0, 0), velocities (a, b), (a, b), (-2a, -2b):
`figure-8` (a closed orbit; the loss and its gradient vanish), `simo` (the distorted figure-8, unstable, closed as well)
and `perturbed` (near the figure-8, off every symmetry, where no term of the Hessian vanishes).
Source: Moore, Phys. Rev. Lett. 70 (1993) 3675; Chenciner & Montgomery, Ann. of Math. 152 (2000) 881; Simó,
Contemp. Math. 292 (2002) 209. The figures were refined by Newton's method until the orbits closed in extended
precision.

    K_e = 1/|D|^3 - 3 D D^T / |D|^5,  so that df(D_e)/dq = K_e dD_e/dq
    F_v,q: block (k, l) = sum_e C_ke K_e B_el,  B_el = dD_e/dq_l = [l = e+1] - [l = e],  C_ke f(D_e) the pull at body k
    s_k F_k,ij, block (k, l) = sum_e B_ek T_e B_el,   u_e = m_{e+1} s_e - m_e s_{e+1}  (the part of s that belongs to v)
    T_e = -3 (u D^T + D u^T + (u.D) 1) / |D|^5 + 15 (u.D) D D^T / |D|^7
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure

ORBITS = {  # a, b, period
    "figure-8": (0.347116888118926938242776920320, 0.532724945388030229262027987692, 6.325913982926211677589000333967),
    "simo": (0.339407411990858834685481610420, 0.536184978151423468768109938053, 6.290818765075982724283427372502),
}
STARTS = ("figure-8", "perturbed", "simo")
NEXT = np.array([1, 2, 0])
INCIDENCE = np.eye(3)[NEXT] - np.eye(3)  # B_el


def rhs(xp, t, y, p):
    half = y.shape[0] // 2
    dim = half // 3
    q, masses = y[:half], xp.reshape(p["masses"], (3, 1))
    d = xp.reshape(xp.concatenate([q[dim:], q[:dim]]) - q, (3, dim))
    r2 = xp.reshape(xp.sum(d * d, axis=1), (3, 1))
    f = d / (r2 * xp.sqrt(r2))
    back = masses * f
    a = f * xp.concatenate([masses[1:], masses[:1]]) - xp.concatenate([back[2:], back[:2]])
    return xp.concatenate([y[half:], xp.reshape(a, (half,))])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def derivatives(dim):
    """NumPy derivatives in `dim` dimensions; sums over pairs are products with constant matrices."""
    half, eye = 3 * dim, np.eye(dim)
    spread = np.kron(INCIDENCE, eye)  # [(e, a), (l, a)]
    differences = np.ascontiguousarray(spread.T)
    # each pair pulls at two bodies: [(h, e, a, b), (k, a), (l, b)] with h = 0 for k = e and h = 1 for k = e + 1
    pull = np.stack([np.eye(3), -np.eye(3)[NEXT]])  # [h, e, k]
    gather_jac = np.einsum("hek,el,ac,bd->heabkcld", pull, INCIDENCE, eye, eye).reshape(6 * dim**2, half**2)
    gather_vhp = np.einsum("ek,el,ac,bd->eabkcld", INCIDENCE, INCIDENCE, eye, eye).reshape(3 * dim**2, half**2)
    other = np.stack([NEXT, np.arange(3)])  # [h, e]: whose mass pulls

    def pairs(y):
        """D (..., 3, dim), 1/|D|^2 and 1/|D|^3, both (..., 3, 1)."""
        d = (y[..., :half] @ differences).reshape(*y.shape[:-1], 3, dim)
        inv = 1.0 / np.vecdot(d, d)[..., None]
        return d, inv, inv * np.sqrt(inv)

    def weights(s, p):
        v, m = s[..., half:].reshape(*s.shape[:-1], 3, dim), p["masses"][:, None]
        return m[NEXT] * v - m * v[..., NEXT, :]

    def vjp(t, y, s, p):
        d, inv, w = pairs(y)
        u = weights(s, p)
        g = w * (u - 3 * inv * np.vecdot(u, d)[..., None] * d)
        out = np.empty(np.broadcast_shapes(y.shape, s.shape))
        out[..., :half] = g.reshape(*g.shape[:-2], half) @ spread
        out[..., half:] = s[..., :half]
        return out

    def jac(t, y, p):
        d, inv, w = pairs(y)
        k = w[..., None] * (eye - (3 * inv * d)[..., :, None] * d[..., None, :])
        lead = y.shape[:-1]
        k = p["masses"][other][:, :, None] * k.reshape(*lead, 1, 3, dim**2)
        out = np.zeros((*lead, 2 * half, 2 * half))
        out[..., :half, half:] = np.eye(half)
        out[..., half:, :half] = (k.reshape(*lead, 6 * dim**2) @ gather_jac).reshape(*lead, half, half)
        return out

    def vhp(t, y, s, p):
        d, inv, w = pairs(y)
        u = weights(s, p)
        ud = np.vecdot(u, d)[..., None]
        # outer + its transpose = u D^T + D u^T - 5 (u.D) D D^T / |D|^2
        outer = (u - 2.5 * ud * inv * d)[..., :, None] * d[..., None, :]
        k = (-3 * w * inv)[..., None] * (outer + outer.swapaxes(-1, -2) + ud[..., None] * eye)
        lead = k.shape[:-3]
        out = np.zeros((*lead, 2 * half, 2 * half))
        out[..., :half, :half] = (k.reshape(*lead, 3 * dim**2) @ gather_vhp).reshape(*lead, half, half)
        return out

    return Derivatives(vjp=vjp, jac=jac, vhp=vhp)


def problem(
    start: str | None = None, dim: int | None = None, masses=None, y0=None, period: float | None = None
) -> Problem:
    """A named `start` ("figure-8", "perturbed" or "simo"; `dim` = 2 or 3), or an orbit of your own.

    An orbit of your own: `y0` (6 dim,) with `period`, and `masses` (3,), which are 1 by default.
    """
    if dim not in (None, 2, 3):
        raise InvalidInput(f"three-body: `dim` is {dim!r}, expected 2 or 3.")
    if y0 is None and period is None and masses is None:
        m, state, t1 = np.ones(3), *_named(start or "figure-8", dim or 2)
    else:
        m, state, t1 = _own(start, dim, masses, y0, period)
    dim = state.size // 6
    return Problem(
        name="three-body",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t1),
        y0=state,
        params={"masses": m},
        autonomous=True,
        loss_uses_y0=True,
        derivatives=derivatives(dim),
        loss_blocks=non_closure,
        perturbed=state + _kick(dim, 7),
        size=dim,
    )


def _kick(dim, stride):
    """A small displacement (6 dim,) without any symmetry, the same on every machine."""
    k = np.arange(6 * dim)
    return (stride * k * k % 13 + 3 * k % 5 - 8) / 500


def _named(start, dim):
    if start not in STARTS:
        raise InvalidInput(f"three-body: `start` is {start!r}, expected one of {', '.join(STARTS)}.")
    a, b, period = ORBITS["figure-8" if start == "perturbed" else start]
    planar = np.array([[-1, 0], [1, 0], [0, 0], [a, b], [a, b], [-2 * a, -2 * b]])
    state = np.zeros((6, dim))
    state[:, :2] = planar
    return state.ravel() + (_kick(dim, 5) if start == "perturbed" else 0), period


def _own(start, dim, masses, y0, period):
    if start is not None or y0 is None or period is None:
        raise InvalidInput(
            "three-body: give either `start`, or an orbit of your own by `y0` together with `period` (and `masses`, "
            "which are 1 by default)."
        )
    state, m = np.array(y0, dtype=float).ravel(), np.ones(3) if masses is None else np.array(masses, dtype=float)
    sizes = (12, 18) if dim is None else (6 * dim,)
    if state.size not in sizes:
        raise InvalidInput(
            f"three-body: `y0` has {state.size} numbers, expected {' or '.join(map(str, sizes))}: "
            f"three positions, then three velocities."
        )
    if m.shape != (3,) or not np.all(np.isfinite(m) & (m >= 0)):
        raise InvalidInput(f"three-body: `masses` is {masses!r}, expected three numbers that are not negative.")
    if not (isinstance(period, int | float) and 0 < period < math.inf):
        raise InvalidInput(f"three-body: `period` is {period!r}, expected a positive number.")
    q = state[: state.size // 2].reshape(3, -1)
    if np.any(np.all(q == q[NEXT], axis=1)):
        raise InvalidInput("three-body: `y0` puts two bodies at the same place, where the force is infinite; move one.")
    return m, state, float(period)
