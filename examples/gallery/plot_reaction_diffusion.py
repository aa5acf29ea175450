"""
A large reaction-diffusion system
=================================

Fisher's equation u_t = D u_xx + r u (1 - u) on 400 cells: a front that travels at a speed of nearly 2 sqrt(r D). With 400 unknowns of the
initial state nobody wants the matrix: products of the Hessian with directions cost a few gradients.
"""

import matplotlib.pyplot as plt
import numpy as np
import scipy.integrate

import hessbench
from hessbench import Problem

CELLS, WIDTH = 400, 0.5
X = WIDTH * (np.arange(CELLS) + 0.5)


def rhs(xp, t, y, p):
    left, right = xp.concatenate([y[:1], y[:-1]]), xp.concatenate([y[1:], y[-1:]])
    return p["D"] * (left - 2 * y + right) / WIDTH**2 + p["r"] * y * (1 - y)


def loss(xp, y0, y1, p):
    return WIDTH * xp.sum(y1)  # how far the front has come


start, params = 1.0 * (X < 10), {"D": 1.0, "r": 1.0}
by_two = Problem("fisher", rhs, loss, (0.0, 40.0), start, params, wrt=("D", "r"))
by_start = Problem("fisher", rhs, loss, (0.0, 40.0), start, params)

# %%
# The front by its two coefficients. Scaling time and length shows that the distance is a function of r t and of x sqrt(r / D): what is far
# from the ends obeys ``distance ~ 2 sqrt(r D) t - 1.5 sqrt(D / r) log(r t)`` (Bramson, 1983).
result = hessbench.hessian(by_two, rtol=1e-8)
print("distance", result.value - 10, "  gradient", result.grad)
print(result.hess)
d, r, t = 1.0, 1.0, 40.0
bramson = [t * np.sqrt(r / d) - 0.75 * np.log(r * t) / np.sqrt(r * d)]
print("gradient by D, Bramson:", bramson)

# %%
# A direction: more of u in a few cells ahead of the front.
direction = np.exp(-((X - 14.0) ** 2))
product = hessbench.products(by_start, None, direction[:, None], rtol=1e-8)
print(product.counters)
