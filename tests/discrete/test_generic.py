"""Hessians by parameters, end times and with a running loss: every block against methods that share nothing with ours."""

from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput, Problem
from hessbench._integrate.pairs import pair
from hessbench.discrete import Options, _compiled_form, _emit, _gate, _kernel, _kernels
from hessbench.discrete._columns_numpy import Sweeps
from hessbench.discrete._fold import Folded
from hessbench.discrete._fold_derivatives import FoldedDerivatives
from hessbench.discrete._forms import linearised
from hessbench.discrete._gate import random_end
from hessbench.discrete._stepper import integrate

from .helpers import error, needs_compiler, run

jax = pytest.importorskip("jax")
EVERYTHING = ("theta", "t1", "y0", "t0", "kappa")


def bolza(wrt=EVERYTHING):
    return hessbench.problem("generic-bolza", wrt=wrt)


def perceptron(hidden=5, wrt=("w1", "b1", "w2", "b2")):
    """A small neural ODE with fixed random weights, and a loss that depends on them too."""
    rng = np.random.default_rng(3)
    shapes = {"w1": (hidden, 2), "b1": (hidden,), "w2": (2, hidden), "b2": (2,)}
    return Problem(
        "perceptron",
        lambda xp, t, y, p: p["w2"] @ xp.tanh(p["w1"] @ y + p["b1"]) + p["b2"],
        lambda xp, y0, y1, p: xp.sum((y1 - y0) ** 2) + xp.sum(p["b2"] * y1) + xp.sum(p["b1"] ** 3),
        (0.0, 2.0),
        np.array([1.0, -0.5]),
        {key: 0.6 * rng.standard_normal(shape) for key, shape in shapes.items()},
        wrt,
    )


QUICK = {"xla_backend_optimization_level": 0}  # compiled once, run once


@cache
def frozen(wrt, method="RK45"):
    """Steps taken at a loose tolerance from a point off the usual one, and gradient and Hessian over them by JAX."""
    problem, rng = bolza(wrt), np.random.default_rng(0)
    folded, x = Folded(problem), problem.x0 + 0.1 * rng.standard_normal(problem.x0.size)
    y0, p = problem.unpack(x)
    ivp = hessbench.IVP(method, 1e-4, 1e-4, dim=problem.dim)
    path = integrate(
        lambda t, z: np.asarray(folded.rhs(np, t, z, p)), lambda t, z: [], pair(method), folded.t_span,
        folded.start(y0), ivp, 0,
    )  # fmt: skip
    return x, path, *by_jax(problem, x, path, method)


def by_jax(problem, x, path, method):
    """By differentiating a scan over the steps twice; time and running loss are written out once more."""
    from hessbench.backends import backend

    b, n = backend("jax"), problem.dim
    xp, scheme, p0 = b.xp, hessbench.tableau(method), b.params(problem)
    free = bool({"t0", "t1"} & set(problem.wrt))
    steps = (b.asarray(path.t), b.asarray(path.h))

    def loss(x):
        y0, p = problem.unpack(x, p0)
        t0, t1 = problem.times(x)
        z0 = xp.concatenate([b.asarray(y0), xp.zeros(1)])

        def slope(tau, z):
            t, length = (t0 + tau * (t1 - t0), t1 - t0) if free else (tau, 1.0)
            g = problem.running_loss(xp, t, z[:n], p)
            return length * xp.concatenate([problem.rhs(xp, t, z[:n], p), xp.reshape(g, (1,))])

        def body(z, step):
            (t, h), slopes = step, []
            for row, c in zip(scheme.a, scheme.c, strict=True):
                shift = sum((a * k for a, k in zip(row, slopes, strict=True)), 0.0 * z)
                slopes.append(slope(t + c * h, z + h * shift))
            return z + h * sum(w * k for w, k in zip(scheme.b, slopes, strict=True)), None

        z1 = jax.lax.scan(body, z0, steps)[0]
        return problem.loss(xp, b.asarray(y0), z1[:n], p) + z1[n]

    def twice(x):
        grad = jax.grad(loss)(x)
        return grad, grad

    hess, grad = jax.jit(jax.jacfwd(twice, has_aux=True), compiler_options=QUICK)(b.asarray(x))
    return np.asarray(grad), np.asarray(hess)


def over_the_same_steps(wrt, method="RK45"):
    """The NumPy form's gradient and Hessian over the steps of `frozen`."""
    problem, (x, path, _, _) = bolza(wrt), frozen(wrt, method)
    folded, (y0, p) = Folded(problem), problem.unpack(x)
    derivatives = FoldedDerivatives(folded, hessbench.generated_joint_derivatives(problem, "jax"))
    end = folded.end(compiled=False)[0](y0, path.y1, p)
    sweeps = Sweeps(
        lambda t, z: np.asarray(folded.rhs(np, t, z, p)), derivatives, p, pair(method), path, folded.columns, 1e9
    )
    swept = sweeps.backward(end.l1)
    grad = folded.columns.gradient(end, swept.lam, swept.pulled)
    return grad, folded.columns.hessian(end, *sweeps.curvature(swept))


