"""Orbits followed through a parameter, and maps of where starts end up."""

import numpy as np
import pytest

from hessbench import InvalidInput, problem
from hessbench.orbits import explore, follow, known_orbit


def test_family_in_energy_obeys_keplers_third_law(eight):
    family = follow(eight.problem, "energy", [-1.2871419956318575, -1.30, -1.35])
    invariant = [m.period * abs(m.energy) ** 1.5 for m in family.members]
    np.testing.assert_allclose(invariant, 9.237681250724547, rtol=1e-9)


def test_family_in_a_mass_stays_closed(simo):
    family = follow(simo.problem, "mass", [1.0, 1.002, 1.004])
    assert len(family.members) == 3
    assert max(m.closure for m in family.members) < 1e-9


def test_first_member_is_the_orbit_itself(simo):
    first = follow(simo.problem, "mass", [1.0]).members[0]
    np.testing.assert_allclose(first.x, simo.x, atol=1e-9)
    np.testing.assert_allclose(first.largest, 1.095874419378606, rtol=1e-8)


def test_lyapunov_family_becomes_less_unstable_away_from_the_point():
    start = known_orbit("jpl-em-lyapunov-l1-c-3.15001683").problem()
    family = follow(start, "energy", [3.15, 3.14, 3.13])
    assert [m.largest for m in family.members] == sorted((m.largest for m in family.members), reverse=True)
    np.testing.assert_allclose([m.energy for m in family.members], [3.15, 3.14, 3.13], rtol=1e-9)


def test_oscillators_close_at_a_rational_frequency_ratio_only():
    oscillators = problem("harmonic-oscillator", d=2, omega=[1.0, 2.0], t=2 * np.pi)
    assert len(follow(oscillators, "frequency-ratio", [2.0, 3.0]).members) == 2


def test_family_that_ends_says_where():
    """The Lyapunov family begins at the equilibrium, with the period of small oscillations, 2.69."""
    start = known_orbit("jpl-em-lyapunov-l1-c-3.15001683").problem()
    family = follow(start, "period", [start.t_span[1], 2.2])
    assert len(family.members) == 1
    assert "ended at period = 2.2" in family.ended


@pytest.mark.parametrize(("parameter", "message"), [("colour", "choose one of"), ("mu", "has no parameter 'mu'")])
def test_bad_parameter_is_refused(eight, parameter, message):
    with pytest.raises(InvalidInput, match=message):
        follow(eight.problem, parameter, [1.0])


def test_map_of_the_soft_plane_finds_simo_and_the_figure_8(eight):
    found = explore(eight, reach=0.02, n=2)
    assert found.kind.shape == (2, 2)
    others = [e for e in found.ends if e.number > 0 and e.count]
    assert others
    np.testing.assert_allclose(others[0].largest_multiplier, 1.095874419378606, rtol=1e-5)


def test_map_of_directions_that_there_are_not_is_refused(eight):
    with pytest.raises(InvalidInput, match="choose two different ones"):
        explore(eight, first=0, second=99)
