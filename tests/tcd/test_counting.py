"""Solves are counted where they are made, also inside `jax.jit`."""

import jax
import numpy as np
import pytest

import hessbench
from hessbench import Counters, tcd
from hessbench.tcd.counting import count, logged

jax.config.update("jax_enable_x64", True)

DECAY = """
^(y[:], z[:]=ODE(ydot{}=f, y[:]=y, t0[]=0, t1[]=1)) ->
ODE(ydot{}=OBP(ydot{}=f), y[:]=&concat(0, z, z), t0[]=1, t1[]=0)
"""


def test_every_solve_is_logged_with_its_length():
    field = tcd.python_function(lambda y: -y, "y[:]")

    def run(y):
        return logged(lambda options: tcd.evaluate(DECAY, {"f": field}, options)(y=y), tcd.Options())

    solves = np.stack(jax.jit(run)(np.ones(3))[1])
    assert solves[:, 0].tolist() == [3, 6]
    assert np.all(solves[:, 1] >= solves[:, 2]) and np.all(solves[:, 2] > 0)


def test_counters_weigh_evaluations_by_length():
    counters = Counters()
    count(counters, [[3, 10, 8, 122], [6, 5, 5, 62]], 3)
    got = (counters.solves, counters.steps, counters.rejected, counters.rhs, counters.rhs_weighted)
    assert got == (2, 13, 2, 122 + 62, 122 + 2 * 62)


@pytest.mark.parametrize(("variant", "solves"), [("", 3 + 2 + 2 * 2), ("/rows", 3 + 2 * 4)])
def test_strategy_counts_its_solves(variant, solves):
    problem = hessbench.problem("harmonic-oscillator", d=1)
    assert hessbench.hessian(problem, strategy=f"tcd-program{variant}", rtol=1e-6).counters.solves == solves