@pytest.mark.xdist_group("discrete-exactness")
@pytest.mark.parametrize("wrt", [EVERYTHING, ("kappa", "y0")])
def test_numpy_form_is_the_exact_hessian_of_its_own_steps(wrt):
    grad, hess = over_the_same_steps(wrt)
    assert error(grad, frozen(wrt)[2]) < 1e-12
    assert error(hess, frozen(wrt)[3]) < 1e-12


@pytest.mark.xdist_group("discrete-exactness")
@pytest.mark.parametrize("lost", ["A", "YU", "UU"])
def test_exactness_notices_a_lost_term(lost, monkeypatch):
    first, second = FoldedDerivatives.first, FoldedDerivatives.second

    def without_a(self, *args):
        jac, by_params = first(self, *args)
        return jac, 0 * by_params

    def without(self, *args):
        out, n = second(self, *args), self.folded.problem.dim
        if lost == "YU":
            out[:, :n, n:] = 0.0
        else:
            out[:, n:, n:] = 0.0
        return out

    monkeypatch.setattr(FoldedDerivatives, "first" if lost == "A" else "second", without_a if lost == "A" else without)
    assert error(over_the_same_steps(EVERYTHING)[1], frozen(EVERYTHING)[3]) > 1e-3


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_every_block_agrees_with_an_unrolled_integrator(form):
    problem = bolza()
    x = problem.perturbed
    ours = run(problem, x, 1e-11, form=form)
    theirs = hessbench.prepare(problem, "unrolled@jax", rtol=1e-12)(x)
    for row, i in problem.blocks.items():
        assert error(ours.grad[i], theirs.grad[i]) < 1e-8, row
        for column, j in problem.blocks.items():
            assert np.abs(theirs.hess[i, j]).max() > 1e-3, (row, column)
            assert error(ours.hess[i, j], theirs.hess[i, j]) < 1e-8, (row, column)


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_hessian_agrees_with_eighth_order_differences_of_the_continuous_adjoint(form):
    problem = bolza()
    x, rng = problem.perturbed, np.random.default_rng(1)
    gradient = hessbench.adjoint_gradient(problem, hessbench.IVP("DOP853", 1e-13, 1e-13))
    hess = run(problem, x, 1e-11, form=form).hess
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    for d in rng.standard_normal((3, x.size)):
        h = 0.004
        slope = sum(w * (gradient(x + k * h * d)[1] - gradient(x - k * h * d)[1]) for k, w in weights.items()) / h
        assert error(hess @ d, slope) < 1e-8


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_polynomial_control_has_its_closed_form(form):
    problem = hessbench.problem("polynomial-control")
    value, grad, hess = problem.exact(problem.perturbed)
    result = run(problem, problem.perturbed, 1e-12, form=form)
    assert error(result.hess, hess) < 1e-10
    assert error(result.grad, grad) < 1e-10
    assert result.value == pytest.approx(value, rel=1e-10)


@needs_compiler
@pytest.mark.parametrize("name", ["generic-bolza", "lotka-volterra", "neural-ode"])
def test_forms_agree(name):
    problem = hessbench.problem(name)
    auto, numpy = (run(problem, problem.perturbed, 1e-9, form=form) for form in ("auto", "numpy"))
    assert "compiled form" in auto.note
    assert error(auto.hess, numpy.hess) < 1e-8
    assert np.array_equal(auto.hess, auto.hess.T)
    assert np.array_equal(numpy.hess, numpy.hess.T)


@needs_compiler
def test_only_what_is_asked_for_is_carried():
    everything, part = bolza(), bolza(("kappa", "t1"))
    at = [everything.blocks[name].start for name in part.wrt]
    result = run(part, rtol=1e-10)
    assert "tangents of 2 columns" in result.note
    assert error(result.hess, run(everything, rtol=1e-10).hess[np.ix_(at, at)]) < 1e-9


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_backward_time_and_free_times_go_together(form):
    forth = bolza(("y0", "t0", "t1"))
    back = Problem(
        "back", forth.rhs, lambda xp, y0, y1, p: xp.sum(y1**2 * y0) * p["t1"], (1.0, 0.2), forth.y0, forth.params,
        forth.wrt, forth.running_loss,
    )  # fmt: skip
    theirs = hessbench.prepare(back, "unrolled@jax", rtol=1e-12)()
    assert error(run(back, rtol=1e-11, form=form).hess, theirs.hess) < 1e-8


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_products_are_those_of_the_hessian(form):
    problem = bolza()
    ivp = hessbench.IVP("DOP853", 1e-6, 1e-6, dim=3)
    d = np.random.default_rng(2).standard_normal((problem.x0.size, 3))
    for memory in (1e9, 3e4):
        point = linearised(problem, ivp, Options(form, 1, memory), products=True)(problem.perturbed)
        assert error(point.products(d), point.hessian() @ d) < 1e-13
        assert error(point.products(d[:, :1]), point.products(d)[:, :1]) < 1e-13


