"""Solves per Hessian from the counters of real runs, and the shape of what is timed."""

from dataclasses import replace

import pytest

import hessbench
from hessbench.costs import TIMED, costs, solves, times
from hessbench.costs import _solves as module

EXPECTED = {  # by hand, for N = 2, 3, 5
    "hand-adjoint": (2, 2, 2),
    "hand-adjoint-rows": (6, 8, 12),
    "reverse-over-reverse": (6, 8, 12),
    "finite-difference": (10, 14, 22),
    "finite-difference/loss": (9, 19, 51),
}


@pytest.mark.parametrize(("k", "n"), [(0, 2), (1, 3), (2, 5)])
def test_solves_per_hessian(k, n):
    names = [name for name in EXPECTED if name in hessbench.strategies()]
    found = {row.strategy: row for row in solves(hessbench.problem("random-quadratic", n=n), tuple(names))}
    if found["reverse-over-reverse"].counted is None:  # no framework that differentiates
        del found["reverse-over-reverse"]
    assert {name: row.counted for name, row in found.items()} == {name: EXPECTED[name][k] for name in found}
    above = [row.strategy for row in found.values() if row.verdict.startswith("above")]
    assert above == []


def test_a_strategy_that_solves_more_than_its_formula_is_flagged(monkeypatch):
    monkeypatch.setitem(module.SOLVES, "finite-difference", ("N", lambda n: n))
    (row,) = solves(hessbench.problem("random-quadratic", n=2), ("finite-difference",))
    assert row.verdict == "above by 8"


def test_a_strategy_that_refuses_keeps_its_row_with_the_reason():
    problem = replace(hessbench.problem("random-quadratic", n=2), dissipative=True)
    (row,) = solves(problem, ("hand-adjoint-rows",))
    assert (row.counted, row.verdict) == (None, "-") and "dissipative" in row.reason


def test_times_stand_beside_the_counts_they_belong_to():
    problem = hessbench.problem("sir")
    found = times(problem, counted := costs(problem, "sir"))
    by_system = {c.system: c.operations for c in counted}
    assert found.operations == (4, *(by_system[system] for system in TIMED.values() if system))
    assert found.counted_ratio == 3 * found.operations[2] / found.operations[3]
    assert len(found.nanoseconds_per_operation) == 4 and min(found.nanoseconds_per_operation) > 0


def test_a_whole_hessian_that_is_refused_has_no_ratio():
    problem = hessbench.problem("brusselator", n=24)
    assert problem.dissipative
    assert times(problem, costs(problem, "brusselator")).hessian_ratio is None
