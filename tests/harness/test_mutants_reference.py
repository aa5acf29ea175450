"""How a reference is decided on, with methods and a witness that say what they are told."""

from types import SimpleNamespace

import numpy as np
import pytest

from hessbench import NoReference, Problem
from hessbench._judging import reference
from hessbench._judging.reference import AGREE, Found, compute_reference, confirmed, finite_ones, majority, refined
from hessbench._judging.reference_methods import Check, probes
from hessbench._judging.reference_ways import Way
from hessbench._judging.witness import Verdict

SIZES = np.ones(2)
PROBLEM = Problem("two", lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0, 2.0])


def check(off=0.0, whole=True):
    hess = np.diag([1.0, 2.0 + off])
    return Check(1.0, np.ones(2), hess) if whole else Check(1.0, np.ones(2), None, hess @ probes(2))


def way(name, *results):
    """A method that gives one result after the other, the last one again and again."""
    left = list(results)

    def run(parts):
        out = left[0] if len(left) == 1 else left.pop(0)
        if isinstance(out, Exception):
            raise out
        return out

    return Way(name, run)


@pytest.fixture
def decide(monkeypatch):
    """`decide(ways, confirms, ...)`: a reference from these methods, where the witness confirms what it is told to."""
    kept = SimpleNamespace(made=[], crossings=())

    class Plan:
        problem, rough = PROBLEM, 0

        def solve(self, x, **_):
            return SimpleNamespace(times=np.linspace(0.0, 1.0, kept.steps + 1))

    class Told:
        sizes, value, blows_up = SIZES, 1.0, False

        def __init__(self, plan, x, **options):
            kept.made.append(options)

        def verdict(self, value, grad, hess):
            return kept.verdicts[float(hess[1, 1])]

    monkeypatch.setattr(reference, "tight", lambda problem, x: Plan())
    monkeypatch.setattr(reference, "Witness", Told)
    monkeypatch.setattr(reference, "on_common_steps", lambda witness: None)
    monkeypatch.setattr(reference, "clocked", lambda plan, x: plan)
    monkeypatch.setattr(reference.diagnosis, "chaos", lambda *_: None)
    monkeypatch.setattr(reference.diagnosis, "crossed", lambda *_: SimpleNamespace(between=kept.crossings))
    monkeypatch.setattr(
        reference.diagnosis,
        "explained",
        lambda plan, x, witness, said: NoReference(f"explained: {said}", "disagreement"),
    )

    def run(methods, verdicts, crosses=False, steps=20):
        kept.verdicts, kept.crossings, kept.steps = verdicts, (1,) if crosses else (), steps
        monkeypatch.setattr(reference, "ways", lambda *_: list(methods))
        return compute_reference(PROBLEM, PROBLEM.x0)

    run.kept = kept
    return run


RIGHT = {2.0: Verdict(1e-8, 1e-8)}
WRONG = Verdict(0.5, 1e-8)


def test_two_methods_that_agree_and_are_confirmed_are_a_reference(decide):
    found = decide([way("one", check()), way("two", check(1e-12)), way("three", check(9.0))], RIGHT)
    assert found.how == "one; two; value differences agree to 1e-08" and found.suspect == ""
    assert found.hess[1, 1] == 2.0 and found.agreement == pytest.approx(0.5e-12, rel=1e-3)
    assert found.spread == pytest.approx(np.diag([0.0, 1e-12]), rel=1e-3) and found.states is None


def test_a_second_method_by_products_gives_no_spread(decide):
    found = decide([way("one", check()), way("two", check(whole=False))], RIGHT)
    assert found.spread is None and found.agreement < 1e-15


def test_what_could_not_be_used_is_named(decide):
    nan = Check(np.nan, np.ones(2), np.eye(2))
    methods = [way("one", RuntimeError("a\nb")), way("two", nan), way("three", check()), way("four", check())]
    assert decide(methods, RIGHT).suspect == "one failed: RuntimeError: a; two is not finite"


def test_methods_that_differ_are_refined_until_they_agree(decide):
    methods = [way("one", check(), check(), check()), way("two", check(1e-3), check(1e-9), check(1e-12))]
    assert decide(methods, RIGHT).agreement == pytest.approx(0.5e-12, rel=1e-3)
    methods = [way("one", check(), check(), check()), way("two", check(1e-3), check(1e-8), check(5.0))]
    assert decide(methods, RIGHT, steps=2001).agreement == pytest.approx(0.5e-8, rel=1e-3)  # enough for many steps


def test_where_a_switch_is_crossed_steps_are_not_refined(decide):
    methods = [way("one", check()), way("two", check(1e-8), check(1e-12))]
    assert decide(methods, RIGHT, crosses=True).agreement == pytest.approx(0.5e-8, rel=1e-3)


def test_where_a_switch_is_crossed_one_method_that_misses_a_term_is_enough(decide):
    with pytest.raises(NoReference, match="explained: one and value differences do not agree"):
        decide([way("one", check()), way("two", RuntimeError("never asked"))], {2.0: WRONG}, crosses=True)


def test_a_third_method_outvotes_one_of_two(decide):
    verdicts = {**RIGHT, 3.0: WRONG}
    found = decide([way("one", check(1.0)), way("two", check()), way("three", check())], verdicts)
    assert found.how.startswith("two; three; value") and found.suspect == "one differs from the others"
    found = decide([way("one", check()), way("two", check(1.0)), way("three", check())], verdicts)
    assert found.how.startswith("one; three; value") and found.suspect == "two differs from the others"


