"""diffrax, `odeint` and the compiled adjoint: closed forms, SciPy's steps, what nests and what does not, memory."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import IntegrationError, Problem, Unsupported
from hessbench.backends import available

pytestmark = pytest.mark.skipif(not available("jax"), reason="jax is not installed")

A, Y, T, C = 0.9, 1.3, 0.7, 0.4
E = np.exp(-2 * A * T)
DECAY = np.array([[4 * T * T * Y * Y * E, -4 * T * Y * E], [-4 * T * Y * E, 2 * (E + C)]])
ADJOINTS = ["jax-adjoint", "jax-adjoint/backward"]


def decay(**changes):
    """y' = -a y on (1, 1 + T), loss y(T)^2 + c y0^2: L = y0^2 (exp(-2 a T) + c), by x = (a, y0)."""
    given = {
        "name": "decay",
        "rhs": lambda xp, t, y, p: -p["a"] * y,
        "loss": lambda xp, y0, y1, p: xp.sum(y1 * y1) + xp.sum(p["c"] * y0 * y0),
        "t_span": (1.0, 1.0 + T),
        "y0": np.array([Y]),
        "params": {"a": np.array([A]), "c": np.array(C)},
        "wrt": ("a", "y0"),
    }
    return Problem(**{**given, **changes})


def error(got, true):
    return np.max(np.abs(got - true)) / np.max(np.abs(true))


@pytest.fixture(scope="module")
def cubic():
    return hessbench.problem("generic-cubic")


@pytest.fixture(scope="module")
def true(cubic):
    return hessbench.hessian(cubic, cubic.perturbed, "hand-adjoint", rtol=1e-12)


@pytest.mark.parametrize("method", ["RK45", "DOP853"])
@pytest.mark.parametrize("way", [1, -1])
def test_the_solver_makes_the_steps_of_scipy(method, way):
    import jax
    from scipy.integrate import solve_ivp

    from hessbench._integrate.jax_solver import solve
    from hessbench.backends import backend

    problem, b = hessbench.problem("driven-pendulum"), backend("jax")
    (t0, t1), params, f = problem.t_span[::way], b.params(problem), b.rhs(problem)

    def run(y0):
        return solve(lambda t, y: f(t, y, params), y0, t0, t1, 1e-9, 1e-9, 1000, method, dense=500)

    def slope(t, y):
        return problem.rhs(np, t, y, problem.params)

    got = jax.jit(run)(problem.y0)
    expected = solve_ivp(slope, (t0, t1), problem.y0, method, dense_output=True, rtol=1e-9, atol=1e-9)
    assert (int(got.accepted), int(got.rhs)) == (len(expected.t) - 1, expected.nfev)
    for fraction in (0.0, 0.21, 0.5, 0.83, 1.0):
        t = t0 + fraction * (t1 - t0)
        np.testing.assert_allclose(got.dense(t), expected.sol(t), rtol=1e-11)


@pytest.mark.parametrize("strategy", [*ADJOINTS, "jax-odeint"])
def test_the_hessian_by_a_parameter_and_the_state_has_its_closed_form(strategy):
    np.testing.assert_allclose(hessbench.hessian(decay(), strategy=strategy, rtol=1e-9).hess, DECAY, rtol=1e-7)


def test_the_hessian_by_a_parameter_alone_has_its_closed_form():
    result = hessbench.hessian(decay(wrt=("a",)), strategy="jax-adjoint", rtol=1e-9)
    assert result.hess.item() == pytest.approx(DECAY[0, 0], rel=1e-7)


@pytest.mark.parametrize("strategy", ["jax-adjoint", "jax-odeint"])
def test_a_running_loss_is_added(strategy):
    # the integral of y^2 is y0^2 (1 - exp(-2 a T)) / (2 a)
    problem = decay(wrt=("y0",), running_loss=lambda xp, t, y, p: xp.sum(y * y))
    result = hessbench.hessian(problem, strategy=strategy, rtol=1e-9)
    assert result.value == pytest.approx(Y * Y * (E + C + (1 - E) / (2 * A)), rel=1e-7)
    assert result.hess.item() == pytest.approx(2 * (E + C) + (1 - E) / A, rel=1e-7)


