"""A damped oscillator in canonical variables, whose mass grows with time.

    dq/dt = e^(-g t) p,   dp/dt = -w^2 e^(g t) q   on (0, t1),   state (q, p),   loss |y(t1) - y(0)|^2

so that `q'' + g q' + w^2 q = 0`. With `W^2 = w^2 - g^2 / 4 > 0`, `c = cos W t1`, `s = sin(W t1) / W`, the flow is linear:

    M = [[ e^(-g t1 / 2) (c + g s / 2),   e^(-g t1 / 2) s ], [ -w^2 e^(g t1 / 2) s,   e^(g t1 / 2) (c - g s / 2) ]]

with determinant 1; `L = |(M - 1) x|^2`, `H = 2 (M - 1)^T (M - 1)`. Van Vleck's determinant is `1 / M_qp`.
Source: Caldirola, Nuovo Cimento 18 (1941) 393, and Kanai, Prog. Theor. Phys. 3 (1948) 440, for the Hamiltonian.

    F_q,p = e^(-g t)    F_p,q = -w^2 e^(g t)        s_k F_k,ij = 0
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure


def rhs(xp, t, y, p):
    grown = xp.exp(p["gamma"] * t)
    return xp.concatenate([y[1:] / grown, -(p["omega"] ** 2) * grown * y[:1]])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def slopes(t, y, p):
    """F_q,p and F_p,q, of the shape of `y`'s leading axes."""
    grown = np.broadcast_to(np.exp(p["gamma"] * np.asarray(t)), y.shape[:-1])
    return 1 / grown, -(p["omega"] ** 2) * grown


def vjp(t, y, s, p):
    up, down = slopes(t, y, p)
    return np.stack(np.broadcast_arrays(down * s[..., 1], up * s[..., 0]), axis=-1)


def jac(t, y, p):
    out = np.zeros((*y.shape, 2))
    out[..., 0, 1], out[..., 1, 0] = slopes(t, y, p)
    return out


def vhp(t, y, s, p):
    return np.zeros((*np.broadcast_shapes(y.shape, s.shape), 2))


def closed_form(w, g, t):
    """`exact(x)`: loss, gradient (2,), Hessian (2, 2) at any `x`."""
    shifted = math.sqrt(w * w - g * g / 4)
    c, s, root = math.cos(shifted * t), math.sin(shifted * t) / shifted, math.exp(g * t / 2)
    off = np.array([[(c + g * s / 2) / root - 1, s / root], [-w * w * root * s, root * (c - g * s / 2) - 1]])
    hess = 2 * off.T @ off

    def exact(x):
        grad = hess @ x
        return float(x @ grad) / 2, grad, hess.copy()

    return exact


def problem(omega: float = 1.2, gamma: float = 0.3, t: float = 1.9) -> Problem:
    """Frequency `omega`, damping `gamma` (0 < gamma < 2 omega), over the time `t`."""
    if not all(isinstance(a, int | float) and math.isfinite(a) for a in (omega, gamma)) or not 0 < gamma < 2 * omega:
        raise InvalidInput(
            f"damped-oscillator: `omega` is {omega!r} and `gamma` {gamma!r}, expected 0 < gamma < 2 omega (underdamped)."
        )
    return Problem(
        name="damped-oscillator",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t),
        y0=np.array([0.8, 0.5]),
        params={"omega": float(omega), "gamma": float(gamma)},
        autonomous=False,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=non_closure,
        exact=closed_form(float(omega), float(gamma), float(t)),
        perturbed=np.array([-0.4, 1.1]),
    )
