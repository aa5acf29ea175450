"""Gray and Scott's autocatalysis with diffusion in one dimension: a pulse that splits; stiff and sparse, of any even size.

On m = N/2 points at the middles of cells of width d = 10/m, no flux at the ends, state (u_1, v_1, u_2, v_2, ...):

    du/dt = Du u_xx - u v^2 + F (1 - u),    dv/dt = Dv v_xx + u v^2 - (F + kappa) v,    w_xx = (w_{i-1} - 2 w_i + w_{i+1}) / d^2
    Du = 1,  Dv = 0.01,  F = 0.01,  kappa = 0.043,   u(0) = 1 - b/2,  v(0) = b/4,  b = exp(-(x - 4)^2),   on (0, 50)
    loss  d sum_i ((u_i(t1) - 1 + c_i/2)^2 + (v_i(t1) - c_i)^2),   c = exp(-(x - 5)^2 / 4) / 4

Diffusion damps the finest mode at a rate of nearly `4 Du / d^2`: 400 at N = 200 and 1e4 at N = 1000. Without reaction and feed
the sum of `u` is kept, and `(1, 0)` is at rest. The Hessian is by the four parameters.
Source: Gray & Scott, Chem. Eng. Sci. 39 (1984) 1087; Doelman, Kaper & Zegeling, Nonlinearity 10 (1997) 523, for the scales.

Per point, with `e = s_v - s_u`, beside the constant stencil:

    F_u,u = -v^2 - F - 2 Du/d^2    F_u,v = -2 u v    F_v,u = v^2    F_v,v = 2 u v - F - kappa - 2 Dv/d^2
    s_k F_k,uv = s_k F_k,vu = 2 v e    s_k F_k,vv = 2 u e    F_,Du = (u_xx, 0)    F_,Dv = (0, v_xx)
    F_,F = (1 - u, -v)    F_,kappa = (0, -v)
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, JointDerivatives, LossBlocks, Problem, Sparsity

LENGTH = 10.0
NAMES = ("Du", "Dv", "F", "kappa")
VALUES = dict(zip(NAMES, (1.0, 0.01, 0.01, 0.043), strict=True))


def curved(xp, w, m):
    """The second difference (m,) of a field with no flux at the ends."""
    left, right = xp.concatenate([w[:1], w[:-1]]), xp.concatenate([w[1:], w[-1:]])
    return (m / LENGTH) ** 2 * (left - 2 * w + right)


def rhs(xp, t, y, p):
    m = y.shape[0] // 2
    u, v = y[::2], y[1::2]
    eaten = u * v * v
    du = p["Du"] * curved(xp, u, m) - eaten + p["F"] * (1 - u)
    dv = p["Dv"] * curved(xp, v, m) + eaten - (p["F"] + p["kappa"]) * v
    return xp.concatenate([du, dv])[np.arange(2 * m).reshape(2, m).T.ravel()]


def loss(xp, y0, y1, p):
    return (2 * LENGTH / y1.shape[0]) * xp.sum((y1 - p["seen"]) ** 2)


def loss_blocks(y0, y1, p):
    n, cell = y1.size, 2 * LENGTH / y1.size
    gap, none = y1 - p["seen"], np.zeros((n, n))
    return LossBlocks(cell * float(gap @ gap), np.zeros(n), 2 * cell * gap, none, none, 2 * cell * np.eye(n))


def along(a):
    """Second differences of a batch of states (..., N), field by field."""
    out = -2.0 * a
    out[..., 2:] += a[..., :-2]
    out[..., :-2] += a[..., 2:]
    out[..., :2] += a[..., :2]
    out[..., -2:] += a[..., -2:]
    return (a.shape[-1] / 2 / LENGTH) ** 2 * out


def rates(p, n):
    """Diffusion (N,) of each state."""
    return np.resize([float(p["Du"]), float(p["Dv"])], n)


def vjp(t, y, s, p):
    u, v, (s_u, s_v) = y[..., ::2], y[..., 1::2], (s[..., ::2], s[..., 1::2])
    out, e = (
        np.array(np.broadcast_to(rates(p, y.shape[-1]) * along(s), np.broadcast_shapes(y.shape, s.shape))),
        s_v - s_u,
    )
    out[..., ::2] += e * v * v - p["F"] * s_u
    out[..., 1::2] += 2 * e * u * v - (p["F"] + p["kappa"]) * s_v
    return out


def jac_values(t, y, p):
    """On the pattern of `patterns`: diagonal, F_u,v, F_v,u, then both neighbours."""
    n = y.shape[-1]
    u, v, d = y[..., ::2], y[..., 1::2], rates(p, n) * (n / 2 / LENGTH) ** 2
    out = np.empty((*y.shape[:-1], 4 * n - 4))
    ends = np.full(n, 2.0)
    ends[:2] -= 1
    ends[-2:] -= 1
    out[..., :n] = -ends * d
    out[..., :n:2] -= v * v + p["F"]
    out[..., 1:n:2] += 2 * u * v - p["F"] - p["kappa"]
    out[..., n : n + n // 2], out[..., n + n // 2 : 2 * n] = -2 * u * v, v * v
    out[..., 2 * n : 3 * n - 2], out[..., 3 * n - 2 :] = d[2:], d[:-2]
    return out


def vhp_values(t, y, s, p):
    u, v, e = y[..., ::2], y[..., 1::2], s[..., 1::2] - s[..., ::2]
    mixed, own = np.broadcast_arrays(2 * v * e, 2 * u * e)
    return np.concatenate([mixed, mixed, own], axis=-1)


def patterns(n):
    """Where Jacobian and contraction can differ from zero."""
    i, u, v = np.arange(n), np.arange(0, n, 2), np.arange(1, n, 2)
    rows, columns = np.concatenate([i, u, v, i[2:], i[:-2]]), np.concatenate([i, v, u, i[:-2], i[2:]])
    return Sparsity(n, rows, columns), Sparsity(n, np.concatenate([u, v, v]), np.concatenate([v, u, v]))


def derivatives(n):
    """Dense and sparse derivatives for `n` states."""
    first, second = patterns(n)

    def jac(t, y, p):
        return first.dense(jac_values(t, y, p))

    def vhp(t, y, s, p):
        return second.dense(vhp_values(t, y, s, p))

    def joint_jac(t, y, p):
        lead = np.broadcast_shapes(np.shape(t), y.shape[:-1])
        out, w = np.zeros((*lead, n, n + 5)), along(y)
        out[..., :n] = jac(t, y, p)
        out[..., ::2, n], out[..., 1::2, n + 1] = w[..., ::2], w[..., 1::2]
        out[..., ::2, n + 2] = 1 - y[..., ::2]
        out[..., 1::2, n + 2] = out[..., 1::2, n + 3] = -y[..., 1::2]
        return out

    def joint_vhp(t, y, s, p):
        lead = np.broadcast_shapes(np.shape(t), y.shape[:-1], s.shape[:-1])
        half, w = np.zeros((*lead, n + 5, n + 5)), along(s)
        half[..., :n:2, n], half[..., 1:n:2, n + 1] = w[..., ::2], w[..., 1::2]
        half[..., :n, n + 2] = -s
        half[..., 1:n:2, n + 3] = -s[..., 1::2]
        out = half + np.swapaxes(half, -1, -2)
        out[..., :n, :n] = vhp(t, y, s, p)
        return out

    return Derivatives(
        vjp=vjp,
        jac=jac,
        vhp=vhp,
        jac_sparsity=first,
        jac_values=jac_values,
        vhp_sparsity=second,
        vhp_values=vhp_values,
        joint=JointDerivatives(NAMES, joint_jac, joint_vhp),
    )


def problem(n: int = 32, t1: float = 50.0, wrt=NAMES) -> Problem:
    """`n` states (even, at least 6) until `t1 > 0`, with respect to `wrt`: `"y0"`, `"Du"`, `"Dv"`, `"F"`, `"kappa"`."""
    if not isinstance(n, int | np.integer) or n < 6 or n % 2:
        raise InvalidInput(f"gray-scott: `n` is {n!r}, expected an even number of at least 6 (n/2 points).")
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"gray-scott: `t1` is {t1!r}, expected a positive time.")
    n = int(n)
    x = LENGTH * (np.arange(n // 2) + 0.5) / (n // 2)
    bump, aim = np.exp(-((x - 4) ** 2)), np.exp(-((x - 5) ** 2) / 4) / 4
    return Problem(
        name="gray-scott",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, float(t1)),
        y0=np.stack([1 - bump / 2, bump / 4], axis=1).ravel(),
        params={**VALUES, "seen": np.stack([1 - aim / 2, aim], axis=1).ravel()},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        dissipative=4 * (n / 2 / LENGTH) ** 2 * t1 > 20,
        derivatives=derivatives(n),
        loss_blocks=loss_blocks,
        scale={"y0": np.resize([1.0, 0.25], n)},
        size=n,
    ).perturbed_by_share(0.03)
