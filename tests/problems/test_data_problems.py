"""Problems with data, doses, bounces and switches have the values and derivatives of closed forms, in 40 digits."""

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp

import hessbench
from hessbench.builtin_problems import lynx_hare, oscillator_data, pharmacokinetics, table_forcing


def table(y0, k, heat, delay):
    times = [0, delay, *(delay + mp.mpf(t) for t in table_forcing.TIMES[1:])]
    outside = [mp.mpf(u) for u in (table_forcing.OUTSIDE[0], *table_forcing.OUTSIDE)]

    def at(t):
        y = y0
        for a, b, u, v in zip(times, times[1:], outside, outside[1:], strict=False):
            s, since = (v - u) / (b - a), min(t, b) - a
            rest = y - (u - s / k + heat / k)
            y = u + s * since - s / k + heat / k + rest * mp.exp(-k * since)
            if t <= b:
                return y
        raise AssertionError(t)

    pairs = zip(table_forcing.SEEN_AT, table_forcing.SEEN, strict=True)
    return mp.fsum((at(mp.mpf(t)) - mp.mpf(d)) ** 2 / 2 for t, d in pairs)


def doses(ka, ke, volume, lag):
    def at(t):
        since = [t - lag - 8 * k for k in range(3)]
        one = [mp.exp(-ke * s) - mp.exp(-ka * s) for s in since if s > 0]
        return 100 * ka / (volume * (ka - ke)) * mp.fsum(one)

    return mp.fsum(
        (at(mp.mpf(t)) - mp.mpf(d)) ** 2 / 2 for t, d in zip(pharmacokinetics.TIMES, pharmacokinetics.SEEN, strict=True)
    )


def oscillator(k, theta, sigma):
    w = mp.sqrt(k - theta**2 / 4)

    def at(t):
        return mp.exp(-theta * t / 2) * (mp.cos(w * t) + theta / (2 * w) * mp.sin(w * t))

    pairs = zip(oscillator_data.TIMES, oscillator_data.SEEN, strict=True)
    return mp.fsum(((at(mp.mpf(t)) - mp.mpf(d)) / sigma) ** 2 / 2 + mp.log(sigma) for t, d in pairs)


def ball(h, v, g, e):
    left = mp.mpf(2)
    while True:
        fall = (v + mp.sqrt(v * v + 2 * g * h)) / g
        if fall > left:
            break
        v, h, left = -e * (v - g * fall), mp.mpf(0), left - fall
    end, speed = h + v * left - g * left**2 / 2, v - g * left
    return (end - mp.mpf(0.3)) ** 2 + speed**2 / 10


def room(k, power, low, high):
    left, y, heater, cost = mp.mpf(6), mp.mpf(20.5), 0, mp.mpf(0)
    while True:
        rest = 8 + heater * power / k
        goal = high if heater else low
        needed = mp.log((y - rest) / (goal - rest)) / k
        if needed > left:
            return (rest + (y - rest) * mp.exp(-k * left) - 20) ** 2 + cost + heater * power * left / 10
        cost, left, y, heater = cost + heater * power * needed / 10, left - needed, goal, 1 - heater


FORMS = {
    "table-forcing": table,
    "pharmacokinetics": doses,
    "oscillator-data": oscillator,
    "bouncing-ball": ball,
    "thermostat": room,
}


def in_mpmath(form, x):
    n = len(x)
    order = lambda *ones: tuple(sum(k == one for one in ones) for k in range(n))  # noqa: E731
    with mp.workdps(50):
        x = tuple(mp.mpf(v) for v in x)
        grad = [float(mp.diff(form, x, order(i))) for i in range(n)]
        hess = [[float(mp.diff(form, x, order(i, j))) for j in range(n)] for i in range(n)]
        return float(form(*x)), np.array(grad), np.array(hess)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("which", ["x0", "perturbed"])
def test_the_hessian_is_that_of_the_closed_form(name, which):
    problem = hessbench.problem(name)
    x = getattr(problem, which)
    result = hessbench.hessian(problem, x, rtol=1e-11)
    value, grad, hess = in_mpmath(FORMS[name], x)
    size = problem.sizes(x)
    assert result.value == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(result.grad * size, grad * size, atol=1e-8 * np.abs(grad * size).max())
    square = np.outer(size, size)
    np.testing.assert_allclose(result.hess * square, hess * square, atol=1e-8 * np.abs(hess * square).max())


def test_a_bounce_at_a_time_that_is_held_fixed_is_seen():
    """The Hessian by restitution with the bounces held at their times is another one."""
    value, _, hess = in_mpmath(ball, hessbench.problem("bouncing-ball").x0)
    times, g = (0.451523640986, 1.173961466563, 1.751911727025, 2.0), 9.81

    def frozen(e):
        h, v, before = 1.0, 0.0, 0.0
        for k, t in enumerate(times):
            h, v, before = h + v * (t - before) - g * (t - before) ** 2 / 2, v - g * (t - before), t
            v = -e * v if k < 3 else v
        return (h - 0.3) ** 2 + v**2 / 10

    assert frozen(0.8) == pytest.approx(value, rel=1e-6)
    assert abs((frozen(0.801) - 2 * frozen(0.8) + frozen(0.799)) / 1e-6 / hess[3, 3] - 1) > 0.1


def test_lynx_and_hares_are_log_normal():
    problem = hessbench.problem("lynx-hare")
    p = problem.params

    def slope(t, y):
        return [p["alpha"] * y[0] - p["beta"] * y[0] * y[1], p["delta"] * y[0] * y[1] - p["gamma"] * y[1]]

    y = solve_ivp(slope, (0.0, 20.0), problem.y0, "DOP853", np.arange(21.0), rtol=1e-12, atol=1e-12).y
    seen = np.array([lynx_hare.HARES, lynx_hare.LYNX])
    sigma = p["sigma"][:, None]
    with_constants = -stats.lognorm.logpdf(seen, sigma, scale=y).sum()
    constants = 42 * np.log(2 * np.pi) / 2 + np.log(seen).sum()
    assert hessbench.hessian(problem).value == pytest.approx(with_constants - constants, rel=1e-9)
