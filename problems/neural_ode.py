"""Neural ODE: a perceptron of one hidden layer as right-hand side, which is to learn a spiral.

    dy/dt = W2 tanh(W1 y + b1) + b2   on (0, 3),   state in the plane,   W1 (h, 2), b1 (h,), W2 (2, h), b2 (2,)
    loss  = integral of |y - d(t)|^2 / 2,   d(t) = 2 exp(-t / 10) (cos 2t, -sin 2t),   y(0) = d(0)

5h + 2 parameters: 102 for `h = 20`, 1002 for `h = 200`, all in `wrt` by default. The data are the spiral itself, at all times.
Weights are `N(0, 1)` divided by the root of the number of inputs, biases `N(0, 0.1^2)`, from `RandomState(seed)`.
Source: Chen et al., Neural Ordinary Differential Equations, arXiv:1806.07366, whose demonstration learns such a spiral.

With z = W1 y + b1, q = s W2, c = q tanh'(z) and dz for a tangent of z, the products that are written by hand are

    s F_,(y W1 b1 W2 b2) = (c W1, c y^T, c, s tanh(z)^T, s)
    and their tangents, by dc = dq tanh'(z) + q tanh''(z) dz,   dz = W1 dy + dW1 y + db1,   dq = s dW2
"""

import numpy as np

from hessbench import Derivatives, InvalidInput, JointDerivatives, LossBlocks, Problem

NAMES = ("W1", "b1", "W2", "b2")
SPAN = (0.0, 3.0)


def spiral(xp, t):
    radius = 2.0 * xp.exp(-0.1 * t)
    return radius * xp.cos(2.0 * t), -radius * xp.sin(2.0 * t)


def rhs(xp, t, y, p):
    return p["W2"] @ xp.tanh(p["W1"] @ y + p["b1"]) + p["b2"]


def running_loss(xp, t, y, p):
    d1, d2 = spiral(xp, t)
    return xp.sum((y[:1] - d1) ** 2 + (y[1:] - d2) ** 2) / 2


def loss(xp, y0, y1, p):
    return 0.0 * xp.sum(y1)


def loss_blocks(y0, y1, p):
    none = np.zeros((2, 2))
    return LossBlocks(0.0, none[0], none[0], none, none, none)


def layer(y, p):
    """tanh (..., h), and its first and second derivative."""
    a = np.tanh(y @ p["W1"].T + p["b1"])
    slope = 1 - a * a
    return a, slope, -2 * a * slope


def gap(t, y):
    """y - d (..., 2), and the first and second derivative of d."""
    t = np.asarray(t)[..., None]
    phase = np.concatenate([2 * t, 2 * t + np.pi / 2], axis=-1)  # d_2 = -sin 2t = cos(2t + pi/2)
    d, turned = 2 * np.exp(-0.1 * t) * np.cos(phase), 2 * np.exp(-0.1 * t) * np.sin(phase)
    return y - d, -0.1 * d - 2 * turned, (0.01 - 4) * d + 0.4 * turned


def split(v, h):
    """The parts of `u` or of a tangent: y (..., 2), W1 (..., h, 2), b1, W2 (..., 2, h), b2, t (..., 1)."""
    y, w1, b1, w2, b2, t = np.split(v, np.cumsum([2, 2 * h, h, 2 * h, 2]), axis=-1)
    return y, w1.reshape(*w1.shape[:-1], h, 2), b1, w2.reshape(*w2.shape[:-1], 2, h), b2, t


def joined(*parts):
    """Vectors (..., k) one after the other, broadcast against one another."""
    lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return np.concatenate([np.broadcast_to(part, (*lead, part.shape[-1])) for part in parts], axis=-1)


def outer(a, b):
    out = a[..., :, None] * b[..., None, :]
    return out.reshape(*out.shape[:-2], -1)


def vjp(t, y, s, p):
    (a, slope, _), (e, rate, _) = layer(y, p), gap(t, y)
    s, sg = s[..., :2], s[..., 2:]
    c = (s @ p["W2"]) * slope
    by_t = -sg * np.sum(e * rate, axis=-1, keepdims=True)
    return joined(c @ p["W1"] + sg * e, outer(c, y), c, outer(s, a), s, by_t)


def jvp(t, y, v, p):
    (a, slope, _), (e, rate, _) = layer(y, p), gap(t, y)
    dy, dw1, db1, dw2, db2, dt = split(v, a.shape[-1])
    da = slope * (dy @ p["W1"].T + (dw1 @ y[..., None])[..., 0] + db1)
    slopes = (dw2 @ a[..., None])[..., 0] + da @ p["W2"].T + db2
    return joined(slopes, np.sum(e * (dy - rate * dt), axis=-1, keepdims=True))


