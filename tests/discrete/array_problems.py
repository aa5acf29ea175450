"""Right-hand sides that are written in arrays, small enough to be differentiated in any way."""

from types import SimpleNamespace

import numpy as np

from hessbench import Problem
from hessbench._integrate.pairs import pair
from hessbench.discrete._build import vector_width
from hessbench.discrete._trust import doubles
from hessbench.discrete.arrays._kernel import ArrayLoops, array_kernel
from hessbench.discrete.arrays._namespace import recorded


def squares(xp, y0, y1, p):
    return xp.sum(y1**2)


def made(rhs, y0, p, t1=1.0):
    return Problem("arrays", rhs, squares, (0.0, t1), y0, p)


def gravity(xp, t, y, p):
    n = y.shape[0] // 4
    q = y[: 2 * n].reshape(n, 2)
    d = q[None, :, :] - q[:, None, :]
    r2 = xp.sum(d * d, axis=-1) + p["eps"]
    pull = xp.sum(p["m"][None, :, None] * d * (r2**-1.5)[:, :, None], axis=1)
    return xp.concatenate([y[2 * n :], pull.reshape(-1)])


def bodies(n=5):
    rng = np.random.default_rng(0)
    return made(gravity, rng.standard_normal(4 * n), {"m": rng.uniform(0.5, 1.5, n), "eps": 0.1})


def coupled(xp, t, y, p):
    return p["w"] + p["k"] / y.shape[0] * xp.sum(xp.sin(y[None, :] - y[:, None]), 1)


def phases(n=9):
    rng = np.random.default_rng(0)
    return made(coupled, rng.standard_normal(n), {"w": rng.standard_normal(n), "k": 1.5})


def perceptron(xp, t, y, p):
    return p["W3"] @ xp.tanh(p["W2"] @ xp.tanh(p["W1"] @ y + p["b"]) + p["b"]) - y


def layers(n=14):
    rng = np.random.default_rng(1)
    p = {key: rng.standard_normal((n, n)) / np.sqrt(n) for key in ("W1", "W2", "W3")}
    return made(perceptron, rng.standard_normal(n), {**p, "b": 0.1 * rng.standard_normal(n)})


def one_layer(n=14):
    rng = np.random.default_rng(2)
    p = {key: rng.standard_normal((n, n)) / np.sqrt(n) for key in ("W1", "W2")}
    return made(lambda xp, t, y, p: p["W2"] @ xp.tanh(p["W1"] @ y) - 0.1 * y, rng.standard_normal(n), p)


def reaction(xp, t, y, p):
    u, v = y.reshape(2, p["m"], p["m"])
    spread = [xp.roll(w, 1, 0) + xp.roll(w, -1, 0) + xp.roll(w, 1, 1) + xp.roll(w, -1, 1) - 4 * w for w in (u, v)]
    uvv = u * v**2
    return xp.stack([0.2 * spread[0] - uvv + 0.04 * (1 - u), 0.1 * spread[1] + uvv - 0.1 * v]).reshape(-1)


def grid(m=4):
    rng = np.random.default_rng(3)
    return made(reaction, rng.uniform(0.2, 1.0, 2 * m * m), {"m": m})


def mass_action(xp, t, y, p):
    rates = p["k"] * y[p["a"]] * y[p["b"]]
    return p["N"] @ rates + 0.1 * xp.sin(t) - 0.2 * y


def network(n=12, reactions=20):
    rng = np.random.default_rng(4)
    arrays = {"a": rng.integers(0, n, reactions), "b": rng.integers(0, n, reactions)}
    stoichiometry = rng.integers(-1, 2, (n, reactions)) * (rng.random((n, reactions)) < 0.2)
    return made(
        mass_action,
        rng.uniform(0.5, 1.0, n),
        {**arrays, "k": rng.uniform(0.1, 1.0, reactions), "N": 1.0 * stoichiometry},
    )


def softmax(xp, t, y, p):
    e = xp.exp(y - 0.1 * t)
    return e / xp.sum(e) - xp.maximum(y, p["floor"]) * xp.where(p["mask"], 1.0, 0.5)


def shares(n=10):
    rng = np.random.default_rng(5)
    return made(softmax, rng.standard_normal(n), {"floor": 0.1, "mask": np.arange(n) % 3 == 0})


CASES = {
    "bodies": bodies, "phases": phases, "layers": layers, "one layer": one_layer, "grid": grid, "network": network,
    "shares": shares,
}  # fmt: skip


def loops(problem):
    """The loops of a right-hand side."""
    table, slopes = recorded(problem.rhs, problem.dim, doubles(problem.params))
    return ArrayLoops(table, slopes, vector_width())


def as_loops(problem, method="DOP853", probes=1):
    """Their kernel, as `source`, with `parts`."""
    parts = loops(problem)
    kernel = array_kernel(parts, pair(method), probes, vector_width())
    return SimpleNamespace(source=kernel.source, kernel=kernel, parts=parts)