def test_products_by_name():
    problem = hessbench.problem("harmonic-oscillator")
    hess = problem.exact(problem.x0)[2]
    result = hessbench.products(problem, None, np.eye(4)[:, 1:3])
    assert error(result.products, hess[:, 1:3]) < 1e-9
    assert result.counters.solves == 1
    assert hessbench.products(problem, None, np.zeros((4, 0))).products.shape == (4, 0)


@pytest.mark.parametrize("directions", [np.ones(4), np.ones((3, 2)), "x", [[np.nan]] * 4])
def test_directions_of_the_wrong_shape_are_refused(directions):
    with pytest.raises(InvalidInput, match="directions"):
        hessbench.products(hessbench.problem("harmonic-oscillator"), None, directions)


def test_a_strategy_without_products_says_so():
    with pytest.raises(hessbench.Unsupported, match="products"):
        hessbench.products(hessbench.problem("harmonic-oscillator"), None, np.eye(4), "hand-adjoint")


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_checkpoints_change_the_hessian_by_round_off_only(form):
    problem = perceptron()
    plain, tight = (run(problem, rtol=1e-10, form=form, memory=memory) for memory in (1e9, 1e4))
    assert error(tight.hess, plain.hess) < 1e-12
    assert error(tight.grad, plain.grad) < 1e-12


@needs_compiler
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("+= 2 * o[(NJ + NA + NYY + e) * VW]", "+= 0 * o[(NJ + NA + NYY + e) * VW]"),
        ("+= o[(NJ + e) * VW];", "+= 0 * o[(NJ + e) * VW];"),
        ("H[YUCOL[e]] += yu[e] * v[YUROW[e]];", ""),
        ("U[0] += ", "U[0] += 1e-6 + "),
    ],
)
def test_the_gate_catches_a_planted_fault(monkeypatch, right, wrong):
    generate = _kernels.generate

    def tampered(*args):
        kernel = generate(*args)
        assert right in kernel.source
        object.__setattr__(kernel, "source", kernel.source.replace(right, wrong))
        return kernel

    monkeypatch.setattr(_kernels, "generate", tampered)
    result = run(perceptron(2))
    assert "NumPy form" in result.note
    assert "differs from the NumPy form" in result.note


@needs_compiler
def test_long_functions_are_split_without_a_change(monkeypatch):
    plain = run(perceptron(4)).hess
    monkeypatch.setattr(_emit, "LONGEST", 20)
    monkeypatch.setattr(_emit, "PART", 7)
    monkeypatch.setattr(_kernel, "LARGE_COLUMNS", 0)
    result = run(perceptron(4))
    assert "compiled form" in result.note
    assert error(result.hess, plain) < 1e-13


def test_too_much_code_gives_way_to_numpy_with_a_notice(monkeypatch):
    monkeypatch.setattr(_kernel, "MOST_COLUMNS", 100)
    assert "more than 100" in run(perceptron(4)).note


def test_the_sparse_form_is_refused():
    with pytest.raises(InvalidInput, match="sparse"):
        run(perceptron(2), form="sparse")


def test_random_blocks_of_the_gate_are_all_there():
    end = random_end(np.random.default_rng(0), Folded(bolza()))
    assert all(
        np.abs(getattr(end, name)).max() > 0 for name in ("l0", "l1", "lp", "l00", "l01", "l11", "l0p", "l1p", "lpp")
    )


@needs_compiler
def test_more_places_than_steps_have_room(monkeypatch, tmp_path):
    """Six places in the gate's two steps, as it takes with more than 300 states: C wrote behind what three ends need."""
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))  # the gate leaves out what has passed it
    monkeypatch.setattr(_gate, "steps_for", lambda n: 2)
    monkeypatch.setattr(_compiled_form, "hessian_segment", lambda kernel: kernel.granule)
    problem = bolza(EVERYTHING)
    result = run(problem, problem.x0, 1e-9, form="compiled")
    assert "compiled form" in result.note
    assert error(result.hess, run(problem, problem.x0, 1e-9, form="numpy").hess) < 1e-9
