"""A charge in the plane under a uniform magnetic field: circles of one frequency, whatever the speed.

    dq/dt = v,   dv/dt = w (v_y, -v_x)   on (0, t),   state (q, v),   loss |y(t) - y(0)|^2

With `R` the rotation by `-w t` and `K = (sin(w t) 1 + (1 - cos(w t)) J) / w`, `J = [[0, 1], [-1, 0]]`, the flow is linear:

    q(t) = q(0) + K v(0),   v(t) = R v(0);   L = |(M - 1) x|^2,   H = 2 (M - 1)^T (M - 1)

`det K = (2 sin(w t / 2) / w)^2`, the inverse of van Vleck's determinant. Source: the textbook solution, inserted.

    F_q,v = 1    F_v,v = w J        s_k F_k,ij = 0
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure

TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])


def rhs(xp, t, y, p):
    return xp.concatenate([y[2:], p["omega"] * y[3:], -p["omega"] * y[2:3]])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def matrix(p):
    """F_k,i (4, 4), the same everywhere."""
    out = np.zeros((4, 4))
    out[:2, 2:] = np.eye(2)
    out[2:, 2:] = p["omega"] * TURN
    return out


def vjp(t, y, s, p):
    out = s @ matrix(p)
    return np.broadcast_to(out, np.broadcast_shapes(y.shape, s.shape)).copy()


def jac(t, y, p):
    return np.broadcast_to(matrix(p), (*y.shape, 4)).copy()


def vhp(t, y, s, p):
    return np.zeros((*np.broadcast_shapes(y.shape, s.shape), 4))


def closed_form(w, t):
    """`exact(x)`: loss, gradient (4,), Hessian (4, 4) at any `x`."""
    c, s = math.cos(w * t), math.sin(w * t)
    off = np.zeros((4, 4))  # M - 1
    off[:2, 2:] = (s * np.eye(2) + (1 - c) * TURN) / w
    off[2:, 2:] = (c - 1) * np.eye(2) + s * TURN
    hess = 2 * off.T @ off

    def exact(x):
        grad = hess @ x
        return float(x @ grad) / 2, grad, hess.copy()

    return exact


def problem(omega: float = 1.3, t: float = 1.7) -> Problem:
    """Cyclotron frequency `omega`, not zero, over the time `t`."""
    if not (isinstance(omega, int | float) and math.isfinite(omega) and omega != 0):
        raise InvalidInput(f"magnetic-field: `omega` is {omega!r}, expected a finite frequency other than zero.")
    return Problem(
        name="magnetic-field",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t),
        y0=np.array([0.4, -0.3, 1.0, 0.5]),
        params={"omega": float(omega)},
        autonomous=True,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=non_closure,
        exact=closed_form(float(omega), float(t)),
        perturbed=np.array([0.7, 0.2, -0.4, 0.9]),
    )
