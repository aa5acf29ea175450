"""One-dimensional Brusselator with diffusion: dissipative and sparse, of any even size.

On m = N/2 interior points of (0, 1), spacing 1/(m + 1), state (u_1 .. u_m, v_1 .. v_m):

    du/dt = A + u^2 v - (B + 1) u + c D u,   dv/dt = B u - u^2 v + c D v,   c = alpha (N/2 + 1)^2,   on (0, t1)
    (D w)_i = w_{i-1} - 2 w_i + w_{i+1}   with u = 1 and v = 3 at both ends
    A = 1, B = 3, alpha = 1/50,   u(0) = 1 + sin(2 pi x),  v(0) = 3,   loss |y(t1) - (1, .., 1, 3, .., 3)|^2

Diffusion damps the finest mode at a rate of nearly `4 c`, so that integrating the state backward from `t1` amplifies
errors by `exp(4 c t1)`. The problem declares itself `dissipative` where that exceeds `exp(20) = 5e8`: by default from
N = 22 on.
Source: Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.1.

With `d = s_u - s_v`, per grid point (everything else is the constant stencil `c D`):

    F_u,u = 2 u v - B - 1 - 2 c    F_u,v = u^2    F_v,u = B - 2 u v    F_v,v = -u^2 - 2 c
    s_k F_k,uu = 2 v d    s_k F_k,uv = s_k F_k,vu = 2 u d
"""

import math
from dataclasses import replace

import numpy as np

from hessbench import Derivatives, InvalidInput, LossBlocks, Problem, Sparsity

EDGE_U, EDGE_V = 1.0, 3.0


def rhs(xp, t, y, p):
    m = y.shape[0] // 2
    u, v = y[:m], y[m:]
    zero = 0 * y[:1]
    left = xp.concatenate([zero + EDGE_U, u[:-1], zero + EDGE_V, v[:-1]])
    right = xp.concatenate([u[1:], zero + EDGE_U, v[1:], zero + EDGE_V])
    made, turned = u * u * v, p["B"] * u
    reaction = xp.concatenate([p["A"] + made - turned - u, turned - made])
    return reaction + p["alpha"] * (m + 1) ** 2 * (left - 2 * y + right)


def loss(xp, y0, y1, p):
    m = y1.shape[0] // 2
    return xp.sum((y1[:m] - EDGE_U) ** 2) + xp.sum((y1[m:] - EDGE_V) ** 2)


def loss_blocks(y0, y1, p):
    n = y1.size
    gap, none = y1 - np.repeat([EDGE_U, EDGE_V], n // 2), np.zeros((n, n))
    return LossBlocks(float(gap @ gap), np.zeros(n), 2 * gap, none, none, 2 * np.eye(n))


def halves(y):
    m = y.shape[-1] // 2
    return y[..., :m], y[..., m:]


def vjp(t, y, s, p):
    (u, v), (su, sv) = halves(y), halves(s)
    m = u.shape[-1]
    out = np.multiply(-2.0, s)
    for half, part in zip(halves(out), (su, sv), strict=True):
        half[..., 1:] += part[..., :-1]
        half[..., :-1] += part[..., 1:]
    d = su - sv
    reaction = np.concatenate(np.broadcast_arrays(d * (2 * u * v - p["B"]) - su, d * u * u), axis=-1)
    return reaction + p["alpha"] * (m + 1) ** 2 * out


def jac_values(t, y, p):
    u, v = halves(y)
    m, c = u.shape[-1], p["alpha"] * (u.shape[-1] + 1) ** 2
    uu, uv = u * u, 2 * u * v
    out = np.empty((*y.shape[:-1], 8 * m - 4))
    out[..., :m] = uv - (p["B"] + 1 + 2 * c)
    out[..., m : 2 * m] = uu
    out[..., 2 * m : 3 * m] = p["B"] - uv
    out[..., 3 * m : 4 * m] = -2 * c - uu
    out[..., 4 * m :] = c
    return out


def vhp_values(t, y, s, p):
    (u, v), (su, sv) = halves(y), halves(s)
    m, d = u.shape[-1], 2 * (su - sv)
    out = np.empty((*np.broadcast_shapes(y.shape, s.shape)[:-1], 3 * m))
    out[..., :m] = v * d
    out[..., m : 2 * m] = out[..., 2 * m :] = u * d
    return out


def derivatives(m):
    """Dense and sparse derivatives for `m` grid points."""
    u, v = np.arange(m), np.arange(m, 2 * m)
    low, high = np.concatenate([u[:-1], v[:-1]]), np.concatenate([u[1:], v[1:]])
    rows, cols = np.concatenate([u, u, v, v, low, high]), np.concatenate([u, v, u, v, high, low])
    first = Sparsity(2 * m, rows, cols)
    second = Sparsity(2 * m, np.concatenate([u, u, v]), np.concatenate([u, v, u]))
    return Derivatives(
        vjp=vjp,
        jac=lambda t, y, p: first.dense(jac_values(t, y, p)),
        vhp=lambda t, y, s, p: second.dense(vhp_values(t, y, s, p)),
        jac_sparsity=first,
        jac_values=jac_values,
        vhp_sparsity=second,
        vhp_values=vhp_values,
    )


def problem(n: int = 32, alpha: float = 0.02, t1: float = 2.0, wrt=("y0",)) -> Problem:
    """`n` states (even, at least 4), diffusion `alpha > 0`, until `t1 > 0`; by any of `"y0"`, `"A"`, `"B"`, `"alpha"`."""
    if not isinstance(n, int | np.integer) or n < 4 or n % 2:
        raise InvalidInput(f"brusselator: `n` is {n!r}, expected an even number of at least 4 (n/2 points).")
    for what, value in (("alpha", alpha), ("t1", t1)):
        if not (isinstance(value, int | float) and 0 < value < math.inf):
            raise InvalidInput(f"brusselator: `{what}` is {value!r}, expected a positive number.")
    m = int(n) // 2
    wave = np.array([round(math.sin(2 * math.pi * i / (m + 1)), 12) for i in range(1, m + 1)])
    kick = (7 * np.arange(n) % 11 - 5) / 50
    y0 = np.concatenate([EDGE_U + wave, np.full(m, EDGE_V)])
    made = Problem(
        name="brusselator",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t1),
        y0=y0,
        params={"A": 1.0, "B": 3.0, "alpha": float(alpha)},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        dissipative=4 * alpha * (m + 1) ** 2 * t1 > 20,
        derivatives=derivatives(m),
        loss_blocks=loss_blocks,
        size=int(n),
    )
    return replace(made, perturbed=y0 + kick) if made.wrt == ("y0",) else made.perturbed_by_share(0.05)
