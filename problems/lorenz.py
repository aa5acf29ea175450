"""Lorenz's equations over a time in which small differences grow four thousandfold, with their three parameters.

    dx/dt = sigma (y - x),   dy/dt = x (rho - z) - y,   dz/dt = x y - beta z   on (0, t1),   state (x, y, z)
    loss  |state(t1)|^2 / 2,   sigma = 10, rho = 28, beta = 8/3, t1 = 8

The largest Lyapunov exponent is 0.906, so that the derivative of the final state grows like exp(0.906 t1), and the second
derivative like its square: an error of the solver is magnified as much, and Hessians are lost beyond t1 of about 20. The
smallest one is -14.57: integrating the state backward amplifies errors by `exp(14.57 t1)`, and the problem declares itself
`dissipative` where that exceeds `exp(20) = 5e8`.
Source: Lorenz, J. Atmos. Sci. 20 (1963) 130; the exponents: Sprott, Chaos and Time-Series Analysis (2003).

    F_,y = ((-sigma, sigma, 0), (rho - z, -1, -x), (y, x, -beta))
    F_,sigma = (y - x, 0, 0)    F_,rho = (0, x, 0)    F_,beta = (0, 0, -z)
"""

import numpy as np

from hessbench import Derivatives, InvalidInput, JointDerivatives, LossBlocks, Problem

NAMES = ("sigma", "rho", "beta")


def rhs(xp, t, s, p):
    x, y, z = s[:1], s[1:2], s[2:]
    return xp.concatenate([p["sigma"] * (y - x), x * (p["rho"] - z) - y, x * y - p["beta"] * z])


def loss(xp, y0, y1, p):
    return xp.sum(y1 * y1) / 2


def loss_blocks(y0, y1, p):
    none = np.zeros((3, 3))
    return LossBlocks(float(y1 @ y1) / 2, np.zeros(3), y1, none, none, np.eye(3))


def joint_jac(t, s, p):
    x, y, z = s[..., 0], s[..., 1], s[..., 2]
    out = np.zeros((*np.broadcast_shapes(np.shape(t), s.shape[:-1]), 3, 7))
    out[..., 0, 0], out[..., 0, 1], out[..., 0, 3] = -p["sigma"], p["sigma"], y - x
    out[..., 1, 0], out[..., 1, 1], out[..., 1, 2], out[..., 1, 4] = p["rho"] - z, -1.0, -x, x
    out[..., 2, 0], out[..., 2, 1], out[..., 2, 2], out[..., 2, 5] = y, x, -p["beta"], -z
    return out


def joint_vhp(t, s, q, p):
    half = np.zeros((*np.broadcast_shapes(np.shape(t), s.shape[:-1], q.shape[:-1]), 7, 7))  # above the diagonal
    half[..., 0, 2], half[..., 0, 1] = -q[..., 1], q[..., 2]
    half[..., 1, 3], half[..., 0, 3] = q[..., 0], -q[..., 0]
    half[..., 0, 4], half[..., 2, 5] = q[..., 1], -q[..., 2]
    return half + np.swapaxes(half, -1, -2)


def jac(t, s, p):
    return joint_jac(t, s, p)[..., :3]


def vjp(t, s, q, p):
    return (q[..., None, :] @ jac(t, s, p))[..., 0, :]


def vhp(t, s, q, p):
    return joint_vhp(t, s, q, p)[..., :3, :3]


def problem(t1: float = 8.0, wrt=("y0", *NAMES)) -> Problem:
    """Until `t1 > 0`; derivatives with respect to `wrt`."""
    if not (isinstance(t1, int | float) and 0 < t1 < np.inf):
        raise InvalidInput(f"lorenz: `t1` is {t1!r}, expected a positive number.")
    return Problem(
        name="lorenz",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t1),
        y0=np.array([-4.0, -5.0, 22.0]),
        params={"sigma": 10.0, "rho": 28.0, "beta": 8.0 / 3.0},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        dissipative=14.57 * t1 > 20,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp, joint=JointDerivatives(NAMES, joint_jac, joint_vhp)),
        loss_blocks=loss_blocks,
    ).perturbed_by(0.05)
