"""
Stiff chemistry
===============

Robertson's reaction: three species whose rates lie nine orders of magnitude apart. An explicit method needs some
20,000 steps to t = 40, an implicit one 160. Nobody has to choose: a trial solve counts, and the note says what it
found.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import scipy.integrate

import hessbench
from hessbench import Problem


def rhs(xp, t, y, p):
    a, b, c = y[:1], y[1:2], y[2:]
    slow, fast, back = p["k1"] * a, p["k2"] * b * b, p["k3"] * b * c
    return xp.concatenate([back - slow, slow - back - fast, fast])


def loss(xp, y0, y1, p):
    return xp.sum(y1[:1])


rates = {"k1": 0.04, "k2": 3e7, "k3": 1e4}
wrt = ("k1", "k2", "k3")
problem = Problem("robertson", rhs, loss, (0.0, 40.0), [1.0, 0.0, 0.0], rates, wrt)
result = hessbench.hessian(hessbench.on_log_scale(problem), rtol=1e-8)
print(result.note)
print(result.counters.steps, "steps")
assert "implicit" in result.note and result.counters.steps < 200

# %%
# What is left of A at t = 40 is in the literature (Hairer and Wanner, Solving Ordinary Differential Equations II):
# 0.7158.
print(f"A(40) = {result.value:.10f}")
assert abs(result.value - 0.7158270687) < 1e-8

# %%
# The unknowns are logarithms of rates, so that gradient and Hessian say what one percent of a rate does to A.
# Doubling time and halving all rates is the same, so the gradient's sum is t dA/dt: a check of the derivatives that
# costs one evaluation.
times = np.concatenate([[0.0], np.geomspace(1e-5, 40.0, 300)])
field = partial(rhs, np, p=rates)
tight = {"rtol": 1e-9, "atol": 1e-14}
solution = scipy.integrate.solve_ivp(field, (0.0, 40.0), problem.y0, "Radau", times, **tight)
slope = 40.0 * rhs(np, 40.0, solution.y[:, -1], rates)[0]
print(result.grad, result.grad.sum(), slope)
np.testing.assert_allclose(result.grad.sum(), slope, rtol=1e-6)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, factor, y in zip("ABC", (1.0, 1e4, 1.0), solution.y, strict=True):
    left.semilogx(times[1:], factor * y[1:], label=name if factor == 1 else f"{name} x {factor:g}")
left.set(xlabel="time", ylabel="concentration")
left.legend()
largest = np.abs(result.hess).max()
shown = right.imshow(result.hess, cmap="RdBu", vmin=-largest, vmax=largest)
names = ["log k1", "log k2", "log k3"]
right.set(xticks=range(3), xticklabels=names, yticks=range(3), yticklabels=names)
right.set_title("Hessian of A(40)")
figure.colorbar(shown, ax=right)
plt.show()
