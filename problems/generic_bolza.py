"""Three states, a running loss and a loss of everything, with respect to everything: no block of the Hessian vanishes.

    dy/dt = sin(theta z) - kappa^2 y^3   on (0.3, 1.7),   z = (y_1, y_2, y_3, cos(omega t))
    g     = kappa cos(omega t) |y|^2 / 2 + (theta_14 y_1 + theta_24 y_2 + theta_34 y_3)^2
    l     = sum_i y0_i^2 y1_i + kappa y0 . (theta' y1) + (w . y0) |y1|^2 T + t0 sin(T + y0 . y1) + kappa t0^2 sum_i y1_i^3

`theta` (3, 4) with `theta'` its first three columns, `kappa`, both end times `t0` and `T`, and the initial state are what the
Hessian is taken with respect to, in a scrambled order: 18 unknowns. It is the problem that finds a forgotten mixed term of
section 2 of arXiv:2301.08085, extended to parameters, a running loss and free end times.
Source: made for this purpose; the coefficients are arbitrary one-digit numbers.
"""

import numpy as np

from hessbench import Problem

THETA = [[0.4, -0.7, 0.3, 0.5], [0.6, 0.2, -0.9, -0.3], [-0.5, 0.8, 0.1, 0.7]]


def rhs(xp, t, y, p):
    z = xp.concatenate([y, 0 * y[:1] + xp.cos(p["omega"] * t)])
    return xp.sin(p["theta"] @ z) - p["kappa"] ** 2 * y * y * y


def running_loss(xp, t, y, p):
    linear = xp.sum(p["theta"][:, 3] * y)
    return p["kappa"] * xp.cos(p["omega"] * t) * xp.sum(y * y) / 2 + linear * linear


def loss(xp, y0, y1, p):
    kappa, t0, t1 = p["kappa"], p["t0"], p["t1"]
    bilinear = kappa * xp.sum(y0 * (p["theta"][:, :3] @ y1)) + xp.sum(p["w"] * y0) * xp.sum(y1 * y1) * t1
    timed = t0 * xp.sin(t1 + xp.sum(y0 * y1)) + kappa * t0 * t0 * xp.sum(y1 * y1 * y1)
    return xp.sum(y0 * y0 * y1) + bilinear + timed


def problem(wrt=("theta", "t1", "y0", "t0", "kappa")) -> Problem:
    """The one system, with respect to `wrt`."""
    return Problem(
        name="generic-bolza",
        rhs=rhs,
        loss=loss,
        running_loss=running_loss,
        t_span=(0.3, 1.7),
        y0=np.array([0.6, -0.4, 0.5]),
        params={"theta": THETA, "kappa": 0.8, "omega": 1.9, "w": [0.5, -0.3, 0.8]},
        wrt=wrt,
    ).perturbed_by(0.1)
