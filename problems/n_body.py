"""Any number of bodies under gravity (G = 1), of any masses, in one to three dimensions, softened or not.

State: positions q_1, ..., q_n, then velocities, each with `dim` components. With `D_ij = q_j - q_i` and a softening `e`,

    dq_i/dt = v_i,   dv_i/dt = sum_j m_j D_ij w_ij,   w = (|D|^2 + e^2)^(-3/2)   on (0, period),   loss |y(period) - y(0)|^2

Starts: central configurations that turn as rigid bodies, whose stability is known (`hessbench orbit configurations`),

    lagrange   three bodies at the corners of a triangle of side 1            any masses
    euler      three bodies on a line, those of masses 1 and 2 at distance 1   any masses
    ring       n equal bodies on a circle of radius 1, around a body of mass `centre` if that is not zero (Maxwell's ring)

and choreographies, equal masses on one curve, rounded as they were published, so not quite closed (`hessbench orbit find`):

    figure-8 (n = 3), super-eight (n = 4, Gerver), chain-5 (n = 5)
    perturbed  the super-eight, off every symmetry, over a quarter of its period (the default)

Sources: Lagrange, Essai sur le probleme des trois corps (1772); Euler (1767); Maxwell, On the stability of the motion of
Saturn's rings (1859); Chenciner & Montgomery, Ann. of Math. 152 (2000) 881; Chenciner, Gerver, Montgomery & Simo, Simple
choreographic motions of N bodies: a preliminary study, in Geometry, Mechanics and Dynamics (2002).

    K = w (1 - 3 D D^T / r^2),  r^2 = |D|^2 + e^2:   dv_i,j = m_j K_ij (j != i),   dv_i,i = -sum_j m_j K_ij
    s_k F_k,j = sum_i K_ij u_ij,   u_ij = m_j s_i - m_i s_j
    s_k F_k,ij:  -T_ij,  and sum_j T_ij for i = j,   T = -3 w / r^2 (u D^T + D u^T + (u.D) 1 - 5 (u.D) D D^T / r^2)
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure

CHOREOGRAPHIES = {  # positions, velocities, period
    "figure-8": (
        [[0.97000436, -0.24308753], [-0.97000436, 0.24308753], [0, 0]],
        [[0.93240737 / 2, 0.86473146 / 2], [0.93240737 / 2, 0.86473146 / 2], [-0.93240737, -0.86473146]],
        6.32591398,
    ),
    "super-eight": (
        [[1.382857, 0], [0, 0.157030], [-1.382857, 0], [0, -0.157030]],
        [[0, 0.584873], [1.871935, 0], [0, -0.584873], [-1.871935, 0]],
        2 * math.pi,
    ),
    "chain-5": (
        [[1.657666, 0], [0.439775, -0.169717], [-1.268608, -0.267651], [-1.268608, 0.267651], [0.439775, 0.169717]],
        [[0, -0.593786], [1.822785, 0.128248], [1.271564, 0.168645], [-1.271564, 0.168645], [-1.822785, 0.128248]],
        2 * math.pi,
    ),
}
STARTS = ("perturbed", "lagrange", "euler", "ring", *CHOREOGRAPHIES)


def rhs(xp, t, y, p):
    half, n = y.shape[0] // 2, p["masses"].shape[0]
    dim = half // n
    q, a = y[:half], 0.0
    for k in range(1, n):  # body i is pulled by body i + k
        d = xp.reshape(xp.concatenate([q[k * dim :], q[: k * dim]]) - q, (n, dim))
        r2 = xp.reshape(xp.sum(d * d, axis=1), (n, 1)) + p["softening"] ** 2
        m = xp.reshape(xp.concatenate([p["masses"][k:], p["masses"][:k]]), (n, 1))
        a = a + m * d / (r2 * xp.sqrt(r2))
    return xp.concatenate([y[half:], xp.reshape(a, (half,))])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def derivatives(n, dim):
    """NumPy derivatives for `n` bodies in `dim` dimensions."""
    half, eye, self = n * dim, np.eye(dim), np.arange(n)

    def pairs(y, p):
        """D (..., n, n, dim), 1 / r^2 and w, both (..., n, n, 1); w = 0 for a body and itself."""
        q = y[..., :half].reshape(*y.shape[:-1], n, dim)
        d = q[..., None, :, :] - q[..., :, None, :]
        r2 = np.sum(d * d, axis=-1, keepdims=True) + p["softening"] ** 2
        r2[..., self, self, :] = 1.0
        inv = 1.0 / r2
        w = inv * np.sqrt(inv)
        w[..., self, self, :] = 0.0
        return d, inv, w

    def weights(s, p):
        """u (..., n, n, dim)."""
        v, m = s[..., half:].reshape(*s.shape[:-1], n, dim), p["masses"]
        return m[None, :, None] * v[..., :, None, :] - m[:, None, None] * v[..., None, :, :]

    def vjp(t, y, s, p):
        (d, inv, w), u = pairs(y, p), weights(s, p)
        g = w * (u - 3 * inv * np.sum(u * d, axis=-1, keepdims=True) * d)
        out = np.empty(np.broadcast_shapes(y.shape, s.shape))
        out[..., :half] = np.sum(g, axis=-3).reshape(*g.shape[:-3], half)
        out[..., half:] = s[..., :half]
        return out

    def jac(t, y, p):
        d, inv, w = pairs(y, p)
        k = p["masses"][None, :, None, None] * w[..., None] * (eye - (3 * inv * d)[..., :, None] * d[..., None, :])
        k[..., self, self, :, :] = -np.sum(k, axis=-3)
        out = np.zeros((*y.shape[:-1], 2 * half, 2 * half))
        out[..., :half, half:] = np.eye(half)
        out[..., half:, :half] = _flat(k, half)
        return out

    def vhp(t, y, s, p):
        (d, inv, w), u = pairs(y, p), weights(s, p)
        ud = np.sum(u * d, axis=-1, keepdims=True)
        outer = (u - 2.5 * ud * inv * d)[..., :, None] * d[..., None, :]
        k = (3 * w * inv)[..., None] * (outer + outer.swapaxes(-1, -2) + ud[..., None] * eye)
        k[..., self, self, :, :] = -np.sum(k, axis=-3)
        out = np.zeros((*k.shape[:-4], 2 * half, 2 * half))
        out[..., :half, :half] = _flat(k, half)
        return out

    return Derivatives(vjp=vjp, jac=jac, vhp=vhp)


def _flat(blocks, half):
    """(..., i, j, a, b) as a matrix (..., half, half)."""
    return blocks.swapaxes(-3, -2).reshape(*blocks.shape[:-4], half, half)


def problem(
    start: str | None = None,
    n: int | None = None,
    dim: int | None = None,
    masses=None,
    centre: float = 0.0,
    softening: float = 0.0,
    y0=None,
    period: float | None = None,
) -> Problem:
    """A named `start` (see the module), or an orbit of your own by `y0` (2 n dim,) with `period` and `masses` (n,).

    `n` bodies on a ring, around one of mass `centre`; `masses` (3,) of Lagrange's and Euler's, or one number for a ring.
    The `softening` is a length; turning configurations and their periods take it into account.
    """
    if dim is not None and dim not in (1, 2, 3):
        raise InvalidInput(f"n-body: `dim` is {dim!r}, expected 1, 2 or 3.")
    if not (isinstance(softening, int | float) and 0 <= softening < math.inf):
        raise InvalidInput(f"n-body: `softening` is {softening!r}, expected a length that is not negative.")
    if start != "ring" and (n is not None or centre):
        raise InvalidInput("n-body: `n` and `centre` belong to `start='ring'` alone.")
    if y0 is not None or period is not None:
        m, state, t1, dim = _own(start, dim, masses, y0, period, softening)
    else:
        m, state, t1 = _named(start or "perturbed", n, masses, centre, softening)
        state, dim = _into(state, dim or 2), dim or 2
    k = np.arange(state.size)
    return Problem(
        name="n-body",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t1),
        y0=state,
        params={"masses": m, "softening": float(softening)},
        autonomous=True,
        loss_uses_y0=True,
        derivatives=derivatives(m.size, dim),
        loss_blocks=non_closure,
        perturbed=state + (7 * k * k % 13 + 3 * k % 5 - 8) / 500,
        size=m.size,
    )


def _named(start, n, masses, centre, softening):
    """Masses, planar state (2, n, 2) and period."""
    if start in ("lagrange", "euler"):
        m = _masses(start, masses if masses is not None else np.ones(3), 3)
        if start == "lagrange":
            q = np.array([[0, 0], [1, 0], [0.5, math.sqrt(0.75)]])
        else:
            q = np.array([[0, 0], [1, 0], [1 + _euler(m, softening), 0]])
        return _turning(q, m, softening)
    if start == "ring":
        n = 3 if n is None else n
        if not isinstance(n, int) or n < 2:
            raise InvalidInput(f"n-body: `n` is {n!r}, expected at least two bodies on the ring.")
        if not (isinstance(centre, int | float) and 0 <= centre < math.inf):
            raise InvalidInput(f"n-body: `centre` is {centre!r}, expected a mass that is not negative.")
        m, angle = _masses(start, np.ones(1) if masses is None else masses, 1), 2 * np.pi * np.arange(n) / n
        m, q = np.full(n, m[0]), np.stack([np.cos(angle), np.sin(angle)], axis=1)
        if centre:
            m, q = np.append(m, centre), np.vstack([q, np.zeros(2)])
        return _turning(q, m, softening)
    if start not in STARTS:
        raise InvalidInput(f"n-body: `start` is {start!r}, expected one of {', '.join(STARTS)}.")
    q, v, period = CHOREOGRAPHIES["super-eight" if start == "perturbed" else start]
    if masses is not None:
        raise InvalidInput(f"n-body: {start!r} is a choreography of unit masses; leave out `masses`.")
    state = np.array([q, v], dtype=float)
    if start == "perturbed":
        k = np.arange(state.size)
        state, period = state + ((5 * k * k % 13 + 3 * k % 5 - 8) / 500).reshape(state.shape), period / 4
    return np.ones(len(q)), state, period


def _into(state, dim):
    """A planar state (2, n, 2) in `dim` dimensions, flat; raises `InvalidInput` where a line has no room."""
    if dim == 1:
        raise InvalidInput("n-body: the named starts are planar; in one dimension give `y0` and `period`.")
    out = np.zeros((*state.shape[:2], dim))
    out[..., :2] = state
    return out.ravel()


def _masses(start, masses, count):
    m = np.array(masses, dtype=float).ravel()
    if m.shape != (count,) or not np.all(np.isfinite(m) & (m > 0)):
        words = "one positive number" if count == 1 else f"{count} positive numbers"
        raise InvalidInput(f"n-body: `masses` of {start!r} is {masses!r}, expected {words}.")
    return m


def _pulls(q, m, softening):
    d = q[None] - q[:, None]
    r2 = np.sum(d * d, axis=-1) + softening**2 + np.eye(len(q))
    return np.sum(m[None, :, None] * d / r2[..., None] ** 1.5, axis=1)


def _turning(q, m, softening):
    """The rigid rotation of a central configuration about its centre of mass: velocities w J q, w^2 q = -pull."""
    q = q - m @ q / np.sum(m)
    far = int(np.argmax(np.sum(q * q, axis=1)))
    turn = math.sqrt(-float(_pulls(q, m, softening)[far] @ q[far] / (q[far] @ q[far])))
    v = turn * np.stack([-q[:, 1], q[:, 0]], axis=1)
    return m, np.stack([q, v]), 2 * math.pi / turn


def _euler(m, softening):
    """The distance of bodies 2 and 3 where that of 1 and 2 is 1: pulls are as distances from the centre of mass."""
    from scipy.optimize import brentq

    def off(x):
        q = np.array([[0.0, 0.0], [1.0, 0.0], [1.0 + x, 0.0]])
        a = _pulls(q, m, softening)[:, 0]
        return (a[1] - a[0]) * x - (a[2] - a[1])

    low, high = 1e-3, 1e3
    if off(low) * off(high) > 0:
        raise InvalidInput(
            f"n-body: Euler's configuration of masses {m} was not found; the softening may be too large."
        )
    return float(np.asarray(brentq(off, low, high, xtol=1e-15, rtol=np.float64(1e-15))))


def _own(start, dim, masses, y0, period, softening):
    if start is not None or y0 is None or period is None:
        raise InvalidInput(
            "n-body: give either `start`, or an orbit of your own by `y0` together with `period` and `masses`."
        )
    state, dim = np.array(y0, dtype=float).ravel(), dim or 2
    n = state.size // (2 * dim)
    if n < 2 or state.size != 2 * n * dim:
        raise InvalidInput(
            f"n-body: `y0` has {state.size} numbers, expected {2 * dim} for each of at least two bodies: all positions, then "
            f"all velocities."
        )
    m = np.ones(n) if masses is None else np.array(masses, dtype=float)
    if m.shape != (n,) or not np.all(np.isfinite(m) & (m >= 0)):
        raise InvalidInput(f"n-body: `masses` is {masses!r}, expected {n} numbers that are not negative.")
    if not (isinstance(period, int | float) and 0 < period < math.inf):
        raise InvalidInput(f"n-body: `period` is {period!r}, expected a positive number.")
    q = state[: n * dim].reshape(n, dim)
    if softening == 0 and len(np.unique(q, axis=0)) < n:
        raise InvalidInput("n-body: `y0` puts two bodies at the same place, where the force is infinite; move one.")
    return m, state, float(period), dim
