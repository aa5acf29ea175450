"""The nerve of Hodgkin and Huxley under a steady current: spikes, three conductances wanted.

    C dV/dt = I - gNa m^3 h (V - 50) - gK n^4 (V + 77) - gL (V + 54.387)
    dx/dt = alpha_x (1 - x) - beta_x x   for x = n, m, h
    alpha_n = 0.1 e((V + 55)/10)    beta_n = exp(-(V + 65)/80)/8     alpha_m = e((V + 40)/10)    beta_m = 4 exp(-(V + 65)/18)
    alpha_h = 0.07 exp(-(V + 65)/20)    beta_h = 1/(1 + exp(-(V + 35)/10))       e(x) = x/(1 - exp(-x))

in mV, ms, mS/cm^2 and uA/cm^2, `C = 1`, `g = (gNa, gK, gL) = (120, 36, 0.3)`, `I = 10`, on (0, 20) from rest, state
(V, n, m, h); loss sum_i ((y_i(t1) - rest_i) / size_i)^2. The voltage spikes at once and every 15 ms from then on; it is
mildly stiff. `e` has no value at exactly `x = 0`, at -55 and -40 mV, which a solution meets with probability zero.
Source: Hodgkin & Huxley, J. Physiol. 117 (1952) 500, with the voltages of today, where rest is at -65 mV.
"""

import math

import numpy as np

from hessbench import InvalidInput, Problem, misfit, misfit_blocks

REST = (-65.0, 0.3176769140, 0.0529324852, 0.5961207535)  # where the gates are in equilibrium


def slope_of_gate(opening, closing, x):
    return opening * (1 - x) - closing * x


def rhs(xp, t, y, p):
    v, n, m, h = y[:1], y[1:2], y[2:3], y[3:]

    def e(x):
        return -x / xp.expm1(-x)

    g = p["g"]
    sodium, potassium = g[:1] * m * m * m * h * (v - 50.0), g[1:2] * n * n * n * n * (v + 77.0)
    by_n = slope_of_gate(0.1 * e((v + 55.0) / 10), xp.exp(-(v + 65.0) / 80) / 8, n)
    by_m = slope_of_gate(e((v + 40.0) / 10), 4 * xp.exp(-(v + 65.0) / 18), m)
    by_h = slope_of_gate(0.07 * xp.exp(-(v + 65.0) / 20), 1 / (1 + xp.exp(-(v + 35.0) / 10)), h)
    return xp.concatenate([p["I"] - sodium - potassium - g[2:] * (v + 54.387), by_n, by_m, by_h])


def problem(t1: float = 20.0, wrt=("g",)) -> Problem:
    """Until `t1 > 0` milliseconds, with respect to `wrt`: any of `"y0"`, `"g"` (three conductances) and `"I"`."""
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"hodgkin-huxley: `t1` is {t1!r}, expected a positive time.")
    return Problem(
        name="hodgkin-huxley",
        rhs=rhs,
        loss=misfit,
        t_span=(0.0, float(t1)),
        y0=np.array(REST),
        params={"g": [120.0, 36.0, 0.3], "I": 10.0, "size": [30.0, 0.3, 0.3, 0.3], "seen": REST},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        dissipative=True,
        loss_blocks=misfit_blocks,
    ).perturbed_by_share(0.02)
