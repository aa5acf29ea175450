"""Where steps have to end, so that no pulse, jump or kink at given times is stepped over: the features along a stiff solve.

As `discrete._ends`, whose trial solves are explicit and would not come to an end on stiff problems.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._derive.features import narrow_features, through
from .._errors import IntegrationError
from .._model.derivatives import Array
from .._model.problem import Problem
from ..discrete._ends import inside, timed

Trial = Callable[[Array], tuple[Array, Array, Array]]
SEEN = 3  # parts of a step, whose stages see what is wider


class StepEnds:
    """The times at which steps end at `x`. `trial(x)` solves: times (k,), states (k, N) and slopes (k, N)."""

    def __init__(self, problem: Problem, trial: Trial) -> None:
        self.problem, self.trial = problem, trial
        self.own = self._found(problem.x0) if timed(problem, problem.x0) else np.empty(0)

    def at(self, x: Array) -> Array:
        """In the direction of integration; as parts of the span where an end time is in `wrt`."""
        problem = self.problem
        if not self.own.size:
            return self.own
        moves = bool(problem.varied) and not np.array_equal(x, problem.x0)
        return inside(problem, x, self._found(x) if moves else self.own)

    def _found(self, x: Array) -> Array:
        problem = self.problem
        try:
            times, states, slopes = self.trial(x)
        except IntegrationError:
            return np.empty(0)
        along, (t0, t1) = through(times, states, slopes), map(float, problem.times(x))
        seen = np.interp(np.arange(SEEN * (len(times) - 1) + 1) / SEEN, np.arange(len(times)), times)
        return narrow_features(problem, problem.unpack(x)[1], (t0, t1), lambda t: along(t)[:, : problem.dim], seen)
