"""Every strategy, on every backend that is installed, keeps every law on one problem of each class.

The table comes from the registry: a new strategy is tested without editing this file. Pairs that take minutes because
every operation is interpreted run when HESSBENCH_SLOW is set.
"""

import os

import pytest

from hessbench import backends, problem
from hessbench._api import resolve
from hessbench._compare import contenders
from hessbench._conformance import CLASSES, _error_follows_tolerance, check_on, check_problem
from hessbench._registry import problems, strategies

PAIRS = [(name, b) for name, b in contenders() if strategies()[name].error is None and backends.available(b)]
LABELS = [f"{name}@{backend}" for name, backend in PAIRS]


LONG = ("three-body", "brusselator")


def is_slow(name, backend, kind):
    """Many steps whose every operation is interpreted, and 289 solves of the three-body problem."""
    return kind.name in LONG and (backend in ("torch", "autograd") or name == "finite-difference/loss")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.label)
@pytest.mark.parametrize(("name", "backend"), PAIRS, ids=LABELS)
def test_strategy_keeps_its_laws(name, backend, kind):
    if is_slow(name, backend, kind) and not os.environ.get("HESSBENCH_SLOW"):
        pytest.skip("takes minutes; set HESSBENCH_SLOW=1")
    strategy = resolve(name, backend)[0]
    found = check_on(strategy, backend, kind.label, problem(kind.name, **kind.arguments))
    assert [f"{f.law}{f.suffix}" for f in found if not f.passed] == []


@pytest.mark.parametrize(("name", "backend"), PAIRS, ids=LABELS)
def test_error_falls_with_the_tolerance(name, backend):
    assert _error_follows_tolerance(resolve(name, backend)[0], backend) == ""


@pytest.mark.parametrize("name", problems())
def test_problem_keeps_its_laws(name):
    assert [f"{f.law}{f.suffix}" for f in check_problem(problem(name)) if not f.passed] == []
