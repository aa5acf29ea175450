"""How a problem and a strategy come together: refused, handed over as it is, or with what the strategy lacks carried as states.

This is decided here and nowhere else, so that what is measured, what is listed and what is called agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._derive.augment import Augmented, augmented
from .._hybrid.lifting import segment_problem
from .._model.problem import Problem
from .strategy import Strategy


@dataclass(frozen=True, eq=False)
class Fit:
    """`problem` is what the strategy is prepared for; `augmentation` takes its results back to the one asked about.

    `reason` says in a sentence why the strategy refuses, `None` if it does not.
    """

    problem: Problem
    augmentation: Augmented | None = None
    reason: str | None = None


def fit(problem: Problem, strategy: Strategy) -> Fit:
    """What `strategy` is to be prepared for so that it answers for `problem`. Nothing is traced, solved or loaded.

    Of a problem with data or events that the strategy does not take as they are (`Limits.data`, `Limits.events`), one of its
    smooth pieces: the harness goes over all of them (`_hybrid`).
    """
    if (problem.events or problem.data is not None) and not strategy.limits.takes_pieces(problem):
        problem = segment_problem(problem)
    reason = strategy.why_not(problem)
    if reason is not None:
        return Fit(problem, reason=reason)
    if strategy.limits.lacking(problem) is None:
        return Fit(problem)
    made = augmented(problem)
    return Fit(made.problem, made, strategy.why_not(made.problem))
