"""CVODES in C: closed forms, stiff values that are known, sparse and dense alike, and what is said where it cannot be used."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchError, IntegrationError, Unavailable
from hessbench.sundials import source

from .helpers import decay, error

if source.missing() is not None:
    pytest.skip(f"needs {source.missing()}", allow_module_level=True)

NAME = "cvodes-adjoint"


def test_the_hessian_by_a_parameter_and_the_state_has_its_closed_form():
    a, y, t = 0.9, 1.3, 0.7
    e = np.exp(-2 * a * t)
    expected = [[4 * t * t * y * y * e, -4 * t * y * e], [-4 * t * y * e, 2 * e]]
    result = hessbench.hessian(decay(), strategy=NAME, rtol=1e-9)
    np.testing.assert_allclose(result.hess, expected, rtol=1e-7)
    np.testing.assert_allclose(result.grad, [-2 * t * y * y * e, 2 * y * e], rtol=1e-7)


def test_a_running_loss_is_added():
    problem = decay(wrt=("y0",), running_loss=lambda xp, t, y, p: xp.sum(y * y))
    e = np.exp(-2 * 0.9 * 0.7)
    result = hessbench.hessian(problem, strategy=NAME, rtol=1e-9)
    assert result.hess.item() == pytest.approx(2 * e + (1 - e) / 0.9, rel=1e-7)
    assert result.value == pytest.approx(1.3**2 * (e + (1 - e) / 1.8), rel=1e-7)


def test_everything_at_once_agrees_with_another_strategy_off_any_special_point():
    problem = hessbench.problem("generic-bolza")
    result = hessbench.hessian(problem, problem.perturbed, NAME, rtol=1e-9)
    other = hessbench.hessian(problem, problem.perturbed, "discrete-adjoint", rtol=1e-11)
    assert error(result.hess, other.hess) < 1e-7
    assert error(result.grad, other.grad) < 1e-7
    np.testing.assert_array_equal(result.hess, result.hess.T)


def test_time_may_run_backward():
    problem = decay(t_span=(0.7, 0.0), rhs=lambda xp, t, y, p: p["a"] * t + 0.0 * y)
    half = 0.7**2 / 2
    result = hessbench.hessian(problem, strategy=NAME, rtol=1e-9)
    np.testing.assert_allclose(result.hess, [[2 * half**2, -2 * half], [-2 * half, 2]], rtol=1e-7)


ROBERTSON = [
    [0.12140859, 0.04440357, -0.0888087],
    [0.04440357, 0.02259246, -0.03649057],
    [-0.0888087, -0.03649057, 0.06428721],
]


def robertson():
    """By y0 and the rates, with a loss whose Hessian is known: sum (y1 - (0.7, 1e-5, 0.3))^2."""
    problem = hessbench.problem("robertson")
    return replace(problem, params={**problem.params, "size": np.ones(3), "seen": np.array([0.7, 1e-5, 0.3])})


@pytest.mark.parametrize(("rtol", "allowed"), [(1e-4, 1e-4), (1e-6, 1e-6), (1e-8, 2e-8)])
def test_robertson_by_rates_and_start_has_the_values_of_an_implicit_discrete_adjoint(rtol, allowed):
    problem = robertson()
    result = hessbench.hessian(problem, strategy=NAME, rtol=rtol)
    k = problem.params["k"]
    np.testing.assert_allclose(result.hess[3:, 3:] * np.outer(k, k), ROBERTSON, atol=allowed)
    assert result.hess[0, 0] == pytest.approx(1.32746284286, rel=allowed)
    assert result.value == pytest.approx(5.0128305371e-4, rel=10 * allowed)


def test_a_stiff_hessian_agrees_with_hand_adjoint_by_radau():
    problem = hessbench.problem("hires", t1=20.0)
    d = problem.sizes(problem.perturbed)
    ours = hessbench.hessian(problem, problem.perturbed, NAME, rtol=1e-8).hess * np.outer(d, d)
    theirs = hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-6, method="Radau").hess
    assert error(ours, theirs * np.outer(d, d)) < 1e-5


def test_sparse_and_dense_newton_matrices_give_the_same(monkeypatch):
    problem, results = hessbench.problem("gray-scott", n=48, t1=5.0), []
    for first in (40, 10**9):
        monkeypatch.setattr(source, "SPARSE_FROM", first)
        results.append(hessbench.prepare(problem, NAME, rtol=1e-8)())
    if not source.has_klu():
        pytest.skip("this SUNDIALS has no KLU")
    assert ["KLU" in result.note for result in results] == [True, False]
    assert error(results[0].hess, results[1].hess) < 1e-6


def test_many_parameters_are_those_of_the_problem_while_the_code_runs():
    # 200 numbers in `seen`: they were read after their memory had been given back
    problem = hessbench.problem("gray-scott", n=200, t1=5.0)
    p, d = problem.constants, problem.derivatives
    from scipy.integrate import solve_ivp

    y1 = solve_ivp(
        lambda t, y: problem.rhs(np, t, y, p), problem.t_span, problem.y0, "BDF", rtol=1e-8, atol=1e-10,
        jac=lambda t, y: d.jac(t, y, p),
    ).y[:, -1]  # fmt: skip
    result = hessbench.hessian(problem, strategy=NAME, rtol=1e-7)
    assert result.value == pytest.approx(problem.loss(np, problem.y0, y1, p), rel=1e-5)


@pytest.mark.parametrize("block", ["jacobian", "by_u", "second"])
def test_a_wrong_function_in_the_generated_code_is_found(block, monkeypatch):
    honest = source.function

    def spoiled(name, heads, body, kind):
        return honest(name, heads, body.replace("G[1] = ", "G[1] = 1.001 * ") if name == block else body, kind)

    monkeypatch.setattr(source, "function", spoiled)
    with pytest.raises(HessbenchError, match="The generated C"):
        hessbench.prepare(hessbench.problem("robertson"), NAME)


def test_a_dropped_curvature_changes_the_hessian(monkeypatch):
    read = source.fixed_part
    assert "x[l * (l + 1) / 2 + k] -= sum;" in read("sundials", "cvodes.c")
    monkeypatch.setattr(source, "fixed_part", lambda *which: read(*which).replace("+ k] -= sum;", "+ k] -= 0.5 * sum;"))
    result = hessbench.hessian(replace(robertson(), name="spoiled"), strategy=NAME, rtol=1e-6)
    assert abs(result.hess[0, 0] - 1.32746284286) > 1e-3


def test_a_solve_that_fails_is_an_error_that_says_where():
    with pytest.raises(
        IntegrationError, match=r"^CVODES, forward, took more than max_steps steps at t = .* after 50 steps"
    ):
        hessbench.hessian(hessbench.problem("robertson"), strategy=NAME, max_steps=50)


def test_a_right_hand_side_that_cannot_be_recorded_is_refused():
    problem = decay(rhs=lambda xp, t, y, p: -p["a"] * y if float(np.sum(t)) < 1e9 else y)
    with pytest.raises(hessbench.Unsupported, match=r"^Its right-hand side cannot be written as C: "):
        hessbench.prepare(problem, NAME)


def test_without_the_library_it_is_unavailable_and_says_what_to_install(monkeypatch):
    monkeypatch.setattr(source, "LIBRARIES", ("-lno_such_library_of_hessbench",))
    source.missing.cache_clear()
    try:
        with pytest.raises(Unavailable, match=r"needs SUNDIALS 6 or newer .*apt-get install libsundials-dev"):
            hessbench.prepare(decay(), NAME)
    finally:
        monkeypatch.undo()
        source.missing.cache_clear()
    assert source.missing() is None


def test_the_work_of_both_solves_is_counted():
    loose, tight = (hessbench.hessian(robertson(), strategy=NAME, rtol=rtol).counters for rtol in (1e-4, 1e-9))
    assert loose.solves == tight.solves == 2
    assert loose.steps < tight.steps < tight.rhs < tight.rhs_weighted
