"""Gradients and products without matrices: against the NumPy form and the Hessian, and with planted faults."""

import os
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench.discrete import Options, _forms, _kernel, prepare, prepare_products
from hessbench.discrete.arrays import _function, _programs

from .array_problems import bodies, layers, made, perceptron, phases, shares
from .helpers import error, needs_compiler

pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """The matrix-free form for everything."""
    monkeypatch.setattr(_forms, "FREE_FROM", 0)
    monkeypatch.setattr(_forms, "SURELY_LONG", -1)


def products(problem, directions, form="auto", rtol=1e-10, **options):
    ivp = hessbench.IVP("DOP853", rtol, rtol, dim=problem.dim)
    return prepare_products(problem, ivp, Options(form, **options))(problem.x0, directions)


def compared(problem, rtol=1e-10, **options):
    """The largest errors of value, gradient and products, relative, beside the NumPy form's."""
    d = np.random.default_rng(0).standard_normal((problem.x0.size, 2))
    ours, theirs = products(problem, d, rtol=rtol, **options), products(problem, d, "numpy", rtol=rtol)
    return [float(error(np.asarray(a), np.asarray(b))) for a, b in zip(ours[:3], theirs[:3], strict=True)]


def everything(n=6):
    """By weights, biases, the initial state and the end time, with a running loss."""
    rng = np.random.default_rng(1)
    p = {key: rng.standard_normal((n, n)) / np.sqrt(n) for key in ("W1", "W2", "W3")}
    return hessbench.Problem(
        "everything", perceptron, lambda xp, y0, y1, p: xp.sum(y1**2) + xp.sum(p["b"] * y0), (0.0, 1.0),
        rng.standard_normal(n), {**p, "b": 0.1 * rng.standard_normal(n)}, wrt=("b", "y0", "W2", "t1"),
        running_loss=lambda xp, t, y, p: xp.sum(y**2) * (1 + t),
    )  # fmt: skip


@pytest.mark.parametrize("make", [everything, *([bodies, layers, shares] if "HESSBENCH_SLOW" in os.environ else [])])
def test_products_are_those_of_the_numpy_form(make):
    value, grad, found = compared(make())
    assert value < 1e-11 and grad < 1e-9 and found < 1e-8


def test_the_form_is_named_and_the_hessian_is_its_products(monkeypatch):
    problem = phases()
    ivp = hessbench.IVP("DOP853", 1e-10, 1e-10, dim=problem.dim)
    at = _forms.linearised(problem, ivp, Options(), products=True)
    point = at(problem.x0)
    assert "matrix-free form" in point.note
    hess = prepare(problem, ivp, Options("numpy"))(problem.x0).hess
    assert error(point.swept.hessian(), hess) < 1e-8


def test_a_hessian_by_parameters_that_is_too_long_for_scalar_code_is_of_products(monkeypatch):
    monkeypatch.setattr(_kernel, "MOST_COLUMNS", 10)
    problem = everything(4)
    ivp, d = (
        hessbench.IVP("DOP853", 1e-10, 1e-10, dim=4),
        np.random.default_rng(0).standard_normal((problem.x0.size, 2)),
    )
    result = prepare(problem, ivp, Options())(problem.x0)
    assert "matrix-free form" in result.note and "more than 10" in result.note
    assert error(result.hess @ d, products(problem, d)[2]) < 1e-12 and np.array_equal(result.hess, result.hess.T)


def test_stages_that_are_not_kept_are_computed_again():
    d = np.random.default_rng(0).standard_normal((14, 1))
    kept, again = (products(layers(), d, memory=memory) for memory in (1e9, 2e4))
    for a, b in zip(kept[1:3], again[1:3], strict=True):
        assert np.array_equal(a, b)


def test_beyond_what_matrices_could_do():
    """Four thousand states; a row of the Hessian by its diagonal's dominance would not tell, symmetry does."""
    problem = hessbench.problem("brusselator", n=4000, alpha=0.02 * (33 / 2001) ** 2, t1=0.5)
    problem = replace(problem, derivatives=None, loss_blocks=None)
    u, v = np.random.default_rng(2).standard_normal((2, 4000, 1))
    hu, hv = (products(problem, d, rtol=1e-7)[2] for d in (u, v))
    assert abs((v.T @ hu - u.T @ hv).item()) < 1e-11 * (np.abs(v).T @ np.abs(hu)).item()
    value, grad = products(problem, u[:, :0], rtol=1e-7)[:2]
    steps = [products(replace(problem, y0=problem.y0 + s * 1e-4 * u[:, 0]), u[:, :0], rtol=1e-7) for s in (1, -1)]
    assert (steps[0][0] - steps[1][0]) / 2e-4 == pytest.approx(float(grad @ u[:, 0]), rel=1e-5)
    assert error((steps[0][1] - steps[1][1]) / 2e-4, hu[:, 0]) < 1e-4 and value > 0


FAULTS = [
    ("F_COEF", "differs from the NumPy form by"),
    ("B0_COEF", "forward and backward"),
    ("PULLED_COEF", "forward and backward"),
]


@pytest.mark.parametrize(("table", "words"), FAULTS)
def test_a_fault_in_a_table_is_caught(table, words, monkeypatch):
    add = _programs.Tables.add

    def tampered(self, name, values):
        values = values.copy()
        if name == table and values.size > 9:
            values[values.size // 2] *= 1.001
        add(self, name, values)

    monkeypatch.setattr(_programs.Tables, "add", tampered)
    problem = phases()
    ivp = hessbench.IVP("DOP853", 1e-8, 1e-8, dim=problem.dim)
    note = _forms.linearised(problem, ivp, Options(), products=True)(problem.x0).note
    assert "not compiled: the loops over arrays" in note and words in note


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("D[0 * stride + e] = ", "D[0 * stride + e] = 1.001 * ", "in a derivative"),
        ("H[0 * stride + e] = ", "H[0 * stride + e] = 1.001 * ", "in a second derivative"),
    ],
)
def test_a_fault_in_the_code_is_caught(right, wrong, words, monkeypatch):
    source = _function.ArrayFunction.source
    monkeypatch.setattr(_function.ArrayFunction, "source", lambda self: source(self).replace(right, wrong))
    problem = phases()
    ivp = hessbench.IVP("DOP853", 1e-8, 1e-8, dim=problem.dim)
    note = _forms.linearised(problem, ivp, Options(), products=True)(problem.x0).note
    assert "not compiled: the loops over arrays" in note and words in note


def test_a_loss_that_cannot_be_recorded_is_left_to_the_others():
    problem = replace(made(lambda xp, t, y, p: -y, np.ones(9), {}), loss=lambda xp, y0, y1, p: xp.sum(xp.sort(y1)))
    assert _forms.matrix_free(_forms.Folded(problem), Options(), _forms.pair("DOP853")) is None
