"""Doses and events in the discrete adjoint: right in every block by closed forms and over pieces, in both forms."""

import numpy as np
import pytest

import hessbench
from hessbench import Data, Event, InvalidInput, Problem
from hessbench._hybrid import model as _hybrid_model
from hessbench.builtin_strategies.discrete_adjoint import DiscreteAdjoint
from hessbench.discrete import _crossed, _event_functions
from hessbench.discrete._crossed import Crossed
from hessbench.discrete._ends import StepEnds

from .data_problems import MASK, TIMES, VALUES, misfit, residual
from .event_problems import DOSES, InPieces, dosed, everything
from .helpers import error, from_threads, needs_compiler

INNER = Data(TIMES[1:-1], VALUES[1:-1], misfit, residual, MASK[1:-1])
FREE = (
    Event(at=[0.55, 1.2], jump=dosed),
    *[name for name in DOSES if name != "fixed"],
)  # no dose at an end that is free
PROBLEMS = {
    "everything": everything,
    "by the start": lambda: everything(("y0",)),
    "by times of doses": lambda: everything(("lag",)),
    "by amounts": lambda: everything(("dose", "level")),
    "by both ends": lambda: everything(("t1", "theta", "lag", "t0", "y0"), FREE, data=INNER),
    "by the last end": lambda: everything(("level", "t1"), FREE, data=INNER),
    "without data": lambda: everything(data=None, running_loss=None),
    "backward": lambda: everything(t_span=(2.0, 0.0)),
    **{f"{name} alone": lambda name=name: everything(events=(name,)) for name in DOSES},
}


def generic(problem):
    return problem.x0 * (1 + 0.03 * np.sin(np.arange(1.0, problem.x0.size + 1)))


@pytest.fixture(scope="module")
def over_pieces():
    """Problems and results of another strategy over the pieces, each made once."""
    made = {}

    def of(name):
        if name not in made:
            problem = PROBLEMS[name]()
            made[name] = problem, hessbench.prepare(problem, "variational", rtol=1e-11)(generic(problem))
            assert "lifted over" in made[name][1].note
        return made[name]

    return of


def worst(ours, theirs):
    """The largest difference of gradient, Hessian and Gauss-Newton matrix."""
    pairs = (ours.grad, theirs.grad), (ours.hess, theirs.hess), (ours.gauss_newton, theirs.gauss_newton)
    return max(error(a, b) for a, b in pairs)


IN_NUMPY = ("everything", "by both ends", "backward")  # the other form takes its time


@pytest.mark.parametrize(
    ("name", "strategy"),
    [*((name, "discrete-adjoint") for name in PROBLEMS), *((name, "discrete-adjoint/numpy") for name in IN_NUMPY)],
)
def test_every_block_agrees_with_another_strategy_over_the_pieces(name, strategy, over_pieces):
    problem, theirs = over_pieces(name)
    ours = hessbench.prepare(problem, strategy, rtol=1e-11)(generic(problem))
    assert "events" in ours.note and "lifted" not in ours.note
    assert ours.value == pytest.approx(theirs.value, rel=1e-9)
    assert worst(ours, theirs) < 1e-8


def test_roots_are_found_among_doses(over_pieces):
    """Nine known times inside of the span, and three roots."""
    assert "lifted over 13 smooth segments" in over_pieces("everything")[1].note


class LastFirst:
    """NumPy, but for equal numbers, which `argsort` puts the other way round: doses before data, and the last dose first."""

    def __getattr__(self, name):
        return getattr(np, name)

    def argsort(self, a, kind):
        return a.size - 1 - np.argsort(a[::-1], kind=kind)


