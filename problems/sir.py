"""SIR model of an epidemic, with a loss on the fraction of recovered.

    dS/dt = -beta S I,   dI/dt = beta S I - gamma I,   dR/dt = gamma I   on (0, 2.5),   loss (R(2.5) - target)^2

`beta = 5`, `gamma = 1.25` (basic reproduction number 4), one percent infected at the start, `target = 0.8`.
Source: Kermack & McKendrick, Proc. R. Soc. A 115 (1927) 700, with constant rates.

The Hessian is taken with respect to the initial state, or to any of `y0`, `beta`, `gamma`, `target`, `t0` and `t1` (`wrt`).

    F_S,S = -beta I    F_S,I = -beta S    F_I,S = beta I    F_I,I = beta S - gamma    F_R,I = gamma
    s_k F_k,SI = s_k F_k,IS = beta (s_I - s_S)
    F_,beta = (-S I, S I, 0)    F_,gamma = (0, -I, I)
"""

from dataclasses import replace

import numpy as np

from hessbench import Derivatives, InvalidInput, JointDerivatives, LossBlocks, Problem


def rhs(xp, t, y, p):
    infected = y[1:2]
    infection, recovery = p["beta"] * y[:1] * infected, p["gamma"] * infected
    return xp.concatenate([-infection, infection - recovery, recovery])


def loss(xp, y0, y1, p):
    return xp.sum((y1[2:] - p["target"]) ** 2)


def loss_blocks(y0, y1, p):
    gap, none = y1[2] - p["target"], np.zeros((3, 3))
    return LossBlocks(float(gap**2), np.zeros(3), np.array([0, 0, 2 * gap]), none, none, np.diag([0.0, 0.0, 2.0]))


def vjp(t, y, s, p):
    out = np.zeros(np.broadcast_shapes(y.shape, s.shape))
    gain = p["beta"] * (s[..., 1] - s[..., 0])
    out[..., 0] = gain * y[..., 1]
    out[..., 1] = gain * y[..., 0] + p["gamma"] * (s[..., 2] - s[..., 1])
    return out


def jac(t, y, p):
    out = np.zeros((*y.shape, 3))
    out[..., 1, :2] = p["beta"] * y[..., 1::-1]  # (beta I, beta S)
    out[..., 0, :2] = -out[..., 1, :2]
    out[..., 1, 1] -= p["gamma"]
    out[..., 2, 1] = p["gamma"]
    return out


def vhp(t, y, s, p):
    out = np.zeros((*np.broadcast_shapes(y.shape, s.shape), 3))
    out[..., 0, 1] = out[..., 1, 0] = p["beta"] * (s[..., 1] - s[..., 0])
    return out


def joint_jac(t, y, p):
    """By (y, beta, gamma, target, t): (..., 3, 7)."""
    out = np.zeros((*np.broadcast_shapes(np.shape(t), y.shape[:-1]), 3, 7))
    out[..., :3] = jac(t, y, p)
    out[..., 1, 3] = y[..., 0] * y[..., 1]
    out[..., 2, 4] = y[..., 1]
    out[..., 0, 3], out[..., 1, 4] = -out[..., 1, 3], -out[..., 2, 4]
    return out


def joint_vhp(t, y, s, p):
    half = np.zeros((*np.broadcast_shapes(np.shape(t), y.shape[:-1], s.shape[:-1]), 7, 7))  # above the diagonal
    d = s[..., 1] - s[..., 0]
    half[..., 0, 1], half[..., 0, 3], half[..., 1, 3] = p["beta"] * d, d * y[..., 1], d * y[..., 0]
    half[..., 1, 4] = s[..., 2] - s[..., 1]
    return half + np.swapaxes(half, -1, -2)


def problem(beta: float = 5.0, gamma: float = 1.25, target: float = 0.8, wrt=("y0",)) -> Problem:
    """Infection rate `beta` and recovery rate `gamma`, both per unit of time; derivatives with respect to `wrt`."""
    for what, value in (("beta", beta), ("gamma", gamma)):
        if not (isinstance(value, int | float) and 0 <= value < np.inf):
            raise InvalidInput(f"sir: `{what}` is {value!r}, expected a rate: a finite number that is not negative.")
    joint = JointDerivatives(("beta", "gamma", "target"), joint_jac, joint_vhp)
    made = Problem(
        name="sir",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, 2.5),
        y0=np.array([0.99, 0.01, 0.0]),
        params={"beta": float(beta), "gamma": float(gamma), "target": float(target)},
        autonomous=True,
        loss_uses_y0=False,
        wrt=wrt,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp, joint=joint),
        loss_blocks=loss_blocks,
    )
    return replace(made, perturbed=[0.9, 0.07, 0.04]) if made.wrt == ("y0",) else made.perturbed_by(0.005)
