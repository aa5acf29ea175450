"""Closed forms of the oscillator and of Kepler's problem against variational equations at tight tolerance."""

import numpy as np
import pytest

import hessbench

OSCILLATORS = [{}, {"d": 1}, {"d": 3, "omega": [0.7, -1.9, 3.1], "t": 2.3}, {"d": 8}]


@pytest.mark.parametrize("arguments", OSCILLATORS, ids=str)
def test_oscillator_closed_form_agrees_with_the_monodromy_to_1e_minus_10(arguments, flow):
    problem = hessbench.problem("harmonic-oscillator", **arguments)
    for x in (problem.x0, problem.perturbed):
        y1, m = flow(problem, x, tolerance=1e-13)
        off = m - np.eye(problem.dim)
        value, grad, hess = problem.exact(x)
        np.testing.assert_allclose(value, np.sum((y1 - x) ** 2), rtol=1e-10)
        np.testing.assert_allclose(grad, 2 * off.T @ (y1 - x), atol=1e-10 * np.max(np.abs(grad)))
        np.testing.assert_allclose(hess, 2 * off.T @ off, atol=1e-10 * np.max(np.abs(hess)))


def test_oscillator_determinant_is_16_times_1_minus_cosine_squared_per_mode():
    problem = hessbench.problem("harmonic-oscillator", d=3)
    hess = problem.exact(problem.x0)[2]
    expected = np.prod(16 * (1 - np.cos(problem.params["omega"] * 1.7)) ** 2)
    np.testing.assert_allclose(np.linalg.det(hess), expected, rtol=1e-12)


def test_oscillator_of_unit_frequency_has_a_multiple_of_the_identity():
    hess = hessbench.problem("harmonic-oscillator", d=1, omega=[1.0], t=2.0).exact(np.ones(2))[2]
    np.testing.assert_allclose(hess, 8 * np.sin(1.0) ** 2 * np.eye(2), atol=1e-14)


def test_default_oscillators_are_neither_equal_nor_resonant():
    problem = hessbench.problem("harmonic-oscillator", d=12)
    w = problem.params["omega"]
    assert len(set(w)) == 12
    assert np.min(np.linalg.eigvalsh(problem.exact(problem.x0)[2])) > 1e-3


CIRCLE = {"y0": [1, 0, 0, 1]}
KEPLER = [
    (CIRCLE, 288 * np.pi**2),
    ({"y0": [0.5, 0, 0, np.sqrt(3)]}, 256530.757593114),
    ({}, 256530.757593114),
    ({"dim": 3}, 256530.757593114),
    ({"mu": 1.3, "y0": [0.8, 0.3, -0.4, 1.1]}, 1889.3573335374094),
    ({**CIRCLE, "periods": 3}, 9 * 288 * np.pi**2),
]


@pytest.mark.parametrize(("arguments", "eigenvalue"), KEPLER, ids=str)
def test_kepler_eigenvalue_of_the_closed_form(arguments, eigenvalue):
    problem = hessbench.problem("kepler", **arguments)
    _, _, hess = problem.exact(problem.x0)
    np.testing.assert_allclose(np.linalg.eigvalsh(hess)[-1], eigenvalue, rtol=1e-12)


@pytest.mark.parametrize(("arguments", "eigenvalue"), KEPLER, ids=str)
def test_kepler_eigenvalue_of_the_monodromy_to_1e_minus_9(arguments, eigenvalue, flow):
    problem = hessbench.problem("kepler", **arguments)
    sigma = np.linalg.svd(flow(problem)[1] - np.eye(problem.dim), compute_uv=False)
    np.testing.assert_allclose(2 * sigma[0] ** 2, eigenvalue, rtol=1e-9)


@pytest.mark.parametrize(("arguments", "eigenvalue"), KEPLER, ids=str)
def test_kepler_has_2d_minus_1_null_directions(arguments, eigenvalue, flow):
    problem = hessbench.problem("kepler", **arguments)
    exact = np.linalg.eigvalsh(problem.exact(problem.x0)[2])
    integrated = np.linalg.svd(flow(problem)[1] - np.eye(problem.dim), compute_uv=False)
    assert np.sum(np.abs(exact) < 1e-12 * eigenvalue) == problem.dim - 1
    assert np.sum(2 * integrated**2 < 1e-12 * eigenvalue) == problem.dim - 1


@pytest.mark.parametrize(("arguments", "eigenvalue"), KEPLER, ids=str)
def test_kepler_hessian_agrees_with_the_monodromy(arguments, eigenvalue, flow):
    problem = hessbench.problem("kepler", **arguments)
    off = flow(problem)[1] - np.eye(problem.dim)
    np.testing.assert_allclose(problem.exact(problem.x0)[2], 2 * off.T @ off, atol=1e-9 * eigenvalue)


def test_kepler_closed_form_holds_for_every_orbit_of_the_same_period(flow):
    problem = hessbench.problem("kepler", y0=[1, 0, 0, 1])
    x = np.array([0.5, 0, 0, np.sqrt(3)])
    value, grad, hess = problem.exact(x)
    y1, m = flow(problem, x)
    np.testing.assert_allclose(y1, x, atol=1e-10)
    np.testing.assert_allclose(hess, 2 * (m - np.eye(4)).T @ (m - np.eye(4)), atol=1e-9 * 256530)
    assert value == 0 and not np.any(grad)


@pytest.mark.parametrize("x", [[1, 0, 0, 1.01], [1, 0, 0, 2], [1, 0, 0, 0], [0, 0, 0, 1]], ids=str)
def test_kepler_claims_no_closed_form_where_the_orbit_does_not_close(x):
    assert hessbench.problem("kepler", y0=[1, 0, 0, 1]).exact(np.array(x, dtype=float)) is None


def test_kepler_perturbed_point_has_no_closed_form():
    problem = hessbench.problem("kepler")
    assert problem.exact(problem.perturbed) is None
