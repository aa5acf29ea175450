"""Bodies: closed-form multipliers and stability, published choreographies, folds, and names of ends."""

import os
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench import Derivatives, InvalidInput, Problem
from hessbench.orbits import (
    choreography_defect,
    configurations,
    continue_through_folds,
    euler_exponents,
    find_closed_orbit,
    follow,
    gascheau,
    known_orbit,
    lagrange_exponents,
    quantities,
    ring_limit,
    turning_exponents,
)
from hessbench.orbits._naming import name_of
from hessbench.orbits._physics import sample

slow = pytest.mark.skipif(not os.environ.get("HESSBENCH_SLOW"), reason="minutes: HESSBENCH_SLOW=1")


@cache
def closed(name: str):
    return find_closed_orbit(known_orbit(name).problem())


def test_integrated_multipliers_are_those_of_the_closed_forms_and_as_stable_as_the_literature_says():
    for c in configurations():
        assert c.error < 1e-8, c.name
        assert (c.largest < 1 + 1e-4) == c.stable, c.name


def test_gascheau_and_rouths_criterion_parts_stable_from_unstable_triangles():
    """27 (m1 m2 + m2 m3 + m3 m1) < M^2; for one light body the larger mass has to be 24.96 times the other's."""
    growth = [np.max(np.real(lagrange_exponents(np.array([m, 1, 1e-9])))) for m in (24.97, 24.9)]
    assert growth[0] < 1e-5 and growth[1] > 1e-3
    assert gascheau(np.ones(3)) == 9.0
    turning = turning_exponents(hessbench.problem("n-body", start="lagrange", masses=[5, 2, 1]))
    for v in lagrange_exponents(np.array([5.0, 2, 1])):
        assert np.min(np.abs(turning - v)) < 1e-9


def test_eulers_line_of_equal_masses_has_beta_7_fifths():
    """lambda^4 - 0.4 lambda^2 - 1.4 * 5.8 = 0."""
    np.testing.assert_allclose(np.max(np.real(euler_exponents(np.ones(3), 1.0))), np.sqrt(0.2 + np.sqrt(0.04 + 8.12)))


@pytest.mark.parametrize(("n", "gamma"), [(7, 2.452), (8, 2.412), (10, 2.375), (20, 2.321)])
def test_limits_of_maxwells_rings_are_those_of_vanderbei_and_kolemen(n, gamma):
    limit = ring_limit(n)
    assert limit is not None and abs(limit - gamma) < 1.1e-3


def test_rings_of_up_to_six_are_never_stable():
    assert [ring_limit(n) for n in range(2, 7)] == [None] * 5


@pytest.mark.parametrize("start", ["figure-8", "super-eight"])
def test_exponents_of_what_does_not_turn_are_refused(start):
    with pytest.raises(InvalidInput, match="does not turn"):
        turning_exponents(hessbench.problem("n-body", start=start))


@pytest.mark.parametrize(("name", "period"), [("super-eight", 2 * np.pi), ("figure-8-published", 6.32591398)])
def test_published_choreographies_close_near_where_they_were_published(name, period):
    orbit = closed(name)
    assert orbit.converged and np.max(np.abs(orbit.x - orbit.start)) < 2e-6
    np.testing.assert_allclose(orbit.period, period, rtol=1e-7)
    found = quantities(orbit.problem, orbit.x, orbit.period, 240)
    assert found.choreography_defect is not None and found.energy is not None and found.action is not None
    assert found.choreography_defect < 1e-8
    np.testing.assert_allclose(found.action, -3 * found.energy * orbit.period, rtol=1e-9)  # the virial theorem


@slow
@pytest.mark.parametrize("name", ["chain-5", "lagrange-stable", "euler", "ring-4", "maxwell-ring-6", "maxwell-ring-7"])
def test_every_known_orbit_of_bodies_closes(name):
    assert closed(name).converged


def test_a_choreography_with_one_larger_curve_is_none(eight):
    """A planted fault: one body's curve is larger by a hundredth."""
    states = sample(eight.problem, eight.x, eight.period, 30, 1e-9)
    assert choreography_defect(states, 2) < 1e-6
    states[:, :2] *= 1.01
    assert choreography_defect(states, 2) > 1e-3


