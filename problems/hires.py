"""High irradiance responses of photomorphogenesis: eight forms of phytochrome, ten rates.

    dy_1/dt = -k1 y1 + k2 y2 + k6 y3 + ok      dy_2/dt = k1 y1 - (k2 + k3) y2      dy_3/dt = -(k6 + k1) y3 + k2 y4 + k5 y5
    dy_4/dt = k3 y2 + k1 y3 - (k4 + k2) y4     dy_5/dt = -(k5 + k1) y5 + k2 (y6 + y7)
    dy_6/dt = -k+ y6 y8 + k4 y4 + k1 y5 - k2 y6 + k- y7      dy_7/dt = k+ y6 y8 - (k2 + k- + k*) y7 = -dy_8/dt
    on (0, 321.8122),   loss  sum_i ((y_i(t1) - seen_i) / size_i)^2,   `size` the end state, `seen` a tenth off it

The sum of `y7` and `y8` is kept. Source: Schaefer, Photochem. Photobiol. 22 (1975); Gottwald, Seminarber. HU Berlin 32 (1981);
Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.10; Mazzia & Magherini, Test Set for IVP Solvers,
release 2.4 (2008), problem HIRES, which gives the end state.
"""

import math

import numpy as np

from hessbench import InvalidInput, MassAction, Problem

NAMES = ("k1", "k2", "k3", "k4", "k5", "k6", "k+", "k-", "k*", "ok")
RATES = (1.71, 0.43, 8.32, 0.69, 0.035, 8.32, 280.0, 0.69, 0.69, 0.0007)
FORMS = ("Pr", "Pfr", "PrX", "PfrX", "PrX'", "PfrX'", "PfrX'E", "E")
REACTIONS = {
    "-> Pr": "ok",
    "Pr -> Pfr": "k1",
    "Pfr -> Pr": "k2",
    "Pfr -> PfrX": "k3",
    "PrX -> Pr": "k6",
    "PrX -> PfrX": "k1",
    "PfrX -> PrX": "k2",
    "PfrX -> PfrX'": "k4",
    "PrX' -> PrX": "k5",
    "PrX' -> PfrX'": "k1",
    "PfrX' -> PrX'": "k2",
    "PfrX' + E -> PfrX'E": "k+",
    "PfrX'E -> PfrX' + E": "k-",
    "PfrX'E -> PrX' + E": "k2",
    "PfrX'E -> E": "k*",
}
KINETICS = MassAction(FORMS, tuple(REACTIONS), which=tuple(map(NAMES.index, REACTIONS.values())))
T1 = 321.8122
REACHED = (
    0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
    0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2,
)  # fmt: skip


def problem(t1: float = T1, wrt=("k",)) -> Problem:
    """Until `t1 > 0`, with respect to `wrt`: `"y0"`, `"k"` (the ten rates, in the order of `NAMES`) or both."""
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"hires: `t1` is {t1!r}, expected a positive time.")
    size = np.array(REACHED)
    seen = size * (1 + 0.1 * (-1.0) ** np.arange(8))
    start, scale = [1.0, 0, 0, 0, 0, 0, 0, 0.0057], {"y0": [1.0, 0.2, 0.02, 0.6, 0.2, 0.5, 0.0057, 0.0057]}
    return KINETICS.problem("hires", t1, start, {"k": RATES}, seen, size, scale, wrt).perturbed_by_share(0.05)
