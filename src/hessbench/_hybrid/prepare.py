"""Whether a problem has to be lifted, and the lifted strategy, prepared at the problem's own point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._integrate.ivp import IVP
from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from .lifting import Lifted, Run
from .model import Model, model
from .segments import Segment

FINER = 1e-2  # of the strategy's tolerance, for the solve that finds the pieces
ALLOWED = 1e4  # times the strategy's tolerance: farther off is worth a warning
STIFF = ("Radau", "BDF", "LSODA")  # methods of strategies that are asked for stiff problems
FINEST, COARSEST = 1e-13, 1e-10


def lift(
    problem: Problem, ivp: IVP, make: Callable[[Problem], Run], as_is: bool = False, takes_pieces: bool = False
) -> Lifted | None:
    """The strategy that `make` prepares for smooth problems, for `problem` in pieces; `None` where it is smooth as it is.

    `as_is` looks for no switches; with `takes_pieces`, data and events alone do not make pieces. Where the right-hand side has
    switches, `make` also prepares the problem as it is, if its solution at the problem's own point crosses none.
    """
    found = model(problem, as_is)
    if found is None or (takes_pieces and found.switches is None and (not problem.events or found.recorded)):
        return None
    allowed = max(ALLOWED * ivp.rtol, 1e-8)
    out = Lifted(found, tolerance(ivp.rtol), make, None, first_sizes(found), allowed, ivp.method in STIFF)
    pieces = out.pieces(problem.x0)
    if pieces.plain and not found.declared:
        out.whole = make(problem)
    else:
        for segment in sorted(
            pieces.segments, key=Segment.length, reverse=True
        ):  # one that takes fixed steps chooses them
            if segment.start.t != segment.end.t:  # for the longest
                out.run_of(segment)
    if found.declared:
        out(problem.x0)
    return out


def tolerance(rtol: float) -> float:
    """Of the solve that finds the pieces."""
    return min(COARSEST, max(FINEST, FINER * rtol))


def first_sizes(model: Model) -> Array:
    """The size of each component (M,), from a first look at the start; the solve that finds the pieces lets them grow."""
    problem = model.problem
    z = model.started(problem.y0)
    t0, t1 = problem.t_span
    with np.errstate(all="ignore"):
        slope = np.abs(np.nan_to_num(model.plain_branch(problem.x0).slope(t0, problem.y0, np.zeros(0))))
    guess = np.maximum(np.abs(z), 1e-3 * slope * abs(t1 - t0))
    return np.where(guess > 0, guess, 1e-2 * float(np.max(guess, initial=0.0)) or 1.0)


def multiplied(lifted: Lifted) -> Callable[[Array, Array], tuple[float, Array, Array, tuple[str, ...]]]:
    """Products of the Hessian with directions, from the Hessian: there are no others of a lifted problem."""

    def products(x: Array, directions: Array) -> tuple[float, Array, Array, tuple[str, ...]]:
        found: Result = lifted(x)
        return found.value, found.grad, found.hess @ directions, found.warnings

    return products
