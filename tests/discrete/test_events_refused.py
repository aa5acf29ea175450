"""Events that have no derivative are refused in a sentence, by both forms and over the pieces."""

import numpy as np
import pytest

import hessbench
from hessbench import Data, Event, IntegrationError, InvalidInput, Problem, Unsupported


def falling(events, wrt=("y0",), t1=2.0, **more):
    """h'' = -9.81 from h = 1."""
    return Problem(
        "falls", lambda xp, t, y, p: xp.concatenate([y[1:], 0 * y[:1] - 9.81]), lambda xp, y0, y1, p: xp.sum(y1**2),
        (0.0, t1), [1.0, 0.0], {"lag": 1.0}, wrt, events=events, **more,
    )  # fmt: skip


def bounce(**more):
    given = {
        "when": lambda xp, t, y, p: y[0],
        "direction": -1,
        "jump": lambda xp, t, y, p: xp.stack([0.0 * y[0], -0.8 * y[1]]),
    }
    return Event(**{**given, **more})


def speed(xp, t, y, d, p):
    return y[1] - d


LANDS = float(np.sqrt(2 / 9.81))
REFUSED = {
    "more than allowed": (lambda: falling([bounce(most=2)]), IntegrationError, "more than `most` = 2 times"),
    "a jump that stays": (
        lambda: falling([bounce(jump=lambda xp, t, y, p: 0.0 * y)]), Unsupported, "does not lead away",
    ),
    "grazed": (lambda: falling([bounce(when=lambda xp, t, y, p: (t - 0.7) ** 2)]), Unsupported, "only just touches"),
    "always": (lambda: falling([bounce(when=lambda xp, t, y, p: xp.maximum(y[0] - 5, 0 * t))]), Unsupported, "always happens"),
    "two at once": (
        lambda: falling([bounce(), bounce(when=lambda xp, t, y, p: 2 * y[0])]), Unsupported, "coincide at t = 0.4515",
    ),
    "with data": (
        lambda: falling([bounce()], data=Data([LANDS], [0.0], speed)), Unsupported,
        "coincide at t = 0.4515",
    ),
    "with a dose": (
        lambda: falling([bounce(), Event(at=LANDS, jump=lambda xp, t, y, p: y + 0.1)]), Unsupported, "coincide at t = 0.4515",
    ),
    "at the end": (lambda: falling([bounce()], t1=LANDS), Unsupported, "coincide at t = 0.4515"),
    "a dose that moves away from data": (
        lambda: falling(
            [Event(at="lag", jump=lambda xp, t, y, p: y + 0.1)], ("lag",), data=Data([1.0], [0.0], speed)
        ),
        Unsupported, "coincide at t = 1",
    ),
}  # fmt: skip


ASKED = [(what, name) for what in REFUSED for name in ("discrete-adjoint", "discrete-adjoint/numpy", "variational")]
ASKED.remove(("grazed", "variational"))  # the solve that finds the pieces steps over the touch, without an event


@pytest.mark.parametrize(("what", "strategy"), ASKED)
def test_what_has_no_derivative_is_refused(what, strategy):
    problem, kind, words = REFUSED[what]
    with pytest.raises(kind, match=words):
        hessbench.prepare(problem(), strategy)()


@pytest.mark.parametrize("strategy", ["discrete-adjoint", "discrete-adjoint/numpy"])
def test_a_dose_that_an_unknown_moves_out_of_the_span_is_named(strategy):
    prepared = hessbench.prepare(falling([Event(at="lag", jump=lambda xp, t, y, p: y + 0.1)], ("lag",)), strategy)
    with pytest.raises(InvalidInput, match=r"data or an event is at t = 2.5, outside of the time span"):
        prepared(np.array([2.5]))
