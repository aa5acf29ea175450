"""A ball that bounces three times; its restitution is an unknown.

    h' = v,   v' = -g   on (0, 2),   v -> -e v where h falls through 0;   loss = (h(2) - 0.3)^2 + v(2)^2 / 10

By (h, v, g, e) at (1, 0, 9.81, 0.8), where it bounces at 0.451523640986, 1.173961466563 and 1.751911727025; the value is
0.004292468917060363, H_ee = 217.0691198897518 (closed form). Differentiating with the times of the bounces held fixed gives
other numbers. Source: Newton's law of restitution; Rozenvasser, Automation and Remote Control 28 (1967) 400.
"""

from dataclasses import replace

import numpy as np

from hessbench import Event, InvalidInput, Problem


def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], 0 * y[:1] - p["g"]])


def loss(xp, y0, y1, p):
    return xp.sum((y1[:1] - 0.3) ** 2) + xp.sum(y1[1:] ** 2) / 10


def height(xp, t, y, p):
    return y[0]


def bounced(xp, t, y, p):
    return xp.stack([y[0], -p["e"] * y[1]])


def problem(t1: float = 2.0, wrt=("y0", "g", "e")) -> Problem:
    """Until `t1 > 0`; bounces pile up at 4.06, and the end may not be near one."""
    if not (isinstance(t1, int | float) and 0 < t1 < 4):
        raise InvalidInput(
            f"bouncing-ball: `t1` is {t1!r}, expected a time above 0 and below 4, before the bounces pile up."
        )
    out = Problem(
        name="bouncing-ball",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, float(t1)),
        y0=np.array([1.0, 0.0]),
        params={"g": 9.81, "e": 0.8},
        wrt=wrt,
        autonomous=True,
        loss_uses_y0=False,
        events=[Event(when=height, direction=-1, jump=bounced)],
    )
    return replace(out, perturbed=1.03 * out.x0)
