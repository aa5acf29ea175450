"""
An ODE of your own
==================

Growth that saturates, y' = r y (1 - y / K), seen once: y(8) = 6.
"""

import hessbench
from hessbench import Problem


def rhs(xp, t, y, p):
    return p["r"] * y * (1 - y / p["K"])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - 6.0) ** 2)


problem = Problem("growth", rhs, loss, (0.0, 8.0), [1.0], {"r": 0.5, "K": 10.0}, wrt=("y0", "r", "K"))
result = hessbench.hessian(problem)
print(result.hess)
