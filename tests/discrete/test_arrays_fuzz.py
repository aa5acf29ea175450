"""Random array programs as they are recorded and compiled, against NumPy's values and JAX's derivatives."""

import os
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hessbench.discrete.arrays import _record
from hessbench.discrete.arrays._function import ArrayFunction
from hessbench.discrete.arrays._namespace import of_inputs

from .array_programs import N, drawn, program, values
from .helpers import needs_compiler

quick = settings(
    derandomize=True, max_examples=60, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
Y = np.random.default_rng(0).standard_normal((3, N))


def recorded(texts):
    function = program(texts)
    size = function(np, 0.3, Y[0]).size
    return function, *of_inputs(function, N, size)


@st.composite
def texts(draw):
    return drawn(lambda n: draw(st.integers(0, n - 1)), draw(st.integers(1, 4)))[0]


@quick
@given(texts())
def test_what_is_recorded_is_what_numpy_computes(text):
    function, table, ids = recorded([text])
    for y in Y:
        assert np.allclose(values(table, ids, 0.3, y), function(np, 0.3, y), rtol=1e-12, atol=1e-12)


def test_a_fault_in_the_recorder_is_seen(monkeypatch):
    each = _record.each
    swapped = {"maximum": "minimum", "subtract": "add"}
    monkeypatch.setattr(_record, "each", lambda table, name, *a: each(table, swapped.get(name, name), *a))
    for text in ("xp.maximum(y[:4], 0.1)", "y[:4] - y[4:8]"):
        function, table, ids = recorded([text])
        assert not np.allclose(values(table, ids, 0.3, Y[0]), function(np, 0.3, Y[0]))


def derivatives_differ(seed, count):
    """Texts among `count` random ones whose value or products of derivatives are not those of JAX."""
    import jax

    below = random.Random(seed).randrange
    some = [drawn(below, 1 + below(4))[0] for _ in range(count)]
    function, table, ids = recorded(some)
    ours, rng = ArrayFunction(table, ids), np.random.default_rng(seed)
    ours.compile()
    with jax.enable_x64(True):

        @jax.jit
        def expected(y, dy, q, dq):
            def f(y):
                return function(jax.numpy, 0.3, y)

            value, pushed = jax.jvp(f, (y,), (dy,))
            pull = jax.grad(lambda y, q: f(y) @ q)
            return value, pushed, pull(y, q), jax.jvp(pull, (y, q), (dy, dq))[1]

        for y in Y:
            dy, q, dq = rng.standard_normal(N), rng.standard_normal(ids.size), rng.standard_normal(ids.size)
            found = ours.value(0.3, y), ours.push(0.3, y, dy), ours.pull(0.3, y, q), ours.bend(0.3, y, dy, q, dq)
            for a, b in zip(found, map(np.asarray, expected(y, dy, q, dq)), strict=True):
                if not np.allclose(a, b, rtol=1e-10, atol=1e-10 * (1 + np.abs(b).max())):
                    return some
    return []


@needs_compiler
def test_products_of_derivatives_are_those_of_jax():
    pytest.importorskip("jax")
    assert not derivatives_differ(3, 12)


@needs_compiler
@pytest.mark.skipif("HESSBENCH_SLOW" not in os.environ, reason="HESSBENCH_SLOW is not set")
@pytest.mark.parametrize("seed", range(100, 140))
def test_many_more(seed):
    pytest.importorskip("jax")
    assert not derivatives_differ(seed, 12)
