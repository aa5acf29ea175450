"""Derivatives for the NumPy forms: hand-written ones, or those of the first framework that means what NumPy means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._derive.generated import FRAMEWORKS, generated_derivatives, generated_joint_derivatives, joint_derivatives_of
from .._errors import HessbenchError, InvalidInput, Unavailable
from .._integrate.ivp import IVP
from .._model.derivatives import Derivatives
from .._model.problem import Problem
from ._columns_gate import looked_at, said_of
from ._fold import Folded
from ._fold_derivatives import FoldedDerivatives
from ._gate import look, slope_of
from ._given_field import FoldedField, GivenField
from ._trust import Finding, complaint


def trusted_derivatives(problem: Problem, ivp: IVP) -> Derivatives:
    """Derivatives by the initial state, compared with differences of the right-hand side at the problem's own point.

    Raises `InvalidInput` where they contradict these: hand-written ones, or those of every framework that is installed;
    `Unavailable` without any.
    """
    looked = look(None, None, slope_of(problem), problem.t_span, problem.y0, problem.x0[:0], ivp)

    def said(made: Derivatives, second: bool) -> Finding | None:
        field = GivenField(made, problem.dim, problem.params)
        return complaint(field, slope_of(problem), looked.points, lambda j: f"y[{j}]", second=second)

    if problem.derivatives is not None:
        _refuse(problem, said(problem.derivatives, True))
        return problem.derivatives
    made = _first(problem, FRAMEWORKS, generated_derivatives, lambda made: said(made, False))
    return made if problem.counters is None else made.counted(problem.counters)


def trusted_folded(folded: Folded, ivp: IVP) -> FoldedDerivatives:
    """The same by everything that a folded problem varies."""
    problem, looked = folded.problem, looked_at(None, folded, ivp)
    p = problem.unpack(problem.x0)[1]

    def said(made: Any, second: bool) -> Finding | None:
        return said_of(FoldedField(FoldedDerivatives(folded, made), folded, p), folded, looked, second)

    given = None if problem.derivatives is None else problem.derivatives.joint
    if given is not None and set(problem.varied) <= set(given.names):
        joint = joint_derivatives_of(problem)
        _refuse(problem, said(joint, True))
        return FoldedDerivatives(folded, joint)
    names = tuple(name for name in FRAMEWORKS if name != "casadi")
    made = _first(problem, names, generated_joint_derivatives, lambda made: said(made, False))
    return FoldedDerivatives(folded, made if problem.counters is None else made.counted(problem.counters))


def _refuse(problem: Problem, said: Finding | None) -> None:
    if said is not None and said.wrong:
        raise InvalidInput(
            f"The hand-written derivatives of problem {problem.name!r} are not those of its right-hand side: "
            f"what they give {said.words}. Correct them, or leave `derivatives` out."
        )


def _first(problem: Problem, names: tuple[str, ...], make: Callable, said: Callable[[Any], Finding | None]) -> Any:
    """What the first framework makes that can differentiate the right-hand side and does not contradict NumPy."""
    from ..backends import available

    reasons = []
    for name in names:
        if available(name):
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
