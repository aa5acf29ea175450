"""E5, a pyrolysis: four species of sizes from 1e-3 to 1e-13, four rates from 1e-9 to 1e9, over times of 1e4 and more.

    A1 -> A2 + A3  (A)      A1 + A3 -> A4  (B)      A2 + A3 ->  (M C)      A4 -> A3  (C)
    from A1 = 1.76e-3,   loss  sum_i ((y_i(t1) - seen_i) / size_i)^2

`y2 = y3 + y4` is kept. At the default `t1 = 1e4` 41 % of A1 is left, `size` is the state there and `seen` a tenth off it; at
1e13, to which the published state belongs, there is nothing left to differentiate. (The published `y2` and `y3` break the
invariant in their third digit; their mean is right to seven.)
Source: Enright, Hull & Lindberg, BIT 15 (1975) 10, problem E5; Hairer & Wanner, Solving Ordinary Differential Equations II,
section IV.10; Mazzia & Magherini, Test Set for IVP Solvers, release 2.4 (2008), problem E5.
"""

import math

import numpy as np

from hessbench import InvalidInput, MassAction, Problem

KINETICS = MassAction(("A1", "A2", "A3", "A4"), ("A1 -> A2 + A3", "A1 + A3 -> A4", "A2 + A3 ->", "A4 -> A3"))
RATES = (7.89e-10, 1.1e7, 1.13e9, 1.13e3)
AT_1E13 = (0.1152903278711829e-290, 0.8867655517642120e-22, 0.8854814626268838e-22, 0.0)
SIZE = (7.2e-4, 6.4e-11, 8e-12, 5.6e-11)


def problem(t1: float = 1e4, wrt=("k",)) -> Problem:
    """Until `t1 > 0`, with respect to `wrt`: `"y0"`, `"k"` (the four rates A, B, M C and C) or both."""
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"e5: `t1` is {t1!r}, expected a positive time.")
    size = np.array(SIZE)
    seen = size * [1.1, 0.9, 1.1, 0.9]
    made = KINETICS.problem("e5", t1, [1.76e-3, 0.0, 0.0, 0.0], {"k": RATES}, seen, size, {"y0": size}, wrt)
    return made.perturbed_by_share(0.05)
