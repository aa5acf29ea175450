"""Independent logistic growth of n populations, in closed form.

dy_i/dt = y_i (1 - y_i)   on (0, 1),   loss sum_i y_i(1)

y(1) = e y0 / d,  d = 1 + (e - 1) y0,   dy(1)/dy0 = e / d^2,   d^2 y(1)/dy0^2 = -2 e (e - 1) / d^3
"""

import math

import numpy as np

from hessbench import Problem


def rhs(xp, t, y, p):
    return y * (1.0 - y)


def loss(xp, y0, y1, p):
    return xp.sum(y1)


def exact(x):
    e, d = math.e, 1 + (math.e - 1) * x
    return float(np.sum(e * x / d)), e / d**2, np.diag(-2 * e * (e - 1) / d**3)


def problem(n: int = 3) -> Problem:
    """`n` populations."""
    return Problem(
        "example-logistic",
        rhs,
        loss,
        (0.0, 1.0),
        np.linspace(0.1, 0.6, n),
        autonomous=True,
        loss_uses_y0=False,
        exact=exact,
    )
