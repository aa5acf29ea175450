"""Spectra, named directions, multipliers and physical quantities against the literature and closed forms."""

import numpy as np
import pytest

import hessbench
from hessbench.orbits import Flow, find_closed_orbit, known_orbit, quantities, sample
from hessbench.orbits._analyse import reduced_multipliers
from hessbench.orbits._physics import choreography_defect, curve_distances
from hessbench.orbits._systems import system_of

BOOST = 80.034375438763
EIGHT = [
    5.919239783e-4,
    9.098542158585e-3,
    11.105175285488,
    17.794001574122,
    BOOST,
    BOOST,
    2625.748745062,
    10533.634532745,
]
SPATIAL = sorted([*EIGHT, 47.84485790226, 53.01787078151, BOOST])
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


def test_planar_spectrum_of_the_figure_8_to_1e_minus_9(eight):
    np.testing.assert_allclose(eight.eigenvalues[4:], EIGHT, rtol=1e-9)


def test_exactly_four_null_eigenvalues_in_the_plane(eight):
    assert np.sum(eight.eigenvalues < 1e-9 * eight.eigenvalues[-1]) == 4


def test_spatial_spectrum_of_the_figure_8_to_1e_minus_9(eight_in_space):
    np.testing.assert_allclose(eight_in_space.eigenvalues[7:], SPATIAL, rtol=1e-9)


def test_exactly_seven_null_eigenvalues_in_space(eight_in_space):
    assert np.sum(eight_in_space.eigenvalues < 1e-9 * eight_in_space.eigenvalues[-1]) == 7


def test_spectrum_of_simos_orbit(simo):
    np.testing.assert_allclose(simo.eigenvalues[4:], SIMO, rtol=1e-9)


def test_null_directions_carry_the_names_of_their_symmetries(eight):
    names = {d.name for d in eight.directions if d.kind == "symmetry"}
    assert names == {"translation x", "translation y", "rotation", "time shift"}


def test_null_directions_in_space_are_all_symmetries(eight_in_space):
    kinds = [d.kind for d in eight_in_space.directions]
    assert (kinds.count("symmetry"), kinds.count("genuine")) == (7, 0)


def test_boosts_have_the_eigenvalue_twice_the_squared_period(eight):
    boosts = [d.eigenvalue for d in eight.directions if d.kind == "boost"]
    np.testing.assert_allclose(boosts, 2 * eight.period**2, rtol=1e-12)


def test_scaling_is_no_null_direction_but_shifts_time(eight):
    assert eight.spectrum.scaling_defect < 1e-10


def test_keplers_problem_has_a_genuine_null_direction():
    """3 null directions in the plane, of which rotation and time shift are two (for an ellipse)."""
    orbit = find_closed_orbit(hessbench.problem("kepler"), period="fixed")
    assert [d.kind for d in orbit.directions] == ["symmetry", "symmetry", "genuine", "stiff"]


def test_hessian_of_kepler_is_the_closed_form():
    problem = hessbench.problem("kepler")
    orbit = find_closed_orbit(problem, period="fixed")
    np.testing.assert_allclose(orbit.hessian, problem.exact(problem.x0)[2], rtol=1e-9, atol=1e-6)


def test_hessian_is_the_strategys(eight):
    by_strategy = hessbench.hessian(eight.problem, strategy="hand-adjoint", rtol=1e-12).hess
    np.testing.assert_allclose(by_strategy, eight.hessian, atol=1e-7 * np.max(eight.hessian))


def test_floquet_exponents_of_the_figure_8_to_1e_minus_9(eight):
    nu = np.sort(np.abs(np.angle(eight.multipliers[:4]))) / (2 * np.pi)
    np.testing.assert_allclose(nu[[0, 2]], [0.008422724708134, 0.298092529004747], atol=1e-9)


def test_figure_8_is_stable(eight):
    assert eight.stable


def test_multipliers_of_simo_to_1e_minus_8(simo):
    real = np.sort(simo.multipliers[:4][np.abs(simo.multipliers[:4].imag) < 1e-9].real)
    np.testing.assert_allclose(real, [0.912513315683597, 1.095874419378606], atol=1e-8)


def test_simo_is_unstable(simo):
    assert not simo.stable


