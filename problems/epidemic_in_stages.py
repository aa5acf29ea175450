"""An epidemic whose contact rate changes on two days that are unknowns: a lockdown and its end.

    S' = -b S I,   I' = b S I - gamma I,   b' = 0   on (0, 60),   b -> b1 at `lockdown`,   b -> b2 at `opened`
    loss = sum over the days 5, 10, ..., 60 of (log I - d)^2 / 2 s^2

By the three rates, gamma and both days. The contact rate is a state that jumps. Source: Kermack & McKendrick, Proc. R. Soc. A
115 (1927) 700; change points as in Dehning et al., Science 369 (2020) eabb9789; invented data.
"""

from dataclasses import replace

import numpy as np

from hessbench import Data, Event, Problem

DAYS = np.arange(5.0, 61.0, 5.0)
SEEN = np.array([-5.7, -4.4, -3.1, -2.0, -2.0, -2.2, -2.3, -2.4, -2.4, -2.1, -2.0, -2.1])


def rhs(xp, t, y, p):
    s, i, b = y[:1], y[1:2], y[2:]
    infection = b * s * i
    return xp.concatenate([-infection, infection - p["gamma"] * i, 0 * b])


def residual(xp, t, y, d, p):
    return (xp.log(y[1]) - d) / 0.2


def locked(xp, t, y, p):
    return xp.stack([y[0], y[1], 0 * y[2] + p["b1"]])


def opened(xp, t, y, p):
    return xp.stack([y[0], y[1], 0 * y[2] + p["b2"]])


def problem(wrt=("b1", "b2", "gamma", "lockdown", "opened")) -> Problem:
    """By the rates behind the changes, the rate of recovery and both days by default."""
    out = Problem(
        name="epidemic-in-stages",
        rhs=rhs,
        loss=None,
        t_span=(0.0, 60.0),
        y0=np.array([0.999, 0.001, 0.37]),
        params={"b1": 0.12, "b2": 0.3, "gamma": 0.1, "lockdown": 18.3, "opened": 43.6},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        data=Data(DAYS, SEEN, residual=residual),
        events=[Event(at="lockdown", jump=locked), Event(at="opened", jump=opened)],
    )
    return replace(out, perturbed=1.03 * out.x0)
