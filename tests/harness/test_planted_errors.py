"""A strategy with a planted error is found by the gate and by the conformance kit."""

from pathlib import Path

import pytest

from hessbench import Case, HessbenchError, measure, problem
from hessbench._judging.conformance import check_on
from hessbench._judging.gate import errors
from hessbench._judging.gate_points import drawn_points, first_with_reference
from hessbench._judging.outcomes import CLASSES, Kind
from hessbench._judging.reference import points, reference
from hessbench._measuring.child import stages
from hessbench._measuring.measure import problem_of

from . import broken_strategies

# the error must show on at least one of: a random point, a closed orbit's neighbour, a loss of both ends
KINDS = [kind for kind in CLASSES if kind.name in ("state-only", "y0-loss")]
SOURCE = Path(broken_strategies.__file__).read_text()


@pytest.mark.parametrize("broken", broken_strategies.WRONG, ids=lambda c: c.__name__)
def test_the_conformance_kit_finds_a_planted_error(broken):
    found = [f for kind in KINDS for f in check_on(broken(), "numpy", "planted@numpy", kind)]
    assert any(not f.passed and "agrees with the reference" in f.law for f in found)


@pytest.mark.parametrize("broken", broken_strategies.WRONG, ids=lambda c: c.__name__)
def test_the_gate_gives_no_time_to_a_planted_error(broken, planted):
    record = measure(Case("generic-cubic", planted(broken), "numpy", rtol=1e-8), budget=0.0)
    assert (record.status, record.median_s, record.best_s) in {("wrong", None, None), ("inaccurate", None, None)}


@pytest.fixture
def planted(write):
    """Write a file that defines one of the broken strategies alone; its path."""

    def write_file(broken):
        classes = [
            c
            for c in vars(broken_strategies).values()
            if isinstance(c, type) and issubclass(c, broken_strategies.Strategy) and c.__module__ == broken.__module__
        ]
        others = [c.__name__ for c in classes if c is not broken and c is not broken_strategies.Planted]
        source = SOURCE.replace(
            "class Planted(Strategy):", "class Planted(Strategy):\n    __abstractmethods__ = frozenset('x')"
        )
        return write("planted.py", source + f"\nfor _other in {others}:\n    del globals()[_other]\ndel Planted\n")

    return write_file


UNITS = """
from hessbench import Problem

def rhs(xp, t, y, p):
    return p["dose"] / p["volume"] - p["k"] * y

def loss(xp, y0, y1, p):
    return xp.sum((y1 - 100.0) ** 2)

params = {"k": 0.02, "dose": 5e8, "volume": 3e7}
problem = Problem("units", rhs, loss, (0.0, 10.0), [0.0], params, wrt=("k", "dose", "volume"))
"""
MICRO = """
from hessbench import Problem

def rhs(xp, t, y, p):
    return -p["k"] * y

def loss(xp, y0, y1, p):
    return xp.sum((y1 / 1e-9 - 0.3) ** 2)

away = [1.1e-9, 2.2e-9, 1.1]
problem = Problem("micro", rhs, loss, (0.0, 1.0), [1e-9, 2e-9], {"k": 1.0}, wrt=("y0", "k"), perturbed=away)
"""
BOTH = {"units": UNITS, "micro": MICRO}


def drawn(path):
    """A point drawn near the own one of the problem in a file."""
    target = problem_of(Case(path, ""))
    found = first_with_reference(target, drawn_points(target, 3))
    return found.tolist()


def judged(problem, strategy, drawn=None, budget=0.02, **options):
    """The last record that a measuring process would report, made in this one."""
    case = Case(problem, strategy, "numpy", rtol=1e-8, **options)
    *_, (_, record) = stages(case, None, budget, 5, drawn)
    return record if record.status == "ok" else record.without_times()


@pytest.mark.parametrize("name", BOTH)
def test_the_same_strategy_without_a_fault_is_right_in_any_units(name, planted, write):
    atol = 1e-18 if name == "micro" else None
    path = write(f"{name}.py", BOTH[name])
    record = judged(path, planted(broken_strategies.Native), drawn(path), atol=atol)
    assert record.status == "ok" and record.error_scaled < 1e-6 and record.median_s > 0 and record.peak_mib is not None
    assert record.gate_seed == 5 and record.schema == 2


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("broken", broken_strategies.HIDDEN, ids=lambda c: c.__name__)
def test_the_gate_finds_a_fault_that_units_or_the_order_of_calls_hide(broken, name, planted, write):
    atol = 1e-18 if name == "micro" else None
    path = write(f"{name}.py", BOTH[name])
    record = judged(path, planted(broken), drawn(path), atol=atol)
    assert record.status == "wrong" and broken_strategies.HIDDEN[broken] in record.message
    assert (record.best_s, record.median_s, record.first_s, record.peak_mib) == (None,) * 4


