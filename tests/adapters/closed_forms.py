"""Losses through an ODE in closed form, for all adapters."""

import numpy as np

from hessbench import Problem


def rhs(xp, t, y, p):
    return -p["k"] * y


def loss(xp, y0, y1, p):
    return xp.sum((y1 - 0.3) ** 2)


def decay(k=0.6):
    """`L = sum_i (y_i e^-k - 0.3)^2` by y (2,) and k."""
    return Problem("decay", rhs, loss, (0.0, 1.0), [1.7, -0.4], {"k": k}, wrt=("y0", "k"))


def closed(x):
    """Value, gradient (3,) and Hessian (3, 3) at `x`."""
    y, e = np.asarray(x[:2]), np.exp(-x[2])
    r = y * e - 0.3
    grad = np.append(2 * r * e, -2 * np.sum(r * y * e))
    hess = np.zeros((3, 3))
    hess[:2, :2] = 2 * e * e * np.eye(2)
    hess[2, :2] = hess[:2, 2] = -2 * y * e * e - 2 * r * e
    hess[2, 2] = np.sum(2 * (y * e) ** 2 + 2 * r * y * e)
    return float(r @ r), grad, hess


X = np.array([1.2, -0.7, 0.9])
