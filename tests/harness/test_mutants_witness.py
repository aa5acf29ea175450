"""The witness pinned part by part: differences of known functions, the search for an increment, its solver."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from hessbench import IntegrationError, Problem
from hessbench._judging import witness as _witness
from hessbench._judging.tight import Path, Tight, tight
from hessbench._judging.witness import CONFIRMED, ENOUGH, LEVELS, SETTLED, Verdict, Witness, multistep


def flow(rhs=lambda xp, t, y, p: 0.0 * y, y0=(1.0, 2.0), t_span=(0.0, 1.0), **more):
    return Problem("flow", rhs, lambda xp, y0, y1, p: xp.sum(y1), t_span, list(y0), **more)


@dataclass(frozen=True, eq=False)
class Known(Witness):
    """A witness whose loss is a function of `x` and whose directions are given."""

    function: object = None
    along: tuple = ()

    @property
    def sizes(self):
        return np.ones(self.x.size)

    @property
    def value(self):
        return self.function(self.x)

    @property
    def directions(self):
        return self.along

    def loss(self, x):
        return self.function(x)


def known(function, x, *along):
    x = np.array(x)
    return Known(Tight(flow(y0=x), np.ones(x.size), np.empty(0)), x, function=function, along=along)


def test_differences_on_both_sides_are_those_of_a_quadratic():
    witness = known(lambda x: 3.0 + 2.0 * x[0] + 5.0 * x[0] ** 2, [0.5], (np.array([2.0]), False))
    assert witness.differences(0, 2) == pytest.approx((2 * (2 + 5), 4 * 10))
    up, down = 3 + 2 * 1.0 + 5 * 1.0, 3 + 2 * 0.0
    assert witness.differences(0, 2) == pytest.approx(((up - down) / 0.5, (up - 2 * 5.25 + down) / 0.0625))


def test_differences_on_one_side_are_those_of_a_cubic():
    def loss(x):
        assert x[0] >= 1.0
        return 1.0 + 2.0 * x[0] ** 2 - x[0] ** 3

    witness = known(loss, [1.0], (np.array([1.0]), True))
    assert witness.differences(0, 3) == pytest.approx((4 - 3, 4 - 6))


def test_differences_are_computed_once():
    calls = []
    witness = known(lambda x: float(calls.append(1) or x[0]), [1.0], (np.array([1.0]), False))
    assert (
        witness.differences(0, 4) == witness.differences(0, 4) and len(calls) == 3
    )  # the value itself is asked for again


@pytest.mark.parametrize("one_sided", [False, True])
def test_extrapolations_remove_one_order_after_the_other(one_sided):
    """Along `u = 1` the errors of differences are powers of h: h^2, h^4 on both sides, h^3 and h^2 on one side."""
    witness = known(lambda x: np.exp(x[0]), [0.0], (np.array([1.0]), one_sided))
    columns = [[], [], []]
    for level in (4, 6, 8):
        witness._extend(columns, 0, level)
    assert [len(column) for column in columns] == [3, 2, 1]
    errors = [max(abs(column[-1][0] - 1), abs(column[-1][1] - 1)) for column in columns]
    assert errors[1] < errors[0] / 50 and errors[2] < 1e-7
    weights = (64.0, 16.0) if one_sided else (16.0, 16.0)
    for k in (0, 1):
        coarse, fine = columns[0][0][k], columns[0][1][k]
        assert columns[1][0][k] == pytest.approx((weights[k] * fine - coarse) / (weights[k] - 1), rel=1e-14)
    weights = (256.0, 64.0) if one_sided else (256.0, 256.0)
    for k in (0, 1):
        coarse, fine = columns[1][0][k], columns[1][1][k]
        assert columns[2][0][k] == pytest.approx((weights[k] * fine - coarse) / (weights[k] - 1), rel=1e-14)


@pytest.mark.parametrize(
    ("gap", "settled", "confirms", "contradicts"),
    [
        (CONFIRMED, 0.0, True, False),
        (1.01 * CONFIRMED, 0.0, False, True),
        (3e-3, SETTLED, True, False),  # three times what the differences differ by among themselves
        (3.1e-3, SETTLED, False, True),
        (3e-3, 1.01 * SETTLED, False, False),
        (np.inf, np.inf, False, False),
    ],
)
def test_a_verdict_by_its_numbers(gap, settled, confirms, contradicts):
    found = Verdict(gap, settled)
    assert (found.confirms, found.contradicts) == (confirms, contradicts)


def test_the_numbers_of_the_search():
    assert (CONFIRMED, ENOUGH, SETTLED) == (1e-5, 1e-6, 1e-3)
    assert LEVELS == (4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32)


def test_a_right_result_is_confirmed_along_every_direction_and_a_wrong_one_along_the_last_is_not():
    def loss(x):
        return np.exp(x[0]) + np.sin(x[1]) + x[0] * x[1]

    e = np.eye(2)
    witness = known(loss, [0.3, 0.7], (e[0], False), (e[1], False), (e[0] + e[1], True))
    a, b = np.exp(0.3), np.sin(0.7)
    value, grad = a + b + 0.21, np.array([a + 0.7, np.cos(0.7) + 0.3])
    hess = np.array([[a, 1.0], [1.0, -b]])
    right = witness.verdict(value, grad, hess)
    assert right.confirms and right.gap <= CONFIRMED and right.settled <= SETTLED
    off = np.array([[0.0, 1e-3], [1e-3, 0.0]])  # the last direction alone sees it
    assert witness.verdict(value, grad, hess + off).contradicts
    assert not witness.verdict(value + 1e-3, grad, hess).confirms
    assert not witness.verdict(value, grad + np.array([0.0, 1e-3]), hess).confirms
    assert witness.verdict(np.nan, grad, hess).gap == np.inf


def test_noise_is_not_taken_for_an_error():
    rng = np.random.default_rng(5)
    witness = known(lambda x: np.cosh(x[0]) * (1 + 1e-14 * rng.normal()), [0.4], (np.ones(1), False))
    assert witness.verdict(np.cosh(0.4), np.array([np.sinh(0.4)]), np.array([[np.cosh(0.4)]])).confirms


def test_a_feature_finer_than_the_first_increments_is_found():
    """exp(-(x / w)^2 / 2) with w = 2^-12: the right increment is a few thousand times smaller than the first one."""
    w = 2.0**-12
    witness = known(lambda x: np.exp(-((x[0] / w) ** 2) / 2), [w], (np.ones(1), False))
    value, grad, hess = np.exp(-0.5), np.array([-np.exp(-0.5) / w]), np.array([[0.0]])
    assert witness.verdict(value, grad, hess).confirms
    assert not witness.verdict(value, 1.01 * grad, hess).confirms


@pytest.mark.parametrize(
    ("found", "target", "norms", "floor", "gap"),
    [
        ([(1.0, 2.0)], (1.0, 2.0), (0.0, 0.0), 0.0, 0.0),
        ([(1.0, 2.0)], (1.0, 1.0), (0.0, 0.0), 0.0, 0.5),
        ([(1.0, 2.0)], (1.0, 1.0), (0.0, 4.0), 0.0, 0.25),
        ([(1.0, 2.0)], (1.0, 1.0), (0.0, 0.0), 8.0, 0.125),
        ([(1.0, 0.0)], (0.5, 0.0), (0.0, 0.0), 1e-9, 0.5),
        ([(1.0, 0.0)], (0.5, 0.0), (2.0, 0.0), 1e-9, 0.25),
        ([(1.0, 4.0)], (0.5, 4.0), (2.0, 0.0), 0.0, 0.125),
        ([(1.0, 2.0), (1.0, 4.0)], (1.0, 2.0), (0.0, 0.0), 0.0, 0.5),
        ([(1.0, 4.0), (1.0, 2.0)], (1.0, 2.0), (0.0, 0.0), 0.0, 0.5),
        ([(np.nan, 2.0)], (1.0, 2.0), (1.0, 1.0), 0.0, np.inf),
        ([(1.0, np.inf)], (1.0, 2.0), (1.0, 1.0), 0.0, np.inf),
    ],
)
def test_the_distance_of_differences_from_what_is_asked(found, target, norms, floor, gap):
    assert Witness._apart(found, target, norms, floor) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("ratio", "answer"),
    [(4.0, True), (3.1, True), (4.9, True), (2.9, False), (5.4, False), (1.0, False), (16.0, False)],
)
def test_a_kink_makes_second_differences_grow_four_times_from_level_to_level(ratio, answer, monkeypatch):
    witness = known(lambda x: 0.0, [1.0], (np.ones(1), False), (np.ones(1), False))
    monkeypatch.setattr(Known, "differences", lambda self, r, level: (0.0, -(ratio ** (level / 2))))
    assert witness.blows_up is answer


def test_a_function_without_curvature_or_directions_does_not_blow_up(monkeypatch):
    assert not known(lambda x: 0.0, [1.0], (np.ones(1), False)).blows_up
    assert known(lambda x: 0.0, [1.0]).blows_up is False
    sizes = {8: 0.0, 10: 1.0, 12: 4.0, 14: 16.0, 16: 64.0}
    witness = known(lambda x: 0.0, [1.0], (np.ones(1), False))
    monkeypatch.setattr(Known, "differences", lambda self, r, level: (0.0, sizes[level]))
    assert not witness.blows_up


def test_directions_are_random_signs_of_the_sizes_and_all_pairs_where_they_are_asked_for():
    problem = flow(y0=(1.0, -20.0, 300.0))
    witness = Witness(tight(problem, problem.x0), problem.x0, count=3, pairs=True)
    drawn, pairs = witness.directions[:3], witness.directions[3:]
    assert all(np.abs(u).tolist() == [1.0, 20.0, 300.0] and not one_sided for u, one_sided in drawn)
    expected = [(1, 0, 0), (1, 20, 0), (0, 20, 0), (1, 0, 300), (0, 20, 300), (0, 0, 300)]
    assert sorted(tuple(np.abs(u).tolist()) for u, _ in pairs) == sorted(expected)
    assert not any(one_sided for _, one_sided in pairs)
    assert len(Witness(witness.plan, problem.x0).directions) == 2


def test_at_a_switch_of_the_time_directions_keep_to_both_sides():
    problem = flow(lambda xp, t, y, p: xp.where(t > 0.0, 1.0, 2.0) + 0.0 * y)
    assert not any(one_sided for _, one_sided in Witness(tight(problem, problem.x0), problem.x0).directions)


def decay(**more):
    return flow(lambda xp, t, y, p: -y, **more)


def adams(plan, x, rtol, most):
    return multistep(plan, x, "vode", rtol, most)


def test_adams_gives_the_solution():
    problem = decay()
    path = adams(tight(problem, problem.x0), problem.x0, 1e-12, 5000)
    assert path.times.tolist() == [0.0, 1.0] and path.states.shape[0] == 2
    assert path.end[:2] == pytest.approx(np.exp(-1.0) * np.array([1.0, 2.0]), rel=1e-10)


def test_adams_refuses_to_stop_before_the_end():
    blow_up = flow(lambda xp, t, y, p: y * y, y0=(1.0,), t_span=(0.0, 2.0))
    plan = Tight(blow_up, np.ones(1), np.empty(0))
    with pytest.raises(IntegrationError, match="vode stopped at t = "):
        adams(plan, blow_up.x0, 1e-10, 500)
    problem = decay()
    with pytest.raises(IntegrationError, match="vode stopped"):
        adams(tight(problem, problem.x0), problem.x0, 1e-12, 3)
    nothing = flow(lambda xp, t, y, p: xp.where(t > 0.5, np.nan, 1.0) + 0.0 * y)
    with pytest.raises(IntegrationError, match="vode stopped"):
        adams(Tight(nothing, np.ones(2), np.empty(0)), nothing.x0, 1e-10, 5000)


def test_adams_takes_steps_of_a_twentieth_at_most():
    """A pulse of a fortieth of the span in a solution that is flat elsewhere is not stepped over."""
    pulse = flow(lambda xp, t, y, p: xp.exp(-(((t - 70.0) / 2.0) ** 2)) + 0.0 * y, y0=(0.0,), t_span=(0.0, 100.0))
    path = adams(Tight(pulse, np.ones(1), np.empty(0)), pulse.x0, 1e-10, 5000)
    assert path.end[0] == pytest.approx(2.0 * np.sqrt(np.pi), rel=1e-7)


@pytest.mark.parametrize("span", [1e-3, 1.0, 1e3])
def test_adams_steps_over_a_jump_by_its_two_sides(span):
    """y' = 1 until a third of the span, then y' = 2."""
    third = span / 3
    jump = flow(lambda xp, t, y, p: xp.where(t < third, 1.0, 2.0) + 0.0 * y, y0=(0.0,), t_span=(0.0, span))
    ends = np.array([np.nextafter(third, 0.0), third])
    path = adams(Tight(jump, np.array([span]), ends), jump.x0, 1e-12, 2000)
    assert path.times.tolist() == [0.0, *ends, span]
    assert path.end[0] == pytest.approx(span * 5 / 3, rel=1e-10)
    assert path.states[2, 0] - path.states[1, 0] == pytest.approx(ends[1] - ends[0], rel=1e-3)


def test_where_adams_fails_another_solver_is_taken(monkeypatch):
    tried = []

    def failing(plan, x, solver, rtol, most):
        tried.append((solver, rtol))
        raise IntegrationError("no")

    monkeypatch.setattr(_witness, "multistep", failing)
    problem = decay()
    witness = Witness(tight(problem, problem.x0), problem.x0)
    assert witness.value == pytest.approx(3.0 * np.exp(-1.0), rel=1e-10)
    assert tried == [("vode", 1e-13), ("lsoda", 1e-13)]


def test_where_nothing_comes_to_the_end_it_is_said_and_the_loss_is_nan(monkeypatch):
    tried = []

    def failing(plan, x, *rest, most=0):
        tried.append(rest)
        raise IntegrationError("no")

    monkeypatch.setattr(_witness, "multistep", failing)
    monkeypatch.setattr(Tight, "solve", failing)
    problem = decay()
    witness = Witness(Tight(problem, np.ones(2), np.empty(0)), problem.x0)
    with pytest.raises(IntegrationError, match="Neither Adams nor LSODA"):
        _ = witness.solver
    each = [("vode", 1e-13), ("lsoda", 1e-13), ("LSODA", 1e-13)]
    assert [rest[:2] for rest in tried] == [*each, *((solver, 100 * rtol) for solver, rtol in each)]
    assert np.isnan(witness.value)


def test_points_beside_get_four_times_the_steps(monkeypatch):
    given = []

    def solved(plan, x, solver, rtol, most):
        given.append(most)
        return Path(np.array([0.0, 1.0]), np.array([x, x]), 0)

    monkeypatch.setattr(_witness, "multistep", solved)
    problem = decay()
    witness = Witness(Tight(problem, np.ones(2), np.empty(0)), problem.x0)
    assert witness.loss(problem.x0 + 1.0) == 5.0 and given == [1000, 4000]


def test_sizes_are_declared_or_of_the_point_or_of_the_solution():
    problem = Problem(
        "sized", lambda xp, t, y, p: p["k"] + 0.0 * y, lambda xp, y0, y1, p: xp.sum(y1), (1.0, 3.0), [0.0, -2.0],
        {"k": 0.0, "m": np.array([0.0, -4.0]), "n": 0.25}, wrt=("y0", "k", "m", "n", "t1"), scale={"n": 0.5},
    )  # fmt: skip
    plan = Tight(problem, np.ones(2), np.empty(0), largest=np.array([7.0, 9.0]))
    assert Witness(plan, problem.x0).sizes.tolist() == [7.0, 2.0, 1.0, 4.0, 4.0, 0.5, 2.0]
    declared = replace(problem, scale={"k": 3.0, "m": [1.0, 8.0], "y0": 0.5})
    assert Witness(Tight(declared, np.ones(2), np.empty(0), largest=plan.largest), declared.x0).sizes.tolist() == [
        *(7.0, 2.0, 3.0, 1.0, 8.0, 0.25, 2.0)
    ]
    assert problem.x0[0] == 0.0  # what was asked about is not changed
