"""One compartment with first-order absorption, doses every eight hours, and a lag time that is fitted.

    gut' = -ka gut,   blood' = ka gut / V - ke blood   on (0, 24),   dose 100 into gut at lag + 8k, k = 0, 1, 2
    loss = sum over eight times of (blood - d)^2 / 2

The times of the doses depend on an unknown. By (ka, ke, V, lag) = (1.1, 0.2, 20, 0.35), where the value is
1.146602410980776 and the gradient (1.871259249897768, 28.11962147336613, 0.06771952107539699, -1.663480201297898), from
closed forms. Source: Gibaldi & Perrier, Pharmacokinetics, 2nd ed. (1982), chapter 1; invented data.
"""

from dataclasses import replace

import numpy as np

from hessbench import Data, Event, Problem

TIMES = (1.0, 2.0, 4.0, 8.2, 10.0, 16.2, 20.0, 24.0)
SEEN = (2.1, 3.0, 2.8, 1.6, 3.9, 2.4, 4.1, 2.5)
DOSE = np.array([100.0, 0.0])


def rhs(xp, t, y, p):
    gut, blood = y[:1], y[1:]
    absorbed = p["ka"] * gut
    return xp.concatenate([-absorbed, absorbed / p["V"] - p["ke"] * blood])


def residual(xp, t, y, d, p):
    return y[1] - d


def dosed(xp, t, y, p):
    return y + DOSE


def at(xp, p):
    return p["lag"] + 8.0 * np.arange(3)


def problem(wrt=("ka", "ke", "V", "lag")) -> Problem:
    """By the four parameters by default."""
    out = Problem(
        name="pharmacokinetics",
        rhs=rhs,
        loss=None,
        t_span=(0.0, 24.0),
        y0=np.zeros(2),
        params={"ka": 1.1, "ke": 0.2, "V": 20.0, "lag": 0.35},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        data=Data(TIMES, SEEN, residual=residual),
        events=[Event(at=at, jump=dosed)],
    )
    return replace(out, perturbed=1.03 * out.x0)