def fault_in(monkeypatch, what):
    """Plant a fault in the derivatives of events."""
    made, curved = Crossed.__init__, Crossed.curvature
    if what == "order":
        monkeypatch.setattr(_crossed, "np", LastFirst())
    elif what == "saltation":

        def rigid(self, *args):
            made(self, *args)
            n, m = self.n, self.m
            self.maps[:, :n, :n] = self.jumped[:, :, :n]
            self.maps[:, :n, m + self.folded.columns.params] = self.jumped[:, :, n:-1]

        monkeypatch.setattr(Crossed, "__init__", rigid)
    elif what == "second derivative of the jump":
        second = _event_functions.Functions.second
        monkeypatch.setattr(_event_functions.Functions, "second", lambda *args: 0 * second(*args))
    else:
        drop = {"motion": "moved", "slip": "slip", "flow behind": "flow_behind", "rows": "first_behind"}[what]

        def without(self, lam):
            setattr(self, drop, 0 * getattr(self, drop))
            return curved(self, lam)

        monkeypatch.setattr(Crossed, "curvature", without)


@pytest.mark.parametrize(
    "what", ["order", "saltation", "second derivative of the jump", "motion", "slip", "flow behind", "rows"]
)
def test_a_lost_term_is_seen(what, over_pieces, monkeypatch):
    problem, theirs = over_pieces("everything")
    fault_in(monkeypatch, what)
    ours = hessbench.prepare(problem, "discrete-adjoint/numpy", rtol=1e-9)(generic(problem))
    assert worst(ours, theirs) > 1e-5


@needs_compiler
def test_both_forms_take_the_same_steps_and_give_the_same():
    problem = everything()
    x = generic(problem)
    one, other = (
        hessbench.prepare(problem, name, rtol=1e-5, method="RK45")(x)
        for name in ("discrete-adjoint", "discrete-adjoint/numpy")
    )
    assert "compiled form" in one.note and "NumPy form" in other.note
    assert one.counters.steps == other.counters.steps
    assert one.value == pytest.approx(other.value, rel=1e-13)
    assert worst(one, other) < 1e-11


FILES = ("jumps.c", "events.c", "roots.c")
FAULTS = {
    "roots as they are seen": ("if (k == MANY ||", "if (k >= 0 ||"),
    "steps that went over an event are kept": ("s->t = t, s->n = n, s->size = size, s->limited", "s->t = t, s->limited"),
    "states behind as before": ("memcpy(y, h, N * 8);", ""),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_compiled_solve_is_seen(fault, over_pieces, monkeypatch):
    read, (old, new) = _event_functions.fixed_part, FAULTS[fault]

    def faulty(package, name):
        text = read(package, name)
        return text.replace(old, new) if name in FILES else text

    assert any(old in read("discrete", name) for name in FILES)
    monkeypatch.setattr(_event_functions, "fixed_part", faulty)
    problem, theirs = over_pieces("everything")
    try:
        ours = hessbench.prepare(problem, "discrete-adjoint", rtol=1e-11)(generic(problem))
    except hessbench.HessbenchError:
        return
    assert worst(ours, theirs) > 1e-8  # as far as the form that is right may be off


@needs_compiler
def test_compiled_functions_with_a_fault_are_not_used(monkeypatch, over_pieces):
    read = _event_functions.fixed_part
    old, new = "memcpy(H, h + N, N * KV * 8);", "memcpy(H, h + N, N * KV * 8);\n    H[0] *= 1.0001;"
    assert old in read("discrete", "jumps.c")
    monkeypatch.setattr(_event_functions, "fixed_part", lambda *which: read(*which).replace(old, new))
    problem, theirs = over_pieces("everything")
    ours = hessbench.prepare(problem, "discrete-adjoint", rtol=1e-11)(generic(problem))
    assert "not compiled: derivatives at events in C are not those of NumPy" in ours.note
    assert worst(ours, theirs) < 1e-8


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("everything", "discrete-adjoint"),
        ("everything", "discrete-adjoint/numpy"),
        ("by both ends", "discrete-adjoint"),
        ("by the start", "discrete-adjoint"),
    ],
)
def test_products_are_those_of_the_hessian(name, strategy):
    problem = PROBLEMS[name]()
    x, rng = generic(problem), np.random.default_rng(1)
    d = rng.standard_normal((x.size, 3))
    found, whole = hessbench.products(problem, x, d, strategy), hessbench.hessian(problem, x, strategy)
    assert error(found.products, whole.hess @ d) < 1e-11
    assert error(found.grad, whole.grad) < 1e-13


