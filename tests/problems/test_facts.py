"""What a problem declares about itself is so."""

import numpy as np
import pytest

import hessbench
from hessbench import IVP, IntegrationError, InvalidInput
from hessbench.backends import available, backend


def test_it_evaluates(problem):
    problem.validate()


def test_autonomous_exactly_when_the_right_hand_side_ignores_time(problem):
    f = [problem.rhs(np, t, problem.y0, problem.params) for t in np.linspace(*problem.t_span, 5)]
    assert problem.autonomous == all(np.array_equal(f[0], other) for other in f[1:])


@pytest.mark.skipif(not available("autograd"), reason="autograd is not installed")
@pytest.mark.filterwarnings("ignore:Output seems independent of input")
def test_loss_uses_y0_exactly_when_its_derivative_at_fixed_y1_is_not_zero(problem):
    b = backend("autograd")
    y1 = problem.y0 + 0.1
    slope = b.grad(lambda y0: problem.loss(b.xp, y0, y1, problem.constants))(problem.y0)
    assert problem.loss_uses_y0 == bool(np.any(slope))


def smallest(problem):
    """The size of the smallest state that the loss sees, at most 1: the unit of absolute tolerances."""
    return min(1.0, float(np.min(problem.params["size"]))) if "size" in problem.params else 1.0


def backward_error(problem, x):
    """Relative error of `x` after integrating forward, then the state backward, at rtol 1e-9."""
    forward = IVP("LSODA", rtol=1e-9, atol=1e-9 * smallest(problem))
    back = IVP("DOP853", rtol=1e-9, atol=1e-9, max_steps=2000)
    start, p = problem.unpack(problem.x0)
    x = start if x is None else x

    def f(t, y):
        return problem.rhs(np, t, y, p)

    try:
        back = back.solve(f, problem.t_span[::-1], forward.solve(f, problem.t_span, x).y1).y1
    except IntegrationError:
        return np.inf
    return np.linalg.norm(back - x) / (np.linalg.norm(x) or 1.0)


def test_dissipative_exactly_when_the_state_cannot_be_integrated_backward(problem):
    assert problem.dissipative == (backward_error(problem, problem.y0) > 1e-2)


@pytest.mark.parametrize("n", [4, 8, 12, 16, 20, 22, 24, 32, 64])
def test_brusselator_declares_dissipation_at_the_right_size(n):
    problem = hessbench.problem("brusselator", n=n)
    assert problem.dissipative == (backward_error(problem, problem.y0) > 1e-2)


def test_identical_arguments_give_identical_numbers(case):
    a, b = case.build(), case.build()
    assert a.t_span == b.t_span
    np.testing.assert_array_equal(a.x0, b.x0)
    np.testing.assert_array_equal(a.perturbed, b.perturbed)
    assert all(np.array_equal(a.params[key], b.params[key]) for key in a.params)


def test_two_problems_share_no_state(case):
    a, b = case.build(), case.build()
    assert not np.shares_memory(a.y0, b.y0)
    assert not any(np.shares_memory(a.params[key], b.params[key]) for key in a.params)


def test_random_quadratic_draws_the_same_numbers_everywhere():
    problem = hessbench.problem("random-quadratic", n=10)
    np.testing.assert_allclose(problem.params["A"][0, :2], [0.55784233, 0.12654082], atol=1e-8)
    np.testing.assert_allclose(problem.params["B"][0, 0, :2], [0.18831507, -0.13477591], atol=1e-8)
    np.testing.assert_allclose(problem.y0[:2], [-1.1046166, -0.03093626], atol=1e-7)


def test_perturbed_point_moves_away_from_the_special_one(problem):
    difference = np.abs(problem.perturbed - problem.x0)
    assert np.linalg.norm(difference) > 1e-3 * np.linalg.norm(problem.x0)
    assert np.count_nonzero(difference) > 0.7 * difference.size


def test_perturbed_point_stays_integrable(problem):
    ivp = IVP("LSODA", rtol=1e-6, atol=1e-6 * smallest(problem))
    y0, p = problem.unpack(problem.perturbed)
    y1 = ivp.solve(lambda t, y: problem.rhs(np, t, y, p), problem.times(problem.perturbed), y0).y1
    assert np.all(np.isfinite(y1))


SIZES = {
    "brusselator": ({"n": 6}, 6, 6),
    "gray-scott": ({"n": 8}, 8, 8),
    "harmonic-oscillator": ({"d": 3}, 6, 3),
    "kepler": ({"dim": 3}, 6, 3),
    "random-quadratic": ({"n": 5}, 5, 5),
    "three-body": ({"dim": 3}, 18, 3),
}


