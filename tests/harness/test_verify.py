"""`hessian(..., verify=True)`: the estimate bounds the error, and differences show what both tolerances have in common."""

import math
import warnings

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchWarning, Problem, Result, Strategy
from hessbench._judging.verify import Verifier, verifier


def bounded(name, rtol, **arguments):
    """Estimate and true error, in the same norm, against the closed form off the problem's own point."""
    problem = hessbench.problem(name, **arguments)
    x = problem.x0 * 1.03 + 0.01
    assert problem.exact is not None
    truth = problem.exact(x)
    result = hessbench.hessian(problem, x, rtol=rtol, verify=True)
    d = np.abs(x)
    weights = d[:, None] * d
    true = np.max(weights * np.abs(result.hess - truth[2])) / np.max(weights * np.abs(truth[2]))
    return result.error, true


@pytest.mark.parametrize("rtol", [1e-5, 1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize("name", ["harmonic-oscillator", "magnetic-field"])
def test_the_estimate_bounds_the_error_and_not_by_much(name, rtol):
    estimate, true = bounded(name, rtol)
    assert true <= estimate <= max(30 * true, 1e-12)


def test_a_good_hessian_comes_without_a_warning_and_as_without_verification():
    problem = hessbench.problem("three-body")
    plain, verified = hessbench.hessian(problem, rtol=1e-9), hessbench.hessian(problem, rtol=1e-9, verify=True)
    assert np.array_equal(plain.hess, verified.hess) and plain.counters == verified.counters
    assert plain.error is None and 0 < verified.error < 1e-7 and verified.warnings == ()


def kinked(xp, t, y, p):
    """y' = 1 until y = 1, then y' = y: y(2) = exp(1 + y0)."""
    return 1.0 + xp.maximum(y - 1.0, 0 * y)


def jumping(xp, t, y, p):
    """y' = 1 until y = 1, then 2: y(2) = 3 + 2 y0."""
    return xp.where(y < 1.0, 1.0 + 0 * y, 2.0 + 0 * y)


def bouncing(xp, t, y, p):
    """A ball on a spring that pushes below h = 0."""
    h, v = y[:1], y[1:]
    return xp.concatenate([v, -p["g"] - xp.where(h < 0, p["k"] * h, 0.0 * h)])


def infused(xp, t, y, p):
    """A dose spread over the time `dur`, which then stops."""
    return xp.where(t < p["dur"], p["dose"] / p["dur"], 0.0 * p["dur"]) - p["ke"] * y


def at_end(xp, y0, y1, p):
    return xp.sum(y1)


def square(xp, y0, y1, p):
    return xp.sum(y1 * y1)


E = math.e
SWITCHES = {
    "kink": (Problem("kinked", kinked, at_end, (0.0, 2.0), [0.0]), [[E]], E),
    "jump": (Problem("jumping", jumping, square, (0.0, 2.0), [0.0]), [[8.0]], 9.0),
    "contact": (
        Problem("bouncing", bouncing, lambda xp, y0, y1, p: xp.sum(y1 * y1) / 2, (0.0, 1.0), [1.0, 0.0],
                {"g": 9.81, "k": 400.0}, wrt=("y0", "k")),
        [[16.376293695, 3.8918120148, -8.461450782e-3], [3.8918120148, 1.28547399, -1.9884384489e-3],
         [-8.461450782e-3, -1.9884384489e-3, 9.7499446399e-6]], 0.719101202783,
    ),
    "switch": (
        Problem("infused", infused, at_end, (0.0, 6.0), [0.0], {"dose": 10.0, "dur": 2.3, "ke": 0.4}, wrt=("dur", "ke")),
        [[0.0979260767, -0.6362364189], [-0.6362364189, 33.1714017462]], 1.48825798514607,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SWITCHES)
def test_a_wrong_hessian_behind_a_switch_is_exposed(name):
    problem, right, value = SWITCHES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HessbenchWarning)
        result = hessbench.hessian(problem, verify=True)
    assert result.value == pytest.approx(value, rel=1e-7)
    if np.allclose(result.hess, right, rtol=1e-5, atol=1e-5 * np.abs(right).max()):
        assert result.error < 1e-6  # then switches are handled, and nothing may be said against it
    else:
        assert result.error > 0.1 and any("differences" in sentence for sentence in result.warnings)
        with pytest.warns(HessbenchWarning) as said:
            hessbench.hessian(problem, verify=True)
        assert any("differences" in str(one.message) for one in said)


class Faulty(Strategy):
    """Right but for one entry, by some hundredths of the largest, whatever the tolerance."""

    thread_safe = True

    def prepare(self, problem, backend, ivp):
        from hessbench.discrete import Options, prepare

        run = prepare(problem, ivp, Options())

        def faulty(x):
            right = run(x)
            hess = right.hess.copy()
            hess[0, -1] += self.fault * np.abs(hess).max()
            return Result(right.value, right.grad + self.gradient * np.abs(right.hess).max(), hess)

        return faulty

    fault, gradient = 2e-2, 0.0


class FaultyGradient(Faulty):
    fault, gradient = 0.0, 2e-2


class FaultyButEqual(Faulty):
    """The control: nothing planted."""

    fault, gradient = 0.0, 0.0


def test_planted_faults_that_no_tolerance_shows():
    problem = hessbench.problem("three-body").perturbed_by(0.01)
    problem = problem.at(problem.perturbed)
    for fault in (Faulty(), FaultyGradient()):
        with pytest.warns(HessbenchWarning, match="differences"):
            assert hessbench.hessian(problem, strategy=fault, verify=True).error > 1e-4
    assert hessbench.hessian(problem, strategy=FaultyButEqual(), verify=True).error < 1e-7


def test_too_loose_a_tolerance_is_said_in_words():
    problem = hessbench.problem("driven-pendulum")
    with pytest.warns(HessbenchWarning, match="changes with the tolerance"):
        result = hessbench.hessian(problem, problem.perturbed, rtol=1e-6, atol=1e-6, verify=True)
    assert result.error > 1e-4 and len(result.warnings) == 1


def test_other_strategies_are_verified_too_and_stiff_methods_by_values_alone():
    problem = hessbench.problem("harmonic-oscillator")
    stiff = {"method": "Radau", "rtol": 1e-5}
    assert hessbench.hessian(problem, strategy="hand-adjoint", verify=True, **stiff).error < 1e-3


def test_no_more_than_two_hessians_and_one_gradient_on_a_smooth_problem():
    problem, calls = hessbench.problem("three-body"), []
    made = verifier(problem, "discrete-adjoint", rtol=1e-8)

    def counted(name, function):
        return lambda x: calls.append(name) or function(x)

    object.__setattr__(made, "witness", counted("witness", made.witness))
    for name in ("first", "second"):
        prepared = getattr(made, name)
        object.__setattr__(prepared, "run", counted(name, prepared.run))
    result = made(problem.perturbed)
    assert calls == ["first", "second", "witness"] and isinstance(made, Verifier)
    assert result.error < 1e-6


class FaultyAsScaled(Strategy):
    """One entry off by `share` of the largest, both in the sizes `d` (n,) of the unknowns, at every tolerance."""

    thread_safe = True

    def __init__(self, at, share, d):
        self.at, self.share, self.weights = at, share, np.outer(d, d)

    def prepare(self, problem, backend, ivp):
        from hessbench.discrete import Options, prepare

        run = prepare(problem, ivp, Options())

        def faulty(x):
            right = run(x)
            hess, (i, j) = right.hess.copy(), self.at
            hess[i, j] += self.share * np.max(self.weights * np.abs(hess)) / self.weights[i, j]
            hess[j, i] = hess[i, j]
            return Result(right.value, right.grad, hess)

        return faulty


@pytest.mark.parametrize("rtol", [1e-6, 1e-7, 1e-8, 1e-10])
@pytest.mark.parametrize("name", ["restricted-three-body", "kepler", "driven-pendulum"])
def test_a_fault_of_two_per_cent_is_seen_at_every_tolerance_and_nothing_where_there_is_none(name, rtol):
    """Arenstorf's orbit, at its own point, is bent on a scale of 1e-7, and magnifies the tolerance 1e5 times."""
    problem = hessbench.problem(name)
    for x in (problem.x0, problem.perturbed if problem.perturbed is not None else problem.x0):
        d = verifier(problem, "discrete-adjoint", rtol=rtol).sizes(x)
        last = problem.x0.size - 1
        for at in ((0, last), (0, 0), (last, last)):
            estimate = verifier(problem, FaultyAsScaled(at, 2e-2, d), rtol=rtol)(x).error
            assert estimate is not None and estimate > 2e-3
        right = verifier(problem, FaultyAsScaled((0, 0), 0.0, d), rtol=rtol)(x).error
        assert right is not None and right < 1e4 * rtol


def test_what_differences_cannot_see_is_the_estimate():
    """A witness that is off by noise of its own at every point leaves nothing to tell an error from."""
    problem, rng = hessbench.problem("sir"), np.random.default_rng(3)
    made = verifier(problem, "discrete-adjoint", rtol=1e-8)
    right = made.witness

    def noisy(x):
        value, grad = right(x)
        return value * (1 + 1e-2 * rng.standard_normal()), grad * (1 + 1e-2 * rng.standard_normal(x.size))

    object.__setattr__(made, "witness", noisy)
    result = made(problem.x0)
    assert result.error is not None and result.error > 1e-2
    assert any("differences" in sentence for sentence in result.warnings)


@pytest.mark.parametrize("name", ["kepler", "sir", "generic-bolza", "neural-ode", "lotka-volterra", "driven-pendulum"])
def test_the_estimate_is_near_the_error_against_a_hundred_times_tighter_run(name):
    problem = hessbench.problem(name)
    x = problem.x0 if problem.perturbed is None else problem.perturbed
    estimate = hessbench.hessian(problem, x, rtol=1e-7, verify=True).error
    truth, found = (hessbench.hessian(problem, x, rtol=rtol).hess for rtol in (1e-12, 1e-7))
    d = problem.sizes(x)
    weights = d[:, None] * d
    error = np.max(weights * np.abs(found - truth)) / np.max(weights * np.abs(truth))
    assert error / 3 <= estimate <= max(30 * error, 1e-12)


@pytest.mark.parametrize("strategy", ["auto", "implicit-adjoint", "hand-adjoint"])
def test_data_and_events_are_part_of_what_is_verified(strategy):
    result = hessbench.hessian(hessbench.problem("bouncing-ball"), strategy=strategy, rtol=1e-9, verify=True)
    assert result.error is not None and result.error < 1e-7 and not result.warnings
