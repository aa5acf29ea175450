"""Right-hand sides as loops over arrays: recorded, differentiated and compiled, against NumPy, JAX and the NumPy form."""

import os

import numpy as np
import pytest

import hessbench
from hessbench._integrate.pairs import pair
from hessbench.discrete import Options, _compiled_form, _kernels, prepare
from hessbench.discrete._compiled_state import StateCompiled
from hessbench.discrete._fold import Folded
from hessbench.discrete._graph import CannotTrace
from hessbench.discrete._probe import Probe
from hessbench.discrete.arrays import _programs, _structure
from hessbench.discrete.arrays._namespace import recorded

from .array_problems import CASES, as_loops, bodies, coupled, layers, loops, made, phases
from .array_programs import values
from .helpers import error, needs_compiler

pytestmark = needs_compiler


@pytest.fixture
def always(monkeypatch):
    """Loops for everything."""
    monkeypatch.setattr(_kernels, "FEWEST", 0)
    monkeypatch.setattr(_kernels, "LEAST", 0)
    monkeypatch.setattr(_kernels, "CERTAIN", -1)


def run(problem, form="auto", rtol=1e-9):
    ivp = hessbench.IVP("DOP853", rtol, rtol, dim=problem.dim)
    return prepare(problem, ivp, Options(form))(problem.y0)


def some(*names):
    """Parameters: all cases if `HESSBENCH_SLOW` is set, else these."""
    return pytest.mark.parametrize("name", CASES if "HESSBENCH_SLOW" in os.environ else names)


@some("bodies", "grid")
def test_the_hessian_is_that_of_the_numpy_form(name, always):
    problem = CASES[name]()
    ours, theirs = run(problem), run(problem, "numpy")
    assert "loops over arrays" in ours.note and "NumPy form" in theirs.note
    assert error(ours.hess, theirs.hess) < 1e-8
    assert error(ours.grad, theirs.grad) < 1e-9


@some("layers", "one layer", "network")
def test_values_and_both_derivatives_are_those_of_jax(name):
    jax = pytest.importorskip("jax")
    problem = CASES[name]()
    built = as_loops(problem)
    compiled = StateCompiled(built.kernel, 1, 1e8)
    compiled.fixed.array[:] = built.parts.coefficients
    k, n = built.kernel, problem.dim
    m, points = k.m, 5
    rng = np.random.default_rng(6)
    y = problem.y0 + 0.3 * rng.standard_normal((points, n))
    q, t = rng.standard_normal((points, n)), rng.uniform(0, 1, points)
    if k.second_order:
        q[:, :m] = 0.0
    probe = Probe(compiled, (len(k.places["J"]), k.entries, 0), np.ones(m))
    raw = probe(np.zeros((1, 0)), t[None], y[None, :, :m], q[None, :, n - m :], True)

    @jax.jit
    def expected(t, y, q):
        def f(y):
            return problem.rhs(jax.numpy, t, y, problem.params)

        return f(y), jax.jacfwd(f)(y), jax.hessian(lambda y: f(y) @ q)(y)

    with jax.enable_x64(True):
        for i in range(points):
            value, first, second = map(np.asarray, expected(t[i], y[i], q[i]))
            first, second = first[n - m :, :m], second[:m, :m]
            jac, curved = np.zeros((m, m)), np.zeros((m, m))
            jac[tuple(np.transpose(k.places["J"]))] = raw.jacobian[0, i]
            if k.places["YY"]:
                curved[tuple(np.transpose(k.places["YY"]))] = raw.stored[0, i]
            for ours, theirs in ((raw.slopes[0, i], value[n - m :]), (jac, first), (curved, second)):
                assert np.abs(ours - theirs).max() < 1e-12 * (1 + np.abs(theirs).max())
            assert np.allclose(raw.tangents[0, i, 0], first @ probe.w[0], rtol=1e-11, atol=1e-12)


def test_the_structure_of_bodies_is_one_class_of_pairs():
    table, slopes = recorded(bodies(6).rhs, 24, bodies(6).params)
    pairs, alone = _structure.structured(table, slopes).classes
    assert pairs.count == 30 and pairs.inputs.shape == (
        30,
        2,
    )  # two distances, of which masses times distances are multiples
    assert alone.count == 6 and alone.inputs.shape == (6, 0)
    assert loops(bodies(6)).second_order


def test_the_code_is_as_long_for_any_number_of_bodies():
    few, many = (as_loops(bodies(n)).source.count("\n") for n in (10, 30))
    assert few == many


def test_patterns_are_found():
    parts = loops(CASES["grid"]())
    assert len(parts.places["J"]) == 32 * 6  # itself, four neighbours, the other species
    assert len(parts.places["YY"]) == 3 * 16
    assert as_loops(CASES["grid"](8)).kernel.sweep == "sparse"


@pytest.mark.parametrize(
    ("table", "of"), [("J_COEF", "derivative"), ("YY_COEF", "second derivative"), ("F_COEF", "differs")]
)
def test_a_fault_in_a_table_is_caught(table, of, always, monkeypatch):
    add = _programs.Tables.add

    def tampered(self, name, values):
        if name == table:
            values = values.copy()
            values[values.size // 2] *= 1.001
        add(self, name, values)

    monkeypatch.setattr(_programs.Tables, "add", tampered)
    result = run(phases())
    assert "NumPy form" in result.note and "differs from the NumPy form" in result.note and of in result.note


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("H[0 * stride + e] = ", "H[0 * stride + e] = 1.001 * "),
        ("D[0 * stride + e] = ", "D[0 * stride + e] = 1.001 * "),
        ("a[l] * Z[k * NV + j + v]", "a[l] * 1.0001 * Z[k * NV + j + v]"),
        ("A[(i + l) * M + c] * V", "A[(i + l) * M + c] * 1.0001 * V"),
    ],
)
def test_a_fault_in_the_code_is_caught(right, wrong, always, monkeypatch):
    made = _kernels.array_kernel

    def tampered(*args):
        kernel = made(*args)
        assert right in kernel.source
        object.__setattr__(kernel, "source", kernel.source.replace(right, wrong))
        return kernel

    monkeypatch.setattr(_kernels, "array_kernel", tampered)
    result = run(layers())
    assert "NumPy form" in result.note and "differs from the NumPy form" in result.note


