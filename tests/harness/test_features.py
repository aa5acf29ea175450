"""Features in time that are at least 1e-4 of the span wide are met by step ends; what is smooth is left alone."""

from itertools import pairwise

import numpy as np
import pytest

import hessbench
from hessbench import Problem
from hessbench._derive.features import Path, narrow_features, through


def forced(drive, t_span=(0.0, 10.0), **more):
    return Problem(
        "forced",
        lambda xp, t, y, p: drive(xp, t) - p["k"] * y,
        lambda xp, y0, y1, p: xp.sum(y1),
        t_span,
        [1.0, 0.5],
        {"k": 0.3},
        **more,
    )


def ends(problem, steps=None):
    """With a path that knows nothing of what is looked for."""
    return narrow_features(
        problem, problem.params, problem.t_span, lambda t: np.exp(-0.3 * t)[:, None] * problem.y0, steps
    )


@pytest.mark.parametrize("width", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("centre", [0.3217, 5.0003, 9.411])
def test_a_pulse_is_bracketed_and_cut(width, centre):
    def drive(xp, t):
        return 1.0 + 0.01 * xp.exp(-(((t - centre) / (10 * width / 2)) ** 2))

    found = ends(forced(drive), np.linspace(0.0, 10.0, 12))
    near = found[np.abs(found - centre) < 30 * width]
    assert near.size >= 2
    assert near[0] < centre < near[-1]


@pytest.mark.parametrize("at", [4.0, np.pi, 0.1])
@pytest.mark.parametrize(
    "drive",
    [
        lambda xp, t, at: xp.where(t < at, 1.0, 2.0),
        lambda xp, t, at: xp.maximum(t - at, 0.0),
        lambda xp, t, at: xp.interp(t, np.array([0.0, at, 10.0]), np.array([0.0, 1.0, 0.0])),
        lambda xp, t, at: 1.0 * (t >= at),
        lambda xp, t, at: xp.abs(t - at),
    ],
)
def test_a_jump_or_kink_lies_between_two_times_some_ulps_apart(drive, at):
    found = ends(forced(lambda xp, t: drive(xp, t, at)), np.linspace(0.0, 10.0, 500))
    below, above = found[found < at][-1], found[found >= at][0]
    assert above - below < 1e-13
    assert below <= at - 2e-15 < at + 2e-15 <= above


def test_a_jump_of_a_function_that_takes_no_batches_is_located():
    found = ends(forced(lambda xp, t: 1.0 if t < 4.0 else 2.0), np.linspace(0.0, 10.0, 12))
    below, above = found[found < 4.0][-1], found[found >= 4.0][0]
    assert above - below < 1e-13


def test_backward_in_time_the_ends_come_in_that_direction():
    found = ends(forced(lambda xp, t: xp.where(t < 4.0, 1.0, 2.0), (10.0, 0.0)), np.linspace(10.0, 0.0, 50))
    assert found.size == 2
    assert found[0] > 4.0 > found[1]


def test_a_running_loss_is_looked_at_too():
    made = forced(
        lambda xp, t: 0.0, running_loss=lambda xp, t, y, p: xp.exp(-(((t - 5.0) / 5e-3) ** 2)) + 0 * xp.sum(y[:1])
    )
    assert ends(made, np.linspace(0.0, 10.0, 12)).size >= 2


def test_parameters_of_the_shape_of_the_state_are_evaluated_in_batches():
    made = Problem(
        "masked",
        lambda xp, t, y, p: p["m"] * xp.cos(t) - y,
        lambda xp, y0, y1, p: xp.sum(y1),
        (0.0, 1.0),
        [1.0, 2.0],
        {"m": [1.0, 3.0]},
    )
    grid = np.linspace(0.0, 1.0, 65)
    assert Path(made, made.params, grid, np.ones((65, 2))).batched is not None


@pytest.mark.parametrize("steps", [np.linspace(0.0, 10.0, 400)])
def test_what_the_steps_resolve_is_left_out(steps):
    assert ends(forced(lambda xp, t: xp.cos(20 * t)), steps).size == 0


def test_a_problem_that_does_not_read_the_time_is_not_scanned():
    made = Problem("plain", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), [1.0])
    assert narrow_features(made, made.params, made.t_span, lambda t: np.ones((len(t), 1))).size == 0


def test_an_adaptive_solve_that_ends_there_sees_a_pulse_that_it_would_step_over():
    width = 5e-4 * 10
    made = forced(lambda xp, t: xp.exp(-(((t - 7.3) / width) ** 2)))
    exact = 0.3 * np.exp(-3.0) / 0.3 + np.exp(-0.3 * 2.7) * width * np.sqrt(np.pi) * np.exp((0.3 * width / 2) ** 2)
    ivp = hessbench.IVP("DOP853", 1e-8, 1e-8)
    f = lambda t, y: made.rhs(np, t, y, made.params)  # noqa: E731
    whole = ivp.solve(f, (0.0, 10.0), np.array([1.0]))
    assert abs(whole.y1[0] - np.exp(-3.0)) < 1e-6  # it sees nothing
    times = np.array([0.0, *ends(made, whole.t), 10.0])
    y = np.array([1.0])
    for start, stop in pairwise(times):
        y = ivp.solve(f, (start, stop), y).y1
    assert y[0] == pytest.approx(exact, rel=1e-6)


def test_a_path_through_steps_is_exact_for_cubics():
    t = np.array([0.0, 1.0, 3.0])
    path = through(t, (t**3)[:, None], (3 * t**2)[:, None])
    assert path(np.array([2.0]))[0] == pytest.approx([8.0])
