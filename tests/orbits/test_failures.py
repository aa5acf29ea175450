"""What does not work is said plainly: collisions, searches that do not converge, arguments that cannot be used."""

import numpy as np
import pytest

import hessbench
from hessbench import IntegrationError, InvalidInput
from hessbench.orbits import Collision, find_closed_orbit, known_orbit

HEAD_ON = [-1.0, 0, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0]


def falling():
    return hessbench.problem("three-body", y0=HEAD_ON, period=5.0)


def test_collision_is_an_error_with_time_distance_and_pair():
    with pytest.raises(Collision, match=r"Close encounter of bodies 1 and 2 at t = \d.*distance") as caught:
        find_closed_orbit(falling())
    assert 0 < caught.value.time < 5
    assert 0 <= caught.value.distance < 1e-2


@pytest.mark.parametrize("method", ["bfgs", "newton"])
def test_collision_is_an_error_for_every_method(method):
    with pytest.raises(Collision):
        find_closed_orbit(falling(), method=method)


def test_time_of_a_collision_is_that_of_free_fall():
    two = hessbench.problem("three-body", y0=[-1.0, 0, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0], masses=[1, 1, 0], period=5.0)
    with pytest.raises(Collision) as caught:
        find_closed_orbit(two)
    np.testing.assert_allclose(caught.value.time, np.pi / 4 * 2**1.5 * 2**0.5 / 2**0.5 / 1.0, rtol=1e-3)


def test_search_that_does_not_converge_says_why_and_how_far_it_came():
    problem = hessbench.problem("three-body", y0=[-1.0, 0, 1, 0, 0, 0.5, 0.1, 0.9, 0, -0.2, 0.2, 0.1], period=2.0)
    orbit = find_closed_orbit(problem, max_iterations=3)
    assert not orbit.converged
    assert "the closure reached is" in orbit.reason


def test_failure_can_be_raised():
    with pytest.raises(IntegrationError, match="No closed orbit: double precision ends here"):
        find_closed_orbit(known_orbit("figure-8").problem(), tol=1e-20, raise_on_failure=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "simplex"}, "`method` is 'simplex'; choose one of"),
        ({"period": "half"}, "`period` is 'half'; choose 'free' or 'fixed'"),
        ({"tol": 0}, "`tol` is 0; expected a closure"),
        ({"x0": [1.0, 2.0]}, r"`x` has shape \(2,\), expected \(12,\)"),
    ],
)
def test_bad_argument_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        find_closed_orbit(known_orbit("figure-8").problem(), **arguments)


def test_problem_that_depends_on_time_is_refused():
    with pytest.raises(InvalidInput, match="depends on time"):
        find_closed_orbit(hessbench.problem("driven-pendulum"))


def test_what_is_no_problem_is_refused():
    with pytest.raises(InvalidInput, match="expected a `Problem`"):
        find_closed_orbit("figure-8")


def test_unknown_orbit_is_refused_with_the_nearest_names():
    with pytest.raises(InvalidInput, match="Did you mean 'butterfly-i'"):
        known_orbit("butterfly")
