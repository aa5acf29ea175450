"""How a problem and a strategy come together: refused, handed over as it is, or with what the strategy lacks carried as states.

This is decided here and nowhere else, so that what is measured, what is listed and what is called agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._derive.augment import Augmented, augmented
from .._hybrid.asis import AsIs
from .._hybrid.lifting import segment_problem
from .._model.problem import Problem
from ..backends import one_of
from .strategy import Strategy


@dataclass(frozen=True, eq=False)
class Fit:
    """`problem` is what the strategy is prepared for; `augmentation` takes its results back to the one asked about.

    `reason` says in a sentence why the strategy refuses, `None` if it does not.
    """

    problem: Problem
    augmentation: Augmented | None = None
    reason: str | None = None


def fit(problem: Problem, strategy: Strategy, backend: str | None = None) -> Fit:
    """What `strategy` is to be prepared for so that it answers for `problem`. Nothing is traced, solved or loaded.

    Of a problem with data or events that the strategy does not take as they are (`Limits.takes_pieces`), one of its
    smooth pieces: the harness goes over all of them (`_hybrid`). `backend` is the one that it is to run on, if that is known.
    """
    if (other := _in_another_framework(problem, strategy, backend)) is not None:
        return Fit(problem, reason=other)
    if (problem.events or problem.data is not None) and not strategy.limits.takes_pieces(problem):
        if isinstance(strategy, AsIs) and (needless := strategy.needless(problem)) is not None:
            return Fit(problem, reason=needless)
        problem = segment_problem(problem)
    reason = strategy.why_not(problem)
    if reason is not None:
        return Fit(problem, reason=reason)
    if strategy.limits.lacking(problem) is None:
        return Fit(problem)
    made = augmented(problem)
    return Fit(made.problem, made, strategy.why_not(made.problem))


def _in_another_framework(problem: Problem, strategy: Strategy, backend: str | None) -> str | None:
    """Why the strategy cannot use a right-hand side that is written in one framework; `None` if it can, or there is none."""
    own = problem.written_in
    if own is None:
        return None
    runs_on = strategy.backends if backend is None else (backend,)
    if strategy.limits.records:
        lacking = "It records the right-hand side"
    elif not {"numpy", own} & set(runs_on):
        lacking = f"It runs on {one_of(runs_on, 'or')}"
    else:
        return None
    return (
        f"{lacking}, and that of this problem is written in {own} alone (`from_{own}`): write it with `xp`, as in "
        f"`hessbench.Problem`, or take a strategy that runs on {own} or NumPy."
    )
