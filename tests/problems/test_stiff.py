"""Stiff problems: published end states to their digits, what is conserved, and equilibria that are known."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.sparse import coo_array

import hessbench
from hessbench.backends import available


def constants(name):
    """The module of a built-in problem, which holds its published state."""
    return import_module(f"hessbench.builtin_problems.{name}")


def end(problem, method="Radau", rtol=1e-11, size=None, t1=None):
    """The state at the end (N,), errors controlled relative to `size`, that of the loss by default."""
    p, d = problem.constants, problem.derivatives
    atol = rtol * (np.asarray(p["size"]) if size is None else size)
    given = {} if d is None or method == "LSODA" else {"jac": lambda t, y: d.jac(t, y, p)}
    span = (problem.t_span[0], problem.t_span[1] if t1 is None else t1)
    return solve_ivp(lambda t, y: problem.rhs(np, t, y, p), span, problem.y0, method, rtol=rtol, atol=atol, **given).y[
        :, -1
    ]


PUBLISHED = {
    "robertson-40": ("robertson", {"t1": 40.0}, lambda m: m.REACHED[40.0], 1e-11),
    "robertson-1e4": ("robertson", {"t1": 1e4}, lambda m: m.REACHED[1e4], 1e-11),
    "robertson-1e11": ("robertson", {"t1": 1e11}, lambda m: m.REACHED[1e11], 5e-9),  # round-off of k1 A against k3 B C
    "hires": ("hires", {}, lambda m: m.REACHED, 1e-11),
    "pollution": ("pollution", {}, lambda m: m.REACHED, 1e-11),
    "van-der-pol": ("van-der-pol", {}, lambda m: m.REACHED, 1e-11),
    "oregonator": ("oregonator", {}, lambda m: m.REACHED, 1e-11),
}


@pytest.mark.parametrize("which", PUBLISHED)
def test_the_end_state_is_the_published_one_to_its_digits(which):
    name, arguments, reached, digits = PUBLISHED[which]
    found = end(hessbench.problem(name, **arguments))
    np.testing.assert_allclose(found, reached(constants(name.replace("-", "_"))), rtol=digits)


@pytest.mark.skipif(not available("casadi"), reason="casadi is not installed")
def test_the_end_state_of_the_ring_modulator_is_the_published_one():
    import casadi as ca

    problem, t, y = hessbench.problem("ring-modulator", t1=1e-3), ca.SX.sym("t"), ca.SX.sym("y", 15)
    elements = (np.array([a[i] for i in range(a.numel())], dtype=object) for a in (t, y))
    slope = ca.vertcat(*problem.rhs(np, *elements, problem.params))
    options = {"abstol": 1e-14, "reltol": 1e-11, "max_num_steps": 10_000_000}
    solve = ca.integrator("solve", "cvodes", {"t": t, "x": y, "ode": slope}, 0.0, 1e-3, options)
    found = np.array(solve(x0=problem.y0)["xf"]).ravel()
    np.testing.assert_allclose(found, constants("ring_modulator").REACHED, rtol=5e-6)


def test_the_end_state_of_e5_is_the_published_one_as_far_as_that_keeps_its_own_invariant():
    problem = hessbench.problem("e5", t1=1e13)

    def without_a3(t, z):
        return problem.rhs(np, t, np.array([z[0], z[1], z[1] - z[2], z[2]]), problem.params)[[0, 1, 3]]

    a1, a2, a4 = solve_ivp(without_a3, problem.t_span, problem.y0[[0, 1, 3]], "Radau", rtol=1e-10, atol=1e-40).y[:, -1]
    published = np.array(constants("e5").AT_1E13)
    np.testing.assert_allclose([a2, a2 - a4], published[1:3], rtol=1e-3)
    np.testing.assert_allclose(a2, published[1:3].mean(), rtol=1e-6)
    assert abs(a1) < 1e-100


# Hairer's web page, problem BRUSS: every 70th of its components u_1, v_1, u_2, ... from u(0) = 1 + sin(2 pi x) / 2
BRUSS = {
    0: 0.9949197002317599, 70: 0.8236197147449046, 140: 0.6820097782458483, 210: 0.5797938277687891,
    280: 0.5127671585747183, 350: 0.4722093177200750, 420: 0.4504718553589467,
}  # fmt: skip


def test_the_end_state_of_the_brusselator_on_500_points_is_the_published_one():
    problem = hessbench.problem("brusselator", n=1000, t1=10.0)
    m, p, d = 500, problem.constants, problem.derivatives
    y0 = np.concatenate([1 + (problem.y0[:m] - 1) / 2, problem.y0[m:]])

    def jac(t, y):
        return coo_array((d.jac_values(t, y, p), (d.jac_sparsity.rows, d.jac_sparsity.cols))).tocsc()

    y = solve_ivp(lambda t, y: problem.rhs(np, t, y, p), (0.0, 10.0), y0, "Radau", jac=jac, rtol=1e-8, atol=1e-8).y[
        :, -1
    ]
    np.testing.assert_allclose(y.reshape(2, m).T.ravel()[list(BRUSS)], list(BRUSS.values()), rtol=1e-9)


@pytest.mark.parametrize(("name", "which"), [("robertson", 0), ("hires", 5), ("pollution", 8), ("oregonator", None)])
def test_a_constant_that_is_off_by_a_millionth_is_seen_in_the_end_state(name, which):
    problem = hessbench.problem(name)
    params = {key: np.array(value) for key, value in problem.params.items()}
    if which is None:
        params["q"] *= 1 + 1e-6
    else:
        params["k"][which] *= 1 + 1e-6
    found = end(replace(problem, params=params))
    reached = constants(name).REACHED
    reached = reached[40.0] if name == "robertson" else reached
    assert np.max(np.abs(found / reached - 1)) > 1e-9


CONSERVED = {
    "robertson": ([[1, 1, 1]], {}),
    "hires": ([[0, 0, 0, 0, 0, 0, 1, 1]], {}),
    "e5": ([[0, 1, -1, -1]], {}),
    "reaction-network": (np.ones((1, 30)), {}),
}


@pytest.mark.parametrize("name", CONSERVED)
def test_what_the_reactions_conserve_has_no_slope(name, rng):
    weights, arguments = CONSERVED[name]
    problem = hessbench.problem(name, **arguments)
    y = problem.y0 + rng.uniform(size=problem.dim)
    slope = problem.rhs(np, 0.0, y, problem.params)
    assert np.max(np.abs(weights @ slope)) <= 1e-13 * np.max(np.abs(slope)) * problem.dim


def test_carbon_and_nitrogen_of_the_pollution_model_are_kept_as_far_as_its_reactions_say():
    # y12 .. y18 and y20 only collect or lose; the sum of the nitrogen species y1, y2, y15, y20 with y19, y13, y14 stays
    problem = hessbench.problem("pollution")
    slope = problem.rhs(np, 0.0, problem.y0 + 0.1, problem.params)
    nitrogen = np.zeros(20)
    nitrogen[[0, 1, 12, 14, 18]] = 1.0
    nitrogen[19] = 2.0
    assert abs(nitrogen @ slope) <= 1e-13 * np.max(np.abs(slope))


def test_the_network_ends_in_the_equilibrium_of_its_energies():
    problem = hessbench.problem("reaction-network")
    found = end(problem, "LSODA", 1e-9, t1=2000.0)
    np.testing.assert_allclose(found, problem.params["size"], rtol=1e-7)


def test_the_network_without_detailed_balance_ends_elsewhere():
    problem = hessbench.problem("reaction-network")
    factor = problem.params["factor"].copy()
    factor[-1] *= 2.0  # one backward rate
    spoiled = replace(problem, params={**problem.params, "factor": factor})
    assert np.max(np.abs(end(spoiled, "LSODA", 1e-9, t1=2000.0) / problem.params["size"] - 1)) > 1e-3


@pytest.mark.parametrize("name", ["reaction-network", "pollution"])
def test_these_problems_are_stiff(name):
    problem = hessbench.problem(name)
    y = end(problem, "LSODA", 1e-8)
    rates = -np.linalg.eigvals(problem.derivatives.jac(0.0, y, problem.params)).real
    assert rates.max() * problem.t_span[1] > 1e5


def test_the_gates_of_the_nerve_rest_at_their_equilibrium_and_it_spikes():
    problem = hessbench.problem("hodgkin-huxley")
    slope = problem.rhs(np, 0.0, problem.y0, problem.params)
    assert np.max(np.abs(slope[1:])) < 1e-9
    p = problem.params
    y = solve_ivp(lambda t, y: problem.rhs(np, t, y, p), (0.0, 60.0), problem.y0, "Radau", rtol=1e-9, atol=1e-9).y[0]
    upward = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    assert upward.size == 4  # at 1.9, 16.9, 31.5, 46.2 ms: a period of 14.6 ms, 68 a second
    assert 40.0 < y.max() < 50.0


def test_gray_scott_keeps_matter_by_diffusion_alone_and_rests_without_the_catalyst():
    problem = hessbench.problem("gray-scott", n=20)
    p = {**problem.params, "F": np.array(0.0), "kappa": np.array(0.0)}
    y = problem.y0
    kept = problem.rhs(np, 0.0, y, p)
    assert abs(kept.sum()) < 1e-13 * np.abs(kept).sum()
    assert np.max(np.abs(problem.rhs(np, 0.0, np.resize([1.0, 0.0], 20), problem.params))) < 1e-14


def test_gray_scott_has_one_end_state_by_two_solvers_and_grids_converge():
    ends = {n: end(hessbench.problem("gray-scott", n=n), "BDF", 1e-8, np.ones(n), t1=5.0) for n in (100, 200, 400)}
    other = end(hessbench.problem("gray-scott", n=100), "LSODA", 1e-9, np.ones(100), t1=5.0)
    np.testing.assert_allclose(ends[100], other, atol=2e-6)
    gaps = [np.max(np.abs(ends[n] - ends[2 * n].reshape(-1, 2, 2).mean(axis=1).ravel())) for n in (100, 200)]
    assert gaps[1] < 0.3 * gaps[0] < 0.003  # of second order
    assert ends[100][1::2].max() > 0.1  # the pulse lives


def test_a_reaction_that_cannot_be_read_is_named():
    for text, message in (
        ("A - B", "has to have two sides"),
        ("A -> D", "has 'D'; the species are"),
        ("2 A + B -> C", "has 3 molecules on the left; two are the most"),
    ):
        with pytest.raises(hessbench.InvalidInput, match=message):
            hessbench.MassAction(("A", "B", "C"), (text,))
