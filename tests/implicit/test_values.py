"""Right values on problems with closed forms and on stiff ones, for every form."""

import numpy as np
import pytest

import hessbench

from .helpers import ROBERTSON_40, bolza, error, needs_compiler, point, robertson

FORMS = ["numpy", pytest.param("compiled", marks=needs_compiler)]


@pytest.mark.parametrize("form", FORMS)
def test_robertson_has_its_reference_values(form):
    problem = robertson()
    found, k = point(problem, rtol=1e-9, form=form), problem.params["k"]
    hess = found.hess
    assert np.allclose((hess[3:, 3:] * np.outer(k, k))[np.triu_indices(3)], ROBERTSON_40, rtol=0, atol=6e-9)
    assert hess[0, 0] == pytest.approx(1.32746284286, rel=1e-9)
    assert found.value == pytest.approx(5.0128305371e-4, rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_polynomial_control_has_its_closed_form(form):
    problem = hessbench.problem("polynomial-control")
    value, grad, hess = problem.exact(problem.perturbed)
    found = point(problem, problem.perturbed, 1e-11, form=form)
    assert error(found.hess, hess) < 1e-10
    assert error(found.grad, grad) < 1e-10
    assert found.value == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_every_block_agrees_with_the_explicit_adjoint(form):
    problem = bolza()
    x = problem.perturbed
    found, theirs = point(problem, x, 1e-10, form=form), hessbench.prepare(problem, rtol=1e-12)(x)
    hess = found.hess
    for row, i in problem.blocks.items():
        assert error(found.grad[i], theirs.grad[i]) < 1e-8, row
        for column, j in problem.blocks.items():
            assert error(hess[i, j], theirs.hess[i, j]) < 1e-8, (row, column)


@pytest.mark.parametrize("form", FORMS)
def test_backward_time_and_free_times_go_together(form):
    forth = bolza(("y0", "t0", "t1"))
    back = hessbench.Problem(
        "back", forth.rhs, lambda xp, y0, y1, p: xp.sum(y1**2 * y0) * p["t1"], (1.0, 0.2), forth.y0, forth.params,
        forth.wrt, forth.running_loss,
    )  # fmt: skip
    assert error(point(back, rtol=1e-10, form=form).hess, hessbench.prepare(back, rtol=1e-12)().hess) < 1e-8


@pytest.mark.parametrize("form", FORMS)
def test_products_are_those_of_the_hessian(form):
    problem = bolza()
    found = point(problem, problem.perturbed, 1e-6, form=form)
    d = np.random.default_rng(2).standard_normal((problem.x0.size, 3))
    assert error(found.products(d), found.hess @ d) < 1e-13
    assert error(found.products(d[:, :1]), found.products(d)[:, :1]) < 1e-13


@pytest.mark.parametrize("form", FORMS)
def test_a_pulse_and_a_jump_in_time_are_met_by_steps(form):
    def rhs(xp, t, y, p):
        pulse = xp.exp(-(((t - 6.1) / 0.003) ** 2)) * p["dose"]
        return xp.concatenate([-1e4 * (y[:1] - y[1:]), pulse - xp.where(t < 3.0, 0.1, 0.4) * y[1:]])

    def loss(xp, y0, y1, p):
        return xp.sum(y1[1:] ** 2)

    problem = hessbench.Problem("pulse", rhs, loss, (0.0, 10.0), [1.0, 1.0], {"dose": 100.0}, ("dose",))
    area = np.sqrt(np.pi) * 0.003 * np.exp(0.4**2 * 0.003**2 / 4)  # of the pulse, times exp(0.4 (t - 6.1))
    grows = area * np.exp(-0.4 * 3.9)
    end = np.exp(-0.1 * 3 - 0.4 * 7) + 100 * grows
    found = point(problem, rtol=1e-8, form=form)
    assert found.value == pytest.approx(end**2, rel=1e-6)
    assert found.hess[0, 0] == pytest.approx(2 * grows**2, rel=1e-6)


@pytest.mark.parametrize("options", [{"form": "sparse"}, {"probes": 9}, {"memory": 0.0}])
def test_bad_options_are_refused(options):
    with pytest.raises(hessbench.InvalidInput, match=r"expected|choose"):
        point(bolza(), **options)


def test_another_method_is_refused():
    with pytest.raises(hessbench.Unsupported, match=r"has 'Radau' alone: leave `method` out"):
        hessbench.prepare(bolza(), "implicit-adjoint", method="DOP853")


@pytest.mark.parametrize("form", FORMS)
def test_round_off_that_the_tolerance_does_not_allow_is_said(form):
    """Robertson's problem to 1e11: the Hessian at 1e-8 is 1e-5 off by round-off, and at 1e-4 as right as it has to be."""
    problem = robertson(1e11)
    assert "round-off may leave fewer digits" in point(problem, rtol=1e-8, form=form).warnings[0]
    assert point(problem, rtol=1e-4, form=form).warnings == ()
    assert point(robertson(1e4), rtol=1e-6, form=form).warnings == ()


@pytest.mark.parametrize("atol", [1e-6, 1e-14, 1e-30])
def test_one_tolerance_for_all_components_is_obeyed_however_small(atol):
    problem = robertson()
    result = hessbench.hessian(problem, strategy="implicit-adjoint", rtol=1e-6, atol=atol)
    assert result.value == pytest.approx(5.0128305371e-4, rel=1e-6)
    assert result.hess[0, 0] == pytest.approx(1.32746284286, rel=1e-6)


def test_second_derivatives_that_cancel_on_relaxations_are_said():
    """Van der Pol's equation, mu = 1000: over a jump the Hessian has no digit at any tolerance, before it has all."""
    over, before = (hessbench.problem("van-der-pol", t1=t1) for t1 in (2000.0, 300.0))
    for rtol in (1e-6, 1e-9):
        said = hessbench.prepare(over, "implicit-adjoint", rtol=rtol).quiet()().warnings
        assert any("no digit of the Hessian" in sentence for sentence in said)
    assert hessbench.prepare(before, "implicit-adjoint", rtol=1e-8).quiet()().warnings == ()