def test_a_problem_that_runs_backward_in_time_is_solved():
    problem = decay(t_span=(1.0, 1.0 - T), wrt=("y0",))
    result = hessbench.hessian(problem, strategy="jax-adjoint", rtol=1e-9)
    assert result.hess.item() == pytest.approx(2 * (np.exp(2 * A * T) + C), rel=1e-7)


@pytest.mark.parametrize("strategy", ADJOINTS)
def test_explicit_time_and_a_loss_of_both_ends_are_right_at_a_perturbed_point(cubic, true, strategy):
    result = hessbench.hessian(cubic, cubic.perturbed, strategy, rtol=1e-8)
    assert error(result.hess, true.hess) < 1e-6
    assert error(result.grad, true.grad) < 1e-6


def test_a_dropped_half_of_the_curvature_is_seen(cubic, true, monkeypatch):
    from hessbench.backends._jax import JaxBackend

    honest = JaxBackend.jvp

    def faulty(self, f, x, v):
        value, tangents = honest(self, f, x, v)
        return value, 0.5 * tangents

    monkeypatch.setattr(JaxBackend, "jvp", faulty)
    assert error(hessbench.hessian(cubic, cubic.perturbed, "jax-adjoint", rtol=1e-6).hess, true.hess) > 1e-2


def test_the_compiled_adjoint_solves_by_rk45_too(cubic, true):
    result = hessbench.hessian(cubic, cubic.perturbed, "jax-adjoint", rtol=1e-8, method="RK45")
    assert error(result.hess, true.hess) < 1e-6


def test_the_compiled_adjoint_makes_the_steps_of_the_one_in_scipy(cubic):
    a, b = (hessbench.hessian(cubic, strategy=name, rtol=1e-6).counters for name in ("jax-adjoint", "hand-adjoint"))
    assert (a.solves, a.steps, a.rejected) == (b.solves, b.steps, b.rejected)


def test_a_trajectory_without_room_is_an_error_that_names_the_remedy():
    problem = replace(hessbench.problem("kepler"), perturbed=None)
    run = hessbench.prepare(problem, "jax-adjoint", rtol=1e-8)
    eccentric = problem.x0.copy()
    eccentric[2:] *= 0.02
    with pytest.raises(IntegrationError, match=r"^The forward solve stopped at t = .*prepare nearer to this point"):
        run(eccentric)


@pytest.mark.parametrize("strategy", ["jax-adjoint", "diffrax-adjoint"])
def test_a_method_without_a_counterpart_is_refused(cubic, strategy):
    if "diffrax" in strategy:
        pytest.importorskip("diffrax")
    with pytest.raises(Unsupported, match=r"and this run asks for Radau\.$"):
        hessbench.prepare(cubic, strategy, method="Radau")


@pytest.mark.parametrize("strategy", ["jax-adjoint/backward", "jax-odeint", "diffrax-adjoint/backsolve"])
def test_what_integrates_the_state_backward_refuses_a_dissipative_problem(strategy):
    with pytest.raises(Unsupported, match=r"^It integrates the state backward in time.*problem\.$"):
        hessbench.prepare(hessbench.problem("brusselator", n=8, alpha=0.12), strategy)


def test_the_dense_trajectory_is_right_on_a_dissipative_problem():
    problem = hessbench.problem("brusselator", n=8, alpha=0.12)
    assert problem.dissipative
    expected = hessbench.hessian(problem, strategy="discrete-adjoint/numpy", rtol=1e-11).hess
    assert error(hessbench.hessian(problem, strategy="jax-adjoint", rtol=1e-8).hess, expected) < 1e-5


def test_odeint_stops_where_steps_run_out():
    with pytest.raises(IntegrationError, match=r"^odeint stopped after 5 steps of at most 5"):
        hessbench.prepare(decay(wrt=("y0",)), "jax-odeint", rtol=1e-9, max_steps=5)


def test_odeint_does_not_nest_with_a_forward_mode():
    import jax
    from jax.experimental.ode import odeint

    def loss(y0):
        return odeint(lambda y, t: -y, y0, np.array([0.0, 1.0]))[-1].sum()

    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jacfwd(jax.grad(loss))(np.ones(1))


