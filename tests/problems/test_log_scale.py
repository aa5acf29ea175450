"""Parameters on a logarithmic scale: derivatives by the chain rule, for every part of a problem that reads parameters."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Data, Event, InvalidInput, Problem, on_log_scale


def by_logs(x, inside, grad, hess):
    """Gradient and Hessian by logarithms from those by the parameters themselves."""
    k = np.where(inside, x, 1.0)
    return k * grad, k[:, None] * hess * k + np.diag(np.where(inside, x * grad, 0.0))


def full():
    """Data, a dose at a parameter, an end loss and a running loss, all of which read parameters."""
    return Problem(
        name="full",
        rhs=lambda xp, t, y, p: xp.stack([-p["k"] * y[0] + p["c"][0] * y[1], -p["c"][1] * y[1] + xp.sin(t)]),
        loss=lambda xp, y0, y1, p: p["k"] * y1[0] ** 2 + xp.sum(p["c"]) * y0[1],
        running_loss=lambda xp, t, y, p: p["c"][1] * y[0] * y[1],
        t_span=(0.0, 2.0),
        y0=np.array([1.0, 0.7]),
        params={"k": 0.8, "c": np.array([0.4, 1.3]), "lag": 0.6, "shift": -0.2},
        wrt=("c", "y0", "k", "lag", "shift"),
        data=Data([0.5, 1.5], [0.3, 0.4], residual=lambda xp, t, y, d, p: (y[0] - d) * p["k"] + p["shift"]),
        events=[Event(at="lag", jump=lambda xp, t, y, p: xp.stack([y[0] + p["k"], y[1] * p["c"][0]]))],
        scale={"k": 0.5},
    )


def test_all_that_reads_parameters_follows_the_chain_rule():
    problem = full()
    logs = on_log_scale(problem, "k", "c", "lag")
    assert logs.wrt == ("log_c", "y0", "log_k", "log_lag", "shift") and dict(logs.scale) == dict.fromkeys(
        ("log_k", "log_c", "log_lag"), 1.0
    )
    plain, found = (hessbench.hessian(p, rtol=1e-10) for p in (problem, logs))
    inside = np.array([1, 1, 0, 0, 1, 1, 0], dtype=bool)
    grad, hess = by_logs(problem.x0, inside, plain.grad, plain.hess)
    assert found.value == pytest.approx(plain.value, rel=1e-10)
    assert np.abs(found.grad - grad).max() < 1e-8 * np.abs(grad).max()
    assert np.abs(found.hess - hess).max() < 1e-8 * np.abs(hess).max()
    assert np.all(grad != 0)


@pytest.mark.parametrize("strategy", ["hand-adjoint", "forward-over-reverse@jax", "discrete-adjoint/numpy"])
def test_by_strategies_that_do_not_record(strategy):
    problem = on_log_scale(replace(full(), data=None, events=[], wrt=("k", "y0", "c")), "k", "c")
    backend = strategy.partition("@")[2] or "numpy"
    if not hessbench.backends.available(backend):
        pytest.skip(f"{backend} is not installed")
    ours, theirs = hessbench.hessian(problem, rtol=1e-10), hessbench.hessian(problem, strategy=strategy, rtol=1e-10)
    assert np.abs(ours.hess - theirs.hess).max() < 1e-8 * np.abs(ours.hess).max()


def test_closed_forms_and_hand_written_derivatives_stay():
    problem = replace(hessbench.problem("harmonic-oscillator"), wrt=("y0",))
    with pytest.raises(InvalidInput, match="no parameter in `wrt`"):
        on_log_scale(problem)
    problem = hessbench.problem("polynomial-control")
    if np.all(problem.params[problem.varied[0]] > 0):
        logs = on_log_scale(problem)
        value, grad, hess = logs.exact(logs.x0)
        found = hessbench.hessian(logs, rtol=1e-11)
        assert np.abs(found.hess - hess).max() < 1e-8 * np.abs(hess).max()
        assert found.value == pytest.approx(value) and np.allclose(found.grad, grad, rtol=1e-8)


def test_a_decay_by_the_logarithm_of_its_rate_in_closed_form():
    k, t, y = 1.7, 0.9, 2.3
    problem = Problem("decay", lambda xp, t, y, p: -p["k"] * y, lambda xp, y0, y1, p: y1[0], (0.0, t), np.array([y]),
                      params={"k": k}, wrt=("k",))  # fmt: skip
    result = hessbench.hessian(on_log_scale(problem), rtol=1e-12)
    end = y * np.exp(-k * t)
    assert result.grad[0] == pytest.approx(-k * t * end, rel=1e-11)
    assert result.hess[0, 0] == pytest.approx((k * t) ** 2 * end - k * t * end, rel=1e-10)
    assert result.block("log_k", "log_k").shape == (1, 1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("rate",), "'rate' is not a parameter in `wrt`; there are c, k, lag, shift"),
        (("y0",), "'y0' is not a parameter in `wrt`"),
        (("shift",), "'shift' is -0.2, which has no logarithm"),
        ((), "'shift' is -0.2, which has no logarithm"),
    ],
)
def test_names_that_cannot_be_taken(names, message):
    with pytest.raises(InvalidInput, match=message):
        on_log_scale(full(), *names)


def test_a_name_that_is_taken_already():
    problem = replace(full(), params={**full().params, "log_k": 1.0})
    with pytest.raises(InvalidInput, match="has a parameter 'log_k' already; rename it"):
        on_log_scale(problem, "k")


def test_parameters_are_a_mapping_as_before():
    seen = []

    def rhs(xp, t, y, p):
        seen.append((sorted(p.copy()), len(p), "k" in p, "log_k" in p))
        return -p["k"] * y

    problem = Problem(
        "maps", rhs, lambda xp, y0, y1, p: y1[0], (0.0, 1.0), np.ones(1), {"k": 2.0, "a": 1.0}, wrt=("k",)
    )
    on_log_scale(problem).validate()
    assert seen[0] == (["a", "k"], 2, True, False)
