"""The three-body problem's orbits: energy, closure, choreography, and spectra of the non-closure Hessian."""

import numpy as np
import pytest

import hessbench
from hessbench import IVP

ENERGY = {"figure-8": -1.2871419956318575, "simo": -1.2919248336712748}
NU = {"figure-8": (0.008422724708134, 0.298092529004747), "simo": (0.297572835261765,)}
EIGHT = [
    5.919239783e-4,
    9.098542158585e-3,
    11.105175285488,
    17.794001574122,
    80.034375438763,
    80.034375438763,
    2625.748745062,
    10533.634532745,
]
SPATIAL = sorted([*EIGHT, 47.84485790226, 53.01787078151, 80.034375438763])
SIMO = [
    5.557819636e-3,
    6.886344088e-3,
    14.72583512876,
    16.90416624962,
    79.14880147006,
    79.14880147006,
    2498.927609513,
    10822.30501721,
]
SPECTRA = [({}, 4, EIGHT), ({"dim": 3}, 7, SPATIAL), ({"start": "simo"}, 4, SIMO)]  # with the number of null directions


def energy(y, masses):
    q, v = y.reshape(2, 3, -1)
    kinetic = np.sum(masses[:, None] * v**2) / 2
    pairs = ((0, 1), (1, 2), (2, 0))
    return kinetic - sum(masses[i] * masses[j] / np.linalg.norm(q[i] - q[j]) for i, j in pairs)


def end(problem, fraction=1.0):
    ivp = IVP("DOP853", rtol=3e-14, atol=1e-15)
    t1 = problem.t_span[1] * fraction
    return ivp.solve(lambda t, y: problem.rhs(np, t, y, problem.params), (0.0, t1), problem.y0).y1


@pytest.fixture(params=["figure-8", "simo"])
def orbit(request):
    return hessbench.problem("three-body", start=request.param)


@pytest.mark.parametrize("start", ENERGY)
def test_energy_of_the_start(start):
    problem = hessbench.problem("three-body", start=start)
    np.testing.assert_allclose(energy(problem.y0, problem.params["masses"]), ENERGY[start], rtol=1e-14)


def test_orbit_closes(orbit):
    assert np.max(np.abs(end(orbit) - orbit.y0)) < 2e-12


@pytest.mark.parametrize(("start", "defect"), [("figure-8", 0.0), ("simo", 0.0636)])
def test_choreography_defect_tells_the_two_orbits_apart(start, defect):
    problem = hessbench.problem("three-body", start=start)
    ivp = IVP("DOP853", rtol=3e-14, atol=1e-15)
    period = problem.t_span[1]
    sol = ivp.solve(lambda t, y: problem.rhs(np, t, y, problem.params), (0.0, 4 / 3 * period), problem.y0, dense=True)

    def positions(t):
        return sol.y(t)[:6].reshape(3, 2)

    times = np.linspace(0, period, 1001)
    shifts = [
        max(np.max(np.abs(positions(t + period / 3)[list(order)] - positions(t))) for t in times)
        for order in ((1, 2, 0), (2, 0, 1))
    ]
    np.testing.assert_allclose(min(shifts), defect, atol=5e-5 if defect else 1e-11)


@pytest.mark.parametrize(("arguments", "null", "spectrum"), SPECTRA, ids=str)
def test_spectrum_of_the_non_closure_hessian(arguments, null, spectrum, flow):
    problem = hessbench.problem("three-body", **arguments)
    sigma = np.linalg.svd(flow(problem)[1] - np.eye(problem.dim), compute_uv=False)[::-1]
    assert np.all(2 * sigma[:null] ** 2 < 1e-12)
    np.testing.assert_allclose(2 * sigma[null:] ** 2, spectrum, rtol=1e-6)


@pytest.mark.parametrize("start", NU)
def test_floquet_multipliers_on_the_unit_circle(start, flow):
    multipliers = np.linalg.eigvals(flow(hessbench.problem("three-body", start=start))[1])
    for nu in NU[start]:
        assert np.min(np.abs(multipliers - np.exp(2j * np.pi * nu))) < 1e-7


def test_spatial_problem_with_planar_start_stays_in_the_plane():
    y1 = end(hessbench.problem("three-body", dim=3)).reshape(6, 3)
    np.testing.assert_array_equal(y1[:, 2], 0)
    np.testing.assert_allclose(y1[:, :2].ravel(), end(hessbench.problem("three-body")), atol=1e-11)


def test_forces_on_unequal_masses_balance():
    y = np.sin(np.arange(1.0, 19.0))
    masses = [1.0, 2.5, 0.4]
    problem = hessbench.problem("three-body", masses=masses, y0=y, period=1.0)
    a = problem.rhs(np, 0.0, y, problem.params)[9:].reshape(3, 3)
    np.testing.assert_allclose(masses @ a, 0, atol=1e-14)


def test_force_is_newtons():
    y = [0, 0, 2, 0, 0, -4, 0, 0, 0, 0, 0, 0]
    problem = hessbench.problem("three-body", masses=[1, 8, 32], y0=y, period=1.0)
    np.testing.assert_allclose(problem.rhs(np, 0.0, problem.y0, problem.params)[6:8], [2, -2], rtol=1e-15)


def test_massless_body_pulls_nobody():
    y = [0, 0, 2, 0, 0, -4, 0, 0, 0, 0, 0, 0]
    problem = hessbench.problem("three-body", masses=[1, 8, 0], y0=y, period=1.0)
    np.testing.assert_allclose(problem.rhs(np, 0.0, problem.y0, problem.params)[6:8], [2, 0], atol=1e-16)


def test_dimension_is_read_off_the_state():
    assert hessbench.problem("three-body", y0=np.sin(np.arange(1.0, 19.0)), period=1.0).size == 3


def test_perturbed_start_does_not_close():
    problem = hessbench.problem("three-body", start="perturbed")
    assert np.linalg.norm(end(problem) - problem.y0) > 0.1
