"""Independent harmonic oscillators, with a closed form for every starting point.

    dq_i/dt = p_i,   dp_i/dt = -w_i^2 q_i   on (0, t),   state (q, p),   loss |y(t) - y(0)|^2

The flow is linear, `y(t) = M y(0)`, hence `L = |(M - 1) x|^2`, gradient `H x` and `H = 2 (M - 1)^T (M - 1)` for every
`x`. Per mode, with `c = cos(w t)` and `s = sin(w t)`,

    H_qq = 2 ((1 - c)^2 + w^2 s^2)    H_pp = 2 ((1 - c)^2 + s^2 / w^2)    H_qp = 2 (c - 1) s (1 / w - w)

with determinant `16 (1 - c)^2`: `H = 8 sin^2(t / 2) 1` at w = 1, and zero at resonance, `w t` a multiple of 2 pi.
The default frequencies are the square roots of 1, 2, ..., d, so that `w t` is no such multiple for a rational `t`.
Source: the textbook solution `q(t) = q c + (p / w) s`, `p(t) = p c - w q s`, inserted.

    F_q,p = 1    F_p,q = -w^2 (diagonal)        s_k F_k,ij = 0
"""

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure


def rhs(xp, t, y, p):
    d = y.shape[0] // 2
    return xp.concatenate([y[d:], -(p["omega"] ** 2) * y[:d]])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def vjp(t, y, s, p):
    d = y.shape[-1] // 2
    out = np.empty(np.broadcast_shapes(y.shape, s.shape))
    out[..., :d] = -(p["omega"] ** 2) * s[..., d:]
    out[..., d:] = s[..., :d]
    return out


def jac(t, y, p):
    n, i = y.shape[-1], np.arange(y.shape[-1] // 2)
    out = np.zeros((*y.shape[:-1], n, n))
    out[..., i, i + n // 2] = 1.0
    out[..., i + n // 2, i] = -(p["omega"] ** 2)
    return out


def vhp(t, y, s, p):
    shape = np.broadcast_shapes(y.shape, s.shape)
    return np.zeros((*shape, shape[-1]))


def closed_form(omega, t):
    """`exact(x)`: loss, gradient (2d,), Hessian (2d, 2d) at any `x`."""
    c, s = np.cos(omega * t), np.sin(omega * t)
    qq = 2 * ((1 - c) ** 2 + omega**2 * s**2)
    pp = 2 * ((1 - c) ** 2 + s**2 / omega**2)
    qp = 2 * (c - 1) * s * (1 / omega - omega)
    hess = np.block([[np.diag(qq), np.diag(qp)], [np.diag(qp), np.diag(pp)]])

    def exact(x):
        grad = hess @ x
        return float(x @ grad) / 2, grad, hess.copy()

    return exact


def problem(d: int = 2, omega=None, t: float = 1.7) -> Problem:
    """`d >= 1` oscillators with frequencies `omega` (d,), all non-zero, over the time `t`."""
    if not isinstance(d, int | np.integer) or d < 1:
        raise InvalidInput(f"harmonic-oscillator: `d` is {d!r}, expected a number of oscillators of at least 1.")
    w = np.sqrt(np.arange(1.0, d + 1)) if omega is None else np.array(omega, dtype=float)
    if w.shape != (d,):
        raise InvalidInput(f"harmonic-oscillator: `omega` has shape {w.shape}, expected ({d},), one per oscillator.")
    if not np.all(np.isfinite(w) & (w != 0)):
        raise InvalidInput(f"harmonic-oscillator: `omega` is {w}, expected finite frequencies other than zero.")
    k = np.arange(2 * d)
    return Problem(
        name="harmonic-oscillator",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t),
        y0=1.0 - (3 * k % 7) / 5,
        params={"omega": w},
        autonomous=True,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=non_closure,
        exact=closed_form(w, float(t)),
        perturbed=0.3 + (5 * k % 11) / 10,
        size=d,
    )
