"""What users bring, as they write it: right to the digits that are known, or said in words. Values are closed forms."""

import numpy as np
import pytest

import hessbench
from benchmarks.users import BROUGHT
from hessbench import HessbenchWarning, Problem
from hessbench._judging.scaled import yardstick_of

SMOOTH = [name for name in BROUGHT if BROUGHT[name]().exact is not None]


def squares(xp, y0, y1, p):
    return xp.sum(y1**2)


@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
@pytest.mark.parametrize("name", SMOOTH)
def test_units_and_stiffness_do_not_spoil_the_default_strategy(name, rtol):
    problem = BROUGHT[name]()
    exact = hessbench.Reference(*problem.exact(problem.x0), agreement=1e-15, how="closed form")
    found = hessbench.prepare(problem, rtol=rtol).direct(problem.x0)
    assert yardstick_of(problem, problem.x0, exact)(found).worst < 300 * rtol


@pytest.mark.parametrize("name", SMOOTH)
def test_units_and_stiffness_do_not_spoil_products(name):
    problem = BROUGHT[name]()
    exact, size = problem.exact(problem.x0)[2], np.abs(problem.x0)
    found = hessbench.prepare_products(problem, rtol=1e-9).direct(None, np.diag(size)).products * size[:, None]
    scaled = exact * np.outer(size, size)
    assert np.allclose(found, scaled, rtol=0, atol=1e-6 * abs(scaled).max())


@pytest.mark.parametrize("name", SMOOTH)
def test_closed_forms_of_the_suite_agree_with_their_own_differences(name):
    """Central differences of the closed gradient, scaled by the unknowns, off the special point too."""
    problem = BROUGHT[name]()
    for x in (problem.x0, problem.x0 * (1 + 0.07 * np.cos(np.arange(problem.x0.size)))):
        size = np.abs(x)
        value, grad, hess = problem.exact(x)
        steps = 1e-4 * np.diag(size)
        slopes = [(problem.exact(x + s)[0] - problem.exact(x - s)[0]) / 2e-4 for s in steps]
        columns = [(problem.exact(x + s)[1] - problem.exact(x - s)[1]) * size / 2e-4 for s in steps]
        scaled = hess * np.outer(size, size)
        assert np.allclose(slopes, grad * size, rtol=1e-5, atol=1e-5 * max(abs(scaled).max(), abs(value)))
        assert np.allclose(columns, scaled, rtol=1e-5, atol=1e-5 * abs(scaled).max())


def test_robertson_over_a_longer_time_is_right_and_called_stiff():
    """By two integrations of the variational equations at 1e-12."""
    problem = BROUGHT["robertson-40"]()
    with pytest.warns(HessbenchWarning, match=r"stiff.*Radau"):
        explicit = hessbench.hessian(problem, strategy="discrete-adjoint", rtol=1e-8)
    for result in (explicit, hessbench.hessian(problem, rtol=1e-8)):
        assert result.value == pytest.approx(0.0397656098482, rel=1e-9)
        assert result.hess[0, 0] == pytest.approx(16.21718, rel=1e-6)


def test_a_table_over_time_with_fitted_values():
    rain = np.array([0, 1, 3, 0, 0, 2, 5, 1, 0, 0, 1.0])

    def rhs(xp, t, y, p):
        return xp.interp(t, p["times"], p["rain"]) - p["k"] * y**2

    def loss(xp, y0, y1, p):
        return xp.sum((y1 - 1.0) ** 2)

    params = {"times": np.arange(11.0), "rain": rain, "k": 0.3}
    result = hessbench.hessian(Problem("rain", rhs, loss, (0.0, 10.0), [0.5], params, wrt=("k", "rain")), rtol=1e-9)
    assert result.value == pytest.approx(0.0739193042225, rel=1e-7)
    assert np.abs(result.hess).max() == pytest.approx(20.6490693, rel=1e-7)


