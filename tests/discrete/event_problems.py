"""A problem with doses, events, data and everything beside: see `everything`."""

from hessbench import Data, Event, Problem
from hessbench.builtin_strategies.discrete_adjoint import DiscreteAdjoint

from .data_problems import MASK, TIMES, VALUES, end, misfit, residual, rhs, running

EVERYTHING = ("theta", "y0", "noise", "lag", "kappa", "level", "dose")
PARAMS = {"theta": [1.1, 1.7], "noise": [0.5, 0.8], "kappa": 0.3, "lag": [0.8, 1.45], "level": 0.6, "dose": 0.15}


def dosed(xp, t, y, p):
    """Nonlinear in all that it may read."""
    return xp.stack(
        [y[0] + p["dose"] * xp.cos(y[1]) * (1 + t), y[1] * xp.exp(-p["kappa"]) + p["theta"][0] * p["dose"] ** 2]
    )


def pushed(xp, t, y, p):
    return y + xp.stack([0.1 * y[0] * y[1], 0.2 + p["dose"] * t])


def crossing(xp, t, y, p):
    return y[0] - p["level"] * (1 + t * t / 5) - y[1] ** 2 / 10


def bounced(xp, t, y, p):
    return xp.stack([y[0] + 0.05 * (1 + y[1] ** 2) * p["level"], -0.8 * y[1] * p["kappa"] + t * p["dose"]])


def moved(xp, p):
    """One nonlinear, one linear, and one that rests."""
    return xp.stack([p["theta"][1] ** 2 / 6 + p["kappa"] * p["dose"], 1.0 + p["kappa"] / 3, 0.31 + 0.0 * p["dose"]])


DOSES = {
    "fixed": Event(at=[0.0, 0.55, 1.2], jump=dosed),  # the first one at t0, the others at times of data
    "at once": Event(at=0.55, jump=pushed),  # two doses at one time
    "by name": Event(at="lag", jump=pushed),
    "by function": Event(at=moved, jump=dosed),
    "step": Event(at=0.9),
    "root": Event(when=crossing, direction=-1, jump=bounced),
}


def everything(wrt=EVERYTHING, events=tuple(DOSES), **changed):
    """The problem, by any of its unknowns, with any of its events."""
    given = {
        "running_loss": running, "loss": end, "data": Data(TIMES, VALUES, misfit, residual, MASK), "t_span": (0.0, 2.0),
    }  # fmt: skip
    parts = {**given, **changed}
    made = [DOSES[name] if isinstance(name, str) else name for name in events]
    return Problem(
        "doses-and-everything",
        rhs,
        parts.pop("loss"),
        parts.pop("t_span"),
        [0.8, 0.3],
        PARAMS,
        wrt,
        events=made,
        **parts,
    )


class InPieces(DiscreteAdjoint):
    """The strategy without events of its own, so that the harness goes over the pieces."""

    limits = DiscreteAdjoint.limits.__class__(parameters=True, running_loss=True, times=True, data=True)
