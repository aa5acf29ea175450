"""
An ODE of your own
==================

Growth that saturates, y' = r y (1 - y / K), measured once, at t = 8. The unknowns are the start, the rate and the
capacity.
"""

import matplotlib.pyplot as plt
import numpy as np

import hessbench
from hessbench import Problem

SEEN = 10.0 / (1 + 19.0 * np.exp(-4.8))  # what the closed form has at t = 8


def rhs(xp, t, y, p):
    return p["r"] * y * (1 - y / p["K"])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - SEEN) ** 2)


params = {"r": 0.6, "K": 10.0}
problem = Problem("growth", rhs, loss, (0.0, 8.0), [0.5], params, wrt=("y0", "r", "K"))
result = hessbench.hessian(problem, rtol=1e-10)
result

# %%
# This ODE has a solution in closed form, so the Hessian can be judged by differences of a loss that solves nothing.


def exact(x, t=8.0):
    y0, r, k = x
    return k / (1 + (k / y0 - 1) * np.exp(-r * t))


finding = hessbench.check_hessian(lambda x: (exact(x) - SEEN) ** 2, problem.x0, result.hess)
assert finding.ok
print(finding.words)

# %%
# One measurement determines one combination of three unknowns: two eigenvalues vanish. Along an eigenvector of a zero
# the unknowns change by a tenth, and what was measured does not. Each unknown is taken relative to its own size.
values, directions = np.linalg.eigh(result.hess * np.outer(problem.x0, problem.x0))
print("eigenvalues", values)
assert np.abs(values[:2]).max() < 1e-8 * values[2]

times = np.linspace(0.0, 12.0, 100)
for offset, style in ((-0.1, "--"), (0.0, "-"), (0.1, ":")):
    x = problem.x0 * (1 + offset * directions[:, 0])
    plt.plot(times, exact(x, times), style, label=f"{offset:+.1f} along a null direction")
plt.plot(8.0, SEEN, "ko", label="measured")
plt.xlabel("time")
plt.ylabel("y")
plt.legend()
plt.show()
