"""Soft directions of any problem: symmetries that are found, curvatures in closed form, distances, constrained minima."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchError, InvalidInput, Problem
from hessbench.orbits import Directions, adjust, directions, symmetries, wanted_of


@cache
def found(name: str, **arguments) -> Directions:
    return directions(hessbench.problem(name, **arguments))


def names(problem: Problem) -> set[str]:
    return {s.name for s in symmetries(problem)}


def test_newtonian_gravity_has_its_ten_symmetries_and_keplers_scaling():
    problem = hessbench.problem("three-body", start="perturbed", dim=3)
    rotations = {f"rotation about {a}" for a in "xyz"}
    moves = {f"{kind} {a}" for kind in ("translation", "boost") for a in "xyz"}
    assert names(problem) == {"time shift", "scaling y[0..8]^1 y[9..17]^-0.5 t^1.5"} | rotations | moves


def test_symmetries_that_are_broken_are_not_found():
    """Unequal frequencies break the rotation, a drive the time shift, a field about one axis the others' rotations."""
    assert "rotation" in names(hessbench.problem("harmonic-oscillator", d=2, omega=[1.0, 1.0]))
    assert "rotation" not in names(hessbench.problem("harmonic-oscillator", d=2, omega=[1.0, 1.001]))
    assert "time shift" not in names(hessbench.problem("driven-pendulum"))

    def rhs(xp, t, y, p):  # attraction by a flattened centre
        r2 = xp.sum(y[:3] * y[:3] * np.array([1.0, 1.5, 2.0]))
        return xp.concatenate([y[3:], -y[:3] / r2])

    flat = replace(hessbench.problem("kepler", dim=3), rhs=rhs, derivatives=None, exact=None)
    assert {n for n in names(flat) if "rotation" in n} == set()
    round_about_z = replace(flat, rhs=lambda xp, t, y, p: xp.concatenate([y[3:], -y[:3] * np.array([1, 1, 3.0])]))
    assert {n for n in names(round_about_z) if "rotation" in n} == {"rotation about z"}


def test_scalings_of_parameters_are_found_with_their_exponents():
    found = names(hessbench.problem("robertson"))
    assert {"scaling y[0..2]^1 k[1..2]^-1", "scaling t^1 k[0..2]^-1"} <= found


def test_a_start_that_is_no_unknown_leaves_only_what_keeps_it():
    predator = hessbench.problem("lotka-volterra")
    fixed = replace(predator, wrt=("alpha", "beta", "gamma", "delta"), perturbed=None)
    assert names(fixed) == {"scaling t^1 alpha^-1 beta^-1 gamma^-1 delta^-1"}


def test_symmetries_move_solutions_to_solutions_by_finite_amounts():
    """Moving the start by 0.3 along a symmetry that the loss has leaves `|y(T) - y(0)|^2` as it is, off any closed orbit."""
    out = found("three-body", start="perturbed")
    kept = {s.name: s for s, same in zip(out.symmetries, out.invariant, strict=True) if same}
    assert kept.keys() == {"translation x", "translation y", "rotation"}
    for s in kept.values():
        np.testing.assert_allclose(hessbench.hessian(out.problem, s.moved(out.x, 0.3)).value, out.value, rtol=1e-8)


def test_figure_8_has_four_symmetries_two_soft_directions_and_boosts_of_twice_the_period_squared():
    out = found("three-body")
    assert [d.name for d in out.directions[:4]] == ["time shift", "translation x", "translation y", "rotation"]
    soft = [d for d in out.directions if d.kind == "soft"]
    np.testing.assert_allclose([d.eigenvalue for d in soft], [5.919239783e-4, 9.098542158585e-3], rtol=3e-5)
    assert all(
        abs(d.eigenvalue - e) <= 3 * d.error for d, e in zip(soft, (5.919239783e-4, 9.098542158585e-3), strict=True)
    )
    boosts = [d for d in out.directions if d.kind == "boost"]
    np.testing.assert_allclose([d.eigenvalue for d in boosts], 2 * 6.325913982926211**2, rtol=1e-9)


def test_kepler_has_one_direction_that_matters_and_one_null_one_without_a_name():
    """Its spectrum is known in closed form; the unnamed null direction is the eccentricity's (Runge and Lenz)."""
    out = found("kepler")
    assert sorted(d.kind for d in out.directions) == ["null", "stiff", "symmetry", "symmetry"]
    np.testing.assert_allclose(out.directions[-1].eigenvalue, 256530.757593114, rtol=1e-8)


def test_a_quadratic_loss_grows_as_predicted_to_the_asked_value():
    """`L = x.H x / 2` of an oscillator, at its minimum: s = sqrt(2 rise / lambda) to both sides."""
    problem = hessbench.problem("harmonic-oscillator", d=1, omega=[1.3], t=1.1)
    out = directions(problem, [0.0, 1e-30], rise=0.1)
    for d in (d for d in out.directions if d.kind == "stiff"):
        expected = np.sqrt(0.2 / d.eigenvalue)
        np.testing.assert_allclose(d.model, expected, rtol=1e-6)
    wide = directions(problem, [1.0, 0.0], rise=0.1)
    for d in (d for d in wide.directions if np.isfinite(d.reach[1])):
        s, h = d.reach[1], wide.hess
        grown = hessbench.hessian(problem, d.at(s)).value - wide.value
        np.testing.assert_allclose(grown, 0.1, rtol=0.05)
        np.testing.assert_allclose(grown, s * d.slope + s * s * (d.vector @ h @ d.vector) / 2, rtol=1e-7)


