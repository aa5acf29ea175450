"""The kernel against the NumPy sweeps over the same steps, its bookkeeping, and what happens where it is wrong."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import hessbench
from hessbench import Problem
from hessbench.discrete._build import vector_width
from hessbench.discrete._fold import Folded
from hessbench.discrete._trace import record
from hessbench.implicit import kernel
from hessbench.implicit.compiled import Compiled
from hessbench.implicit.gate import ImplicitDerivatives, ImplicitField, disagreement
from hessbench.implicit.kernel import generate, ordered

from .helpers import bolza, error, ivp, needs_compiler, point, robertson

pytestmark = needs_compiler


def decay():
    """One state, which is its own band."""
    return Problem("decay", lambda xp, t, y, p: -p["k"] * y * y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0],
                   {"k": 50.0}, ("k", "y0"))  # fmt: skip


def brusselator(n=24, wrt=("y0", "B", "alpha")):
    made = hessbench.problem("brusselator", n=n)
    return Problem("brusselator", made.rhs, made.loss, made.t_span, made.y0, made.params, wrt, autonomous=True)


CASES = {"bolza": bolza, "robertson": robertson, "decay": decay, "brusselator": brusselator}


def compiled(problem):
    folded = Folded(problem)
    traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=False)
    made = Compiled(generate(traced, folded.columns.total, 1, vector_width()), folded.columns, 1, 1e9)
    return made, ImplicitDerivatives(ImplicitField(made, folded, problem.unpack(problem.x0)[1]))


@pytest.mark.parametrize("name", CASES)
def test_sweeps_agree_with_numpy_over_the_same_steps(name):
    problem = CASES[name]()
    made, derivatives = compiled(problem)
    assert (made.kernel.band is not None) == (name == "brusselator")
    assert disagreement(made, derivatives, ivp(problem)) < 1e-11


FAULTS = {
    "a lost mixed term": ("out[YUCOL[e]].v[w] += E[e] * V", "out[YUCOL[e]].v[w] += 0 * V"),
    "half of the parameters' block": ("out[UUCOL[e]].v[w] += E[e]", "out[UUCOL[e]].v[w] += 0"),
    "a wrong stage": ("YYROW[e], j)].v[w] += E[e]", "YYROW[e], 0)].v[w] += E[e]"),
    "a lost drift": ("double a = h * AS", "double a = 0 * AS"),
    "a wrong multiplier": ("G[ACOL[e]] += A[e]", "G[ACOL[e]] -= A[e]"),
    "a wrong weight": ("h * (AIJ[i][0] * F[0][k] + AIJ[i][1]", "h * (AIJ[i][0] * F[0][k] + 1.01 * AIJ[i][1]"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_kernel_with_a_fault_is_not_used(fault, monkeypatch):
    right, wrong = FAULTS[fault]
    read = kernel.fixed_part
    assert any(right in read("implicit", name) for name in ("radau.c", "sweeps.c"))
    monkeypatch.setattr(kernel, "fixed_part", lambda *which: read(*which).replace(right, wrong))
    problem = bolza()
    with pytest.raises(AssertionError):
        point(problem, rtol=1e-4, form="compiled")
    found = point(problem, rtol=1e-4, form="auto")
    assert "NumPy form" in found.note
    assert "in its sweeps" in found.note


def test_wrong_derivatives_are_not_used(monkeypatch):
    written = kernel._functions
    monkeypatch.setattr(kernel, "_functions", lambda *a: written(*a).replace("O[1] = ", "O[1] = 1.001 * ", 1))
    found = point(robertson(), rtol=1e-4, form="auto")
    assert "not compiled: the generated code" in found.note


@pytest.mark.parametrize("name", ["robertson", "brusselator"])
def test_factors_that_were_not_kept_are_made_again(name):
    problem = CASES[name]()
    kept, again = (point(problem, rtol=1e-5, form="compiled", memory=memory).hess for memory in (1e9, 1e3))
    assert error(again, kept) < 1e-10


def test_more_columns_than_a_panel_has():
    problem = hessbench.problem("neural-ode")
    assert problem.x0.size > 64
    assert error(point(problem, rtol=1e-9, form="compiled").hess, hessbench.prepare(problem, rtol=1e-11)().hess) < 1e-7


def test_more_steps_than_there_was_room_for():
    problem = robertson()
    found = point(problem, rtol=1e-10, form="compiled")
    assert found.hess[0, 0] == pytest.approx(1.32746284286, rel=1e-10)


def test_a_banded_hessian_is_that_of_the_explicit_adjoint():
    problem = brusselator()
    assert "band of" in point(problem, rtol=1e-8, form="compiled").note
    ours, theirs = point(problem, rtol=1e-8, form="compiled").hess, hessbench.prepare(problem, rtol=1e-10)().hess
    assert error(ours, theirs) < 1e-7


def test_both_triangles_are_computed_and_agree():
    problem = robertson()
    found = point(problem, rtol=1e-6, form="compiled")
    size = np.array([1.0, 1e-4, 1.0, 0.04, 3e7, 1e4])
    whole = found.products(np.eye(6)) * np.outer(size, size)
    assert error(whole, whole.T) < 1e-12


def test_threads_do_not_disturb_one_another():
    problem = robertson()
    prepared = hessbench.prepare(problem, "implicit-adjoint", rtol=1e-6, method="Radau")
    xs = [problem.x0 * (1 + 0.01 * k * np.array([0, 0, 0, 1, -1, 1])) for k in range(8)]
    alone = [prepared(x).hess for x in xs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda k: prepared(xs[k % 8]).hess, range(200)))
    assert all(np.array_equal(hess, alone[k % 8]) for k, hess in enumerate(together))


def test_a_chain_has_a_band_and_a_full_matrix_has_none():
    chain = [(r, c) for r in range(30) for c in range(30) if abs(r - c) <= 1]
    rng = np.random.default_rng(0)
    names = rng.permutation(30)
    _, low, high = ordered([(names[r], names[c]) for r, c in chain], 30)
    assert (low, high) == (1, 1)
    assert ordered([(r, c) for r in range(30) for c in range(30)], 30)[1:] == (29, 29)


def test_too_many_steps_are_said():
    problem = robertson()
    with pytest.raises(hessbench.IntegrationError, match="max_steps = 10"):
        hessbench.prepare(problem, "implicit-adjoint", method="Radau", max_steps=10)()
