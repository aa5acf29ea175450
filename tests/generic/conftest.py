"""Problems in the generic form, and an independent Hessian of each: differences of order 8 of an independent gradient."""

from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench import Problem

# every problem of the generic form, at a size at which differences of gradients are quick
PROBLEMS = {
    "generic-bolza": {},
    "lorenz": {"t1": 3.0},
    "lotka-volterra": {"m": 6},
    "neural-ode": {"h": 3, "wrt": ("W1", "y0", "b1", "W2", "b2")},
    "optimal-control": {"m": 4},
    "polynomial-control": {},
    "sir": {"wrt": ("gamma", "y0", "t1", "target", "beta", "t0")},
}
WEIGHTS = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])  # of the differences over 2, 4, 6 and 8 increments: order 8


def build(name: str) -> Problem:
    return hessbench.problem(name, **PROBLEMS[name])


def loss_by_scipy(problem: Problem, x) -> float:
    """The loss at `x` by SciPy's `solve_ivp`, with the running loss as one more state; nothing of the harness but `unpack`."""
    from scipy.integrate import solve_ivp

    y0, p = problem.unpack(x)
    n, (t0, t1), running = problem.dim, map(float, problem.times(x)), problem.running_loss

    def slope(t, z):
        g = 0.0 if running is None else running(np, t, z[:n], p)
        return np.append(problem.rhs(np, t, z[:n], p), g)

    z1 = solve_ivp(slope, (t0, t1), np.append(y0, 0.0), method="DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
    return float(problem.loss(np, y0, z1[:n], p) + z1[n])


def differences(f, x, h: float):
    """Derivatives of `f` by each component of `x`, of order 8, stacked along axis 0."""
    out = []
    for step in np.diag(np.full(x.size, h)):
        out.append(sum(w * (f(x + k * step) - f(x - k * step)) for k, w in enumerate(WEIGHTS, 1)) / h)
    return np.array(out)


@cache
def by_jax(name: str):
    """Value, gradient and Hessian by jax through an unrolled integration of order 8 in fixed steps, at the perturbed point."""
    import jax

    from hessbench import tableau
    from hessbench.backends import backend

    problem = build(name)
    b, scheme, n = backend("jax"), tableau("DOP853"), problem.dim
    xp, params, running = b.xp, b.params(problem), problem.running_loss
    a, weights, nodes = (xp.asarray(np.array(part)) for part in (scheme.matrix, scheme.b, scheme.c))
    steps = {"lorenz": 600, "lotka-volterra": 1200}.get(name, 120)

    def loss(x):
        y0, p = problem.unpack(x, params)
        t0, t1 = problem.times(x)
        h = (t1 - t0) / steps

        def slope(t, z):
            f = problem.rhs(xp, t, z[:n], p)
            return xp.append(f, 0.0 if running is None else running(xp, t, z[:n], p))

        def step(z, i):
            def stage(k, j):
                return k.at[j].set(slope(t0 + (i + nodes[j]) * h, z + h * (a[j] @ k))), None

            k = jax.lax.scan(stage, xp.zeros((len(weights), n + 1)), xp.arange(len(weights)))[0]
            return z + h * (weights @ k), None

        z1 = jax.lax.scan(step, xp.append(xp.asarray(y0), 0.0), xp.arange(steps))[0]
        return problem.loss(xp, y0, z1[:n], p) + z1[n]

    def gradient(x):
        value, grad = jax.value_and_grad(loss)(x)
        return grad, (value, grad)

    hess, (value, grad) = jax.jit(jax.jacfwd(gradient, has_aux=True))(xp.asarray(problem.perturbed))
    return float(value), np.asarray(grad), np.asarray(hess)


@pytest.fixture(params=PROBLEMS)
def name(request) -> str:
    return request.param
