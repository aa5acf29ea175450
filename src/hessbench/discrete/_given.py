"""Derivatives for the NumPy forms: hand-written ones, or those of the first framework that means what NumPy means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._derive.generated import generated_derivatives, generated_joint_derivatives, joint_derivatives_of
from .._derive.native import able
from .._errors import HessbenchError, InvalidInput, Unavailable
from .._integrate.ivp import IVP
from .._model.problem import Problem
from ._fold import Folded
from ._fold_derivatives import FoldedDerivatives, StateDerivatives
from ._gate import look, said_of
from ._given_field import GivenField
from ._trust import Finding


def trusted(folded: Folded, ivp: IVP, by_state: bool) -> StateDerivatives | FoldedDerivatives:
    """Derivatives by the initial state, or by everything, compared with differences of the right-hand side.

    At the problem's own point. Raises `InvalidInput` where they contradict these: hand-written ones, or those of every
    framework that is installed; `Unavailable` without any.
    """
    problem, looked, wrap = folded.problem, look(None, folded, ivp), StateDerivatives if by_state else FoldedDerivatives

    def said(made: Any, second: bool) -> Finding | None:
        return said_of(GivenField(wrap(folded, made)), folded, looked, second)

    given = _hand_written(problem, by_state)
    if given is not None:
        finding = said(given, True)
        if finding is not None and finding.wrong:
            raise InvalidInput(
                f"The hand-written derivatives of problem {problem.name!r} are not those of its right-hand side: "
                f"what they give {finding.words}. Correct them, or leave `derivatives` out."
            )
        return wrap(folded, given)
    make = generated_derivatives if by_state else generated_joint_derivatives
    names = able(problem, "derivatives") if by_state else able(problem, "vjp", "jvp")
    made: Any = _first(problem, names, make, lambda made: said(made, False))
    return wrap(folded, made if problem.counters is None else made.counted(problem.counters))


def _hand_written(problem: Problem, by_state: bool) -> Any:
    """Derivatives by hand that are enough, if there are any."""
    if by_state or problem.derivatives is None:
        return problem.derivatives
    joint = problem.derivatives.joint
    return joint_derivatives_of(problem) if joint is not None and set(problem.varied) <= set(joint.names) else None


def _first(problem: Problem, names: tuple[str, ...], make: Callable, said: Callable[[Any], Finding | None]) -> Any:
    """What the first framework makes that can differentiate the right-hand side and does not contradict NumPy."""
    reasons = []
    for name in names:
        try:
            made = make(problem, name)
            finding = said(made)
        except HessbenchError:
            raise
        except Exception as error:  # what a framework raises for a function that it cannot trace
            reasons.append(f"{name} raises {type(error).__name__} for it")
            continue
        if finding is None or not finding.wrong:
            return made
        reasons.append(f"what {name} gives {finding.words}")
    if not reasons:
        return make(problem)  # raises what is missing
    raise Unavailable(
        f"problem {problem.name!r} has no hand-written derivatives, and no installed framework differentiates its right-hand "
        f"side as NumPy computes it: {'; '.join(reasons)}. Write it with `xp.where` and the like instead of `if`."
    )