def test_ends_are_named_by_the_orbit_that_they_are(eight, simo):
    for orbit, name in ((eight, "figure-8"), (simo, "simo")):
        defect = 1e-9 if name == "figure-8" else 0.06
        assert name_of(orbit.problem, orbit.x, orbit.period, orbit.spectrum.nontrivial, defect) == name
    larger = np.append(simo.x[:6] * 2, simo.x[6:] / 2**0.5 + 0.3)  # twice the size, and in a moving frame
    assert name_of(simo.problem, larger, simo.period * 2**1.5, simo.spectrum.nontrivial, 0.12) == "simo"
    other = simo.spectrum.nontrivial * 1.1
    assert name_of(simo.problem, simo.x, simo.period, other, 0.06) == "an unstable orbit without a name"


W = 1.3


def twist(r: float) -> Problem:
    """y' = i w y with w = lam - (|y|^2 - 1)^2: closed after 2 pi / W where lam = W + (r^2 - 1)^2, which has a fold at r = 1."""
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])

    def frequency(y, p):
        return p["lam"] - (np.sum(y * y, axis=-1) - 1) ** 2

    def jac(t, y, p):
        slope = -4 * (np.sum(y * y, axis=-1) - 1)
        return (
            frequency(y, p)[..., None, None] * turn
            + slope[..., None, None] * (y @ turn.T)[..., :, None] * y[..., None, :]
        )

    return Problem(
        name="twist",
        rhs=lambda xp, t, y, p: xp.concatenate([-y[1:], y[:1]]) * (p["lam"] - (xp.sum(y * y) - 1) ** 2),
        loss=lambda xp, y0, y1, p: xp.sum((y1 - y0) ** 2),
        t_span=(0.0, 2 * np.pi / W), y0=np.array([r, 0.0]), params={"lam": W + (r * r - 1) ** 2}, autonomous=True,
        derivatives=Derivatives(vjp=lambda t, y, s, p: s @ jac(t, y, p), jac=jac, vhp=lambda t, y, s, p: np.zeros((2, 2))),
    )  # fmt: skip


def test_a_family_is_followed_through_its_fold_to_the_other_branch():
    curve = continue_through_folds(twist(0.7), "lam", -0.05, members=8)
    radius = np.array([np.hypot(*m.x) for m in curve.members])
    np.testing.assert_allclose([m.value for m in curve.members], W + (radius**2 - 1) ** 2, atol=1e-9)
    assert radius[0] < 1 < radius[-1] and np.all(np.diff(radius) > 0)
    assert len(curve.folds) == 1
    np.testing.assert_allclose([curve.folds[0].value, np.hypot(*curve.folds[0].member.x)], [W, 1.0], atol=1e-7)


def test_natural_continuation_stops_at_the_fold_that_arc_length_passes():
    """The planted fault of a method that cannot turn back."""
    start = twist(0.7)
    family = follow(start, "lam", np.linspace(start.params["lam"], W - 0.05, 6))
    assert family.ended and len(family.members) < 6


def test_arc_length_ends_where_the_interval_does_and_refuses_bad_steps():
    curve = continue_through_folds(twist(0.7), "lam", 0.05, members=20, stop=(1.5, 1.65))
    assert "left the interval" in curve.ended and curve.members[-1].value > 1.65
    with pytest.raises(InvalidInput, match="length other than 0"):
        continue_through_folds(twist(0.7), "lam", 0.0)
    with pytest.raises(InvalidInput, match="choose one of"):
        continue_through_folds(twist(0.7), "mu2", 0.1)


@slow
def test_the_figure_8_turns_into_simos_orbit_at_a_fold_in_a_mass():
    """With a larger mass the stable figure-8 meets an unstable orbit at 1.0000403; followed back to mass 1, that is Simó's."""
    problem = hessbench.problem("three-body", start="figure-8")
    curve = continue_through_folds(problem, "mass", 1e-3, members=7)
    np.testing.assert_allclose(curve.folds[0].value, 1.00004030, atol=2e-8)
    last = curve.members[-1]
    back = replace(problem, y0=last.x, params={"masses": np.array([1, 1, last.value])})
    arrived = follow(back, "mass", np.array([last.value, 1.0])).members[-1]
    np.testing.assert_allclose(arrived.largest, 1.095874419378606, rtol=1e-6)