@pytest.mark.parametrize("name", ["broucke-r1", "jpl-em-lyapunov-l1-c-3.15001683"])
def test_largest_multiplier_is_the_published_one(name):
    known = known_orbit(name)
    orbit = find_closed_orbit(known.problem())
    np.testing.assert_allclose(np.max(np.abs(orbit.multipliers)), known.largest_multiplier, rtol=1e-6)


def test_without_the_quotient_the_multipliers_at_1_lose_half_their_digits(eight):
    """Planted fault: eigenvalues of the whole monodromy. The Jordan blocks at 1 show why the quotient is taken."""
    raw = np.linalg.eigvals(eight.monodromy)
    assert np.max(np.min(np.abs(raw[:, None] - eight.multipliers), axis=1)) > 1e-9


def test_reduced_multipliers_need_the_gradients():
    m = np.array([[1.0, 2.0], [0.0, 1.0]])
    assert reduced_multipliers(m, [np.array([1.0, 0])], [np.array([0, 1.0])]).size == 0


@pytest.mark.parametrize("name", ["figure-8", "simo"])
def test_monodromy_is_symplectic(name, request):
    orbit = request.getfixturevalue({"figure-8": "eight", "simo": "simo"}[name])
    assert orbit.spectrum.symplecticity < 1e-13


def test_wrong_canonical_momenta_are_noticed():
    """Planted fault: in rotating coordinates the velocity is not the momentum."""
    from hessbench.orbits._analyse import symplecticity

    orbit = find_closed_orbit(known_orbit("jpl-em-lyapunov-l1-c-3.15001683").problem())
    assert orbit.spectrum.symplecticity < 1e-12
    assert symplecticity(np.eye(6), orbit.monodromy) > 1e-6


QUANTITIES = {
    "eight": (-1.2871419956318575, 24.427048644537357, 0.0),
    "simo": (-1.2919248336712748, 24.381794960180773, 0.0636),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_energy_action_and_choreography_defect(name, request):
    orbit = request.getfixturevalue(name)
    q, (energy, action, defect) = quantities(orbit.problem, orbit.x, orbit.period), QUANTITIES[name]
    np.testing.assert_allclose([q.energy, q.action], [energy, action], rtol=1e-11)
    np.testing.assert_allclose(q.choreography_defect, defect, atol=1e-10 if defect == 0 else 5e-5)


def test_curves_of_simos_bodies_differ_by_the_published_distances(simo):
    d = curve_distances(sample(simo.problem, simo.x, simo.period, 3000), 2)
    np.testing.assert_allclose([d["d12"], d["d13"], d["d23"]], [0.0431413134, 0.0338947235, 0.0338947235], atol=2e-5)


def test_scale_free_energy_cannot_tell_the_two_orbits_apart(eight, simo):
    """Why the classifier looks at the choreography defect: by `T |E|^1.5` the two are the same to 2e-7."""
    energy = system_of(eight.problem).energy
    a, b = (o.period * abs(energy(o.x)) ** 1.5 for o in (eight, simo))
    assert abs(a / b - 1) < 2e-7


def test_choreography_defect_needs_both_cyclic_orders(eight):
    states = sample(eight.problem, eight.x, eight.period, 300, 1e-11)
    backward = states[::-1]
    assert choreography_defect(backward, 2) < 1e-8


def test_gradient_is_that_of_the_monodromy():
    problem = hessbench.problem("three-body", start="perturbed")
    flow = Flow(problem, rtol=1e-11)
    y1, m = flow.monodromy(problem.y0, 6.1)
    value, grad, by_period = flow.gradient(problem.y0, 6.1)
    r = y1 - problem.y0
    np.testing.assert_allclose(value, r @ r, rtol=1e-12)
    np.testing.assert_allclose(grad, 2 * (m - np.eye(12)).T @ r, atol=1e-9 * np.max(np.abs(grad)))
    np.testing.assert_allclose(by_period, 2 * r @ flow.rhs(y1), rtol=1e-12)


@pytest.mark.parametrize("name", ["three-body", "restricted-three-body", "kepler"])
def test_gradients_of_conserved_quantities_are_orthogonal_to_the_flow(name):
    problem = hessbench.problem(name)
    x = problem.perturbed
    f = problem.rhs(np, 0.0, x, problem.params)
    for gradient in system_of(problem).integrals(x).values():
        assert abs(gradient @ f) < 1e-11 * np.linalg.norm(gradient) * np.linalg.norm(f)
