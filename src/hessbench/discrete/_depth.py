"""What the default strategy says when it is out of its depth: stiff, chaotic, a branch crossed that the unknowns move.

All from the solve that was made anyway, but for the branches: where the right-hand side chooses by what the unknowns move, it
is run once more at each step, on arrays that write down what it chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._derivatives import Array
from .._ivp import IVP
from .._problem import TIMES, Problem
from .._switches import crossings, watched
from ._sizes import Visited
from ._stepper import REMEDY

MANY = 500  # steps that stability limits from which on a problem counts as stiff
DIGITS = 1e-2  # relative error of the state, by the growth of the tangents, from which on no digit of a Hessian is sure
LOOKED = 16  # states at which a right-hand side is looked at for choices


class Seen(Visited):
    """What a solve tells beside its magnitudes."""

    @property
    def limited(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Depth:
    """The limits of the default strategy on one problem; `chooses`: whether anything in it may be a switch."""

    problem: Problem
    ivp: IVP
    chooses: bool

    @classmethod
    def of(cls, problem: Problem, ivp: IVP, times: Array, states: Array) -> Depth:
        """Look at the right-hand side at some of the `times` (m,) and `states` (m, N) of a solution."""
        by, free = problem.varied, bool(set(TIMES) & set(problem.wrt))
        functions = [f for f in (problem.rhs, problem.running_loss) if f is not None]
        at = np.unique(np.linspace(0, len(times) - 1, min(LOOKED, len(times))).astype(int)) if len(times) else []
        places = [(float(times[i]), states[i]) for i in at] or [(problem.t_span[0], problem.y0)]
        with np.errstate(all="ignore"):
            seen = [watched(f, t, y, problem.constants, by, free) for f in functions for t, y in places]
        return cls(problem, ivp, any(one.entries or one.escaped for one in seen))

    def warnings(self, x: Array, found: Seen, steps: int, times: Array, states: Array) -> tuple[str, ...]:
        """Sentences on a solve at `x` (n,) of so many `steps`; `times` (m,), `states` (m, N) are of all steps and the end."""
        return tuple([*_stiff(found, steps), *_chaotic(self.ivp, found), *self._crossed(x, times, states)])

    def _crossed(self, x: Array, times: Array, states: Array) -> Sequence[str]:
        if not self.chooses or not len(times):
            return ()
        between = crossings(self.problem, x, times, states).between
        if not between:
            return ()
        (a, b), more = between[0], len(between) - 1
        others = f", and {more} more such places" if more else ""
        return (
            f"between t = {a:.6g} and t = {b:.6g} the solution crosses a kink or jump of the right-hand side at a time that "
            f"the unknowns move{others}: gradient and Hessian leave that out, and may be wrong (verify=True tells).",
        )


def _stiff(found: Seen, steps: int) -> Sequence[str]:
    if found.limited < max(MANY, steps / 2):
        return ()
    return (f"the problem is stiff: stability, not accuracy, limited {found.limited} of {steps} steps; {REMEDY}.",)


def _chaotic(ivp: IVP, found: Seen) -> Sequence[str]:
    size = found.largest[0]
    with np.errstate(all="ignore"):
        grown = found.largest[1:][:, size > 0] / size[size > 0]
    growth = float(np.max(grown, initial=0.0))
    if growth * max(ivp.rtol, 1e-15) < DIGITS:
        return ()
    return (
        f"small changes grow {growth:.0e}-fold along the solution (it is unstable, perhaps chaotic), so that a tolerance of "
        f"{ivp.rtol:g} leaves no digit of value, gradient and Hessian certain; shorten the time span.",
    )