@needs_compiler
@pytest.mark.parametrize("form", ["auto", "numpy"])
def test_states_at_checkpoints_give_the_same(form):
    problem = everything()
    x, little = generic(problem), DiscreteAdjoint(form=form, memory=4096.0)
    whole, few = (hessbench.prepare(problem, s, rtol=1e-11)(x) for s in (DiscreteAdjoint(form=form), little))
    assert form == "numpy" or ("checkpoints" in few.note and "checkpoints" not in whole.note)
    assert worst(few, whole) < 1e-12
    d = np.eye(x.size)
    assert error(hessbench.products(problem, x, d, little, rtol=1e-11).products, whole.hess) < 1e-11


def test_three_doses_with_a_lag_by_closed_form():
    """Numbers by closed forms in arithmetic of 70 digits."""
    result = hessbench.prepare(hessbench.problem("pharmacokinetics"), "discrete-adjoint", rtol=1e-11)()
    upper = [
        1.217594448313188, 1.223102895318543, -0.4513949146778665, -3.462253722468276, 581.9772930984189, 8.201989213376022,
        -16.48776040104001, 0.1503230837300167, 0.1505311322210207, 3.946331996861877,
    ]  # fmt: skip
    assert "lifted" not in result.note
    assert result.value == pytest.approx(1.146602410980776, rel=1e-10)
    size = np.sqrt(np.diag(result.hess))
    gaps = (result.hess[np.triu_indices(4)] - upper) / np.outer(size, size)[np.triu_indices(4)]
    np.testing.assert_allclose(gaps, 0.0, atol=1e-8)


def test_three_bounces_by_closed_form():
    result = hessbench.prepare(hessbench.problem("bouncing-ball"), "discrete-adjoint", rtol=1e-11)()
    upper = [
        20.21223159121544, 2.037692261276783, -2.070585634109489, 65.24313556427068, 0.1722676485362785,
        -0.2101986501669142, 6.644469177040357, 0.2135802839250481, -6.751117999703775, 217.0691198897518,
    ]  # fmt: skip
    assert "lifted" not in result.note
    np.testing.assert_allclose(result.hess[np.triu_indices(4)], upper, rtol=1e-9)


def test_threads_do_not_disturb_each_other():
    problem = everything()
    prepared = hessbench.prepare(problem, "discrete-adjoint")
    points = [generic(problem) * (1 + 0.01 * k) for k in range(3)]
    alone = [prepared.direct(x) for x in points]
    for one, many in zip(alone, from_threads(prepared, points, 10), strict=True):
        assert all(np.array_equal(one.hess, r.hess) for r in many)


def test_more_events_than_there_was_room_for():
    """A drop of 1 whenever y' = 1 comes to 1: y(t1) = y0 + t1 - 60, counted up."""
    event = Event(when=lambda xp, t, y, p: y[0] - 1.0, direction=1, jump=lambda xp, t, y, p: y - p["d"])
    problem = Problem(
        "many", lambda xp, t, y, p: 0 * y + 1.0, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 60.25), [0.5], {"d": 1.0},
        ("y0", "d"), events=[event],
    )  # fmt: skip
    result = hessbench.prepare(problem, "discrete-adjoint")()
    np.testing.assert_allclose(result.value, 0.75**2, rtol=1e-9)
    np.testing.assert_allclose(result.hess, 2 * np.outer([1.0, -60.0], [1.0, -60.0]), rtol=1e-9)


def test_jumps_of_the_state_are_no_features_of_the_time():
    assert StepEnds.of(everything(), "DOP853").own.size == 0