def test_twelve_copies_for_twelve_times():
    """Damped oscillator at 12 times: the Hessian of a Gaussian likelihood, from the closed form of the solution."""
    times = np.linspace(0.5, 6.0, 12)
    seen = np.round(np.exp(-0.15 * times) * np.cos(times), 2)

    def rhs(xp, t, y, p):
        x, v = y[:12], y[12:]
        return xp.concatenate([p["times"] * v, p["times"] * (-p["k"] * x - p["theta"] * v)])

    def loss(xp, y0, y1, p):
        r = (y1[:12] - p["seen"]) / p["sigma"]
        return xp.sum(r * r) / 2 + 12 * xp.log(p["sigma"])

    params = {"times": times, "seen": seen, "k": 1.1, "theta": 0.25, "sigma": 0.1}
    start = [1.0] * 12 + [0.0] * 12
    problem = Problem("copies", rhs, loss, (0.0, 1.0), start, params, wrt=("k", "theta", "sigma"))
    result = hessbench.hessian(problem, rtol=1e-10)
    upper = [545.0437052739, -376.251110539, -245.2638678115, 927.7240711393, 799.8003826583, -96.4729727592]
    assert np.allclose(result.hess[np.triu_indices(3)], upper, rtol=1e-8)


STRATEGIES = ("discrete-adjoint", "hand-adjoint", "jax-adjoint", "casadi-symbolic", "finite-difference", "unrolled@jax")


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_loss_may_read_the_end_time_whatever_the_strategy(name):
    def rhs(xp, t, y, p):
        return -y * p["a"]

    def loss(xp, y0, y1, p):
        return xp.sum(y1**2) + p["t1"] * xp.sum(y1) ** 3

    problem = Problem("end-time", rhs, loss, (0.0, 1.0), [1.0], {"a": 1.0})
    result = hessbench.hessian(problem, strategy=name, rtol=1e-8)
    e = np.exp(-1.0)
    assert result.value == pytest.approx(e**2 + e**3, rel=1e-6)
    assert result.hess[0, 0] == pytest.approx(2 * e**2 + 6 * e**3, rel=1e-3)


def test_a_constant_of_the_file_that_is_edited_is_seen():
    space = {"DOSE": 5.0}
    exec("def rhs(xp, t, y, p):\n    return DOSE - p['k'] * y", space)
    problem = Problem("edited", space["rhs"], squares, (0.0, 2.0), [1.0], {"k": 0.5}, wrt=("y0", "k"))
    before, fixed = hessbench.hessian(problem).value, np.exp(-1.0)
    space["DOSE"] = 8.0
    assert before == pytest.approx((fixed + 10 * (1 - fixed)) ** 2, rel=1e-8)
    assert hessbench.hessian(problem).value == pytest.approx((fixed + 16 * (1 - fixed)) ** 2, rel=1e-8)


def test_no_hessian_exists_for_the_length_of_a_residual_that_vanishes():
    def rhs(xp, t, y, p):
        return -p["k"] * y

    def loss(xp, y0, y1, p):
        return xp.sqrt(xp.sum((y1 - p["seen"]) ** 2))

    problem = Problem("length", rhs, loss, (0.0, 1.0), [1.0, 2.0], {"k": 0.0, "seen": [1.0, 2.0]}, wrt=("k",))
    with pytest.warns(HessbenchWarning, match="not finite"):
        result = hessbench.hessian(problem)
    assert "loss has no" in result.note


def test_a_stencil_with_its_viscosity_stays_compiled():
    n = 60
    x = np.arange(n) / n

    def rhs(xp, t, y, p):
        right, left = xp.concatenate([y[1:], y[:1]]), xp.concatenate([y[-1:], y[:-1]])
        return -(right * right - left * left) * (n / 4) + p["nu"] * n * n * (right - 2 * y + left)

    def loss(xp, y0, y1, p):
        return xp.sum((y1 - p["seen"]) ** 2) / (2 * n)

    params = {"nu": 0.01, "seen": 0.5 * np.cos(2 * np.pi * x)}
    problem = Problem(
        "burgers", rhs, loss, (0.0, 0.2), np.sin(2 * np.pi * x), params, wrt=("y0", "nu"), dissipative=True
    )
    result = hessbench.hessian(problem, rtol=1e-7)
    tight = hessbench.hessian(problem, rtol=1e-11)
    assert "compiled form" in result.note
    assert np.allclose(result.hess, tight.hess, rtol=0, atol=1e-6 * np.abs(tight.hess).max())


def test_a_stiff_oscillator_that_takes_too_many_steps_is_called_stiff():
    def rhs(xp, t, y, p):
        x, v = y[:1], y[1:]
        return xp.concatenate([v, p["mu"] * (1 - x * x) * v - x])

    problem = Problem("relaxation", rhs, squares, (0.0, 300.0), [2.0, 0.0], {"mu": 1000.0}, wrt=("y0", "mu"))
    with pytest.raises(hessbench.IntegrationError, match=r"stiff.*Radau"):
        hessbench.hessian(problem, strategy="discrete-adjoint", max_steps=20_000)
