"""The race: only what the gate calls right wins, and one that fails takes nobody along."""

from dataclasses import replace

import pytest

from hessbench import HessbenchError
from hessbench._advice import race as module
from hessbench._advice.race import cost, is_right, pays_from, race, ranked

from .records import CASE, other, right


@pytest.fixture
def measured(monkeypatch):
    """Stands for measuring: records or exceptions by the strategy's name."""

    def by(**known):
        def measure(case, **limits):
            found = known[case.strategy]
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(module, "measure", measure)

    return by


def named(names):
    return [f"{name}@numpy" for name in names]


def run(labels, most=3, accuracy=None, tell=lambda record: None):
    return [r.strategy for r in race(CASE, named(labels), most, None, tell, accuracy)]


def test_no_more_than_asked_are_tried_once_one_is_right(measured):
    measured(a=other("a", "wrong"), b=right("b"), c=other("c", "failed"), d=right("d"))
    assert run("abcd") == ["a", "b", "c"] and run("abcd", 2) == ["a", "b"]


def test_it_goes_on_until_one_is_right(measured):
    measured(a=other("a", "wrong"), b=other("b", "timeout"), c=right("c"), d=right("d"))
    assert run("abcd", 1) == ["a", "b", "c"]
    measured(a=right("a", error=1e-5), b=right("b", error=1e-9))
    assert run("ab", 1, accuracy=1e-6) == ["a", "b"]


def test_what_cannot_be_measured_is_a_record_and_the_others_go_on(measured):
    measured(a=HessbenchError("no room"), b=right("b"))
    records = list(race(CASE, named("ab"), 2, None, lambda record: None))
    assert [(r.status, r.message) for r in records] == [("failed", "no room"), ("ok", "")]


def test_where_there_is_no_reference_no_other_is_tried(measured):
    measured(a=other("a", "unjudged"), b=right("b"))
    assert run("ab", 2) == ["a"]


def test_who_listens_may_go(measured):
    def gone(record):
        raise BrokenPipeError

    measured(a=right("a"), b=right("b"))
    assert run("ab", 2, tell=gone) == ["a", "b"]


@pytest.mark.parametrize("status", ["wrong", "inaccurate", "unjudged", "failed"])
def test_one_that_is_not_right_is_never_the_best_however_fast(status):
    planted = replace(right("fast", 1e-9, error=0.0), status=status)
    assert not is_right(planted)
    assert [r.strategy for r in ranked([planted, right("b"), right("a", 1e-4)], None)] == ["a", "b"]


def test_without_a_known_error_nothing_is_right():
    assert not is_right(replace(right("a"), error_hess=None)) and not is_right(replace(right("a"), best_s=None))


def test_the_number_of_calls_decides():
    compiled, plain = right("compiled", 1e-3, first=5.0), right("plain", 1e-1, first=0.2)
    assert [ranked([compiled, plain], calls)[0].strategy for calls in (1, 10, 1000, None)] == [
        "plain", "plain", "compiled", "compiled",
    ]  # fmt: skip


@pytest.mark.parametrize("one", [(4.0, 2**-10), (2**-6, 2**-5), (1.0, 0.25), (0.75, 0.25)])
@pytest.mark.parametrize("two", [(0.25, 0.125), (0.5, 0.375), (1.0, 0.1875), (0.125, 0.5)])
def test_from_how_many_calls_on_one_costs_less(one, two):
    a, b = (right("x", seconds, first=first) for first, seconds in (one, two))
    found = pays_from(a, b)
    cheaper = [n for n in range(1, 200) if cost(a, n) < cost(b, n)]
    if found is None:
        assert 199 not in cheaper
    else:
        assert cheaper == list(range(found, 200))
