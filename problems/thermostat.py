"""A room with a thermostat that switches with hysteresis (a relay): the heater is a state that jumps.

    T' = -k (T - outside) + power u,   u' = 0   on (0, 6)
    u -> 1 where T falls through `low`,   u -> 0 where T rises through `high`;   loss = (T(6) - 20)^2 + integral of power u / 10

By k, power, low and high, which all move the times of the switching. Source: Tsypkin, Relay Control Systems (1984), chapter 1.
"""

from dataclasses import replace

import numpy as np

from hessbench import Event, Problem


def rhs(xp, t, y, p):
    room, heater = y[:1], y[1:]
    return xp.concatenate([-p["k"] * (room - p["outside"]) + p["power"] * heater, 0 * heater])


def loss(xp, y0, y1, p):
    return xp.sum((y1[:1] - 20.0) ** 2)


def running_loss(xp, t, y, p):
    return xp.sum(p["power"] * y[1:]) / 10


def cold(xp, t, y, p):
    return y[0] - p["low"]


def warm(xp, t, y, p):
    return y[0] - p["high"]


def switched_on(xp, t, y, p):
    return xp.stack([y[0], 0 * y[1] + 1.0])


def switched_off(xp, t, y, p):
    return xp.stack([y[0], 0 * y[1]])


def problem(wrt=("k", "power", "low", "high")) -> Problem:
    """By loss rate, power and both thresholds by default; eleven switches."""
    out = Problem(
        name="thermostat",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, 6.0),
        y0=np.array([20.5, 0.0]),
        params={"k": 0.4, "power": 8.0, "outside": 8.0, "low": 19.0, "high": 21.0},
        wrt=wrt,
        running_loss=running_loss,
        autonomous=True,
        loss_uses_y0=False,
        events=[
            Event(when=cold, direction=-1, jump=switched_on),
            Event(when=warm, direction=1, jump=switched_off),
        ],
    )
    return replace(out, perturbed=1.03 * out.x0)
