"""The accuracy of the Hessian follows the tolerance, thanks to the tangents in the error norm."""

from functools import cache

import pytest

import hessbench
from hessbench._integrate.pairs import Pair
from hessbench.discrete import _stepper

from .helpers import CASES, case, error, needs_compiler, run


@cache
def reference(name):
    problem = case(name)
    return hessbench.hessian(problem, problem.perturbed, "hand-adjoint", rtol=1e-12).hess


@pytest.mark.parametrize("form", ["numpy", "auto"])
@pytest.mark.parametrize("name", CASES)
def test_error_follows_the_tolerance_as_promised(name, form):
    problem, promised = case(name), hessbench.strategies()["discrete-adjoint"].load().accuracy
    for rtol in (1e-5, 1e-7, 1e-9):
        result = run(problem, problem.perturbed, rtol, form=form)
        assert error(result.hess, reference(name)) <= promised.threshold(rtol), f"rtol {rtol:g}"


def test_without_a_tangent_in_the_error_norm_the_brusselator_fails():
    problem = hessbench.problem("brusselator", n=64)
    accurate = run(problem, rtol=1e-10).hess
    assert error(run(problem, rtol=1e-6, probes=0).hess, accurate) > 1e-2
    assert error(run(problem, rtol=1e-6, probes=1).hess, accurate) < 1e-6


@pytest.mark.parametrize("probes", [1, 2])
def test_more_tangents_keep_the_tolerance(probes):
    problem = case("generic-cubic")
    assert (
        error(run(problem, problem.perturbed, 1e-8, form="numpy", probes=probes).hess, reference("generic-cubic"))
        < 1e-7
    )


@needs_compiler
def test_without_noise_on_the_tangents_and_the_limit_on_steps_a_stiff_brusselator_loses_digits(monkeypatch):
    problem = hessbench.problem("brusselator", n=128)
    accurate = run(problem, rtol=1e-10).hess
    kept = error(run(problem, rtol=1e-7).hess, accurate)
    monkeypatch.setattr(_stepper, "KICK", 0.0)
    monkeypatch.setattr(Pair, "stretch", 1e300)
    _stepper.kicks.cache_clear()
    lost = error(run(problem, rtol=1e-7).hess, accurate)
    _stepper.kicks.cache_clear()
    assert kept < 1e-6 < lost


def test_a_solve_that_blows_up_says_where():
    problem = hessbench.problem("sir")
    problem = hessbench.Problem(
        "blow-up", lambda xp, t, y, p: y * y, problem.loss, (0.0, 3.0), [1.0], params={"target": 0.0}
    )
    with pytest.raises(hessbench.IntegrationError, match="step"):
        run(problem)
