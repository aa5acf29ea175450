"""Lotka-Volterra fitted to the pelts of lynx and hare that the Hudson's Bay Company bought, 1900 to 1920, in thousands.

    u' = alpha u - beta u v,   v' = delta u v - gamma v   on (0, 20) years,   u hares, v lynx
    loss = sum over 21 years of r^2 / 2 + log sigma for both,   r = (log d - log y) / sigma   (log-normal, without constants)

By initial state, rates and both sigmas; the point is near the posterior mean of Carpenter's fit. Source: Carpenter,
Predator-prey population dynamics: the Lotka-Volterra model in Stan (2018), whose table of the data this is; Howard, Modeling
Basics (2009); Elton & Nicholson, J. Animal Ecology 11 (1942) 215.
"""

from dataclasses import replace

import numpy as np

from hessbench import Data, Problem

HARES = (30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1, 40.3, 57.0, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2,
         24.7)  # fmt: skip
LYNX = (
    4.0,
    6.1,
    9.8,
    35.2,
    59.4,
    41.7,
    19.0,
    13.0,
    8.3,
    9.1,
    7.4,
    8.0,
    12.3,
    19.5,
    45.7,
    51.1,
    29.7,
    15.8,
    9.7,
    10.1,
    8.6,
)
START = {"alpha": 0.55, "beta": 0.028, "gamma": 0.8, "delta": 0.024, "sigma": np.array([0.25, 0.25])}


def rhs(xp, t, y, p):
    hares, lynx = y[:1], y[1:]
    eaten = hares * lynx
    return xp.concatenate([p["alpha"] * hares - p["beta"] * eaten, p["delta"] * eaten - p["gamma"] * lynx])


def misfit(xp, t, y, d, p):
    r = (xp.log(d) - xp.log(y)) / p["sigma"]
    return r * r / 2 + xp.log(p["sigma"])


def problem(wrt=("y0", *START)) -> Problem:
    """By everything by default: two initial numbers, four rates, two sigmas."""
    out = Problem(
        name="lynx-hare",
        rhs=rhs,
        loss=None,
        t_span=(0.0, 20.0),
        y0=np.array([33.95, 5.93]),
        params=START,
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        data=Data(np.arange(21.0), np.array([HARES, LYNX]).T, misfit),
    )
    return replace(out, perturbed=1.03 * out.x0)
