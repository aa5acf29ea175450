"""Every operator of every backend, against closed forms on one small function.

f(x) = (x0 x1, x0 sin x2, x1^2)        g(x) = x0^2 x1 + sin x2
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from hessbench import InvalidInput, Problem, Unsupported
from hessbench.backends import PACKAGES, available, backend

X, V = np.array([0.7, -1.3, 0.4]), np.array([0.2, 0.5, -0.9])
M = np.array([[1.0, 0.3], [-0.2, 0.8], [0.6, -1.1]])  # two tangents, as columns
SIN, COS = np.sin(X[2]), np.cos(X[2])
VALUE = np.array([X[0] * X[1], X[0] * SIN, X[1] ** 2])
JACOBIAN = np.array([[X[1], X[0], 0], [SIN, 0, X[0] * COS], [0, 2 * X[1], 0]])
GRADIENT = np.array([2 * X[0] * X[1], X[0] ** 2, COS])
HESSIAN = np.array([[2 * X[1], 2 * X[0], 0], [2 * X[0], 0, 0], [0, 0, -SIN]])
ALONE = os.environ.get("HESSBENCH_TEST_BACKEND")  # one that wants a process to itself: `test_tensorflow.py`
DIFFERENTIATING = (ALONE,) if ALONE else ("jax", "torch", "autograd")


@pytest.fixture(params=DIFFERENTIATING)
def b(request):
    if not available(request.param):
        pytest.skip(f"{request.param} is not installed")
    return backend(request.param)


def vector_of(b):
    return lambda x: b.xp.stack([x[0] * x[1], x[0] * b.xp.sin(x[2]), x[1] ** 2])


def scalar_of(b):
    return lambda x: x[0] ** 2 * x[1] + b.xp.sin(x[2])


def close(b, got, expected):
    np.testing.assert_allclose(b.to_numpy(got), expected, rtol=1e-14, atol=1e-15)


def test_vjp_is_the_row_vector_times_the_jacobian(b):
    value, pulled = b.vjp(vector_of(b), b.asarray(X), b.asarray(V))
    close(b, value, VALUE)
    close(b, pulled, V @ JACOBIAN)


def test_jvp_is_the_jacobian_times_the_column_vector(b):
    value, pushed = b.jvp(vector_of(b), b.asarray(X), b.asarray(V))
    close(b, value, VALUE)
    close(b, pushed, JACOBIAN @ V)


def test_jvp_of_several_tangents_is_the_jacobian_times_the_matrix(b):
    value, pushed = b.jvp(vector_of(b), b.asarray(X), b.asarray(M))
    close(b, value, VALUE)
    close(b, pushed, JACOBIAN @ M)


def test_jvp_of_a_vjp_is_the_contraction_times_the_matrix(b):
    f = vector_of(b)
    pulled = b.jvp(lambda x: b.vjp(f, x, b.asarray(V))[1], b.asarray(X), b.asarray(M))[1]
    contraction = np.array([[0, V[0], V[1] * COS], [V[0], 2 * V[2], 0], [V[1] * COS, 0, -V[1] * X[0] * SIN]])
    close(b, pulled, contraction @ M)


def test_columns_applies_the_function_to_each_column(b):
    f = vector_of(b)
    expected = np.stack([b.to_numpy(f(b.asarray(M[:, k]))) for k in range(2)], axis=1)
    close(b, b.columns(f, b.asarray(M)), expected)


def test_vmap_maps_only_the_arguments_that_it_is_told_to(b):
    mapped = b.vmap(lambda a, c: a * c, (0, None))
    close(b, mapped(b.asarray(M), b.asarray(V[:2])), M * V[:2])


def test_grad_is_the_gradient(b):
    close(b, b.grad(scalar_of(b))(b.asarray(X)), GRADIENT)


@pytest.mark.parametrize("mode", [None, "forward-over-reverse", "reverse-over-reverse"])
def test_value_grad_hessian_gives_all_three(b, mode):
    got = b.value_grad_hessian(scalar_of(b), mode)(b.asarray(X))
    for a, expected in zip(got, (VALUE[0] * X[0] + SIN, GRADIENT, HESSIAN), strict=True):
        close(b, a, expected)


@pytest.mark.parametrize("mode", [None, "forward-over-reverse", "reverse-over-reverse"])
def test_the_hessian_of_a_linear_function_is_zero(b, mode):
    close(b, b.hessian(lambda x: b.xp.sum(3.0 * x), mode)(b.asarray(X)), np.zeros((3, 3)))


def test_iterate_takes_steps_in_order_and_is_differentiable(b):
    # y -> (i + 1) y^2 for i = 0, 1: 2 y0^4, whose derivative is 8 y0^3
    value, slope = b.jvp(lambda y: b.iterate(lambda i, y: (i + 1) * y * y, y, 2), b.asarray(X), b.asarray(np.ones(3)))
    close(b, value, 2 * X**4)
    close(b, slope, 8 * X**3)


def test_compiled_functions_serve_arguments_of_several_shapes_and_layouts(b):
    double = b.compile(lambda m, p: m @ p["B"] + 1.0)
    for m in (M, M[:1], np.asfortranarray(M)):
        close(b, double(b.asarray(m), {"B": b.asarray(M.T)}), m @ M.T + 1.0)


def test_compiled_functions_return_the_structure_of_the_original(b):
    value, (g, h) = b.compile(lambda x: (x[0], (x, x * 2)))(b.asarray(X))
    close(b, value, X[0])
    close(b, g, X)
    close(b, h, 2 * X)


def test_a_field_takes_and_gives_numpy_with_parameters_bound(b):
    field = b.field(lambda t, y, p: t * p["a"] * y, {"a": b.asarray(2.0)}, 0.0, X)
    out = field(0.5, V)
    assert isinstance(out, np.ndarray)
    np.testing.assert_array_equal(out, V)


@pytest.fixture
def problem():
    return Problem(
        name="time-driven",
        rhs=lambda xp, t, y, p: p["a"] * y * xp.sin(t) + p["count"],
        loss=lambda xp, y0, y1, p: xp.sum(y1),
        t_span=(0.0, 1.0),
        y0=X,
        params={"a": np.float32(0.5), "count": np.array([1, 2, 3])},
    )


def test_a_right_hand_side_is_bound_to_the_framework(b, problem):
    p = b.params(problem)
    close(b, b.rhs(problem)(b.asarray(0.3), b.asarray(X), p), 0.5 * X * np.sin(0.3) + [1, 2, 3])


def test_parameters_become_double_precision_and_integers_stay_integers(b, problem):
    kinds = {key: np.asarray(value).dtype.kind for key, value in b.params(problem).items()}
    assert kinds == {"a": "f", "count": "i"}
    assert np.asarray(b.params(problem)["a"]).dtype == np.float64


def test_an_override_replaces_the_right_hand_side_of_its_framework_only(b):
    problem = Problem(
        name="overridden",
        rhs=lambda xp, t, y, p: y,
        loss=lambda xp, y0, y1, p: xp.sum(y1),
        t_span=(0.0, 1.0),
        y0=X,
        overrides={b.name: lambda xp, t, y, p: 2.0 * y},
    )
    close(b, b.rhs(problem)(b.asarray(0.0), b.asarray(X), {}), 2.0 * X)
    np.testing.assert_array_equal(backend("numpy").rhs(problem)(0.0, X, {}), X)


def test_to_numpy_gives_a_copy(b):
    a = b.asarray(X)
    b.to_numpy(a)[:] = 0.0
    close(b, a, X)


@pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")
def test_casadi_traces_a_right_hand_side_that_knows_only_numpy(problem):
    import casadi as ca

    c = backend("casadi")
    y = ca.SX.sym("y", 3)
    f = ca.Function("f", [y], [c.rhs(problem)(0.3, y, problem.params)])
    np.testing.assert_allclose(f(X).full().ravel(), 0.5 * X * np.sin(0.3) + [1, 2, 3], rtol=1e-15)


@pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")
def test_casadi_derives_value_gradient_and_hessian_of_an_expression():
    import casadi as ca

    x = ca.SX.sym("x", 3)
    parts = backend("casadi").value_grad_hessian(lambda x: x[0] ** 2 * x[1] + ca.sin(x[2]))(x)
    value, g, h = ca.Function("all", [x], list(parts))(X)
    np.testing.assert_allclose(float(value), X[0] ** 2 * X[1] + SIN, rtol=1e-15)
    np.testing.assert_allclose(g.full().ravel(), GRADIENT, rtol=1e-15)
    np.testing.assert_allclose(h.full(), HESSIAN, rtol=1e-15)


@pytest.mark.parametrize("operator", ["vjp", "jvp", "grad", "value_grad_hessian"])
def test_numpy_says_that_it_does_not_differentiate(operator):
    n_arguments = {"grad": 1, "value_grad_hessian": 1}.get(operator, 3)
    with pytest.raises(Unsupported, match=f"`{operator}`"):
        getattr(backend("numpy"), operator)(*[None] * n_arguments)


def test_an_unknown_backend_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match=r"numpy, jax, torch, autograd, casadi"):
        backend("tensorflaw")


def test_listing_strategies_imports_no_framework():
    frameworks = sorted(set(PACKAGES.values()) - {"numpy"})
    code = f"import sys, hessbench; hessbench.strategies(); print([m for m in {frameworks} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
