"""The mistakes of a problem's own functions, looked for where a strategy fails or is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._errors import HessbenchError, IntegrationError, InvalidInput, Mistake, Unavailable, Unsupported
from .._model.mistakes import hint, not_an_array, place_of, words_for
from .._model.problem import Problem


def own_functions(problem: Problem) -> Mapping[str, Callable[..., Any]]:
    """The functions that the user wrote, by what they are."""
    out = {"rhs": problem.rhs, "loss": problem.loss, "running_loss": problem.running_loss}
    out["data"] = None if problem.data is None else problem.data.loss
    for number, event in enumerate(problem.events):
        out.update({f"when {number}": event.when, f"jump {number}": event.jump})
    out.update({f"rhs for {name}": function for name, function in problem.overrides.items()})
    return {key: function for key, function in out.items() if callable(function)}


def mistake(error: Exception, problem: Problem) -> Mistake | None:
    """The mistake of the user's that `error` comes from, if it is known; a strategy that refuses has its own reason."""
    if isinstance(error, InvalidInput | Unsupported):
        return None
    functions = own_functions(problem)
    said = words_for(error, functions, problem.constants)
    if said is None and place_of(error, functions) is None:  # what it comes from was done without complaint
        from_outside = not isinstance(error, HessbenchError)
        said = _returned(problem) if from_outside else None
        if said is None and (from_outside or isinstance(error, Unavailable | IntegrationError)):
            said = hint(functions, by_numpy=from_outside)
    return None if said is None else Mistake(f"problem {problem.name!r}: {said}")


def suspect(problem: Problem) -> str:
    """A sentence on code that may be why a result is wrong or has no reference; empty if none is seen."""
    said = hint(own_functions(problem))
    return f"problem {problem.name!r}: {said}" if said else ""


def at_line(error: BaseException, problem: Problem) -> str:
    """File and line of the user's code that an error comes from, in parentheses; empty if it comes from elsewhere."""
    where = place_of(error, own_functions(problem))
    return f" ({where})" if where else ""


def _returned(problem: Problem) -> str | None:
    with np.errstate(all="ignore"):
        value = problem.rhs(np, problem.t_span[0], problem.y0.copy(), problem.params)
    return not_an_array("rhs", problem.rhs, value)
