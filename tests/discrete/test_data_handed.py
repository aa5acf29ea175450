"""Which strategies are handed data as they are, and which go over the pieces."""

import numpy as np
import pytest

import hessbench
from hessbench._plugins.fit import fit

from .data_problems import everything


class Spy(hessbench.Strategy):
    """Keeps what it is handed."""

    limits = hessbench.Limits(parameters=True, running_loss=True, times=True, data=True)

    def prepare(self, problem, backend, ivp):
        self.handed.append(problem)
        n = problem.x0.size
        return lambda x: hessbench.Result(0.0, np.zeros(n), np.zeros((n, n)), gauss_newton=np.eye(n))

    def __init__(self):
        self.handed = []


def test_a_strategy_that_takes_data_is_handed_them_and_gives_the_gauss_newton_matrix():
    spy, problem = Spy(), everything()
    result = hessbench.prepare(problem, spy).quiet()()
    assert [handed.data for handed in spy.handed] == [problem.data]
    np.testing.assert_array_equal(result.gauss_newton, np.eye(problem.x0.size))


DOSE = {"events": [hessbench.Event(at=0.5, jump=lambda xp, t, y, p: 0.5 * y)]}
LESS = hessbench.Limits(parameters=True, data=True)  # no running loss, which the problem has


@pytest.mark.parametrize(("limits", "changed"), [(Spy.limits, DOSE), (LESS, {})])
def test_with_doses_or_without_what_else_is_asked_for_the_harness_goes_over_the_pieces(limits, changed):
    spy, problem = Spy(), everything(**changed)
    spy.limits = limits
    assert fit(problem, spy).problem.data is None
