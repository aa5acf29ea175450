"""Small problems of the kinds that users bring: stiff kinetics, mixed units, tiny states, rates that change at given times.

Robertson: Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.1. HIRES (Schaefer 1975; eight species of a
plant's light response): Test Set for IVP Solvers, problem 3. The others have closed forms.
"""

import numpy as np

from hessbench import Problem


def robertson(t1=4.0):
    """Three species; the Hessian by three rates that differ by nine orders of magnitude."""

    def rhs(xp, t, y, p):
        a, b, c = y[:1], y[1:2], y[2:]
        slow, pair, back = p["slow"] * a, p["pair"] * b * b, p["back"] * b * c
        return xp.concatenate([back - slow, slow - pair - back, pair])

    def loss(xp, y0, y1, p):
        return xp.sum((y1 * p["weights"] - p["seen"]) ** 2) / 2

    params = {"slow": 0.04, "pair": 3e7, "back": 1e4, "weights": [1.0, 1e4, 1.0], "seen": [0.9, 0.2, 0.1]}
    return Problem("robertson", rhs, loss, (0.0, t1), [1.0, 0.0, 0.0], params, wrt=("slow", "pair", "back"))


def hires(t1=321.8122):
    """Eight species over a span that ends in a sharp change; the Hessian by three of the rates."""

    def rhs(xp, t, y, p):
        a, b, c, d, e, f, g, h = (y[k : k + 1] for k in range(8))
        k1, k2, bind = p["k1"], p["k2"], p["bind"]
        return xp.concatenate([
            -k1 * a + 0.43 * b + k2 * c + 0.0007,
            k1 * a - 8.75 * b,
            -10.03 * c + 0.43 * d + 0.035 * e,
            k2 * b + k1 * c - 1.12 * d,
            -1.745 * e + 0.43 * f + 0.43 * g,
            -bind * f * h + 0.69 * d + k1 * e - 0.43 * f + 0.69 * g,
            bind * f * h - 1.81 * g,
            -bind * f * h + 1.81 * g,
        ])  # fmt: skip

    def loss(xp, y0, y1, p):
        return xp.sum((y1 / p["sizes"] - 1.0) ** 2)

    start, sizes = np.zeros(8), [1e-3, 1e-4, 1e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3]
    start[0], start[7] = 1.0, 0.0057
    params = {"k1": 1.71, "k2": 8.32, "bind": 280.0, "sizes": sizes}
    return Problem("hires", rhs, loss, (0.0, t1), start, params, wrt=("k1", "k2", "bind"))


def equilibrium():
    """`y' = k1 - k2 y^2` with `k2 = 3e7`, at rest long before the end: the loss is `1e8 k1 / k2`."""

    def rhs(xp, t, y, p):
        return p["k1"] - p["k2"] * y * y

    def loss(xp, y0, y1, p):
        return xp.sum((1e4 * y1) ** 2)

    def exact(x):
        a, b = x
        value = 1e8 * a / b
        return value, np.array([value / a, -value / b]), 1e8 * np.array([[0, -1 / b**2], [-1 / b**2, 2 * a / b**3]])

    rates = {"k1": 0.04, "k2": 3e7}
    return Problem("equilibrium", rhs, loss, (0.0, 4.0), [0.0], rates, wrt=("k1", "k2"), exact=exact)


def infusion():
    """A dose of 5e8 units into a volume of 3e7, eliminated at 0.02: unknowns that differ by ten orders of magnitude."""

    def rhs(xp, t, y, p):
        return p["dose"] / p["volume"] - p["k"] * y

    def loss(xp, y0, y1, p):
        return xp.sum((y1 - 100.0) ** 2)

    def exact(x):
        k, dose, volume = x
        gone = np.exp(-10 * k)
        y, s = dose / volume * (1 - gone) / k, (10 * k * gone - (1 - gone)) / k**2
        second = (2 * (1 - gone) - 20 * k * gone - 100 * k**2 * gone) / k**3
        r = dose / volume
        g = np.array([r * s, y / dose, -y / volume])
        h = np.array([
            [r * second, s / volume, -r * s / volume],
            [s / volume, 0.0, -y / dose / volume],
            [-r * s / volume, -y / dose / volume, 2 * y / volume**2],
        ])  # fmt: skip
        return (y - 100) ** 2, 2 * (y - 100) * g, 2 * np.outer(g, g) + 2 * (y - 100) * h

    params = {"k": 0.02, "dose": 5e8, "volume": 3e7}
    return Problem("infusion", rhs, loss, (0.0, 10.0), [0.0], params, wrt=("k", "dose", "volume"), exact=exact)


def trace_amounts():
    """Decay of amounts of 1e-9, in a loss that measures in units of 1e-9."""

    def rhs(xp, t, y, p):
        return -p["k"] * y

    def loss(xp, y0, y1, p):
        return xp.sum((y1 / 1e-9 - 0.3) ** 2)

    def exact(x):
        y0, k = x[:2] / 1e-9, x[2]
        a = np.exp(-k)
        r = y0 * a - 0.3
        grad = np.array([*(2 * r * a / 1e-9), -2 * np.sum(r * y0) * a])
        cross = -2 * a * (2 * y0 * a - 0.3) / 1e-9
        hess = np.zeros((3, 3))
        hess[[0, 1], [0, 1]] = 2 * (a / 1e-9) ** 2
        hess[:2, 2] = hess[2, :2] = cross
        hess[2, 2] = 2 * np.sum((y0 * a) ** 2 + r * y0 * a)
        return float(np.sum(r * r)), grad, hess

    start = [1e-9, 2e-9]
    return Problem("trace-amounts", rhs, loss, (0.0, 1.0), start, {"k": 1.0}, wrt=("y0", "k"), exact=exact)


def changing_rates():
    """Exponential growth of 1e-9 at rates that change at given times: the logarithm of the state is linear in all of them."""

    def rhs(xp, t, y, p):
        beta = xp.where(t < 4.0, p["b0"], xp.where(t < 22.0, p["b1"], p["b2"]))
        return (beta - p["g"]) * y

    def loss(xp, y0, y1, p):
        return xp.sum((xp.log(y1) - p["seen"]) ** 2)

    def exact(x):
        c = np.array([4.0, 18.0, 8.0, -30.0])
        r = np.log(1e-9) + c @ x + 16.0
        return float(r * r), 2 * r * c, 2 * np.outer(c, c)

    params = {"b0": 0.6, "b1": 0.3, "b2": 0.05, "g": 0.1, "seen": -16.0}
    return Problem("changing-rates", rhs, loss, (0.0, 30.0), [1e-9], params, wrt=("b0", "b1", "b2", "g"), exact=exact)


BROUGHT = {
    "robertson-4": robertson,
    "robertson-40": lambda: robertson(40.0),
    "hires": hires,
    "equilibrium": equilibrium,
    "infusion": infusion,
    "trace-amounts": trace_amounts,
    "changing-rates": changing_rates,
}
