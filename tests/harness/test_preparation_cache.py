"""`hessian` in a loop prepares once; whatever changes the answer makes it prepare again."""

import gc
import sys
import textwrap
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Problem
from hessbench._storage import preparations
from hessbench._storage.preparations import MOST, Preparations

EVEN = 5.0


def rhs(xp, t, y, p):
    return -p["k"] * y * EVEN


def loss(xp, y0, y1, p):
    return xp.sum(y1 * y1)


def decay(**changes):
    """L = y0^2 exp(-2 k EVEN)."""
    return replace(Problem("decay", rhs, loss, (0.0, 1.0), [1.0], {"k": np.array(0.2)}), **changes)


@pytest.fixture
def made(monkeypatch):
    """What was prepared since the test began."""
    calls = []
    module = sys.modules["hessbench._api"]
    real = module.prepare
    kept = Preparations(
        lambda problem, strategy, **options: calls.append(problem) or real(problem, strategy, **options)
    )
    monkeypatch.setattr(module, "_preparations", kept)
    return calls


def test_one_preparation_serves_a_loop_over_points(made):
    problem = decay()
    for k in range(5):
        x = [1.0 + k]
        assert hessbench.hessian(problem, x).value == pytest.approx((1.0 + k) ** 2 * np.exp(-2.0), rel=1e-8)
    assert len(made) == 1


def test_options_and_strategies_are_kept_apart(made):
    problem = decay()
    for options in ({"rtol": 1e-6}, {"rtol": 1e-7}, {"strategy": "hand-adjoint"}, {"method": "RK45"}):
        for _ in range(2):
            hessbench.hessian(problem, **options)
    assert len(made) == 4


def test_an_edited_global_is_seen(made, monkeypatch):
    problem = decay()
    assert hessbench.hessian(problem).value == pytest.approx(np.exp(-2.0), rel=1e-8)
    monkeypatch.setitem(globals(), "EVEN", 8.0)
    assert hessbench.hessian(problem).value == pytest.approx(np.exp(-3.2), rel=1e-8)
    monkeypatch.setitem(globals(), "EVEN", 5.0)
    assert hessbench.hessian(problem).value == pytest.approx(np.exp(-2.0), rel=1e-8)
    assert len(made) == 3


def test_a_parameter_edited_in_place_is_seen(made):
    problem = decay()
    hessbench.hessian(problem)
    k = problem.params["k"]
    k.flags.writeable = True  # whether or not the problem keeps a copy that is closed to writing
    k[...] = 0.4
    assert hessbench.hessian(problem).value == pytest.approx(np.exp(-4.0), rel=1e-8)
    assert len(made) == 2


def test_a_constant_of_another_module_of_the_project_is_seen(made, monkeypatch):
    own = types.ModuleType("my_rates")
    exec(textwrap.dedent("RATE = 1.0\ndef slope(y):\n    return -RATE * y\n"), own.__dict__)
    monkeypatch.setitem(sys.modules, "my_rates", own)
    problem = Problem("imported", lambda xp, t, y, p: own.slope(y), loss, (0.0, 1.0), [1.0])
    assert hessbench.hessian(problem).value == pytest.approx(np.exp(-2.0), rel=1e-8)
    own.RATE = 2.0
    assert hessbench.hessian(problem).value == pytest.approx(np.exp(-4.0), rel=1e-8)
    assert len(made) == 2


def test_what_cannot_be_read_is_prepared_every_time(made):
    lock = threading.Lock()

    def locked(xp, t, y, p):
        with lock:
            return -y

    problem = Problem("locked", locked, loss, (0.0, 1.0), [1.0])
    for _ in range(2):
        assert hessbench.hessian(problem).value == pytest.approx(np.exp(-2.0), rel=1e-8)
    assert len(made) == 2


def test_another_problem_at_the_same_address_is_another_problem(made):
    for k in range(1, 4):
        problem = decay(y0=[float(k)])
        assert hessbench.hessian(problem).value == pytest.approx(k**2 * np.exp(-2.0), rel=1e-8)
        del problem
        gc.collect()
    assert len(made) == 3


def test_only_the_latest_are_kept():
    kept = Preparations(lambda problem, strategy: object())
    problems = [decay() for _ in range(MOST + 1)]
    first = [kept.get(problem, "any", {}) for problem in problems]
    assert len(kept.known) == MOST
    assert kept.get(problems[-1], "any", {}) is first[-1] and kept.get(problems[0], "any", {}) is not first[0]


def test_options_without_a_hash_are_prepared_every_time():
    kept = Preparations(lambda problem, strategy, **options: object())
    problem = decay()
    assert kept.get(problem, "any", {"a": [1]}) is not kept.get(problem, "any", {"a": [1]})


def test_a_cache_that_does_not_look_is_caught(made, monkeypatch):
    """The planted fault: a fingerprint that never changes."""
    monkeypatch.setattr(preparations, "reached", lambda functions: ())
    problem = decay()
    hessbench.hessian(problem)
    monkeypatch.setitem(globals(), "EVEN", 8.0)
    assert hessbench.hessian(problem).value != pytest.approx(np.exp(-3.2), rel=1e-8)


def test_threads_share_it(made):
    problem, begin = decay(), threading.Barrier(4)

    def work(k):
        begin.wait()
        return [hessbench.hessian(problem, [1.0 + k]).value for _ in range(20)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    for k, values in enumerate(found):
        assert values == pytest.approx([(1.0 + k) ** 2 * np.exp(-2.0)] * 20, rel=1e-8)
    assert len(made) <= 4


def test_products_are_kept_too(monkeypatch):
    module, calls = sys.modules["hessbench._products"], []
    real = module.prepare_products
    kept = Preparations(lambda problem, strategy, **options: calls.append(1) or real(problem, strategy, **options))
    monkeypatch.setattr(module, "_preparations", kept)
    problem = decay()
    for k in range(3):
        found = hessbench.products(problem, [1.0 + k], [[1.0]])
        assert found.products[0, 0] == pytest.approx(2 * np.exp(-2.0), rel=1e-8)
    assert len(calls) == 1
