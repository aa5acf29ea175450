"""A damped oscillator seen at twelve times, with the size of the noise as an unknown.

    x' = v,   v' = -k x - theta v   on (0, 6),   from (1, 0);   loss = sum of r^2/2 + log sigma,   r = (x - d)/sigma

By (k, theta, sigma) at (1.1, 0.25, 0.1), where the value is -25.7918094039 and H_kk = 545.0437052739, from the closed form
`x = e^(-theta t/2) (cos wt + theta/(2w) sin wt)`, `w^2 = k - theta^2/4`. Source: the solution inserted; invented data.
"""

from dataclasses import replace

import numpy as np

from hessbench import Data, Problem

TIMES = np.linspace(0.5, 6.0, 12)
SEEN = np.array([0.81, 0.47, 0.06, -0.31, -0.55, -0.63, -0.55, -0.36, -0.11, 0.13, 0.31, 0.39])


def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], -p["k"] * y[:1] - p["theta"] * y[1:]])


def misfit(xp, t, y, d, p):
    r = (y[0] - d) / p["sigma"]
    return r * r / 2 + xp.log(p["sigma"])


def problem(wrt=("k", "theta", "sigma")) -> Problem:
    """By the parameters and the noise by default."""
    out = Problem(
        name="oscillator-data",
        rhs=rhs,
        loss=None,
        t_span=(0.0, 6.0),
        y0=np.array([1.0, 0.0]),
        params={"k": 1.1, "theta": 0.25, "sigma": 0.1},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        data=Data(TIMES, SEEN, misfit),
    )
    return replace(out, perturbed=1.03 * out.x0)
