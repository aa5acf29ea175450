"""Driven, slightly damped pendulum: the right-hand side depends on time.

    dx/dt = w,   dw/dt = -sin x - gamma w + amplitude cos(frequency t)   on (0, t1),   state (x, w)
    loss  w(t1)^2 / 2 + 1 - cos x(t1), the energy at the end

The defaults (damping 0.1, amplitude 0.9, frequency 2/3, t1 = 8) stay short of the chaotic regime's horizon.
Source: Baker & Gollub, Chaotic Dynamics, 2nd ed., section 3.1.

    F_x,w = 1    F_w,x = -cos x    F_w,w = -gamma        s_k F_k,xx = s_w sin x
"""

import numpy as np

from hessbench import Derivatives, InvalidInput, LossBlocks, Problem


def rhs(xp, t, y, p):
    x, w = y[:1], y[1:]
    return xp.concatenate([w, p["amplitude"] * xp.cos(p["frequency"] * t) - xp.sin(x) - p["gamma"] * w])


def loss(xp, y0, y1, p):
    return xp.sum(y1[1:] ** 2 / 2 + 1 - xp.cos(y1[:1]))


def loss_blocks(y0, y1, p):
    (x, w), none = y1, np.zeros((2, 2))
    slope, curvature = np.array([np.sin(x), w]), np.diag([np.cos(x), 1.0])
    return LossBlocks(float(w * w / 2 + 1 - np.cos(x)), np.zeros(2), slope, none, none, curvature)


def vjp(t, y, s, p):
    out = np.empty(np.broadcast_shapes(y.shape, s.shape))
    out[..., 0] = -np.cos(y[..., 0]) * s[..., 1]
    out[..., 1] = s[..., 0] - p["gamma"] * s[..., 1]
    return out


def jac(t, y, p):
    out = np.zeros((*y.shape, 2))
    out[..., 0, 1] = 1.0
    out[..., 1, 0] = -np.cos(y[..., 0])
    out[..., 1, 1] = -p["gamma"]
    return out


def vhp(t, y, s, p):
    out = np.zeros((*np.broadcast_shapes(y.shape, s.shape), 2))
    out[..., 0, 0] = s[..., 1] * np.sin(y[..., 0])
    return out


def problem(gamma: float = 0.1, amplitude: float = 0.9, frequency: float = 2 / 3, t1: float = 8.0) -> Problem:
    """Damping `gamma`, drive `amplitude` and `frequency`, integrated until `t1 > 0`."""
    params = {"gamma": gamma, "amplitude": amplitude, "frequency": frequency}
    for what, value in {**params, "t1": t1}.items():
        if not (isinstance(value, int | float) and np.isfinite(value)):
            raise InvalidInput(f"driven-pendulum: `{what}` is {value!r}, expected a finite number.")
    return Problem(
        name="driven-pendulum",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t1),
        y0=np.array([0.5, 0.0]),
        params={key: float(value) for key, value in params.items()},
        autonomous=False,
        loss_uses_y0=False,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=loss_blocks,
        perturbed=np.array([-0.8, 0.7]),
    )
