"""How large the states of a problem are along its solution, whether it is smooth or in pieces."""

from __future__ import annotations

import numpy as np

from .._integrate.state_sizes import state_sizes as smooth_sizes
from .._model.arrays import Array
from .._model.problem import Problem
from .march import March
from .model import model
from .prepare import first_sizes


def state_sizes(problem: Problem, x: Array) -> Array:
    """The largest `|y_i|` along the solution at `x`, (dim,): by a rough solve, or at the ends of the pieces."""
    in_pieces = problem.data is not None or problem.events
    return largest_states(problem, x) if in_pieces else smooth_sizes(problem, x)


def largest_states(problem: Problem, x: Array) -> Array:
    """The largest `|y_i|` at the ends of the pieces at `x`, (dim,)."""
    found = model(problem)
    assert found is not None
    pieces = March(found, x, 1e-6, first_sizes(found)).run()
    ends = [np.abs(pieces.y0), np.abs(pieces.y1)]
    for segment in pieces.segments:
        ends += [np.abs(segment.y0), np.abs(segment.y1)]
    return np.max(ends, axis=0)