def test_a_direction_that_is_flatter_than_its_curvature_says_is_followed_further():
    """L = y^2 / (1 + y^2) never grows beyond 1; its curvature at 0 says that it does so at y = 1."""
    problem = Problem(
        name="flat", rhs=lambda xp, t, y, p: 0.0 * y, t_span=(0.0, 1.0), y0=np.array([1e-3, 1.0]),
        loss=lambda xp, y0, y1, p: xp.sum(y1[:1] ** 2 / (1 + y1[:1] ** 2)) + xp.sum((y1[1:] - 1) ** 2),
        autonomous=True,
    )  # fmt: skip
    out = directions(problem, rise=0.8)
    first = next(d for d in out.directions if abs(d.vector[0]) > 0.9)
    assert first.model[1] < 1.0 and first.reach[1] == np.inf  # the model says 0.9; in truth 2, beyond the limit of |x|


def test_constrained_minimum_of_a_quadratic_loss_is_that_of_its_inverse_hessian():
    """min x.H x / 2 with x_0 given = x_0^2 / (2 (H^-1)_00)."""
    out = found("harmonic-oscillator", d=2)
    done = adjust(out, wanted_of(["y0[0]=+0.1", "y0[1]=-0.2"], out.problem))
    a, b = out.x[:2] + np.array([0.1, -0.2])
    inverse = np.linalg.inv(out.hess)[:2, :2]
    expected = np.array([a, b]) @ np.linalg.solve(inverse, [a, b]) / 2
    np.testing.assert_allclose(out.value + done.growth, expected, rtol=1e-8)
    np.testing.assert_allclose(done.growth, done.predicted, rtol=1e-6)
    assert done.converged


def test_a_wanted_change_at_the_end_is_reached():
    out = found("harmonic-oscillator", d=1)
    done = adjust(out, wanted_of(["end[0]=-0.3"], out.problem))
    np.testing.assert_allclose(done.achieved, [-0.3], atol=1e-8)
    w, t = out.problem.params["omega"][0], 1.7
    c = np.array([np.cos(w * t), np.sin(w * t) / w])  # end[0] = c.x, so that the minimum is target^2 / (2 c.H^-1 c)
    expected = (c @ out.x - 0.3) ** 2 / (2 * c @ np.linalg.solve(out.hess, c))
    np.testing.assert_allclose(out.value + done.growth, expected, rtol=1e-7)


def test_what_a_symmetry_does_costs_nothing_and_what_none_does_finds_a_closed_orbit():
    out = found("three-body")
    shifted = adjust(out, wanted_of(["y0[0]=+0.05"], out.problem))
    assert shifted.converged and abs(shifted.growth) < 1e-14
    moved = adjust(out, wanted_of(["y0[0]=+0.02", "y0[2]=0", "y0[4]=0"], out.problem))
    assert moved.converged and abs(moved.growth) < 1e-14 and moved.predicted > 1e-6


def test_a_loss_without_a_constrained_minimum_is_refused():
    out = found("three-body", start="perturbed")
    with pytest.raises(HessbenchError, match="no smallest change"):
        adjust(out, wanted_of(["y0[0]=0"], out.problem))


@pytest.mark.parametrize("text", ["y0[0]", "y0[99]=1", "z=1", "y0[0]=one", "end[12]=1", "y0[0]=nan"])
def test_a_wish_that_cannot_be_read_is_refused_with_the_labels(text):
    with pytest.raises(InvalidInput, match="write LABEL=CHANGE"):
        wanted_of([text], hessbench.problem("three-body"))


def test_bad_arguments_are_refused():
    problem = hessbench.problem("harmonic-oscillator")
    with pytest.raises(InvalidInput, match="twice"):
        wanted_of(["y0[0]=1", "y0[0]=2"], problem)
    with pytest.raises(InvalidInput, match="`rise` is -1"):
        directions(problem, rise=-1)
    with pytest.raises(InvalidInput, match="size is not known"):
        directions(replace(problem, y0=np.zeros(4), perturbed=None), relative=True)


def test_a_planted_fault_is_seen_a_rotation_in_the_wrong_plane():
    from hessbench.orbits._generators import generator, residual
    from hessbench.orbits._symmetries import small

    problem, turn = hessbench.problem("kepler"), np.array([[0.0, -1.0], [1.0, 0.0]])
    t, y = 0.0, problem.y0 + 0.1
    right = generator("r", "rotation", 4, a=np.kron(np.eye(2), turn))
    wrong = generator("r", "rotation", 4, a=np.kron(np.diag([1.0, 0.999999]), turn))
    assert small(*residual(problem, right, t, y)) and not small(*residual(problem, wrong, t, y))