@pytest.mark.parametrize("variant", ["", "/forward-mode"])
def test_diffrax_gives_the_closed_form_by_parameter_and_state(variant):
    pytest.importorskip("diffrax")
    result = hessbench.hessian(decay(), strategy=f"diffrax-adjoint{variant}", rtol=1e-8, method="RK45")
    np.testing.assert_allclose(result.hess, DECAY, rtol=1e-6)
    assert result.note.startswith("Tsit5")


def test_diffrax_by_an_implicit_solver_gives_the_closed_form():
    pytest.importorskip("diffrax")
    result = hessbench.hessian(decay(), strategy="diffrax-adjoint/kvaerno5", rtol=1e-8)
    np.testing.assert_allclose(result.hess, DECAY, rtol=1e-6)
    assert result.note.startswith("Kvaerno5")


@pytest.mark.parametrize("variant", ["reverse-over-reverse", "backsolve"])
def test_diffrax_gives_the_closed_form_in_reverse(variant):
    pytest.importorskip("diffrax")
    problem = decay(wrt=("a",), running_loss=lambda xp, t, y, p: 0 * xp.sum(y))
    result = hessbench.hessian(problem, strategy=f"diffrax-adjoint/{variant}", rtol=1e-8, method="RK45")
    assert result.hess.item() == pytest.approx(DECAY[0, 0], rel=1e-6)


@pytest.mark.parametrize(
    ("adjoint", "mode", "expected"),
    [
        ("checkpoint", "forward-over-reverse", TypeError),
        ("checkpoint", "reverse-over-reverse", ValueError),
        ("checkpoint", "forward-over-forward", TypeError),
        ("forward", "forward-over-reverse", ValueError),
        ("forward", "reverse-over-reverse", ValueError),
        ("backsolve", "forward-over-reverse", TypeError),
        ("backsolve", "forward-over-forward", TypeError),
    ],
)
def test_routes_of_diffrax_that_do_not_nest_raise(adjoint, mode, expected):
    pytest.importorskip("diffrax")
    route = type(hessbench.strategies()["diffrax-adjoint"].load())(adjoint=adjoint, mode=mode)
    assert route.why_not(decay(wrt=("y0",))) is None
    with pytest.raises(expected):
        hessbench.prepare(decay(wrt=("y0",)), route, rtol=1e-3, method="RK45")


def temporary_bytes(strategy, problem, monkeypatch):
    from hessbench.backends._jax import JaxBackend

    compiled, honest = [], JaxBackend.compile

    def remembered(self, f):
        compiled.append(honest(self, f))
        return compiled[-1]

    with monkeypatch.context() as patch:
        patch.setattr(JaxBackend, "compile", remembered)
        run = hessbench.prepare(problem, strategy, rtol=1e-9)
    (function,) = compiled
    params = {key: np.asarray(value) for key, value in problem.params.items()}
    return run(), function.lower(problem.x0, params).compile().memory_analysis().temp_size_in_bytes


def test_checkpoints_save_memory_and_change_nothing(monkeypatch):
    problem = hessbench.problem("driven-pendulum")
    plain, plain_bytes = temporary_bytes("unrolled/rk4@jax", problem, monkeypatch)
    strategy = type(hessbench.strategies()["unrolled"].load())(scheme="RK4", checkpoints=True)
    again, again_bytes = temporary_bytes(strategy, problem, monkeypatch)
    assert plain.counters.steps > 100
    assert error(again.hess, plain.hess) < 1e-6
    assert again_bytes < 0.5 * plain_bytes


@pytest.mark.parametrize("backend", ["torch", "autograd"])
def test_checkpoints_agree_in_other_frameworks(backend):
    if not available(backend):
        pytest.skip(f"{backend} is not installed")
    result = hessbench.hessian(decay(), strategy=f"unrolled/checkpointed@{backend}", rtol=1e-9)
    assert result.note.endswith("segments")
    np.testing.assert_allclose(result.hess, DECAY, rtol=1e-7)
