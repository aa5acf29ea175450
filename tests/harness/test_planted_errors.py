"""A strategy with a planted error is found by the gate and by the conformance kit."""

from pathlib import Path

import pytest

from hessbench import Case, measure, problem
from hessbench._conformance import check_on
from hessbench._gate import errors
from hessbench._outcomes import CLASSES
from hessbench._reference import points, reference

from . import broken_strategies

# the error must show on at least one of: a random point, a closed orbit's neighbour, a loss of both ends
KINDS = [kind for kind in CLASSES if kind.name in ("state-only", "y0-loss")]
SOURCE = Path(broken_strategies.__file__).read_text()


@pytest.mark.parametrize("broken", broken_strategies.WRONG, ids=lambda c: c.__name__)
def test_the_conformance_kit_finds_a_planted_error(broken):
    found = [f for kind in KINDS for f in check_on(broken(), "numpy", "planted@numpy", kind)]
    assert any(not f.passed and "agrees with the reference" in f.law for f in found)


@pytest.mark.parametrize("broken", broken_strategies.WRONG, ids=lambda c: c.__name__)
def test_the_gate_gives_no_time_to_a_planted_error(broken, write):
    classes = [
        c for c in vars(broken_strategies).values() if isinstance(c, type) and issubclass(c, broken_strategies.Strategy)
    ]
    others = [
        c.__name__
        for c in classes
        if c.__module__ == broken.__module__ and c not in (broken, broken_strategies.Planted)
    ]
    source = SOURCE.replace(
        "class Planted(Strategy):", "class Planted(Strategy):\n    __abstractmethods__ = frozenset('x')"
    )
    path = write("planted.py", source + f"\nfor _other in {others}:\n    del globals()[_other]\ndel Planted\n")
    record = measure(Case("generic-cubic", path, "numpy", rtol=1e-8), budget=0.0)
    assert (record.status, record.median_s, record.best_s) in {("wrong", None, None), ("inaccurate", None, None)}


def test_the_dropped_second_derivative_hides_at_a_critical_point_and_shows_beside_it():
    target = problem("three-body", start="figure-8")
    run = broken_strategies.DroppedSecondDerivative().prepare(target, None, _ivp(target))
    on, beside = (errors(run(x), reference(target, x), x).hess for x in points(target))
    assert on < 1e-6 < 1e-2 < beside


def _ivp(target):
    from hessbench import IVP

    return IVP(rtol=1e-9, atol=1e-9, dim=target.dim)
