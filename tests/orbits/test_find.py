"""Closed orbits are found from published starting values, by every method."""

import os

import numpy as np
import pytest

import hessbench
from hessbench import IVP
from hessbench.orbits import Flow, find_closed_orbit, known_orbit, known_orbits

CHEAP = ("s8-simo", "broucke-a1", "jpl-em-lyapunov-l1-c-3.15001683")


LONG = (
    ()
    if os.environ.get("HESSBENCH_SLOW")
    else ("dragonfly", "butterfly-i", "maxwell-ring-6", "maxwell-ring-7", "chain-5")
)


@pytest.mark.parametrize("name", [name for name in known_orbits() if name not in LONG])
def test_orbit_of_the_tables_closes_to_1e_minus_12(name):
    orbit = find_closed_orbit(known_orbit(name).problem())
    assert orbit.converged, orbit.reason
    assert orbit.closure <= 1e-12


@pytest.mark.parametrize("name", CHEAP)
def test_orbit_closes_from_four_decimals(name):
    published = known_orbit(name).problem()
    orbit = find_closed_orbit(known_orbit(name).problem(digits=4))
    assert orbit.closure <= 1e-12, orbit.reason
    assert np.linalg.norm(orbit.x - published.y0) < 0.02


def test_search_does_not_slide_into_the_equilibrium():
    """An equilibrium closes for every period; four decimals of a Lyapunov orbit's start must not end there."""
    problem = known_orbit("jpl-em-lyapunov-l1-c-3.15001683").problem()
    x = problem.y0 * [1, 1, 1, 1, 0.05, 1]
    orbit = find_closed_orbit(problem, x, max_iterations=5)
    assert not orbit.converged or np.linalg.norm(Flow(problem).rhs(orbit.x)) > 1e-3


def test_closed_start_returns_in_an_integration_of_another_kind(eight):
    ivp = IVP("DOP853", rtol=3e-14, atol=1e-15)
    y1 = ivp.solve(lambda t, y: eight.problem.rhs(np, t, y, eight.problem.params), (0.0, eight.period), eight.x).y1
    assert np.linalg.norm(y1 - eight.x) < 2e-12


@pytest.mark.parametrize("method", ["gauss-newton", "bfgs", "newton"])
@pytest.mark.parametrize("period", ["fixed", "free"])
def test_every_method_closes_the_figure_8_from_three_decimals(method, period):
    problem = known_orbit("figure-8").problem()
    x = np.round(problem.y0, 3)
    orbit = find_closed_orbit(problem, x, period=period, method=method)
    assert orbit.closure <= 1e-12, orbit.reason


def test_newton_uses_hessians_and_counts_them():
    problem = known_orbit("figure-8").problem()
    orbit = find_closed_orbit(problem, np.round(problem.y0, 3), period="fixed", method="newton")
    assert orbit.work.hessians > 0


def test_fixed_period_stays_exactly(eight):
    assert eight.period == known_orbit("figure-8").problem().t_span[1]


def test_kepler_start_that_is_off_the_period_is_corrected():
    from dataclasses import replace

    problem = hessbench.problem("kepler", y0=[1.0, 0.0, 0.0, 1.1])
    wrong = replace(problem, t_span=(0.0, 1.02 * problem.t_span[1]))
    orbit = find_closed_orbit(wrong)
    assert orbit.closure <= 1e-12, orbit.reason


def test_orbit_of_a_users_problem_without_known_symmetries():
    """Lotka-Volterra: every orbit closes, with a period of its own."""
    lotka = hessbench.Problem(
        name="lotka",
        rhs=lambda xp, t, y, p: xp.concatenate([y[:1] * (1 - y[1:]), y[1:] * (y[:1] - 1)]),
        loss=lambda xp, y0, y1, p: xp.sum((y1 - y0) ** 2),
        t_span=(0.0, 6.5),
        y0=np.array([1.2, 1.0]),
        autonomous=True,
        derivatives=hessbench.Derivatives(
            vjp=lambda t, y, s, p: np.stack(
                [
                    s[..., 0] * (1 - y[..., 1]) + s[..., 1] * y[..., 1],
                    -s[..., 0] * y[..., 0] + s[..., 1] * (y[..., 0] - 1),
                ],
                axis=-1,
            ),
            jac=lambda t, y, p: np.stack(
                [
                    np.stack([1 - y[..., 1], -y[..., 0]], axis=-1),
                    np.stack([y[..., 1], y[..., 0] - 1], axis=-1),
                ],
                axis=-2,
            ),
            vhp=lambda t, y, s, p: (s[..., 1] - s[..., 0])[..., None, None] * np.array([[0.0, 1.0], [1.0, 0.0]]),
        ),
    )
    orbit = find_closed_orbit(lotka)
    assert orbit.closure <= 1e-12, orbit.reason


def test_counts_of_a_search_are_reported():
    orbit = find_closed_orbit(known_orbit("s8-simo").problem(digits=4))
    assert orbit.work.monodromies >= 3
    assert orbit.work.rhs > 1000
    assert orbit.work.extended > 1000