@pytest.mark.parametrize("strategy", ["discrete-adjoint", "discrete-adjoint/numpy"])
@pytest.mark.parametrize("direction", [1, -1])
def test_roots_in_their_direction(direction, strategy):
    """y = y0 + sin t comes to 0.9 from below at t = 0.52, or from above at 2.62; thrown back by a, it comes there once more."""

    def thrown(xp, t, y, p):
        return y - direction * p["a"]

    event = Event(when=lambda xp, t, y, p: y[0] - 0.9, direction=direction, jump=thrown)
    problem = Problem(
        "waves", lambda xp, t, y, p: 0 * y + xp.cos(t), lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 3.0), [0.4], {"a": 0.3},
        ("y0", "a"), events=[event],
    )  # fmt: skip
    result, moved = hessbench.prepare(problem, strategy)(), -2.0 * direction
    assert result.value == pytest.approx((0.4 + np.sin(3.0) + 0.3 * moved) ** 2, rel=1e-9)
    np.testing.assert_allclose(result.hess, 2 * np.outer([1, moved], [1, moved]), rtol=1e-9)


def test_a_pulse_is_seen_that_acts_on_doses_alone():
    """y' = 400 y (a pulse 1e-3 wide, of area sqrt(pi) / 1000), from nothing."""

    def rhs(xp, t, y, p):
        return p["a"] * xp.exp(-(((t - 1.0) / 1e-3) ** 2)) * y

    dose = Event(at="lag", jump=lambda xp, t, y, p: y + p["d"])
    problem = Problem(
        "pulse", rhs, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 3.0), [0.0], {"a": 400.0, "lag": 0.3, "d": 0.5},
        ("a", "d"), events=[dose],
    )  # fmt: skip
    area = np.sqrt(np.pi) / 1000
    value = (0.5 * np.exp(400 * area)) ** 2
    result = hessbench.prepare(problem, "discrete-adjoint")()
    assert result.value == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(result.hess, value * np.array([[4 * area**2, 8 * area], [8 * area, 8.0]]), rtol=1e-8)


def unrecorded(problem):
    raise InvalidInput("it cannot be recorded")


def test_what_the_problem_ends_at_and_what_cannot_be_recorded_goes_over_the_pieces(monkeypatch):
    falls = Event(when=lambda xp, t, y, p: y[0] - 0.5, terminal=True)
    ends = Problem("ends", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: p["t1"], (0.0, 2.0), [1.0], events=[falls])
    result = hessbench.prepare(ends, "discrete-adjoint")()
    assert "lifted over 1 smooth segment" in result.note
    assert result.value == pytest.approx(np.log(2.0), rel=1e-10)
    monkeypatch.setattr(_hybrid_model, "slopes", unrecorded)
    dose = Event(at=1.0, jump=lambda xp, t, y, p: y + 1.0)
    other = Problem(
        "dose", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 2.0), [1.0], events=[dose]
    )
    result = hessbench.prepare(other, "discrete-adjoint")()
    assert "lifted over 2 smooth segments" in result.note
    np.testing.assert_allclose(result.hess, [[2 * np.exp(-4.0)]], rtol=1e-8)


def test_both_roads_give_the_same():
    problem = everything(("lag", "dose"))
    x = generic(problem)
    ours, pieces = (hessbench.prepare(problem, s, rtol=1e-11)(x) for s in ("discrete-adjoint", InPieces()))
    assert "lifted" in pieces.note and "lifted" not in ours.note
    assert worst(ours, pieces) < 1e-8


def test_without_a_compiler(monkeypatch, tmp_path, over_pieces):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    problem, theirs = over_pieces("everything")
    ours = hessbench.prepare(problem, "discrete-adjoint", rtol=1e-9).quiet()(generic(problem))
    assert "no C compiler" in ours.note and "events" in ours.note
    assert worst(ours, theirs) < 1e-6
