"""What cannot be computed is refused in a sentence, and bad input is named."""

import numpy as np
import pytest

import hessbench
from hessbench import Data, Event, IntegrationError, InvalidInput, Problem, Unsupported

from .problems import scalar


def down(xp, t, y, p):
    return xp.concatenate([y[1:], 0 * y[:1] - 9.81])


def ball(events, **more):
    return Problem("ball", down, lambda xp, y0, y1, p: y1[0], (0.0, 2.0), [1.0, 0.0], events=events, **more)


def bounced(xp, t, y, p):
    return xp.stack([0.0 * y[0], -0.8 * y[1]])


def height(xp, t, y, p):
    return y[0]


def test_sliding_along_a_switch():
    problem = scalar("slides", lambda xp, t, y, p: -xp.sign(y - 0.5))
    with pytest.raises(Unsupported, match="slides along a switch"):
        hessbench.hessian(problem)


def test_stick_slip():
    """A block on a moving belt with dry friction sticks."""

    def rhs(xp, t, y, p):
        return xp.concatenate([y[1:], -y[:1] - 2.0 * xp.sign(y[1:] - 0.3)])

    problem = Problem("stick-slip", rhs, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 5.0), [0.0, 0.0])
    with pytest.raises(Unsupported, match=r"slides along a switch of the right-hand side \(sign\)"):
        hessbench.hessian(problem)


def test_a_solution_that_grazes_a_switch():
    """y = t (2 - t) only just reaches 1."""
    problem = scalar("grazes", lambda xp, t, y, p: 2.0 - 2 * t + xp.maximum(y - 1.0, 0 * y))
    with pytest.raises(Unsupported, match="only just touches"):
        hessbench.hessian(problem)


def test_a_solution_that_passes_twice_between_two_steps():
    """y = t (2 - t) is above 0.9999 for 0.02 only, in one step of the solver."""
    problem = scalar("dips", lambda xp, t, y, p: 2.0 - 2 * t + 0.0 * xp.where(y > 0.9999, y, 0 * y))
    assert "3 smooth segments" in hessbench.hessian(problem).note


def test_more_events_than_allowed():
    with pytest.raises(IntegrationError, match="more than `most` = 5 times"):
        hessbench.hessian(ball([Event(when=height, direction=-1, jump=bounced, most=5)], wrt=("y0",)).at([0.01, 0.0]))


def test_a_jump_that_does_not_lead_away():
    stays = Event(when=height, direction=-1, jump=lambda xp, t, y, p: 0.0 * y)
    with pytest.raises(Unsupported, match="does not lead away"):
        hessbench.hessian(ball([stays]))


def test_an_event_that_always_holds():
    with pytest.raises(InvalidInput, match="never or always happens"):
        hessbench.hessian(ball([Event(when=lambda xp, t, y, p: 0.0 * y[0])]))


def test_two_events_that_the_unknowns_move_apart():
    problem = scalar(
        "coincide", lambda xp, t, y, p: -y, params={"lag": 1.0}, wrt=("lag",), y0=1.0,
        data=Data([1.0], [0.3], lambda xp, t, y, d, p: (y[0] - d) ** 2),
        events=[Event(at="lag", jump=lambda xp, t, y, p: y + 1.0)],
    )  # fmt: skip
    with pytest.raises(Unsupported, match="coincide at t = 1"):
        hessbench.hessian(problem)


BAD = {
    "time outside": (lambda: ball([Event(at=3.0)]), "outside of `t_span`"),
    "unknown parameter": (lambda: ball([Event(at="lag")]), "no such parameter"),
    "jump of wrong shape": (lambda: ball([Event(at=1.0, jump=lambda xp, t, y, p: y[:1])]), r"expected \(2,\)"),
    "neither at nor when": (lambda: Event(), "either `at`"),
    "direction": (lambda: Event(when=height, direction=2), "expected -1, 0 or 1"),
    "terminal at a time": (lambda: Event(at=1.0, terminal=True), "only one with `when`"),
    "no loss": (lambda: Data([1.0], [2.0]), "needs a `loss"),
    "rows": (lambda: Data([1.0, 2.0], [2.0], height), "one row for each"),
    "mask": (lambda: Data([1.0], [2.0], height, mask=[1.0]), "expected truth values"),
    "data where an unknown end is": (
        lambda: ball([], wrt=("t1",), data=Data([2.0], [0.0], lambda xp, t, y, d, p: y[0])), "which is in `wrt`"),
    "events of another type": (lambda: ball([1.0]), "a list of `Event`"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    build, words = BAD[case]
    with pytest.raises(InvalidInput, match=words):
        build().validate()


def test_data_come_before_a_dose_at_the_same_time():
    """y' = 0, a dose of 1 at t = 1, where there are data too: they see the state before it."""
    problem = scalar(
        "order", lambda xp, t, y, p: 0.0 * y, None, y0=2.0,
        data=Data([1.0], [0.0], lambda xp, t, y, d, p: (y[0] - d) ** 2),
        events=[Event(at=1.0, jump=lambda xp, t, y, p: y + 1.0)],
    )  # fmt: skip
    result = hessbench.hessian(problem)
    assert result.value == pytest.approx(4.0 + 3.0)
    np.testing.assert_allclose([result.grad[0], result.hess[0, 0]], [5.0, 2.0], rtol=1e-9)


def test_masked_values_and_replicates():
    """y' = 0: the sum of (y - d)^2 over what was observed, at the ends of the time span too."""
    values = [[1.0, 9.0], [2.0, np.nan], [3.0, 4.0]]
    data = Data([0.0, 2.0, 2.0], values, lambda xp, t, y, d, p: (y[0] - d) ** 2,
                mask=[[True, False], [True, True], [True, True]])  # fmt: skip
    result = hessbench.hessian(Problem("masked", lambda xp, t, y, p: 0.0 * y, None, (0.0, 2.0), [0.5], data=data))
    assert result.value == pytest.approx(0.25 + 2.25 + 6.25 + 12.25)
    assert result.hess[0, 0] == pytest.approx(8.0, rel=1e-9)


def test_a_right_hand_side_without_switches_is_not_touched():
    plain = scalar("smooth", lambda xp, t, y, p: -y * y, y0=1.0)
    prepared = hessbench.prepare(plain)
    assert "lifted" not in prepared().note
    assert "_hybrid" not in type(prepared.run).__module__


def test_a_switch_that_is_not_crossed_is_left_to_the_strategy():
    guarded = scalar("guarded", lambda xp, t, y, p: -(xp.maximum(y, 0 * y) ** 2), y0=1.0)
    assert "lifted" not in hessbench.hessian(guarded).note
