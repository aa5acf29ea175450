"""Recording a problem's right-hand side with counting numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.problem import Problem
from ._number import Number, Tape


class Symbols(np.ndarray):
    """An object array of numbers whose comparisons give numbers, where NumPy would ask each for its truth."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [i.view(np.ndarray) if isinstance(i, Symbols) else i for i in inputs]
        if ufunc in (np.less, np.less_equal, np.greater, np.greater_equal):
            options["dtype"] = object
        (target,) = options.pop("out", (None,))
        out = getattr(ufunc, method)(*plain, **options)
        if target is not None:  # in place: `a += b`
            target[...] = out
            return target
        return out.view(Symbols) if isinstance(out, np.ndarray) and out.dtype == object else out


class Counting:
    """NumPy, with the functions that would branch replaced by selections."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return elementwise(self.tape.select, condition, a, b)

    def maximum(self, a: Any, b: Any) -> Any:
        return elementwise(lambda x, y: self.tape.select(x < y, y, x), a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        return elementwise(lambda x, y: self.tape.select(x < y, x, y), a, b)

    def abs(self, a: Any) -> Any:
        return elementwise(abs, a)

    absolute = abs

    def zeros_like(self, a: Any) -> Any:
        return np.zeros(np.shape(a))

    def ones_like(self, a: Any) -> Any:
        return np.ones(np.shape(a))


def elementwise(function: Callable[..., Any], *arrays: Any) -> Any:
    """`function` of each entry of broadcast `arrays`, as an array of counting numbers."""
    out = np.frompyfunc(function, len(arrays), 1)(*(np.asarray(a, dtype=object).view(np.ndarray) for a in arrays))
    return out.view(Symbols) if isinstance(out, np.ndarray) else out


def leaves(tape: Tape, shape: tuple[int, ...], *, fixed: bool = False) -> Any:
    """An array of new variables, or of parameters if `fixed`; for shape `()` a single number."""
    out = np.empty(shape, dtype=object)
    for at in np.ndindex(shape):
        out[at] = tape.leaf(fixed=fixed)
    return out.view(Symbols) if shape else out[()]


def record(problem: Problem, tape: Tape) -> tuple[list[Number], list[Number]]:
    """States (n,) and slopes (n,) of one evaluation of `problem.rhs`; parameters of floating type are parameters here too.

    Raises `InvalidInput` with the reason if the function cannot run on counting numbers.
    """
    floating = {k: v.shape for k, v in problem.params.items() if np.issubdtype(v.dtype, np.floating)}
    p = {**problem.params, **{k: leaves(tape, shape, fixed=True) for k, shape in floating.items()}}
    y = leaves(tape, (problem.dim,))
    try:
        slope = np.asarray(problem.rhs(Counting(tape), tape.leaf(), y, p), dtype=object)
    except InvalidInput as error:
        raise InvalidInput(f"problem {problem.name!r} cannot be counted: {error}.") from error
    except Exception as error:
        reason = f"`rhs` raised {type(error).__name__} on counting numbers: {error}"
        raise InvalidInput(f"problem {problem.name!r} cannot be counted: {reason}.") from error
    if slope.shape != (problem.dim,):
        raise InvalidInput(
            f"problem {problem.name!r}: `rhs` returned shape {slope.shape} on counting numbers, expected ({problem.dim},)."
        )
    return list(y), [tape.lift(f) for f in slope]