@pytest.mark.parametrize("broken", broken_strategies.HIDDEN, ids=lambda c: c.__name__)
def test_the_conformance_kit_finds_it_too(broken, write):
    kind = _Own("own", write("units.py", UNITS))
    found = check_on(broken(), "numpy", "planted@numpy", kind)
    assert any(not f.passed for f in found), found


def test_the_conformance_kit_finds_nothing_without_a_fault(write):
    kind = _Own("own", write("units.py", UNITS))
    assert all(f.passed for f in check_on(broken_strategies.Native(), "numpy", "planted@numpy", kind))


class _Own(Kind):
    def build(self):
        return problem_of(Case(self.problem, ""))


def test_a_fault_that_shows_from_the_fourth_call_on_has_no_time_in_a_process_of_its_own(planted):
    record = measure(Case("generic-cubic", planted(broken_strategies.WrongLater), "numpy", rtol=1e-8), budget=0.0)
    assert record.status == "wrong" and "in call " in record.message and record.median_s is record.best_s is None


def test_a_result_that_is_right_on_the_first_thread_only_is_found_without_a_second_point(planted, write):
    record = judged(write("units.py", UNITS), planted(broken_strategies.FirstThreadOnly))
    assert record.message.startswith("error 1.0e+00 of the Hessian by ") and "from a second thread" in record.message


def test_what_raises_on_a_second_thread_fails_with_that_reason(planted, write):
    with pytest.raises(HessbenchError, match="called from a second thread, it raised RuntimeError: no tape"):
        judged(write("units.py", UNITS), planted(broken_strategies.RaisesInOtherThreads))


def test_the_perturbed_point_is_looked_at(planted):
    case = Case("three-body", planted(broken_strategies.DroppedSecondDerivative), "numpy", {"start": "figure-8"}, 1e-9)
    (*_, (_, record)) = stages(case, None, 0.0, 1, None)
    assert record.status == "wrong" and "at the perturbed point" in record.message


def test_the_drawn_point_is_looked_at(planted, write):
    path = write("units.py", UNITS)
    record = judged(path, planted(broken_strategies.KeepsTheFirst), drawn(path))
    assert record.status != "ok" and "at a drawn point" in record.message


def test_one_wrong_timed_call_is_enough_and_no_stage_has_its_times(planted):
    case = Case("generic-cubic", planted(broken_strategies.WrongOnce), "numpy", rtol=1e-8)
    drawn = first_with_reference(problem("generic-cubic"), drawn_points(problem("generic-cubic"), 3))
    told = dict(stages(case, None, 0.0, 5, drawn.tolist()))
    assert told["judged"].status == "ok" and "weighed" not in told
    assert told["timed"].status == "wrong" and told["timed"].message.startswith("error 1.0e-01 of the Hessian by ")
    assert "in call 4" in told["timed"].message and told["timed"].median_s is told["timed"].best_s is None


def test_a_strategy_that_is_wrong_now_and_then_is_found_among_the_timed_calls(planted, write):
    record = judged(write("units.py", UNITS), planted(broken_strategies.WrongSometimes), budget=0.5)
    assert record.status == "wrong" and "of the gradient" in record.message and "in call " in record.message


def test_the_value_is_looked_at(planted):
    record = judged("generic-cubic", planted(broken_strategies.WrongValue))
    assert record.status == "wrong" and "of the value" in record.message


def test_the_dropped_second_derivative_hides_at_a_critical_point_and_shows_beside_it():
    target = problem("three-body", start="figure-8")
    run = broken_strategies.DroppedSecondDerivative().prepare(target, None, _ivp(target))
    on, beside = (errors(run(x), reference(target, x), x).hess for x in points(target))
    assert on < 1e-6 < 1e-2 < beside


def _ivp(target):
    from hessbench import IVP

    return IVP(rtol=1e-9, atol=1e-9, dim=target.dim)