def refusal(rhs, n=9, **p):
    with pytest.raises(CannotTrace) as caught:
        loops(made(rhs, np.linspace(0.1, 1, n), p))
    return str(caught.value)


def test_what_cannot_be_recorded_is_refused_with_a_reason():
    assert "branches" in refusal(lambda xp, t, y, p: y if y[0] > 0 else -y)
    assert "number of a value" in refusal(lambda xp, t, y, p: y[xp.argsort(p["v"])][y > 0], v=np.arange(9.0))
    assert "calls `sort`" in refusal(lambda xp, t, y, p: xp.sort(y))
    assert "calls `pad`" in refusal(lambda xp, t, y, p: xp.pad(y[:-2], 1))
    assert "shape (3,)" in refusal(lambda xp, t, y, p: y[:3])
    assert "raised ValueError" in refusal(lambda xp, t, y, p: y @ np.ones((3, 3)))
    assert "array of numbers" in refusal(lambda xp, t, y, p: np.add(y, 1.0, out=np.zeros(9)))


def test_arrays_are_changed_in_place_as_numpy_does():
    def rhs(xp, t, y, p):
        out = xp.zeros(9)
        head, first = out[:3], y[0]
        head += y[:3]
        head *= 2.0
        first += 1.0  # a number, no view
        out[3:6] = y[3:6] * first
        xp.subtract(out[6:], y[6:], out=out[6:])
        return out.reshape(3, 3).T.reshape(-1)

    table, ids = recorded(rhs, 9, {})
    y = np.linspace(0.1, 1, 9)
    assert np.allclose(values(table, ids, 0.0, y), rhs(np, 0.0, y.copy(), {}), rtol=1e-15)


def test_a_reason_that_is_caught_stands():
    def rhs(xp, t, y, p):
        try:
            return xp.sort(y)
        except Exception:
            return y

    assert "calls `sort`" in refusal(rhs)


def test_below_the_crossover_scalar_code_runs(monkeypatch):
    def kernel(problem):
        return _kernels.chosen(Folded(problem), Options(), pair("DOP853"), False)

    assert kernel(bodies(6)).source == kernel(phases(11)).source == "derivatives generated as C"
    assert "loops over arrays" in kernel(bodies(8)).source
    monkeypatch.setattr(_kernels, "LARGE", 1000)
    monkeypatch.setattr(_kernels, "CERTAIN", 100_000)
    assert "loops over arrays" in kernel(phases(11)).source


def test_matrices_that_are_larger_than_memory_are_not_carried(always):
    ivp = hessbench.IVP("DOP853", 1e-6, 1e-6, dim=9)
    note = prepare(phases(), ivp, Options(memory=1e4))(phases().y0).note
    assert "more than `memory`" in note and "NumPy form" in note


def test_without_loops_the_reason_is_said(monkeypatch):
    monkeypatch.setattr(_kernels, "FEWEST", 4)
    monkeypatch.setattr(_kernels, "LEAST", 0)
    monkeypatch.setattr("hessbench.discrete._kernel.MOST_OPERATIONS", 10)
    refused = made(lambda xp, t, y, p: -xp.trace(xp.outer(y, y)) * y, np.linspace(0.1, 0.5, 9), {})
    assert "as arrays, it calls `trace`" in run(refused).note


def test_numpy_does_with_parameters_what_it_likes():
    parts = loops(made(lambda xp, t, y, p: xp.sort(p["v"])[0] * y**3, np.ones(9), {"v": np.array([3.0, 2.0])}))
    assert [c.count for c in parts.layout.placed] == [9]


def test_parameters_are_the_numbers_that_they_are(always):
    """Another value of a parameter is another table, and the same library."""
    one, two = (made(coupled, phases().y0, {"w": np.zeros(9), "k": k}) for k in (1.0, 2.0))
    assert error(run(one).hess, run(one, "numpy").hess) < 1e-8
    assert error(run(two).hess, run(two, "numpy").hess) < 1e-8
    assert as_loops(one).source == as_loops(two).source


def test_a_switch_is_known(always):
    ivp, options = hessbench.IVP("DOP853", 1e-6, 1e-6, dim=10), Options()

    def chooses(name):
        return _compiled_form.CompiledForm(Folded(CASES[name]()), ivp, options, pair("DOP853"), False).chooses

    assert chooses("shares") and not chooses("phases")


def test_a_linear_system_has_no_curvature(always):
    a = np.random.default_rng(0).standard_normal((16, 16)) / 4
    problem = made(lambda xp, t, y, p: p["a"] @ y, np.ones(16), {"a": a})
    assert loops(problem).places["YY"] == [] or len(loops(problem).places["YY"]) == 256
    ours = run(problem)
    assert "loops over arrays" in ours.note
    assert error(ours.hess, run(problem, "numpy").hess) < 1e-8
