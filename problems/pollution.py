"""The chemistry of an air pollution model: 20 species, 25 reactions, rates from 1e-4 to 4e11.

    on (0, 60) minutes,   loss  sum_i ((y_i(t1) - seen_i) / size_i)^2,   `size` the end state, `seen` a tenth off it

The Hessian is by the rates, or their logarithms. Source: Verwer, SIAM J. Sci. Comput. 15 (1994) 1243; Mazzia & Magherini, Test
Set for IVP Solvers, release 2.4 (2008), problem POLLU, which gives the end state; species are numbered as there.
"""

import math

import numpy as np

from hessbench import InvalidInput, MassAction, Problem

SPECIES = tuple(f"y{k}" for k in range(1, 21))
REACTIONS = {
    "y1 -> y2 + y3": 0.35,
    "y2 + y4 -> y1": 0.266e2,
    "y5 + y2 -> y6 + y1": 0.123e5,
    "y7 -> 2 y5 + y8": 0.86e-3,
    "y7 -> y8": 0.82e-3,
    "y7 + y6 -> y5 + y8": 0.15e5,
    "y9 -> y5 + y8 + y10": 0.13e-3,
    "y9 + y6 -> y11": 0.24e5,
    "y11 + y2 -> y1 + y10 + y12": 0.165e5,
    "y11 + y1 -> y13": 0.9e4,
    "y13 -> y11 + y1": 0.22e-1,
    "y10 + y2 -> y14 + y1": 0.12e5,
    "y14 -> y7 + y5": 0.188e1,
    "y1 + y6 -> y15": 0.163e5,
    "y3 -> y4": 0.48e7,
    "y4 -> y16": 0.35e-3,
    "y4 -> y3": 0.175e-1,
    "y16 -> 2 y6": 0.1e9,
    "y16 -> y3": 0.444e12,
    "y17 + y6 -> y18 + y5": 0.124e4,
    "y19 -> y2": 0.21e1,
    "y19 -> y1 + y3": 0.578e1,
    "y1 + y4 -> y19": 0.474e-1,
    "y19 + y1 -> y20": 0.178e4,
    "y20 -> y19 + y1": 0.312e1,
}
START = {"y2": 0.2, "y4": 0.04, "y7": 0.1, "y8": 0.3, "y9": 0.01, "y17": 0.007}
T1 = 60.0
REACHED = (
    0.5646255480022769e-01, 0.1342484130422339e00, 0.4139734331099427e-08, 0.5523140207484359e-02,
    0.2018977262302196e-06, 0.1464541863493966e-06, 0.7784249118997964e-01, 0.3245075353396018e00,
    0.7494013383880406e-02, 0.1622293157301561e-07, 0.1135863833257075e-07, 0.2230505975721359e-02,
    0.2087162882798630e-03, 0.1396921016840158e-04, 0.8964884856898295e-02, 0.4352846369330103e-17,
    0.6899219696263405e-02, 0.1007803037365946e-03, 0.1772146513969984e-05, 0.5682943292316392e-04,
)  # fmt: skip


def problem(t1: float = T1, wrt=("k",)) -> Problem:
    """Until `t1 > 0`, with respect to `wrt`: `"y0"`, `"k"` (25 rates), `"log_k"` (their logarithms instead)."""
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"pollution: `t1` is {t1!r}, expected a positive time.")
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if not wrt or not set(wrt) <= {"y0", "k", "log_k"} or {"k", "log_k"} <= set(wrt):
        raise InvalidInput(f"pollution: `wrt` is {wrt!r}, expected some of 'y0' and either 'k' or 'log_k'.")
    rates = "log_k" if "log_k" in wrt else "k"
    kinetics, k = MassAction(SPECIES, tuple(REACTIONS), rates), np.array(list(REACTIONS.values()))
    size = np.array(REACHED)
    return kinetics.problem(
        "pollution",
        t1,
        y0=[START.get(name, 0.0) for name in SPECIES],
        params={rates: np.log(k) if rates == "log_k" else k},
        seen=size * (1 + 0.1 * (-1.0) ** np.arange(20)),
        size=size,
        scale={"y0": size, **({"log_k": 1.0} if rates == "log_k" else {})},
        wrt=wrt,
    ).perturbed_by_share(0.05)
