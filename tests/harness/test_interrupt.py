"""Ctrl-C reaches a kernel that is running, forward and backward, and the next call is right."""

import subprocess
import sys

import numpy as np
import pytest

import hessbench
from hessbench.discrete import _forward
from hessbench.discrete._build import compiler
from hessbench.discrete._forward import Pace

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler")

# A thread sends the signal as soon as the kernel has been entered for the second time (the first one is short), so that it
# arrives while the C code runs; then the kernel may finish that turn, and at most one other may have begun before the signal
# was on its way. Without turns there is no second one, and the program says "finished".
PROGRAM = """
import gc, os, signal, threading, numpy as np, hessbench
from hessbench.discrete import _compiled, _forward

def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], -y[:1]])

problem = hessbench.Problem("long", rhs, lambda xp, y0, y1, p: xp.sum(y1**3), (0.0, 6e4), [1.0, 0.5], autonomous=True)
prepared = hessbench.prepare(problem, "discrete-adjoint", max_steps=10**9)
before = prepared(problem.x0)
solve = next(found for found in gc.get_objects() if isinstance(found, _forward.ForwardSolve))
entered, sent, turns, after = threading.Event(), threading.Event(), [0], [0]

def spied(function):
    def call(*arguments):
        turns[0] += 1
        after[0] += sent.is_set()
        if turns[0] == 2:
            entered.set()
        return function(*arguments)
    return call

def interrupt():
    entered.wait()
    sent.set()
    os.kill(os.getpid(), signal.SIGINT)

solve.{name} = spied(solve.{name})
threading.Thread(target=interrupt, daemon=True).start()
try:
    prepared(problem.x0)
    print("finished", turns)
except KeyboardInterrupt:
    late = after[0]
    again = prepared(problem.x0)
    same = np.array_equal(again.hess, before.hess) and again.counters == before.counters
    print("interrupted", late <= 1, same)
"""


@needs_compiler
@pytest.mark.parametrize("name", ["_forward", "_backward"])
def test_a_signal_is_seen_at_the_next_turn_and_leaves_nothing_behind(name):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)], capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "interrupted True True\n", done.stdout + done.stderr


def test_turns_are_as_long_as_the_pause_and_at_least_one_step():
    pace = Pace()
    pace.took(1000, 1e-3)
    assert pace.steps() == pytest.approx(_forward.PAUSE / 1e-6, rel=1e-2)
    pace.took(1, 1000.0)
    assert pace.steps() == 1


@needs_compiler
@pytest.mark.parametrize("name", ["three-body", "brusselator", "generic-bolza"])
def test_results_and_counters_do_not_depend_on_the_turns(name, monkeypatch):
    problem = hessbench.problem(name)
    prepared = hessbench.prepare(problem, rtol=1e-9)
    many = hessbench.prepare_products(problem, rtol=1e-9)
    d = np.eye(problem.x0.size)[:, :2]
    whole, products = prepared(), many(None, d)
    turns = []
    monkeypatch.setattr(Pace, "steps", lambda pace: turns.append(1) or 3)
    cut, again = prepared(), many(None, d)
    assert len(turns) > 8
    assert np.array_equal(cut.hess, whole.hess) and cut.value == whole.value and cut.counters == whole.counters
    assert np.array_equal(again.products, products.products) and again.counters == products.counters
