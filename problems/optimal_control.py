"""Swinging a damped pendulum up by a torque on a grid of times, with a free end time and a price on torque and on time.

    dx/dt = w,   dw/dt = -sin x - gamma w + u(t)   on (0, T),   state (x, w) from rest, x = 0.1
    u(t)  = sum_k control_k exp(-((t - grid_k) / spacing)^2)
    L     = weight ((x(T) - pi)^2 + w(T)^2) / 2 + price T + integral of u^2 / 2

The torque is smooth in time, so that the order of the integration is not lost at the `m` points of the grid, which cover
(0, 4); the first guess ends at T = 3.5. The Hessian is taken with respect to the values on the grid and the end time, which
is what Newton's method for this problem needs.
Source: the swing-up is a standard example, see Bryson & Ho, Applied Optimal Control (1975), section 2.7, for free end times.
"""

import numpy as np

from hessbench import InvalidInput, Problem


def torque(xp, t, p):
    away = (t - p["grid"]) / p["spacing"]
    return p["control"][None, :] @ xp.exp(-away * away)  # (1,)


def rhs(xp, t, y, p):
    x, w = y[:1], y[1:]
    return xp.concatenate([w, -xp.sin(x) - p["gamma"] * w + torque(xp, t, p)])


def running_loss(xp, t, y, p):
    u = torque(xp, t, p)
    return xp.sum(u * u) / 2


def loss(xp, y0, y1, p):
    x, w = y1[:1], y1[1:]
    return p["weight"] * xp.sum((x - p["upright"]) ** 2 + w * w) / 2 + p["price"] * p["t1"]


def problem(m: int = 9, wrt=("control", "t1")) -> Problem:
    """Torque on `m >= 2` points of time; derivatives with respect to `wrt`."""
    if not isinstance(m, int | np.integer) or m < 2:
        raise InvalidInput(f"optimal-control: `m` is {m!r}, expected a number of grid points of at least 2.")
    grid = np.linspace(0.0, 4.0, m)
    return Problem(
        name="optimal-control",
        rhs=rhs,
        loss=loss,
        running_loss=running_loss,
        t_span=(0.0, 3.5),
        y0=np.array([0.1, 0.0]),
        params={
            "control": np.round(1.2 * np.cos(1.1 * grid), 12),
            "grid": grid,
            "spacing": grid[1],
            "gamma": 0.1,
            "weight": 10.0,
            "upright": np.pi,
            "price": 0.3,
        },
        wrt=wrt,
        autonomous=False,
        loss_uses_y0=False,
        size=int(m),
    ).perturbed_by(0.05)