@pytest.mark.parametrize("name", SIZES)
def test_size_is_the_argument_of_the_family(name):
    arguments, dim, size = SIZES[name]
    problem = hessbench.problem(name, **arguments)
    assert (problem.dim, problem.size) == (dim, size)


TWELVE = [1.0, 0, -1, 0, 0, 0, 0, 1, 0, -1, 0.1, 0]
REFUSED = [
    ("brusselator", {"n": 2}, "`n` is 2, expected an even number of at least 4"),
    ("brusselator", {"n": 7}, "`n` is 7, expected an even number"),
    ("brusselator", {"n": 8.0}, "`n` is 8.0, expected an even number"),
    ("brusselator", {"alpha": -1.0}, "`alpha` is -1.0, expected a positive number"),
    ("driven-pendulum", {"t1": float("nan")}, "`t1` is nan, expected a finite number"),
    ("e5", {"t1": 0.0}, "`t1` is 0.0, expected a positive time"),
    ("gray-scott", {"n": 9}, "`n` is 9, expected an even number of at least 6"),
    ("gray-scott", {"t1": -1.0}, "`t1` is -1.0, expected a positive time"),
    ("harmonic-oscillator", {"d": 0}, "`d` is 0, expected a number of oscillators"),
    ("harmonic-oscillator", {"d": 2, "omega": [1.0]}, r"`omega` has shape \(1,\), expected \(2,\)"),
    ("harmonic-oscillator", {"d": 2, "omega": [1.0, 0.0]}, "expected finite frequencies other than zero"),
    ("hires", {"t1": "x"}, "`t1` is 'x', expected a positive time"),
    ("hodgkin-huxley", {"t1": 0}, "`t1` is 0, expected a positive time"),
    ("kepler", {"dim": 4}, "`dim` is 4, expected 2 or 3"),
    ("kepler", {"mu": 0}, "`mu` is 0, expected a positive number"),
    ("kepler", {"periods": 0}, "`periods` is 0, expected a whole number"),
    ("kepler", {"y0": [1, 0, 0]}, "expected 4 finite numbers"),
    ("kepler", {"y0": [0, 0, 0, 1]}, "starts in the centre"),
    ("kepler", {"y0": [1, 0, 0, 1.5]}, "escapes .* start slower"),
    ("kepler", {"y0": [1, 0, 0.5, 0]}, "falls into the centre .* more sideways"),
    ("oregonator", {"t1": 0}, "`t1` is 0, expected a positive time"),
    ("pollution", {"wrt": ("k", "log_k")}, "expected some of 'y0' and either 'k' or 'log_k'"),
    ("pollution", {"t1": 0}, "`t1` is 0, expected a positive time"),
    ("random-quadratic", {"n": 0}, "`n` is 0, expected a number of states"),
    ("reaction-network", {"seed": -1}, "`seed` is -1, expected a number of at least 0"),
    ("reaction-network", {"t1": 0}, "`t1` is 0, expected a positive time"),
    ("ring-modulator", {"t1": 0}, "`t1` is 0, expected a positive time"),
    ("robertson", {"t1": 50.0}, "`t1` is 50.0, expected one of 40, 10000, 1e\\+11"),
    ("robertson", {"wrt": "t1"}, "expected some of 'y0' and 'k'"),
    ("sir", {"beta": -1.0}, "`beta` is -1.0, expected a rate"),
    ("van-der-pol", {"mu": 0.0}, "`mu` is 0.0, expected a positive number"),
    ("three-body", {"start": "figure-9"}, "`start` is 'figure-9', expected one of figure-8, perturbed, simo"),
    ("three-body", {"dim": 1}, "`dim` is 1, expected 2 or 3"),
    ("three-body", {"y0": TWELVE}, "together with `period`"),
    ("three-body", {"start": "simo", "y0": TWELVE, "period": 1.0}, "either `start`, or an orbit of your own"),
    ("three-body", {"masses": [1, 1, 1]}, "together with `period`"),
    ("three-body", {"y0": TWELVE[:-1], "period": 1.0}, "`y0` has 11 numbers, expected 12 or 18"),
    ("three-body", {"y0": TWELVE, "period": 1.0, "dim": 3}, "`y0` has 12 numbers, expected 18"),
    ("three-body", {"y0": TWELVE, "period": 0}, "`period` is 0, expected a positive number"),
    ("three-body", {"y0": TWELVE, "period": 1.0, "masses": [1, -1, 1]}, "expected three numbers that are not negative"),
    ("three-body", {"y0": [0.0] * 12, "period": 1.0}, "two bodies at the same place"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSED)
def test_bad_argument_is_refused_with_what_was_expected(name, arguments, message):
    with pytest.raises(InvalidInput, match=f"^{name}: .*{message}"):
        hessbench.problem(name, **arguments)
