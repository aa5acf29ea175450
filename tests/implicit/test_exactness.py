"""Gradient, Hessian and products are those of the discretised loss, to round-off, in every unknown."""

from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench.discrete._fold import Folded
from hessbench.discrete._fold_derivatives import FoldedDerivatives
from hessbench.discrete._stepper import Tolerances
from hessbench.implicit.radau import STAGES, A, C
from hessbench.implicit.stepper import Steps, integrate
from hessbench.implicit.sweeps import Sweeps

from .helpers import EVERYTHING, bolza, error, ivp, robertson

jax = pytest.importorskip("jax")
QUICK = {"xla_backend_optimization_level": 0}  # compiled once, run once
pytestmark = pytest.mark.xdist_group("implicit-exactness")


@cache
def frozen(wrt):
    """Steps at a loose tolerance from a point off the usual one, and gradient and Hessian over them by JAX."""
    problem, rng = bolza(wrt), np.random.default_rng(0)
    folded, x = Folded(problem), problem.x0 + 0.1 * rng.standard_normal(problem.x0.size)
    y0, p = problem.unpack(x)
    derivatives = FoldedDerivatives(folded, hessbench.generated_joint_derivatives(problem, "jax"))

    def first(tau, z):
        jac, by_params = derivatives.first(tau, z, p)
        return jac, 0 * by_params[..., :1]

    start = folded.start(y0)
    tolerances = Tolerances.scalar(1e-3, start.size, 1)
    path = integrate(folded.slope(p), first, folded.t_span, start, ivp(problem, 1e-3), tolerances)
    return problem, x, path, derivatives, *by_jax(problem, x, path)


def by_jax(problem, x, path: Steps):
    """By differentiating two steps of Newton's method at each converged stage twice; times and running loss written anew.

    The first step makes first derivatives exact, the second one second derivatives.
    """
    from hessbench.backends import backend

    b, n = backend("jax"), problem.dim
    xp, p0, free = b.xp, b.params(problem), bool({"t0", "t1"} & set(problem.wrt))

    def loss(x):
        y0, p = problem.unpack(x, p0)
        t0, t1 = problem.times(x)

        def slope(tau, z):
            t, length = (t0 + tau * (t1 - t0), t1 - t0) if free else (tau, 1.0)
            g = problem.running_loss(xp, t, z[:n], p)
            return length * xp.concatenate([problem.rhs(xp, t, z[:n], p), xp.reshape(g, (1,))])

        def body(z, step):
            t, h, stages = step

            def residual(flat):
                rows = flat.reshape(STAGES, n + 1)
                slopes = xp.stack([slope(t + C[j] * h, rows[j]) for j in range(STAGES)])
                return (rows - z - h * (A @ slopes)).ravel()

            flat = stages.ravel()
            for _ in range(2):
                flat = flat - xp.linalg.solve(jax.jacfwd(residual)(flat), residual(flat))
            return flat.reshape(STAGES, n + 1)[-1], None

        z0 = xp.concatenate([b.asarray(y0), xp.zeros(1)])
        z1 = jax.lax.scan(body, z0, tuple(map(b.asarray, (path.t, path.h, path.stages))))[0]
        return problem.loss(xp, b.asarray(y0), z1[:n], p) + z1[n]

    def twice(x):
        grad = jax.grad(loss)(x)
        return grad, grad

    hess, grad = jax.jit(jax.jacfwd(twice, has_aux=True), compiler_options=QUICK)(b.asarray(x))
    return np.asarray(grad), np.asarray(hess)


def ours(wrt):
    """Gradient, Hessian and all products of the NumPy form over the same steps."""
    problem, x, path, derivatives, *_ = frozen(wrt)
    (y0, p), folded = problem.unpack(x), derivatives.folded
    columns, end = folded.columns, folded.end(compiled=False)[0](y0, path.y1, p)
    sweeps = Sweeps(derivatives, p, path, columns)
    swept = sweeps.backward(end.l1)
    eye = np.eye(x.size)
    products = sweeps.products(swept, eye, lambda v1: columns.product(end, v1, eye))
    return (
        columns.gradient(end, swept.lam, swept.pulled),
        columns.hessian(end, *sweeps.curvature(swept)),
        products,
    )


@pytest.mark.parametrize("wrt", [EVERYTHING, ("kappa", "y0"), ("t1",)])
def test_sweeps_are_the_exact_derivatives_of_the_steps(wrt):
    (grad, hess, products), theirs = ours(wrt), frozen(wrt)[-2:]
    assert error(grad, theirs[0]) < 1e-13
    assert error(hess, theirs[1]) < 1e-13
    assert error(products, theirs[1]) < 1e-13


@pytest.mark.parametrize("lost", ["A", "YU", "UU"])
def test_exactness_notices_a_lost_term(lost, monkeypatch):
    first, second = FoldedDerivatives.first, FoldedDerivatives.second
    problem, _, path, *_ = frozen(EVERYTHING)
    factors = path.factors
    n = problem.dim

    def without_a(self, *args):
        jac, by_params = first(self, *args)
        return jac, 0 * by_params

    def without(self, *args):
        out = second(self, *args)
        if lost == "YU":
            out[:, :n, n:] = 0.0
        else:
            out[:, n:, n:] = 0.0
        return out

    monkeypatch.setattr(FoldedDerivatives, "first" if lost == "A" else "second", without_a if lost == "A" else without)
    assert len(factors) == path.t.size
    assert error(ours(EVERYTHING)[1], frozen(EVERYTHING)[-1]) > 1e-3


def test_factors_that_were_not_kept_are_made_again():
    _, _, path, *_ = frozen(EVERYTHING)
    kept = ours(EVERYTHING)[1]
    factors, path.factors = path.factors, []
    again = ours(EVERYTHING)[1]
    path.factors = factors
    assert error(again, kept) < 1e-13


def test_stages_are_solved_to_round_off_on_a_stiff_problem():
    problem = robertson()
    folded, (y0, p) = Folded(problem), problem.unpack(problem.x0)
    derivatives = FoldedDerivatives(folded, hessbench.generated_joint_derivatives(problem, "jax"))

    def first(tau, z):
        jac, by_params = derivatives.first(tau, z, p)
        return jac, 0 * by_params[..., :1]

    f, tolerances = folded.slope(p), Tolerances(1e-6 * np.array([[1, 1e-4, 1]] * 2), np.array([[1.0, 1e-4, 1.0]]))
    path = integrate(f, first, problem.t_span, y0, ivp(problem, 1e-6), tolerances)
    for t, h, y, stages in zip(path.t, path.h, path.y, path.stages, strict=True):
        slopes = np.array([f(t + c * h, row) for c, row in zip(C, stages, strict=True)])
        jacobians = first(t + C * h, stages)[0]
        matrix = np.eye(9) - h * np.einsum("ij,jkl->ikjl", A, jacobians).reshape(9, 9)
        correction = np.linalg.solve(matrix, (stages - y - h * A @ slopes).ravel()).reshape(3, 3)
        assert np.abs(correction / np.array([1.0, 1e-4, 1.0])).max() < 1e-13
