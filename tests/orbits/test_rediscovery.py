"""From the figure-8 to Simó's orbit, within the promised cost, from the whole documented range."""

import numpy as np
import pytest

from hessbench.orbits import euler_form, soft_directions, walk
from hessbench.orbits._euler import FIGURE_8, SIMO
from hessbench.orbits._rediscover import classify


@pytest.fixture(scope="module")
def soft():
    return soft_directions()


@pytest.fixture(scope="module")
def by_bfgs(soft):
    return walk(soft, 0.016, "v5", "bfgs")


def test_one_hessian_shows_the_two_soft_eigenvalues(soft):
    np.testing.assert_allclose(soft.eigenvalues[4:6], [5.919239783e-4, 9.098542158585e-3], rtol=1e-5)
    assert soft.work.hessians == 1


def test_soft_vectors_have_a_positive_largest_component(soft):
    v = soft.vectors
    assert np.all(v[np.argmax(np.abs(v), axis=0), np.arange(12)] > 0)


def test_bfgs_arrives_within_60_gradients(by_bfgs):
    assert by_bfgs.where == "simo"
    assert by_bfgs.search.gradients <= 60


def test_arrival_has_ten_digits_of_the_reference(by_bfgs):
    assert by_bfgs.form.distance(SIMO) < 1e-10


def test_arrival_has_simos_multipliers(by_bfgs):
    values = by_bfgs.orbit.multipliers[:4]
    for expected in (1.095874419378606, 0.912513315683597):
        assert np.min(np.abs(values - expected)) < 1e-10


@pytest.mark.parametrize("step", [0.01, 0.016, 0.03, 0.06, 0.1])
def test_gauss_newton_arrives_within_12_jacobians_from_every_documented_step(soft, step):
    arrival = walk(soft, step, "v5", "gauss-newton")
    assert arrival.where == "simo"
    assert arrival.search.monodromies + arrival.polish.monodromies <= 12


@pytest.mark.parametrize("step", [0.01, 0.1])
def test_bfgs_arrives_from_the_ends_of_the_documented_range(soft, step):
    arrival = walk(soft, step)
    assert arrival.where == "simo"
    assert arrival.search.gradients <= 100


@pytest.mark.parametrize("step", [-0.01, -0.03])
def test_negative_direction_falls_back_to_the_figure_8_and_is_reported_as_such(soft, step):
    arrival = walk(soft, step)
    assert arrival.where == "figure-8"
    assert arrival.defect < 1e-8


def test_wrong_sign_of_the_direction_is_not_taken_for_simo(soft):
    """Planted fault: a flipped eigenvector. The result closes, and its energy is Simó's to 1e-6; the defect tells."""
    arrival = walk(soft, -0.016)
    assert arrival.orbit.converged
    assert arrival.where == "figure-8"


def test_euler_form_does_not_depend_on_where_the_orbit_starts(simo):
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    later = simo.on_the_orbit(0.37).reshape(2, 3, 2) @ turn.T
    later[0] += [0.3, -0.1]
    later = later * np.array([1.3, 1.3**-0.5])[:, None, None]
    form = euler_form(simo.problem, later.ravel(), simo.period * 1.3**1.5)
    assert form.distance(SIMO) < 1e-10


def test_euler_form_of_the_figure_8(eight):
    assert euler_form(eight.problem, eight.x, eight.period).distance(FIGURE_8) < 1e-12


def test_classifier_wants_closure_first(simo):
    form = euler_form(simo.problem, simo.x, simo.period)
    assert classify(1e-3, 0.06, form) == "nowhere"


def test_classifier_names_an_orbit_that_is_neither(eight):
    form = euler_form(eight.problem, eight.x, eight.period)
    assert classify(1e-13, 0.06, form) == "another orbit"


def test_unknown_direction_is_refused(soft):
    from hessbench import InvalidInput

    with pytest.raises(InvalidInput, match="choose one of v0 to v11"):
        walk(soft, 0.01, "w5")
