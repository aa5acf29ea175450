"""Small problems in pieces with known numbers."""

import numpy as np

from hessbench import Data, Event, Problem

from . import exact


def ball_with_everything():
    """The problem of `exact`."""

    def rhs(xp, t, y, p):
        v = y[1:]
        return xp.concatenate([v, -p["g"] + xp.where(v < 0, p["c"], 0.0 * v)])

    def loss(xp, y0, y1, p):
        return (y1[0] - 0.3) ** 2 + y1[1] * p["t1"] / 10 + y0[0] * y1[0]

    def misfit(xp, t, y, d, p):
        r = (y[0] - d) / p["s"]
        return r * r / 2 + xp.log(p["s"])

    start = exact.START
    names = ("g", "e", "c", "q", "s", "lag")
    return Problem(
        "ball-with-everything", rhs, loss, (start["t0"], start["t1"]), start["y0"], {k: start[k] for k in names},
        wrt=("y0", *names, "t0", "t1"), running_loss=lambda xp, t, y, p: xp.sum(p["q"] * y[:1]),
        data=Data(exact.TIMES, exact.VALUES, misfit),
        events=[
            Event(at="lag", jump=lambda xp, t, y, p: xp.stack([y[0], y[1] + 2 * p["q"]])),
            Event(when=lambda xp, t, y, p: y[0], direction=-1,
                  jump=lambda xp, t, y, p: xp.stack([0.0 * y[0], -p["e"] * y[1] + t / 50])),
        ],
    )  # fmt: skip


def oscillator():
    """Twelve data times; the numbers are those of a closed form."""
    times = np.linspace(0.5, 6.0, 12)
    seen = np.round(np.exp(-0.15 * times) * np.cos(times), 2)

    def rhs(xp, t, y, p):
        return xp.concatenate([y[1:], -p["k"] * y[:1] - p["theta"] * y[1:]])

    def misfit(xp, t, y, d, p):
        r = (y[0] - d) / p["sigma"]
        return r * r / 2 + xp.log(p["sigma"])

    params = {"k": 1.1, "theta": 0.25, "sigma": 0.1}
    return Problem("osc", rhs, None, (0.0, 6.0), [1.0, 0.0], params, wrt=tuple(params), data=Data(times, seen, misfit))


def contact():
    """A ball on a spring, by `where`."""

    def rhs(xp, t, y, p):
        h, v = y[:1], y[1:]
        return xp.concatenate([v, -p["g"] - xp.where(h < 0, p["k"] * h, 0.0 * h)])

    def loss(xp, y0, y1, p):
        return xp.sum(y1 * y1) / 2

    return Problem("contact", rhs, loss, (0.0, 1.0), [1.0, 0.0], {"g": 9.81, "k": 400.0}, wrt=("y0", "k"))


def scalar(name, rhs, loss=None, t_span=(0.0, 2.0), y0=0.0, **more):
    """A problem with one state."""
    return Problem(name, rhs, loss or (lambda xp, y0, y1, p: xp.sum(y1)), t_span, [y0], **more)
