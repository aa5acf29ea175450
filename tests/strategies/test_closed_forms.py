"""Hessians against closed forms and against the spectrum of the figure-8 from the literature."""

import numpy as np
import pytest

import hessbench
from hessbench.backends import available

STRATEGIES = ("hand-adjoint", "discrete-adjoint", "discrete-adjoint/numpy")

# non-closure Hessian at the figure-8 in the plane, ascending, without its four zeros
FIGURE_8 = [
    5.919239783e-4,
    9.098542158585e-3,
    11.105175285488,
    17.794001574122,
    80.034375438763,
    80.034375438763,
    2625.748745062,
    10533.634532745,
]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_oscillator_has_its_closed_form(strategy):
    target = hessbench.problem("harmonic-oscillator", d=3)
    result = hessbench.hessian(target, strategy=strategy, rtol=1e-12)
    value, grad, hess = target.exact(target.x0)
    assert np.max(np.abs(result.hess - hess)) <= 1e-10 * np.max(np.abs(hess))
    assert np.max(np.abs(result.grad - grad)) <= 1e-10 * np.max(np.abs(grad))
    assert result.value == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("dim", [2, 3])
def test_one_kepler_period_has_one_eigenvalue_288_pi_squared_and_null_directions(strategy, dim):
    circle = [1.0, *[0.0] * (dim - 1), 0.0, 1.0, *[0.0] * (dim - 2)]
    found = np.linalg.eigvalsh(
        hessbench.hessian(hessbench.problem("kepler", dim=dim, y0=circle), strategy=strategy, rtol=1e-13).hess
    )
    assert found[-1] == pytest.approx(288 * np.pi**2, rel=1e-9)
    assert np.max(np.abs(found[:-1])) < 1e-9 * found[-1] and found.size - 1 == 2 * dim - 1


@pytest.mark.parametrize("strategy", [*STRATEGIES[1:], "casadi-symbolic@casadi", "unrolled@jax"])
def test_the_figure_8_has_the_spectrum_of_the_literature(strategy):
    if not available(strategy.partition("@")[2] or "numpy"):
        pytest.skip("the framework is not installed")
    found = np.linalg.eigvalsh(hessbench.hessian(hessbench.problem("three-body"), strategy=strategy, rtol=1e-12).hess)
    np.testing.assert_allclose(found[4:], FIGURE_8, rtol=1e-6)
    assert np.max(np.abs(found[:4])) < 1e-9 * found[-1]


def test_the_hand_adjoint_has_the_same_spectrum_on_the_scale_of_the_largest_eigenvalue():
    # the softest mode is 6e-8 of the largest: an error of 1e-12 of the Hessian is one of 2e-5 of that mode
    found = np.linalg.eigvalsh(
        hessbench.hessian(hessbench.problem("three-body"), strategy="hand-adjoint", rtol=1e-12).hess
    )
    np.testing.assert_allclose(found, [0, 0, 0, 0, *FIGURE_8], rtol=0, atol=1e-10 * FIGURE_8[-1])


@pytest.mark.parametrize("strategy", ["forward-over-reverse@jax", "unrolled@torch", "casadi-symbolic@casadi"])
def test_a_framework_gives_the_closed_form_of_the_oscillator(strategy):
    if not available(strategy.partition("@")[2]):
        pytest.skip("the framework is not installed")
    problem = hessbench.problem("harmonic-oscillator")
    found, true = hessbench.hessian(problem, problem.perturbed, strategy, rtol=1e-11), problem.exact(problem.perturbed)
    assert np.max(np.abs(found.hess - true[2])) < 1e-9 * np.max(np.abs(true[2]))
