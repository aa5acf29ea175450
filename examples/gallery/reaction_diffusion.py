"""
A large reaction-diffusion system
=================================

Nagumo's equation u_t = D u_xx + u (1 - u) (u - a) on 200 cells: a front that travels at the speed sqrt(D / 2) (1 -
2a). The loss is how far it has come. Fine cells make diffusion stiff, so the strategy is the implicit one. First by
D, a and the end time, then by a threshold of its own for each cell, 200 unknowns.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

import hessbench
from hessbench import Problem

CELLS, WIDTH, SPAN = 200, 0.25, (0.0, 60.0)
X = WIDTH * (np.arange(CELLS) + 0.5)


def rhs(xp, t, y, p):
    left, right = xp.concatenate([y[:1], y[:-1]]), xp.concatenate([y[1:], y[-1:]])
    return p["D"] * (left - 2 * y + right) / WIDTH**2 + y * (1 - y) * (y - p["a"])


def loss(xp, y0, y1, p):
    return WIDTH * xp.sum(y1)


start = 1 / (1 + np.exp((X - 15) / np.sqrt(2)))
front = Problem("nagumo", rhs, loss, SPAN, start, {"D": 1.0, "a": 0.25}, wrt=("D", "a", "t1"))
result = hessbench.hessian(front, strategy="implicit-adjoint", rtol=1e-8)
result

# %%
# The derivative by the end time is the speed, and those of the speed stand in the last row of the Hessian. In closed
# form, up to the error of the cells:
speed = {"t1": np.sqrt(1 / 2) * 0.5, "D": np.sqrt(1 / 8) * 0.5, "a": -2 * np.sqrt(1 / 2)}
found = {name: result.block("t1", name)[0, 0] for name in ("D", "a")}
found["t1"] = result.gradient("t1")
for name, closed in speed.items():
    print(f"{name}: {found[name]:.5f}, closed form {closed:.5f}")
    assert abs(found[name] - closed) < 0.01 * abs(closed)

# %%
# One threshold for each cell. A product of the Hessian with a direction costs a few gradients, so Lanczos' method
# finds the largest eigenvalues from some dozen of them. The sum over all entries has to be the second derivative by
# one common threshold.
params = {"D": 1.0, "a": np.full(CELLS, 0.25)}
field = Problem("nagumo-field", rhs, loss, SPAN, start, params, wrt=("a",))
prepared = hessbench.prepare_products(field, strategy="implicit-adjoint", rtol=1e-8)
ones = np.ones((CELLS, 1))
along = prepared(None, ones).products[:, 0]
common = result.block("a", "a")[0, 0]
print(along.sum(), common)
np.testing.assert_allclose(along.sum(), common, rtol=1e-4)
directions = []


def multiply(v):
    directions.append(v)
    return prepared(None, v.reshape(-1, 1)).products[:, 0]


values, vectors = eigsh(LinearOperator((CELLS, CELLS), multiply), k=3, v0=ones[:, 0], tol=1e-3)
print("eigenvalues", values, "from", len(directions), "products")

# %%
gradient = prepared(None, ones).grad
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
axes[0].plot(X, start, label="t = 0")
axes[0].axvline(15 + speed["t1"] * SPAN[1], color="k", ls=":", label="front at t = 60")
axes[0].set(xlabel="x", ylabel="u")
axes[0].legend()
axes[1].plot(X, gradient)
axes[1].set(xlabel="x", title="gradient by the threshold of a cell")
for value, vector in zip(values, vectors.T, strict=True):
    axes[2].plot(X, vector, label=f"{value:.2f}")
axes[2].set(xlabel="x", title="eigenvectors")
axes[2].legend()
plt.show()
