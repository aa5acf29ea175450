"""Random expressions as they are recorded and compiled, against NumPy's values and JAX's derivatives.

`HESSBENCH_RECORDER_FUZZ=20000` checks so many more, as `python -m tests.discrete.differential 20000` does.
"""

import os
import random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hessbench.discrete import _operations

from . import differential, expressions
from .helpers import needs_compiler

pytestmark = needs_compiler
quick = settings(
    derandomize=True, max_examples=8, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
WHERE = expressions.points(random.Random(3).randrange)


@st.composite
def texts(draw):
    text = expressions.usable(lambda n: draw(st.integers(0, n - 1)), draw(st.integers(1, 3)), WHERE[0])
    assume(differential.recordable(text, WHERE[0].p))
    return text


@quick
@given(st.lists(texts(), min_size=1, max_size=6))
def test_values_are_those_of_numpy(some):
    assert not differential.differences(some, WHERE, by_jax=False)


def batch(seed, count):
    below = random.Random(seed).randrange
    where = expressions.points(below)
    drawn = [expressions.usable(below, 1 + below(4), where[0]) for _ in range(count)]
    texts = [text for text in drawn if differential.recordable(text, where[0].p)]
    assert len(texts) > 0.95 * count  # nearly everything is recorded
    return texts, where


def test_values_of_a_larger_sample_are_those_of_numpy():
    assert not differential.differences(*batch(1, 100), by_jax=False)


def test_derivatives_are_those_of_jax_on_the_branch_of_numpy():
    pytest.importorskip("jax")
    assert not differential.differences(*batch(2, 12))


@pytest.mark.skipif("HESSBENCH_RECORDER_FUZZ" not in os.environ, reason="HESSBENCH_RECORDER_FUZZ is not set")
def test_many_more():
    assert differential.main(int(os.environ["HESSBENCH_RECORDER_FUZZ"]), start=10**6) == 0


@pytest.mark.parametrize("fault", ["less_equal", "maximum", "equal", "remainder", "sqrt(x)**2"])
def test_a_planted_fault_is_seen(monkeypatch, fault):
    numbers = _operations.NUMBERS
    if fault == "less_equal":
        monkeypatch.setitem(numbers, fault, numbers["less"])
    elif fault == "maximum":
        monkeypatch.setitem(numbers, fault, lambda a, b: a.graph.select(_operations.plain("less", a, b), b, a))
    elif fault == "equal":
        monkeypatch.setitem(numbers, fault, lambda a, b: _operations.lift(a.graph, a is b))
    elif fault == "remainder":
        monkeypatch.setitem(numbers, fault, numbers["fmod"])
    else:
        monkeypatch.setattr("hessbench.discrete._graph._merge", lambda base, a, b: True)
    some = {
        "less_equal": "xp.where(y <= 0, y, 1.0)", "maximum": "xp.maximum(y, xp.log(y))", "equal": "xp.where(y == 0, 1.0, y)",
        "remainder": "y % 2", "sqrt(x)**2": "xp.sqrt(y) ** 2",
    }  # fmt: skip
    assert differential.differences([some[fault]], WHERE, by_jax=False)
