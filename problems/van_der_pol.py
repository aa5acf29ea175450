"""Van der Pol's oscillator in relaxation: slow creep along two branches, and jumps between them a thousand times faster.

    dx/dt = v,   dv/dt = mu (1 - x^2) v - x   from (2, 0),   loss  sum_i ((y_i(t1) - seen_i) / size_i)^2

With `mu = 1000` it jumps at t = 807, 1614, 2421, ... `size` is the state at 2000, `seen` a tenth off it.
Source: van der Pol, Phil. Mag. 2 (1926) 978; Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.1; Mazzia
& Magherini, Test Set for IVP Solvers, release 2.4 (2008), problem VDPOL, whose time is in units of `mu` and whose end state,
at t = 2000 here, has its velocity in these units.

    F_v,x = -2 mu x v - 1    F_v,v = mu (1 - x^2)    F_v,mu = (1 - x^2) v
    F_v,xx = -2 mu v    F_v,xv = -2 mu x    F_v,x mu = -2 x v    F_v,v mu = 1 - x^2
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, JointDerivatives, Problem, misfit, misfit_blocks

REACHED = (0.1706167732170483e1, -0.8928097010247975e-3)  # at mu = 1000, t = 2000


def rhs(xp, t, y, p):
    x, v = y[:1], y[1:]
    return xp.concatenate([v, p["mu"] * (1 - x * x) * v - x])


def joint_jac(t, y, p):
    """By (x, v, mu, t): (..., 2, 4)."""
    x, v = y[..., 0], y[..., 1]
    out = np.zeros((*np.broadcast_shapes(np.shape(t), x.shape), 2, 4))
    out[..., 0, 1] = 1.0
    out[..., 1, 0], out[..., 1, 1] = -2 * p["mu"] * x * v - 1, p["mu"] * (1 - x * x)
    out[..., 1, 2] = (1 - x * x) * v
    return out


def joint_vhp(t, y, s, p):
    x, v, s_v = y[..., 0], y[..., 1], s[..., 1]
    half = np.zeros((*np.broadcast_shapes(np.shape(t), x.shape, s_v.shape), 4, 4))  # above the diagonal
    half[..., 0, 1], half[..., 0, 2], half[..., 1, 2] = (
        -2 * p["mu"] * x * s_v,
        -2 * x * v * s_v,
        (1 - x * x) * s_v,
    )
    out = half + np.swapaxes(half, -1, -2)
    out[..., 0, 0] = -2 * p["mu"] * v * s_v
    return out


def jac(t, y, p):
    return joint_jac(t, y, p)[..., :2]


def vjp(t, y, s, p):
    return (s[..., None, :] @ jac(t, y, p))[..., 0, :]


def vhp(t, y, s, p):
    return joint_vhp(t, y, s, p)[..., :2, :2]


def problem(mu: float = 1000.0, t1: float = 2000.0, wrt=("y0", "mu")) -> Problem:
    """Stiffness `mu > 0`, until `t1 > 0`, with respect to `wrt`: `"y0"`, `"mu"` or both."""
    for what, value in (("mu", mu), ("t1", t1)):
        if not (isinstance(value, int | float) and 0 < value < math.inf):
            raise InvalidInput(f"van-der-pol: `{what}` is {value!r}, expected a positive number.")
    size = np.array([1.7, 8.9e-4])
    return Problem(
        name="van-der-pol",
        rhs=rhs,
        loss=misfit,
        t_span=(0.0, float(t1)),
        y0=np.array([2.0, 0.0]),
        params={"mu": float(mu), "size": size, "seen": size * [1.1, -0.9]},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        dissipative=mu * t1 > 30,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp, joint=JointDerivatives(("mu",), joint_jac, joint_vhp)),
        loss_blocks=misfit_blocks,
        scale={"y0": [2.0, 1.0]},
    ).perturbed_by_share(0.01)
