"""The Oregonator, a model of the Belousov-Zhabotinskii reaction: a limit cycle with jumps over five orders of magnitude.

    dy_1/dt = s (y2 + y1 (1 - q y1 - y2))      dy_2/dt = (y3 - (1 + y1) y2) / s      dy_3/dt = w (y1 - y3)
    s = 77.27,  q = 8.375e-6,  w = 0.161,   on (0, 360) from (1, 2, 3),   loss  sum_i ((y_i(t1) - seen_i) / size_i)^2

The period is about 303. `size` is the state at 360, `seen` a tenth off it. The Hessian is by the three parameters.
Source: Field & Noyes, J. Chem. Phys. 60 (1974) 1877; Hairer & Wanner, Solving Ordinary Differential Equations II, section
IV.10; Mazzia & Magherini, Test Set for IVP Solvers, release 2.4 (2008), problem OREGO, which gives the end state.
"""

import math

import numpy as np

from hessbench import InvalidInput, Problem, misfit, misfit_blocks

REACHED = (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3)


def rhs(xp, t, y, p):
    a, b, c = y[:1], y[1:2], y[2:]
    s = p["s"]
    return xp.concatenate([s * (b + a * (1 - p["q"] * a - b)), (c - (1 + a) * b) / s, p["w"] * (a - c)])


def problem(t1: float = 360.0, wrt=("s", "q", "w")) -> Problem:
    """Until `t1 > 0`, with respect to `wrt`: any of `"y0"`, `"s"`, `"q"` and `"w"`."""
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"oregonator: `t1` is {t1!r}, expected a positive time.")
    size = np.array(REACHED)
    return Problem(
        name="oregonator",
        rhs=rhs,
        loss=misfit,
        t_span=(0.0, float(t1)),
        y0=np.array([1.0, 2.0, 3.0]),
        params={"s": 77.27, "q": 8.375e-6, "w": 0.161, "size": size, "seen": size * [1.1, 0.9, 1.1]},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        dissipative=True,
        loss_blocks=misfit_blocks,
    ).perturbed_by_share(0.01)
