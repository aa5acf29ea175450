"""A room that follows, later by a delay, the temperature outside, which stands in a table: linear between its times.

    y' = -k (y - u(t - delay)) + heat   on (0, 10),   u through the points of `TIMES` and `OUTSIDE`, constant before them
    loss = sum over seven times of (y - d)^2 / 2

By (y0, k, heat, delay) at (18, 0.3, 1.2, 0.2), where the value is 2.238750894367319, from the closed form: where
u = a + s (t - t_i), y = u - s/k + heat/k + c e^(-k (t - t_i)). The delay moves the times at which the table bends. Source: the
solution inserted; invented data.
"""

from dataclasses import replace

import numpy as np

from hessbench import Data, Problem

TIMES = np.array([0.0, 1.0, 2.5, 4.0, 7.0, 10.0])
OUTSIDE = np.array([8.0, 12.0, 11.0, 16.0, 9.0, 6.0])
SLOPES = np.diff(OUTSIDE) / np.diff(TIMES)
SEEN_AT = np.array([0.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0])
SEEN = np.array([17.2, 16.1, 16.0, 16.4, 16.0, 14.1, 12.6])


def rhs(xp, t, y, p):
    since = t - p["delay"] - p["times"]
    above = xp.reshape(p["bends"] * (since + xp.abs(since)) / 2, (1, -1))  # in all frameworks; NumPy has `interp`
    outside = p["first"] + xp.sum(above, 1)
    return -p["k"] * (y - outside) + p["heat"]


def residual(xp, t, y, d, p):
    return y[0] - d


def problem(wrt=("y0", "k", "heat", "delay")) -> Problem:
    """By the temperature at the start, rate, heating and delay."""
    table = {"first": OUTSIDE[0], "times": TIMES[:-1], "bends": np.diff(SLOPES, prepend=0.0)}
    out = Problem(
        name="table-forcing",
        rhs=rhs,
        loss=None,
        t_span=(0.0, 10.0),
        y0=np.array([18.0]),
        params={"k": 0.3, "heat": 1.2, "delay": 0.2, **table},
        wrt=wrt,
        loss_uses_y0=False,
        data=Data(SEEN_AT, SEEN, residual=residual),
    )
    return replace(out, perturbed=1.03 * out.x0)
