"""The methods behind a reference: a discrete adjoint with NumPy derivatives, and a framework through other steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._derive.augment import augmented
from .._derive.loss import loss_blocks
from .._integrate.fixed_step import integrate_fixed, tableau
from .._model.derivatives import Array, Derivatives
from .._model.problem import TIMES, Problem

PROBED = 40


def at_least_eight(times: Array) -> Array:
    """The times (n + 1,) of a solve, or 8 equal steps where it took fewer."""
    return times if len(times) > 8 else np.linspace(times[0], times[-1], 9)


def subdivided(times: Array, parts: int) -> Array:
    """Each step cut into `parts` equal ones, except those over a jump, whose ends are some round-off apart."""
    size, least = np.diff(times), 1e-12 * abs(times[-1] - times[0])
    cut = [t + h * np.arange(parts if abs(h) > least else 1) / parts for t, h in zip(times[:-1], size, strict=True)]
    return np.append(np.concatenate(cut), times[-1])


def of_state_alone(problem: Problem) -> bool:
    """Whether the problem is of the simplest form: by the initial state, without a running loss."""
    return problem.wrt == ("y0",) and problem.running_loss is None


@dataclass(frozen=True, eq=False)
class Check:
    """Value and gradient with the whole Hessian, or with its products with the columns of `probes()`."""

    value: float
    grad: Array
    hess: Array | None
    products: Array | None = None

    @property
    def finite(self) -> bool:
        """Whether there is no nan and no infinity in it."""
        parts = [np.array(self.value), self.grad, self.hess, self.products]
        return all(bool(np.all(np.isfinite(part))) for part in parts if part is not None)

    def gap(self, other: Check, sizes: Array) -> float:
        """The largest relative difference, with each unknown in its own size (n,); infinite when anything is not finite."""
        pairs = [(self.grad * sizes, other.grad * sizes)]
        if self.hess is not None and other.hess is not None:
            pairs.append((self.hess * np.outer(sizes, sizes), other.hess * np.outer(sizes, sizes)))
        else:
            mine, theirs = (
                (c.hess @ probes(self.grad.size) if c.products is None else c.products) for c in (self, other)
            )
            pairs.append((mine * sizes[:, None], theirs * sizes[:, None]))
        scale = np.max(np.abs(pairs[1][0])) or 1.0
        gaps = [np.max(np.abs(a - b)) / max(scale, np.max(np.abs(a))) for a, b in pairs]
        worst = float(np.max(gaps))  # nan if any is: Python's max may hide it
        return worst if np.isfinite(worst) else np.inf


def probes(n: int) -> Array:
    """Three fixed random directions, (n, 3)."""
    return np.random.default_rng(1).standard_normal((n, 3)) / np.sqrt(n)


def discrete_adjoint(problem: Problem, x: Array, times: Array, derivatives: Derivatives) -> tuple[float, Array, Array]:
    """Exact derivatives of the Dormand-Prince 8 steps between `times` (n + 1,), walking backward through their states.

    In the generic form, those of the same steps of the augmented problem, to which `derivatives` belong.

    With the step map `phi`: `lambda <- phi'^T lambda`, `S <- phi'^T S phi' + lambda_k phi_k''`, `Phi` and its products with
    the loss blocks at the end. O(N^2) memory beside the N states of each step; O(stages N^3) per step.
    """
    if not of_state_alone(problem):
        made = augmented(problem)
        if set(problem.wrt) & set(TIMES):
            times = (times - times[0]) / (times[-1] - times[0])
        value, grad, hess = discrete_adjoint(made.problem, made.start(x), times, derivatives)
        return value, grad[made.places], hess[np.ix_(made.places, made.places)]
    y0, p = problem.unpack(x)
    blocks, _ = loss_blocks(problem)
    scheme, size = tableau("DOP853"), problem.dim
    a, b, c = scheme.matrix, np.array(scheme.b), np.array(scheme.c)

    def stages(t: float, h: float, y: Array) -> tuple[Array, Array]:
        points, slopes = np.empty((len(b), size)), np.empty((len(b), size))
        for i in range(len(b)):
            points[i] = y + h * (a[i, :i] @ slopes[:i])
            slopes[i] = problem.rhs(np, t + c[i] * h, points[i], p)
        return points, y + h * (b @ slopes)

    states = [y0]
    for t, h in zip(times[:-1], np.diff(times), strict=True):
        states.append(stages(t, h, states[-1])[1])
    end = blocks(y0, states[-1], p)
    lam, second, cross = end.l1, end.l11, end.l01
    for t, h, y in reversed(list(zip(times[:-1], np.diff(times), states[:-1], strict=True))):
        points, _ = stages(t, h, y)
        jacobians = derivatives.jac(t + c * h, points, p)
        tangents, slopes = np.empty_like(jacobians), np.empty_like(jacobians)
        for i in range(len(b)):
            tangents[i] = np.eye(size) + h * np.tensordot(a[i, :i], slopes[:i], 1)
            slopes[i] = jacobians[i] @ tangents[i]
        phi = np.eye(size) + h * np.tensordot(b, slopes, 1)
        q, theta = np.empty_like(points), np.empty_like(points)
        for i in reversed(range(len(b))):
            q[i] = h * (b[i] * lam + a[i + 1 :, i] @ theta[i + 1 :])
            theta[i] = q[i] @ jacobians[i]
        second = phi.T @ second @ phi
        for v, curvature in zip(tangents, derivatives.vhp(t + c * h, points, q, p), strict=True):
            second = second + v.T @ curvature @ v
        cross, lam = cross @ phi, lam + theta.sum(0)
    return end.value, end.l0 + lam, end.l00 + cross + cross.T + second


def automatic(problem: Problem, x: Array, times: Array, framework: str) -> Check:
    """Derivatives of the Dormand-Prince 8 steps between `times`; the Hessian by products from `PROBED` unknowns on."""
    from ..backends import backend

    b, scheme = backend(framework), tableau("DOP853")
    params, f, running, n = b.params(problem), b.rhs(problem), problem.running_loss, problem.dim
    fractions = (times - times[0]) / (times[-1] - times[0])

    def value(x: Any) -> Any:
        y0, p = problem.unpack(x, params)
        (t0, t1), y0 = problem.times(x), b.asarray(y0)

        def slope(fraction: Any, z: Any) -> Any:
            t, y = t0 + fraction * (t1 - t0), z[:n]
            out = f(t, y, p)
            if running is not None:
                out = b.xp.concatenate([out, 0 * y[:1] + running(b.xp, t, y, p)])
            return (t1 - t0) * out

        z0 = y0 if running is None else b.xp.concatenate([y0, 0 * y0[:1]])
        z1 = integrate_fixed(b, scheme, slope, fractions, z0)
        return problem.loss(b.xp, y0, z1[:n], p) + b.xp.sum(z1[n:])

    def compiled(f: Any) -> Any:
        return b.compile(f) if b.compiles_loops else f  # written out, tracing takes far longer than one call

    z = b.asarray(x)
    if x.size < PROBED:
        value_at, grad, hess = (b.to_numpy(a) for a in compiled(b.value_grad_hessian(value))(z))
        return Check(float(value_at), grad, hess)
    gradient = b.grad(value)
    products = compiled(lambda z, m: b.jvp(gradient, z, m))
    grad, columns = (b.to_numpy(a) for a in products(z, b.asarray(probes(x.size))))
    return Check(float(b.to_numpy(compiled(value)(z))), grad, None, columns)