def test_a_method_that_values_confirm_stands_against_two_that_agree(decide):
    methods = [way("one", check()), way("two", check(1.0)), way("three", check(1.0))]
    found = decide(methods, {2.0: Verdict(1e-6, 1e-8), 3.0: WRONG})
    assert (found.how, found.agreement) == ("one; value differences", 1e-6)
    assert found.suspect == "two differs from both; three differs from both"
    found = decide(
        [way("one", check()), way("two", check(1.0)), way("three", check(2.0))], {**RIGHT, 3.0: WRONG, 4.0: WRONG}
    )
    assert (found.how, found.agreement) == ("one; value differences", 1e-7)


def test_values_on_common_steps_confirm_what_adaptive_ones_cannot_see_but_not_across_a_switch(decide, monkeypatch):
    methods, seen = [way("one", check()), way("two", check())], SimpleNamespace(verdict=lambda *_: Verdict(1e-9, 1e-9))
    monkeypatch.setattr(reference, "on_common_steps", lambda witness: seen)
    assert decide(methods, {2.0: WRONG}).agreement < 1e-8
    with pytest.raises(NoReference):
        decide(methods, {2.0: WRONG}, crosses=True)
    seen.verdict = lambda *_: WRONG
    with pytest.raises(NoReference):
        decide(methods, {2.0: WRONG})


def test_what_nothing_confirms_is_no_reference(decide):
    with pytest.raises(
        NoReference,
        match=r"explained: one and two agree to 0e[+]00, and value differences say something else by 5.0e-01",
    ):
        decide([way("one", check()), way("two", check())], {2.0: WRONG})
    with pytest.raises(NoReference, match=r"explained: one and two differ by 5.0e-01 relative, more than 1e-07"):
        decide([way("one", check()), way("two", check(1.0))], {2.0: WRONG, 3.0: WRONG})


def test_one_method_alone_needs_differences_along_all_pairs(decide):
    found = decide([way("one", check()), way("two", RuntimeError("no"))], {2.0: Verdict(1e-9, 1e-9)})
    assert found.how == "one; value differences along all pairs of unknowns" and found.agreement == 1e-7
    assert found.suspect == "two failed: RuntimeError: no" and decide.kept.made[-1] == {"count": 3, "pairs": True}
    assert decide([way("one", check())], {2.0: Verdict(1e-6, 1e-6)}).agreement == 1e-6
    with pytest.raises(NoReference, match=r"explained: one and value differences differ by 5\.0e-01"):
        decide([way("one", check())], {2.0: WRONG})


def test_no_method_at_all_is_said_with_the_reason(decide):
    for methods, code in (
        ([way("one", RuntimeError("no such framework"))], "no framework"),
        ([way("one", Check(np.nan, np.ones(2), np.eye(2)))], "non-finite"),
    ):
        with pytest.raises(NoReference) as caught:
            decide(methods, RIGHT)
        assert caught.value.diagnosis == code


def test_zeros_are_moved_only_where_something_was_not_finite_and_methods_are_not_asked_twice(monkeypatch):
    nan, asked = Check(np.nan, np.ones(2), np.eye(2)), []

    def some(problem, x):
        asked.append(x.tolist())
        return [way("one", check()), way("two", check() if len(asked) > 1 else nan)]

    found, skipped = finite_ones(some, PROBLEM, np.array([0.0, 2.0]))
    assert [f.way.name for f in found] == ["one", "two, zeros moved by 1e-100"]
    assert skipped == ["two is not finite"] and asked == [[0.0, 2.0], [1e-100, 2.0]]
    asked.clear()
    failing = lambda *_: (asked.append(1), [way("one", RuntimeError("no"))])[1]  # noqa: E731
    assert finite_ones(failing, PROBLEM, PROBLEM.x0) == ([], ["one failed: RuntimeError: no"]) and len(asked) == 1


def test_where_three_methods_are_not_finite_no_other_is_tried(monkeypatch):
    nan, tried = Check(np.nan, np.ones(2), np.eye(2)), []

    def counting(name):
        return Way(name, lambda parts: (tried.append(name), nan)[1])

    assert (
        finite_ones(lambda *_: [counting(name) for name in "abcd"], PROBLEM, PROBLEM.x0)[0] == []
        and tried == ["a", "b", "c"] * 2
    )


def test_refining_ends_where_a_method_fails():
    first = [Found(way("one", check(), check()), check()), Found(way("two", RuntimeError("no")), check(1.0))]
    found, gap = refined(first, SIZES, (2, 4), 1e-10)
    assert [f.way for f in found] == [f.way for f in first] and gap == pytest.approx(1 / 2)


def test_the_closest_pair_decides_if_it_agrees():
    a, b, c = (Found(way(name, None), check(off)) for name, off in (("a", 0.0), ("b", 1.0), ("c", 1.0 + 2e-7)))
    chosen, gap, outvoted = majority([a, b, c], SIZES)
    assert chosen == [b, c] and outvoted == [a] and gap < AGREE == 1e-7
    d = Found(way("d", None), check(2.0))
    assert majority([a, b, d], SIZES) == ([], pytest.approx(1 / 3), [])


def test_a_method_without_a_whole_hessian_is_not_confirmed():
    assert confirmed(None, check(whole=False)) == Verdict(np.inf, np.inf)
