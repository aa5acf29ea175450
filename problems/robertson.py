"""Robertson's reaction: three species, three rates over nine orders of magnitude, the smallest of all stiff problems.

    A -> B  (k1 = 0.04)      2 B -> B + C  (k2 = 3e7)      B + C -> A + C  (k3 = 1e4)      from A = 1, to 40, 1e4 or 1e11
    loss  sum_i ((y_i(t1) - seen_i) / size_i)^2,   `size` the end state, `seen` a tenth off it

The sum of the species is kept. Source: Robertson, in Numerical Analysis: An Introduction (1966) 178; Mazzia & Magherini, Test
Set for IVP Solvers, release 2.4 (2008), problem ROBER, which gives the state at 1e11; Hairer & Wanner, Solving Ordinary
Differential Equations II, section IV.1. The states at 40 and 1e4 are those of two solvers at 1e-13.
"""

from dataclasses import replace

import numpy as np

from hessbench import InvalidInput, MassAction, Problem

KINETICS = MassAction(("A", "B", "C"), ("A -> B", "2 B -> B + C", "B + C -> A + C"))
RATES = (0.04, 3e7, 1e4)
REACHED = {
    40.0: (0.7158270687194, 9.185534764558e-06, 0.2841637457458),
    1e4: (0.1073004285378, 4.800166972572e-07, 0.8926990914455),
    1e11: (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
}
PEAK = 3.65e-5  # of B, at t = 0.0044


def problem(t1: float = 40.0, wrt=("y0", "k")) -> Problem:
    """Until `t1`, one of 40, 1e4 and 1e11, with respect to `wrt`: `"y0"`, `"k"` (the three rates) or both."""
    if t1 not in REACHED:
        raise InvalidInput(f"robertson: `t1` is {t1!r}, expected one of {', '.join(f'{t:g}' for t in REACHED)}.")
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if not wrt or not set(wrt) <= {"y0", "k"}:
        raise InvalidInput(f"robertson: `wrt` is {wrt!r}, expected some of 'y0' and 'k'.")
    size = np.array(REACHED[float(t1)])
    off = {"y0": [0.97, 1e-5, 0.02], "k": np.array(RATES) * [1.07, 0.95, 1.03]}
    seen, scale = size * [1.1, 0.9, 1.1], {"y0": [1.0, PEAK, 1.0]}
    made = KINETICS.problem("robertson", t1, [1.0, 0.0, 0.0], {"k": RATES}, seen, size, scale, wrt)
    return replace(made, perturbed=np.concatenate([off[key] for key in made.wrt]))
