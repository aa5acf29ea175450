"""Dense quadratic right-hand sides: value and Jacobian in one pass, in C and in NumPy, against closed forms and frameworks."""

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput, Problem, Quadratic, quadratic_derivatives
from hessbench._integrate.pairs import pair
from hessbench.discrete import _kernel, _kernel_quadratic, _kernels, _quadratic
from hessbench.discrete._build import fixed_part
from hessbench.discrete._compiled_state import StateCompiled
from hessbench.discrete._fold import Folded
from hessbench.discrete._fold_derivatives import StateDerivatives
from hessbench.discrete._gate import disagreement
from hessbench.discrete._kernel_quadratic import quadratic_kernel
from hessbench.discrete._quadratic import PackedQuadratic

from .helpers import error, half_square, logistic_hessian, needs_compiler, run

RATE, TIME = 1.3, 1.5


def arrays(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, n, n)), rng.standard_normal((n, n)), rng.standard_normal(n)


def turned_logistic(n=20, **changes):
    """`z_k' = r z_k (1 - z_k)` as seen in `y = Q z + c`: every entry of B, A and the constant differs from zero."""
    rng = np.random.default_rng(3)
    q, shift = np.linalg.qr(rng.standard_normal((n, n)))[0], rng.standard_normal(n)
    bilinear = -RATE * np.einsum("ka,ia,ja->kij", q, q, q)  # of y - c
    linear = RATE * np.eye(n)
    both = bilinear + bilinear.transpose(0, 2, 1)
    p = {"B": bilinear, "A": linear - both @ shift, "c": (bilinear @ shift) @ shift - linear @ shift}
    z0 = rng.uniform(0.1, 0.6, n)
    given = {
        "name": "turned-logistic",
        "rhs": lambda xp, t, y, p: p["c"] + (p["A"] + p["B"] @ y) @ y,
        "loss": lambda xp, y0, y1, p: xp.sum(y1 * y1) / 2,
        "t_span": (0.0, TIME),
        "y0": q @ z0 + shift,
        "params": p,
        "autonomous": True,
        "loss_uses_y0": False,
        "loss_blocks": half_square,
        "derivatives": quadratic_derivatives(lambda p: Quadratic(p["B"], p["A"], p["c"])),
    }
    e = np.exp(-RATE * TIME)
    d = z0 + (1 - z0) * e
    curvature = [logistic_hessian(TIME, z, RATE) for z in z0]  # of z1^2 / 2, and of z1 by hand:
    exact = q @ np.diag(curvature + (q.T @ shift) * -2 * e * (1 - e) / d**3) @ q.T
    return Problem(**(given | changes)), exact


@needs_compiler
@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 50, 99])
def test_the_packed_kernel_computes_what_the_arrays_say(monkeypatch, n, width):
    monkeypatch.setattr(_quadratic, "vector_width", lambda: width)
    b, a, c = arrays(n)
    y, q = np.random.default_rng(1).standard_normal((2, 3, n))
    both = b + b.transpose(0, 2, 1)
    for terms, linear, constant in ((Quadratic(b, a, c), a, c), (Quadratic(b), 0 * a, 0 * c)):
        packed = PackedQuadratic(terms)
        value, jac = packed.linearise(y[0])
        assert error(value, constant + linear @ y[0] + np.einsum("kij,i,j->k", b, y[0], y[0])) < 1e-12
        assert error(jac, linear + both @ y[0]) < 1e-12
        assert np.array_equal(packed.jac(y)[0], jac)
        assert error(packed.contract(q), np.einsum("rk,kij->rij", q, both)) < 1e-12


@pytest.fixture
def packed_only(monkeypatch):
    """No loops in C for the whole Hessian, as beyond a number of states."""
    monkeypatch.setattr(_kernels, "LOOPS", range(0))
    monkeypatch.setattr(_kernel, "MOST_OPERATIONS", 0)


@needs_compiler
@pytest.mark.parametrize("method", ["RK45", "DOP853"])
@pytest.mark.parametrize("n", [8, 13, 20])
def test_the_hessian_by_loops_in_c_has_its_closed_form(method, n):
    problem, exact = turned_logistic(n)
    result = run(problem, rtol=1e-11, method=method)
    assert "loops in C" in result.note
    assert error(result.hess, exact) < 1e-9


@pytest.mark.parametrize("form", ["auto", "numpy"])
@pytest.mark.parametrize("method", ["RK45", "DOP853"])
def test_the_hessian_in_the_numpy_form_has_its_closed_form(packed_only, form, method):
    problem, exact = turned_logistic()
    result = run(problem, rtol=1e-11, form=form, method=method)
    assert "NumPy form (quadratic" in result.note
    assert error(result.hess, exact) < 1e-9
    assert np.array_equal(result.hess, result.hess.T)


@needs_compiler
def test_the_packed_kernel_is_used_and_checkpoints_change_only_round_off(packed_only):
    problem, _ = turned_logistic()
    plain, tight = (run(problem, rtol=1e-9, **options) for options in ({}, {"memory": 50_000}))
    assert "packed coefficients in C" in plain.note and "checkpoints" in tight.note
    assert error(tight.hess, plain.hess) < 1e-12


@needs_compiler
def test_checkpoints_change_no_bit_of_the_loops():
    problem, _ = turned_logistic()
    plain, tight = (run(problem, rtol=1e-9, **options) for options in ({}, {"memory": 1000}))
    assert "loops in C" in tight.note and "checkpoints" in tight.note
    assert np.array_equal(plain.hess, tight.hess)


