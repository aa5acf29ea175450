"""Bad input to `Problem`, `IVP` and `hessian` is refused before work starts, by a message that names the thing."""

import numpy as np
import pytest

import hessbench
from hessbench import IVP, IntegrationError, InvalidInput, Limits, Problem, Strategy, Unsupported


def make(**changes):
    given = dict(
        name="decay",
        rhs=lambda xp, t, y, p: -p["k"] * y,
        loss=lambda xp, y0, y1, p: xp.sum(y1 * y1),
        t_span=(0.0, 1.0),
        y0=[1.0, 2.0],
        params={"k": np.array(0.5)},
    )
    return Problem(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Not A Name"}, "lower-case"),
        ({"rhs": 3}, "`rhs` must be a function"),
        ({"y0": [[1.0]]}, r"`y0` has shape \(1, 1\)"),
        ({"y0": []}, r"`y0` has shape \(0,\)"),
        ({"y0": [1.0, np.nan]}, "not finite"),
        ({"y0": "abc"}, "vector of numbers"),
        ({"t_span": (0.0, 0.0)}, "must be finite and differ"),
        ({"t_span": 1.0}, "two numbers"),
        ({"wrt": ("theta",)}, r"'theta'.*\['y0', 'k'\]"),
        ({"wrt": ()}, "at most once"),
        ({"wrt": ("y0", "y0")}, "at most once"),
        ({"wrt": ("k",), "params": {"k": np.array(1)}}, "Write it as a float"),
        ({"perturbed": [1.0]}, r"shape \(1,\), expected \(2,\)"),
    ],
)
def test_a_problem_that_cannot_work_is_refused(changes, message):
    with pytest.raises(InvalidInput, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rhs": lambda xp, t, y, p: y[:1]}, r"returned shape \(1,\), expected \(2,\)"),
        ({"rhs": lambda xp, t, y, p: y / 0.0}, "not finite"),
        ({"rhs": lambda xp, t, y, p: p["typo"]}, "raised KeyError: 'typo'"),
        ({"loss": lambda xp, y0, y1, p: y1}, "expected a scalar"),
        ({"rhs": lambda xp, t, y, p: t * y, "autonomous": True}, "changes with `t`"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_functions_that_cannot_work_are_refused_before_solving(changes, message):
    with pytest.raises(InvalidInput, match=message):
        hessbench.prepare(make(**changes))


def test_y0_and_parameters_unpack_in_the_order_of_wrt():
    target = make(wrt=("k", "y0"))
    y0, p = target.unpack(np.array([9.0, 7.0, 8.0]))
    assert (y0.tolist(), p["k"].item(), target.x0.tolist()) == ([7.0, 8.0], 9.0, [0.5, 1.0, 2.0])


def test_the_arrays_of_a_problem_are_copies():
    y0 = np.array([1.0, 2.0])
    target = make(y0=y0)
    y0[0] = 5.0
    assert target.y0[0] == 1.0


@pytest.mark.parametrize("x", [[1.0], [1.0, np.inf], "ab"])
def test_a_bad_x_is_refused(x):
    with pytest.raises(InvalidInput, match="`x`"):
        hessbench.hessian(make(), x)


@pytest.mark.parametrize(
    "options", [{"rtol": -1e-8}, {"rtol": 2}, {"atol": 0.0}, {"method": "Euler"}, {"max_steps": 0}]
)
def test_bad_solver_options_are_refused_by_name(options):
    with pytest.raises(InvalidInput, match=next(iter(options))):
        hessbench.hessian(make(), **options)


def test_an_unknown_strategy_is_answered_with_the_nearest():
    with pytest.raises(InvalidInput, match="Did you mean 'hand-adjoint'"):
        hessbench.hessian(make(), strategy="hand-adjont")


def test_a_backend_that_the_strategy_does_not_have_is_refused():
    with pytest.raises(InvalidInput, match="runs on numpy, tensorflow, not on 'torch'"):
        hessbench.hessian(make(), strategy="hand-adjoint", backend="torch")


def test_something_else_than_a_problem_is_refused():
    with pytest.raises(InvalidInput, match="expected a `Problem`"):
        hessbench.hessian("sir")


class StateOnly(Strategy):
    limits = Limits(augmentation=False)

    def prepare(self, problem, backend, ivp):
        raise AssertionError("it refuses before")


def test_parameters_are_refused_in_a_sentence_where_they_are_not_supported():
    with pytest.raises(Unsupported, match="this problem asks for k"):
        hessbench.hessian(make(wrt=("k",)), strategy=StateOnly())


def test_a_solve_that_runs_into_a_singularity_says_where():
    blow_up = make(rhs=lambda xp, t, y, p: y * y, y0=[2.0, 1.0])
    with pytest.raises(IntegrationError, match=r"stopped at t = 0\.5.*step size.*state norm"):
        hessbench.hessian(blow_up)


def test_the_step_limit_is_kept():
    with pytest.raises(IntegrationError, match="max_steps = 3"):
        hessbench.hessian(hessbench.problem("kepler"), max_steps=3)


def test_steps_evaluations_and_rejections_are_counted_as_scipy_counts_them():
    from scipy.integrate import solve_ivp

    target = hessbench.problem("kepler")
    ivp = IVP("RK45", 1e-6, 1e-6, dim=2)
    ivp.solve(lambda t, y: target.rhs(np, t, y, target.params), target.t_span, target.y0)
    seen = solve_ivp(
        lambda t, y: target.rhs(np, t, y, target.params), target.t_span, target.y0, method="RK45", rtol=1e-6, atol=1e-6
    )
    c = ivp.counters
    assert (c.rhs, c.steps, c.rhs_weighted) == (seen.nfev, len(seen.t) - 1, seen.nfev * 2.0)
    assert c.rejected == (seen.nfev - 2) // 6 - c.steps


@pytest.mark.parametrize("what", ["y0", "a"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [([1.0, 2.0j], "complex"), (["1", "2"], "numbers"), ([None, 1.0], "numbers"), ([[1], [1, 2]], "numbers")],
)
def test_what_is_no_real_number_is_refused_by_name(what, value, reason):
    given = {"y0": value} if what == "y0" else {"params": {"k": 1.0, "a": value}}
    with pytest.raises(InvalidInput, match=rf"`(y0|params\['a'\])`.*{reason}"):
        make(**given)


def test_a_complex_right_hand_side_or_loss_is_refused():
    with pytest.raises(InvalidInput, match="`rhs` returned numbers of type complex128"):
        make(rhs=lambda xp, t, y, p: y * 1j).validate()
    with pytest.raises(InvalidInput, match="`loss` returned numbers of type complex128"):
        make(loss=lambda xp, y0, y1, p: xp.sum(y1) * 1j).validate()


def test_parameters_are_copies_and_floats_of_any_width_are_doubles():
    own = np.array([1.0, 2.0])
    made = make(params={"k": np.float32(0.1), "a": own, "half": np.ones(2, np.float16), "n": np.arange(3), "on": True})
    own[:] = 9.0
    assert made.params["a"].tolist() == [1.0, 2.0] and made.params["k"] == np.float32(0.1)
    assert [made.params[key].dtype.kind for key in ("k", "a", "half", "n", "on")] == ["f", "f", "f", "i", "b"]
    assert all(made.params[key].dtype == np.float64 for key in ("k", "a", "half"))