def hvp(t, y, s, v, p):
    (a, slope, bend), (e, rate, accel) = layer(y, p), gap(t, y)
    s, sg = s[..., :2], s[..., 2:]
    dy, dw1, db1, dw2, _, dt = split(v, a.shape[-1])
    dz = dy @ p["W1"].T + (dw1 @ y[..., None])[..., 0] + db1
    q, dq = s @ p["W2"], (s[..., None, :] @ dw2)[..., 0, :]
    c, dc = q * slope, dq * slope + q * bend * dz
    by_y = dc @ p["W1"] + (c[..., None, :] @ dw1)[..., 0, :] + sg * (dy - rate * dt)
    tt = np.sum(rate * rate - e * accel, axis=-1, keepdims=True)
    by_t = sg * (tt * dt - np.sum(rate * dy, axis=-1, keepdims=True))
    return joined(by_y, outer(dc, y) + outer(c, dy), dc, outer(s, slope * dz), 0 * s, by_t)


def jac(t, y, p):
    units = np.eye(3)
    return vjp(np.asarray(t)[..., None], y[..., None, :], units, p)


def vhp(t, y, s, p):
    (a, slope, bend), (e, rate, accel) = layer(y, p), gap(t, y)
    h, s, sg = a.shape[-1], s[..., :2], s[..., 2]
    lead = np.broadcast_shapes(np.shape(t), y.shape[:-1], s.shape[:-1])
    unit, two = np.arange(h), np.arange(2)
    w1, b1, w2 = 2 + 2 * unit[:, None] + two, 2 + 2 * h + unit, 2 + 3 * h + h * two + unit[:, None]
    at = np.concatenate([np.broadcast_to(two, (h, 2)), w1, b1[:, None], w2], axis=1)  # of each unit: y, W1, b1, W2
    dz = np.zeros((*lead, h, 7))  # by these seven
    dz[..., :2], dz[..., 2:4], dz[..., 4] = p["W1"], y[..., None, :], 1.0
    q = s @ p["W2"]
    mixed = np.zeros((*lead, h, 7, 7))
    mixed[..., 5:, :] = (s[..., None, :] * slope[..., None])[..., None] * dz[..., None, :]
    mixed[..., 0, 2] = mixed[..., 1, 3] = q * slope
    own = mixed + np.swapaxes(mixed, -1, -2) + (q * bend)[..., None, None] * dz[..., :, None] * dz[..., None, :]
    out = np.zeros((*lead, 5 * h + 5, 5 * h + 5))
    out[..., at[:, 2:, None], at[:, None, 2:]] = own[..., 2:, 2:]
    out[..., two[:, None], at[:, None, 2:]] = own[..., :2, 2:]
    out[..., at[:, 2:, None], two] = own[..., 2:, :2]
    out[..., :2, :2] = np.sum(own[..., :2, :2], axis=-3) + sg[..., None, None] * np.eye(2)
    out[..., :2, -1] = out[..., -1, :2] = -sg[..., None] * rate
    out[..., -1, -1] = sg * np.sum(rate * rate - e * accel, axis=-1)
    return out


def state_derivatives():
    def jac_y(t, y, p):
        return (p["W2"] * layer(y, p)[1][..., None, :]) @ p["W1"]

    def vjp_y(t, y, s, p):
        return ((s @ p["W2"]) * layer(y, p)[1]) @ p["W1"]

    def vhp_y(t, y, s, p):
        weight = (s @ p["W2"]) * layer(y, p)[2]
        return p["W1"].T @ (weight[..., None] * p["W1"])

    return Derivatives(vjp=vjp_y, jac=jac_y, vhp=vhp_y, joint=JointDerivatives(NAMES, jac, vhp, vjp, jvp, hvp))


def problem(h: int = 20, seed: int = 0, wrt=NAMES) -> Problem:
    """`h >= 1` hidden units; derivatives with respect to `wrt`."""
    if not isinstance(h, int | np.integer) or h < 1:
        raise InvalidInput(f"neural-ode: `h` is {h!r}, expected a number of hidden units of at least 1.")
    rng = np.random.RandomState(seed)
    params = {
        "W1": rng.normal(size=(h, 2)) / np.sqrt(2),
        "b1": 0.1 * rng.normal(size=h),
        "W2": rng.normal(size=(2, h)) / np.sqrt(h),
        "b2": 0.1 * rng.normal(size=2),
    }
    return Problem(
        name="neural-ode",
        rhs=rhs,
        loss=loss,
        running_loss=running_loss,
        t_span=SPAN,
        y0=np.array([2.0, 0.0]),
        params=params,
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        derivatives=state_derivatives(),
        loss_blocks=loss_blocks,
        size=int(h),
    ).perturbed_by(0.05)
