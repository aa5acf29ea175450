"""A right-hand side that is written in one framework, torch or JAX, in the place of one that is written with `xp`.

It runs natively in its own framework, and for values alone in NumPy, by way of it. Whatever else would call it, another
framework or a recorder of symbols, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .._errors import InvalidInput, Unsupported
from .._model.arrays import Array
from .._model.problem import Problem
from ..backends import Use, about, backend, differentiating
from .switches import Tainted


@dataclass(frozen=True, eq=False)
class Native:
    """`rhs(xp, t, y, p)` that calls `function(t, y, own)` in `framework`; `own(p)` takes its parameters out of `p`."""

    framework: str
    function: Callable[[Any, Any, Any], Any]
    own: Callable[[Mapping[str, Any]], Any]

    def __call__(self, xp: Any, t: Any, y: Any, p: Mapping[str, Any]) -> Any:
        """The slope (dim,), as an array of the framework `xp` that the arguments belong to. Raises `Unsupported`."""
        if xp is np and np.asarray(y).dtype.kind == "f":
            return self._in_numpy(t, y, p)
        if xp is not namespace(self.framework):
            raise Unsupported(f"the right-hand side is written in {self.framework} alone, not with `xp`")
        return self.function(t, y, self.own(p))

    def _in_numpy(self, t: Any, y: Any, p: Mapping[str, Any]) -> Array:
        used = {key: value for key, value in p.items() if key in self.own}  # type: ignore[operator]
        for value in (t, y, *used.values()):
            if isinstance(value, Tainted):
                value.log.escaped = True  # nobody sees what is done with it
        plain = {key: np.asarray(value) for key, value in used.items()}
        out = evaluated(self)(np.asarray(t, dtype=np.float64), np.asarray(y), plain)
        if out.dtype != np.float64:
            raise InvalidInput(
                f"the right-hand side returned {out.dtype}, in which a Hessian has seven digits at most. "
                f"{about(self.framework).double}"
            )
        return out


@cache
def namespace(framework: str) -> Any:
    """The module of arrays of a framework."""
    return backend(framework).xp


def evaluated(rhs: Native) -> Callable[[Any, Array, Mapping[str, Any]], Array]:
    """`rhs` as a function of NumPy arrays `(t, y, p)`."""
    if rhs not in _evaluated:
        function, own = rhs.function, rhs.own
        _evaluated[rhs] = backend(rhs.framework).evaluated(lambda t, y, p: function(t, y, own(p)))
    return _evaluated[rhs]


_evaluated: WeakKeyDictionary[Native, Callable[..., Array]] = WeakKeyDictionary()


def able(problem: Problem, *operations: str, use: Use = "derivatives") -> tuple[str, ...]:
    """The installed backends that can differentiate `problem.rhs` twice and offer `operations`, preferred ones first."""
    names = differentiating(2, *operations, use=use)
    return names if problem.written_in is None else tuple(name for name in names if name == problem.written_in)


def unseen(problem: Problem) -> tuple[str, ...]:
    """A sentence on the switches of a right-hand side that no strategy can look for; none where it has none.

    Those of a right-hand side that is written with `xp` are found by recording it, and strategies speak for themselves.
    """
    rhs = problem.rhs
    if not isinstance(rhs, Native):
        return ()
    if rhs not in _unseen:
        _unseen[rhs] = _said(rhs, problem)
    return _unseen[rhs]


_unseen: WeakKeyDictionary[Native, tuple[str, ...]] = WeakKeyDictionary()


def _said(rhs: Native, problem: Problem) -> tuple[str, ...]:
    b = backend(rhs.framework)
    p = {key: b.asarray(value) for key, value in problem.params.items() if key in rhs.own}  # type: ignore[operator]
    try:
        every = b.named_operations(
            lambda t, y, p: rhs.function(t, y, rhs.own(p)), b.asarray(problem.t_span[0]), b.asarray(problem.y0), p
        )
        found = sorted(every & set(b.choosing.split()))
    except Exception:  # whatever a framework raises for a function that it cannot trace
        found = ["what cannot be traced"]
    if not found:
        return ()
    return (
        f"the right-hand side, written in {rhs.framework}, chooses between numbers ({', '.join(found)}), which is not looked "
        f"for there: where the solution crosses such a kink or jump, gradient and Hessian may be wrong (verify=True tells).",
    )
