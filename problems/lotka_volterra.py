"""Prey and predators with four parameters, fitted to noisy data at many times.

    du/dt = alpha u - beta u v,   dv/dt = delta u v - gamma v   on (0, 10),   state (u, v)
    loss  = integral of g,   g = sum_j K(t - t_j) |y - d_j|^2 / (2 s^2),   K(t) = exp(-t^2 / 2h^2) / (h sqrt(2 pi))

Each of the `m` points `d_j`, at `t_j = 10 (j + 1/2) / m`, enters through a smooth kernel of width `h = 0.1`: a running loss,
which needs no stops at the times of the data and tends to the sum of squares as `h` goes to zero. The data are the solution
at the parameters `TRUE` with independent normal errors of standard deviation `s` (`noise`), from `RandomState(seed)`, rounded
to six decimals; the Hessian is taken at `START`, with respect to the initial state and all four parameters by default.
Source: Lotka, Elements of Physical Biology (1925); Volterra, Nature 118 (1926) 558.

    F_1,(u v alpha beta) = (alpha - beta v, -beta u, u, -u v)    F_2,(u v gamma delta) = (delta v, delta u - gamma, -v, u v)
    with k_j = K(t - t_j) / s^2, c_j = (t - t_j) / h and e_j = y - d_j, sums over j:
    g_,y = k e    g_,t = -k (c/h) e^2/2    g_,yy = k 1    g_,yt = -k (c/h) e    g_,tt = k (c^2 - 1)/h^2 e^2/2
"""

import numpy as np

from hessbench import IVP, Derivatives, InvalidInput, JointDerivatives, LossBlocks, Problem

NAMES = ("alpha", "beta", "gamma", "delta")
TRUE = dict(zip(NAMES, (0.66, 0.44, 0.84, 0.26), strict=True))
START = dict(zip(NAMES, (0.64, 0.46, 0.8, 0.27), strict=True))
SPAN, Y0 = (0.0, 10.0), np.array([2.0, 1.5])


def rhs(xp, t, y, p):
    u, v = y[:1], y[1:]
    return xp.concatenate([p["alpha"] * u - p["beta"] * u * v, p["delta"] * u * v - p["gamma"] * v])


def running_loss(xp, t, y, p):
    away = (t - p["times"]) / p["width"]
    gap = p["scale"] * xp.exp(-away * away / 4) * (y[:, None] - p["data"])
    return xp.sum(gap * gap) / 2


def loss(xp, y0, y1, p):
    return 0.0 * xp.sum(y1)


def loss_blocks(y0, y1, p):
    none = np.zeros((2, 2))
    return LossBlocks(0.0, none[0], none[0], none, none, none)


def jac_y(t, y, p):
    u, v = y[..., 0], y[..., 1]
    out = np.empty((*y.shape, 2))
    out[..., 0, 0], out[..., 0, 1] = p["alpha"] - p["beta"] * v, -p["beta"] * u
    out[..., 1, 0], out[..., 1, 1] = p["delta"] * v, p["delta"] * u - p["gamma"]
    return out


def vjp_y(t, y, s, p):
    return (s[..., None, :] @ jac_y(t, y, p))[..., 0, :]


def vhp_y(t, y, s, p):
    out = np.zeros((*np.broadcast_shapes(y.shape, s.shape), 2))
    out[..., 0, 1] = out[..., 1, 0] = p["delta"] * s[..., 1] - p["beta"] * s[..., 0]
    return out


def misfit(t, y, p):
    """k (..., m), c / h (..., m) and e (..., m, 2)."""
    rate = (np.asarray(t)[..., None] - p["times"]) / p["width"] ** 2
    k = p["scale"] ** 2 * np.exp(-((rate * p["width"]) ** 2) / 2)
    return k, rate, y[..., None, :] - p["data"].T


def jac(t, y, p):
    (u, v), (k, rate, e) = (y[..., 0], y[..., 1]), misfit(t, y, p)
    out = np.zeros((*np.broadcast_shapes(np.shape(t), y.shape[:-1]), 3, 7))
    out[..., :2, :2] = jac_y(t, y, p)
    out[..., 0, 2], out[..., 0, 3] = u, -u * v
    out[..., 1, 4], out[..., 1, 5] = -v, u * v
    out[..., 2, :2] = np.sum(k[..., None] * e, axis=-2)
    out[..., 2, 6] = -np.sum(k * rate * np.sum(e * e, axis=-1), axis=-1) / 2
    return out


def vhp(t, y, s, p):
    (u, v), (k, rate, e) = (y[..., 0], y[..., 1]), misfit(t, y, p)
    s1, s2, sg = s[..., 0], s[..., 1], s[..., 2]
    half = np.zeros((*np.broadcast_shapes(np.shape(t), y.shape[:-1], s.shape[:-1]), 7, 7))  # above the diagonal
    half[..., 0, 1] = p["delta"] * s2 - p["beta"] * s1
    half[..., 0, 2], half[..., 0, 3], half[..., 1, 3] = s1, -s1 * v, -s1 * u
    half[..., 1, 4], half[..., 0, 5], half[..., 1, 5] = -s2, s2 * v, s2 * u
    half[..., :2, 6] = -sg[..., None] * np.sum((k * rate)[..., None] * e, axis=-2)
    out = half + np.swapaxes(half, -1, -2)
    out[..., 0, 0] = out[..., 1, 1] = sg * np.sum(k, axis=-1)
    curvature = k * (rate**2 - 1 / p["width"] ** 2)
    out[..., 6, 6] = sg * np.sum(curvature * np.sum(e * e, axis=-1), axis=-1) / 2
    return out


def observations(times, noise, seed):
    """The data (2, m): the solution for `TRUE` at `times`, with errors."""
    ivp = IVP("DOP853", 1e-12, 1e-12, dim=2)
    y = ivp.solve(lambda t, y: rhs(np, t, y, TRUE), SPAN, Y0, dense=True).y
    return np.round(
        np.array([y(t) for t in times]).T + noise * np.random.RandomState(seed).normal(size=(2, times.size)), 6
    )


def problem(m: int = 20, noise: float = 0.05, seed: int = 0, wrt=("y0", *NAMES)) -> Problem:
    """`m` data points with errors of standard deviation `noise > 0`; derivatives with respect to `wrt`."""
    if not isinstance(m, int | np.integer) or m < 1:
        raise InvalidInput(f"lotka-volterra: `m` is {m!r}, expected a number of data points of at least 1.")
    if not (isinstance(noise, int | float) and 0 < noise < np.inf):
        raise InvalidInput(f"lotka-volterra: `noise` is {noise!r}, expected a positive standard deviation.")
    times, width = SPAN[1] * (np.arange(m) + 0.5) / m, 0.1
    scale = (noise**2 * width * np.sqrt(2 * np.pi)) ** -0.5
    data = observations(times, noise, seed)
    return Problem(
        name="lotka-volterra",
        rhs=rhs,
        loss=loss,
        running_loss=running_loss,
        t_span=SPAN,
        y0=Y0,
        params={**START, "times": times, "data": data, "width": width, "scale": scale},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        derivatives=Derivatives(vjp=vjp_y, jac=jac_y, vhp=vhp_y, joint=JointDerivatives(NAMES, jac, vhp)),
        loss_blocks=loss_blocks,
        size=int(m),
    ).perturbed_by(0.05)