@needs_compiler
@pytest.mark.parametrize("width", [4, 8])  # gcc 12 crashes on vectors of 2 where the machine has longer ones
@pytest.mark.parametrize("n", [8, 13, 33])
def test_loops_agree_with_numpy_at_either_width_of_vectors(width, n):
    problem, scheme = hessbench.problem("random-quadratic", n=n), pair("RK45")
    kernel, coefficients = quadratic_kernel(problem.derivatives.quadratic(problem.params), scheme, 2, width)
    compiled = StateCompiled(kernel, 2, 1e9)
    compiled.fixed.array[:] = coefficients
    ivp = hessbench.IVP("RK45", 1e-6, 1e-6, dim=n)
    assert disagreement(compiled, StateDerivatives(Folded(problem), problem.derivatives), scheme, ivp) < 1e-12


@needs_compiler
def test_few_states_and_few_coefficients_are_left_to_scalar_code():
    small, _ = turned_logistic(5)
    n = 20
    sparse = np.zeros((n, n, n))
    sparse[range(n), range(n), range(n)] = -1.0
    many, _ = turned_logistic(
        n,
        rhs=lambda xp, t, y, p: y - y * y,
        params={"B": sparse, "A": np.eye(n), "c": np.zeros(n)},
        y0=np.linspace(0.1, 0.6, n),
    )
    for problem in (small, many):
        assert "generated as C" in run(problem).note


@needs_compiler
def test_many_states_are_left_to_numpy_unless_asked_for():
    problem = hessbench.problem("random-quadratic", n=90)
    auto, compiled = (run(problem, rtol=1e-5, method="RK45", form=form) for form in ("auto", "compiled"))
    assert "NumPy form (quadratic, packed" in auto.note and "loops in C" in compiled.note
    assert error(compiled.hess, auto.hess) < 1e-12


def test_right_hand_sides_and_jacobians_are_counted(packed_only):
    problem = hessbench.problem("random-quadratic", n=20)
    packed, numpy = (
        hessbench.hessian(problem, strategy=s, rtol=1e-6).counters
        for s in ("discrete-adjoint", "discrete-adjoint/numpy")
    )
    assert packed == numpy
    assert packed.jacobians == packed.rhs >= packed.contractions == 12 * packed.steps


def test_without_a_compiler_numpy_does_it_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    problem, exact = turned_logistic()
    result = run(problem, rtol=1e-11)
    assert "not compiled: no C compiler" in result.note and "not packed: There is no C compiler" in result.note
    assert error(result.hess, exact) < 1e-9


@needs_compiler
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("row[v] += t[v] * yj", "row[v] -= t[v] * yj"), ("+= t[v] * yi", "+= 1.001 * t[v] * yi")],
)
def test_a_planted_fault_in_the_packed_kernel_is_caught(monkeypatch, packed_only, right, wrong):
    assert right in fixed_part("discrete", "packed.c")
    monkeypatch.setattr(_quadratic, "fixed_part", lambda *which: fixed_part(*which).replace(right, wrong))
    problem, exact = turned_logistic()
    result = run(problem, rtol=1e-11)
    assert "differs from NumPy" in result.note
    assert error(result.hess, exact) < 1e-9


@needs_compiler
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("+= t[l] * X[j]", "+= 1.001 * t[l] * X[j]"), ("SPREAD(0.0);\n      const", "SPREAD(1e-3);\n      const")],
)
def test_a_planted_fault_in_the_loops_is_caught(monkeypatch, right, wrong):
    assert right in fixed_part("discrete", "quadratic.c")
    monkeypatch.setattr(_kernel_quadratic, "fixed_part", lambda *which: fixed_part(*which).replace(right, wrong))
    problem, exact = turned_logistic()
    result = run(problem, rtol=1e-11)
    assert "differs from the NumPy form" in result.note and "packed" in result.note
    assert error(result.hess, exact) < 1e-9


def test_arrays_that_are_not_those_of_the_right_hand_side_are_refused():
    problem, _ = turned_logistic(derivatives=quadratic_derivatives(lambda p: Quadratic(p["B"], p["A"])))
    with pytest.raises(InvalidInput, match=r"turned-logistic.*Correct them"):
        run(problem)


@pytest.mark.parametrize("shapes", [((3, 3, 2), None, None), ((3, 3, 3), (3,), None), ((3, 3, 3), None, (2,))])
def test_shapes_that_do_not_match_are_refused(shapes):
    with pytest.raises(InvalidInput, match="expected"):
        Quadratic(*(None if shape is None else np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("framework", ["jax", "autograd"])
def test_derivatives_agree_with_those_of_a_framework(framework):
    pytest.importorskip(framework)
    problem, _ = turned_logistic(5)
    theirs, ours = hessbench.generated_derivatives(problem, framework), problem.derivatives
    y, s = np.random.default_rng(2).standard_normal((2, 4, 5))
    for name, arguments in (("jac", (y,)), ("vjp", (y, s)), ("vhp", (y, s)), ("vhp", (y, s[0])), ("vhp", (y[0], s))):
        a, b = (getattr(d, name)(0.0, *arguments, problem.params) for d in (ours, theirs))
        assert a.shape == b.shape and error(a, b) < 1e-13


def test_new_arrays_are_used():
    made = quadratic_derivatives(lambda p: Quadratic(p["B"]))
    y = np.array([1.0, 2.0])
    for seed in (0, 1, 0):
        b = arrays(2, seed)[0]
        assert error(made.jac(0.0, y, {"B": b}), b @ y + y @ b) < 1e-14
