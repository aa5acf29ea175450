"""A right-hand side and a loss written once give the same numbers in every framework."""

import numpy as np
import pytest

from hessbench.backends import available, backend

pytestmark = pytest.mark.skipif(not available("jax"), reason="the other frameworks are compared with jax")
needs_casadi = pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")


def point(problem, rng=None):
    t0, t1 = problem.t_span
    rng = rng or np.random.default_rng(1)
    return t0 + (t1 - t0) * rng.uniform(), problem.y0 + 0.05 * rng.normal(size=problem.dim)


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.max(np.abs(expected)))


def values_and_jacobian(problem, framework, t, y):
    """F (n,) and dF/dy (n, n) by forward mode."""
    b = backend(framework)
    f, p, eye = b.rhs(problem), b.params(problem), b.asarray(np.eye(problem.dim))
    t_b, y_b = b.asarray(t), b.asarray(y)

    def jacobian(y):
        return b.columns(lambda e: b.jvp(lambda y: f(t_b, y, p), y, e)[1], eye)

    return b.to_numpy(f(t_b, y_b, p)), b.to_numpy((b.compile(jacobian) if framework == "jax" else jacobian)(y_b))


def by_jax(problem):
    return values_and_jacobian(problem, "jax", *point(problem))


def casadi_rhs(problem, rhs, t, y):
    """F (n,) and dF/dy (n, n) of an expression graph in SX scalars."""
    import casadi as ca

    symbol = ca.SX.sym("y", problem.dim)
    f = rhs(t, symbol)
    out = ca.Function("f", [symbol], [f, ca.jacobian(f, symbol)])
    value, jacobian = out(y)
    return np.array(value).ravel(), np.array(jacobian)


@pytest.fixture
def at(problem):
    return point(problem)


@pytest.fixture
def truth(computed_once):
    return computed_once(by_jax)


def test_numpy_gives_the_value_of_jax(problem, at, truth):
    close(problem.rhs(np, *at, problem.params), truth[0])


@pytest.mark.parametrize("framework", ["torch", "autograd"])
def test_value_and_jacobian_agree_with_jax(problem, at, truth, framework):
    if not available(framework):
        pytest.skip(f"{framework} is not installed")
    value, jacobian = values_and_jacobian(problem, framework, *at)
    close(value, truth[0])
    close(jacobian, truth[1])


@needs_casadi
def test_casadi_agrees_with_jax_in_value_and_jacobian(problem, at, truth):
    b = backend("casadi")
    f, p = b.rhs(problem), b.params(problem)
    value, jacobian = casadi_rhs(problem, lambda t, y: f(t, y, p), *at)
    close(value, truth[0])
    close(jacobian, truth[1])


@needs_casadi
def test_casadi_traces_the_right_hand_side_itself(problem, at, truth):
    import casadi as ca

    def traced(t, y):
        elements = np.array([y[i] for i in range(problem.dim)], dtype=object)
        return ca.vertcat(*problem.rhs(np, t, elements, problem.params))

    close(casadi_rhs(problem, traced, *at)[0], truth[0])


@needs_casadi
@pytest.mark.filterwarnings("ignore:\\s*casadi:FutureWarning")  # a NumPy function of one scalar does what is wanted
def test_casadi_traces_with_symbolic_time(problem, at, truth):
    import casadi as ca

    t, y = ca.SX.sym("t"), ca.SX.sym("y", problem.dim)
    t_elements, elements = (np.array([a[i] for i in range(a.numel())], dtype=object) for a in (t, y))
    f = ca.vertcat(*problem.rhs(np, t_elements, elements, problem.params))
    close(np.array(ca.Function("f", [t, y], [f])(*at)).ravel(), truth[0])


@pytest.mark.filterwarnings("ignore:\\s*casadi:FutureWarning")
@pytest.mark.parametrize("framework", ["jax", "torch", "autograd", "casadi"])
def test_loss_agrees_with_numpy(problem, rng, framework):
    if not available(framework):
        pytest.skip(f"{framework} is not installed")
    y0, y1 = point(problem, rng)[1], point(problem, rng)[1]
    b = backend(framework)
    if framework == "casadi":
        import casadi as ca

        ends = [np.array([ca.SX(float(v)) for v in y], dtype=object) for y in (y0, y1)]
        value = float(ca.evalf(problem.loss(np, *ends, problem.constants)))
    else:
        value = float(problem.loss(b.xp, b.asarray(y0), b.asarray(y1), {**problem.constants, **b.params(problem)}))
    close(value, problem.loss(np, y0, y1, problem.constants))
