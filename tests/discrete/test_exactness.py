"""The result is the exact Hessian of the discretised problem, in every form."""

import numpy as np
import pytest

import hessbench
from hessbench._integrate.pairs import pair
from hessbench.discrete._build import vector_width
from hessbench.discrete._compiled_state import StateCompiled
from hessbench.discrete._dense import Costate, backward
from hessbench.discrete._fold import Folded
from hessbench.discrete._fold_derivatives import StateDerivatives
from hessbench.discrete._gate import disagreement
from hessbench.discrete._kernel import generate
from hessbench.discrete._sparse import backward as sparse_backward
from hessbench.discrete._stepper import integrate
from hessbench.discrete._trace import trace

from .helpers import CASES, case, error, logistic, logistic_hessian, needs_compiler, run

jax = pytest.importorskip("jax")


def by_hand(problem):
    return StateDerivatives(Folded(problem), problem.derivatives)


def frozen_steps(problem, x, method, rtol=1e-5):
    """Steps taken at a loose tolerance, and the NumPy form's gradient and Hessian over them."""
    y0, p = problem.unpack(x)
    d, scheme, ivp = problem.derivatives, pair(method), hessbench.IVP(method, rtol, rtol, dim=problem.dim)

    def f(t, y):
        return problem.rhs(np, t, y, p)

    path = integrate(f, lambda t, y: d.jac(t, y, p), scheme, problem.t_span, y0, ivp, 1)
    end = hessbench.loss_blocks(problem)[0](y0, path.y1, p)
    return path, backward(f, d, p, scheme, path, Costate.at_end(end, problem.loss_uses_y0), path.t.size).result(end)


def by_jax(problem, x, method, path):
    """The same by differentiating a scan over the same steps twice."""
    from hessbench.backends import backend

    b = backend("jax")
    scheme, steps = hessbench.tableau(method), (b.asarray(path.t), b.asarray(path.h))
    p = b.params(problem)

    def loss(y0):
        def body(y, step):
            (t, h), slopes = step, []
            for row, c in zip(scheme.a, scheme.c, strict=True):
                shift = sum((a * k for a, k in zip(row, slopes, strict=True)), 0.0 * y)
                slopes.append(problem.rhs(b.xp, t + c * h, y + h * shift, p))
            return y + h * sum(w * k for w, k in zip(scheme.b, slopes, strict=True)), None

        return problem.loss(b.xp, y0, jax.lax.scan(body, y0, steps)[0], p)

    x = b.asarray(x)

    def twice(x):
        grad = jax.grad(loss)(x)
        return grad, grad

    hess, grad = jax.jit(jax.jacfwd(twice, has_aux=True), compiler_options={"xla_backend_optimization_level": 0})(x)
    return np.asarray(grad), np.asarray(hess)


@pytest.mark.parametrize(
    ("name", "method"), [("generic-cubic", "DOP853"), ("three-body", "RK45"), ("driven-pendulum", "RK45")]
)
def test_numpy_form_is_the_exact_hessian_of_its_own_steps(name, method):
    problem = case(name)
    path, (grad, hess) = frozen_steps(problem, problem.perturbed, method)
    grad_jax, hess_jax = by_jax(problem, problem.perturbed, method, path)
    assert error(grad, grad_jax) < 1e-12
    assert error(hess, hess_jax) < 1e-12


@needs_compiler
@pytest.mark.parametrize("method", ["RK45", "DOP853"])
@pytest.mark.parametrize("name", CASES)
def test_compiled_form_agrees_with_the_numpy_form_over_the_same_steps(name, method):
    problem, scheme = case(name), pair(method)
    ivp = hessbench.IVP(method, 1e-6, 1e-6, dim=problem.dim)
    compiled = StateCompiled(generate(trace(problem), scheme, 1, vector_width()), 1, 1e9)
    assert disagreement(compiled, by_hand(problem), scheme, ivp) < 1e-11


@needs_compiler
@pytest.mark.parametrize("name", ["three-body", "sir"])
@pytest.mark.parametrize("width", [2, 4])
def test_kernels_for_narrower_vectors_agree_too(name, width):
    problem, scheme = case(name), pair("RK45")
    compiled = StateCompiled(generate(trace(problem), scheme, 2, width), 2, 1e9)
    ivp = hessbench.IVP("RK45", 1e-5, 1e-5, dim=problem.dim)
    assert disagreement(compiled, by_hand(problem), scheme, ivp) < 1e-11


def test_sparse_numpy_form_agrees_with_the_dense_one_over_the_same_steps():
    problem = case("brusselator")
    y0, p = problem.unpack(problem.perturbed)
    path, (grad, hess) = frozen_steps(problem, problem.perturbed, "DOP853")
    end = hessbench.loss_blocks(problem)[0](y0, path.y1, p)
    path.jacobians = []
    carried = sparse_backward(
        lambda t, y: problem.rhs(np, t, y, p), problem.derivatives, p, pair("DOP853"), path, Costate.at_end(end, True)
    )
    assert error(carried.result(end)[1], hess) < 1e-12
    assert error(carried.result(end)[0], grad) < 1e-12


@pytest.mark.parametrize("form", ["numpy", "auto", "sparse"])
@pytest.mark.parametrize("name", ["three-body", "brusselator"])
def test_hessian_is_symmetric_to_round_off(name, form):
    problem = case(name)
    hess = run(problem, problem.perturbed, form=form).hess
    assert error(hess, hess.T) < 1e-15


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_one_state_works(form):
    result = run(logistic(), rtol=1e-11, form=form)
    assert result.hess[0, 0] == pytest.approx(logistic_hessian(1.5), rel=1e-9)


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_backward_time_works(form):
    result = run(logistic(t_span=(0.0, -1.0)), rtol=1e-11, form=form)
    assert result.hess[0, 0] == pytest.approx(logistic_hessian(-1.0), rel=1e-9)
