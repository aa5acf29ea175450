"""A pole on a cart, swung up by a force in ten terms, with its effort as running loss."""

import numpy as np

from hessbench import Problem

TERMS = np.arange(1.0, 11.0)


def push(xp, t, p):
    return xp.sum(p["u"] * xp.sin(TERMS * t))


def rhs(xp, t, y, p):
    a, v, w = y[1:2], y[2:3], y[3:]
    s, c, force = xp.sin(a), xp.cos(a), push(xp, t, p)
    below = 1 + 0.3 * s * s
    cart = (force + 0.3 * s * (0.5 * w * w + 9.81 * c)) / below
    pole = -(force * c + 0.15 * w * w * c * s + 1.3 * 9.81 * s) / (0.5 * below)
    return xp.concatenate([v, w, cart, pole])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["aim"]) ** 2)


def effort(xp, t, y, p):
    return 0.01 * push(xp, t, p) ** 2


params = {"u": np.cos(TERMS) / TERMS, "aim": [0.0, np.pi, 0.0, 0.0]}
problem = Problem("cart-pole", rhs, loss, (0.0, 2.0), np.zeros(4), params, wrt=("u",), running_loss=effort)
