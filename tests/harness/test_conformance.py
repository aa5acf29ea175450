"""Each law of the conformance kit is broken by a planted fault and by nothing else; every problem keeps its own laws.

The strategies themselves are checked in `tests/strategies/test_outcomes.py`.
"""

import os
from dataclasses import replace
from itertools import islice

import pytest

from hessbench import backends, problem
from hessbench._judging.conformance import (
    _LAWS,
    check_listing,
    check_on,
    check_problem,
    check_strategy,
    check_tolerance,
    findings_of,
)
from hessbench._judging.outcomes import BEYOND, CLASSES
from hessbench._plugins.registry import load_file, problems

from . import broken_strategies as broken

KINDS = {kind.name: kind for kind in CLASSES}


def broken_laws(strategy, kind):
    return {f.law for f in check_on(strategy, "numpy", "planted@numpy", KINDS[kind]) if not f.passed}


@pytest.mark.parametrize("law", broken.LAWS)
def test_a_planted_fault_breaks_the_law_and_no_other(law):
    planted, kind = broken.LAWS[law]
    also = (
        {"Hessian agrees with the reference"} if law == "Hessian is symmetric" else set()
    )  # a lopsided one is wrong, too
    assert broken_laws(planted(), kind) == {law} | also


def test_evaluations_beside_the_solver_are_found_out():
    assert broken_laws(broken.CountsHalf(), "y0-loss") == {"counts its work"}


@pytest.mark.parametrize("kind", ["state-only", "y0-loss", "one-state"])
def test_the_same_strategy_without_a_fault_keeps_all_laws(kind):
    assert broken_laws(broken.Planted(), kind) == set()


def test_every_law_of_a_result_has_a_planted_fault():
    assert set(_LAWS) <= set(broken.LAWS)


def test_a_tolerance_that_is_ignored_is_found():
    finding = check_tolerance(broken.IgnoresTolerance(), "numpy", "planted@numpy")
    assert not finding.passed and "at 1e-9" in finding.detail


def test_a_strategy_that_refuses_everything_is_found():
    found = {f.law: f.passed for f in check_strategy(broken.RefusesEverything(), "numpy", "planted@numpy")}
    assert found == {"refuses with a sentence": True, "accepts at least one problem": False}


@pytest.mark.parametrize("package", ["autograd", "casadi"])
def test_a_file_that_imports_its_framework_at_the_top_is_found(write, package):
    if not backends.available(package):
        pytest.skip(f"{package} is not installed")
    source = (
        "from hessbench import Strategy\n\nclass Eager(Strategy):\n    def prepare(self, problem, backend, ivp): ..."
    )
    path = write("eager.py", f"import {package}\n{source}\n")
    (plugin,) = load_file(path)[0].values()
    finding = check_listing("eager", plugin.target, path)
    assert not finding.passed and finding.detail == f"{package}: import inside `prepare`"


def test_the_kit_looks_at_listing_and_at_one_problem_of_each_class(write):
    source = (
        "from hessbench import Strategy\n\nclass Idle(Strategy):\n    def prepare(self, problem, backend, ivp): ..."
    )
    found = list(findings_of(write("idle.py", source)))
    assert found[0].law == "is listed without importing a framework" and found[0].passed
    tried = [kind for kind in CLASSES if kind.name not in BEYOND]  # of a strategy without a row in the table
    assert [f.subject for f in found[1 : 1 + len(tried)]] == [f"idle@numpy on {kind.label}" for kind in tried]


def test_a_wrong_derivative_of_a_problem_is_found():
    target = problem("generic-cubic")
    vhp = target.derivatives.vhp
    spoiled = replace(target, derivatives=replace(target.derivatives, vhp=lambda *args: 1.001 * vhp(*args)))
    assert not next(f for f in check_problem(spoiled) if f.law.startswith("hand-written derivatives")).passed


# explicit formulas, which references are made with, do not come to the end of these
STIFF = (
    "e5", "hires", "oregonator", "pollution", "reaction-network", "ring-modulator", "robertson", "van-der-pol",
)  # fmt: skip


# one of each kind; HESSBENCH_SLOW=1 takes all
OF_EACH_KIND = (
    "bouncing-ball", "generic-bolza", "harmonic-oscillator", "kink", "pharmacokinetics", "polynomial-control",
    "random-quadratic", "three-body",
)  # fmt: skip


@pytest.mark.parametrize(
    "name", [n for n in problems() if n in (*STIFF, *OF_EACH_KIND) or os.environ.get("HESSBENCH_SLOW")]
)
def test_problem_keeps_its_laws(name):
    target = problem(name)
    before_the_reference = 1 + (target.derivatives is not None)
    laws = islice(check_problem(target), before_the_reference if name in STIFF else None)
    assert [f"{f.law}{f.suffix}" for f in laws if not f.passed] == []
