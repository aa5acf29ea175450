"""What the default strategy says when it is out of its depth: stiff, chaotic, a branch crossed that the unknowns move.

All from the solve that was made anyway, but for the branches: where the right-hand side chooses by what the unknowns move, it
is run once more at each step, on arrays that write down what it chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from .._derive.switches import crossings, watched
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from .._model.problem import TIMES, Problem
from ._sizes import DIGITS, ROUND_OFF, Sized, Visited
from ._stepper import REMEDY, spread

Clock = Callable[[float], float]
MANY = 500  # steps that stability limits from which on a problem counts as stiff
UNSEEN = (
    "the right-hand side may have a switch, and whether the solution crosses it was not looked at, because the stages were too "
    "many to be kept: raise `memory`."
)
LOOKED = 16  # states at which a right-hand side is looked at for choices


class Seen(Visited, Protocol):
    """What a solve tells beside its magnitudes: steps that stability limited, and the state at its end."""

    limited: int
    y1: Array


class Depth:
    """The limits of the default strategy on one problem.

    `chooses`: whether the right-hand side has a switch that the unknowns move; `None` if that is not known: the first
    solution shows it.
    """

    def __init__(self, problem: Problem, ivp: IVP, chooses: bool | None = None) -> None:
        self.problem, self.ivp, self.chooses = problem, ivp, chooses

    def look(self, sized: Sized | None, clock: Clock = float) -> None:
        """Find out whether the right-hand side chooses, where a trial solve at the problem's own point has shown states."""
        if self.chooses is None and sized is not None and len(sized.seen[0]):
            times, states = sized.seen
            self.chooses = self._may_choose(self.problem.x0, np.array([clock(float(t)) for t in times]), states)

    def warnings(self, x: Array, found: Seen, steps: int, clock: Clock = float) -> tuple[str, ...]:
        """Sentences on a solve at `x` (n,) of so many `steps`; `clock` gives the time that the solve's own time stands for."""
        said: tuple[str, ...] = ()
        if found.limited >= MANY:
            said += _stiff(found, steps)
        if found.sized is None or not found.sized.calm(found):
            said += _unstable(self.ivp, found, self.problem.unpack(x)[0])
        if self.chooses is not False:
            times, _, states = found.sampled(steps)
            if len(times):
                t1 = float(self.problem.times(x)[1])
                times = np.array([*(clock(float(t)) for t in times), t1])
                states = np.vstack([states, found.y1])[:, : self.problem.dim]
                return (*said, *self._crossed(x, times, states))
            said = (*said, UNSEEN)
        return said

    def _may_choose(self, x: Array, times: Array, states: Array) -> bool:
        by, free = self.problem.varied, bool(set(TIMES) & set(self.problem.wrt))
        p = self.problem.unpack(x)[1]
        with np.errstate(all="ignore"):
            seen = [
                watched(f, float(times[i]), states[i][: self.problem.dim], p, by, free)
                for f in (self.problem.rhs, self.problem.running_loss)
                if f is not None
                for i in spread(len(times), LOOKED)
            ]
        return any(one.entries or one.escaped for one in seen)

    def _crossed(self, x: Array, times: Array, states: Array) -> Sequence[str]:
        if self.chooses is None:
            self.chooses = self._may_choose(x, times, states)
        if not self.chooses:
            return ()
        between = crossings(self.problem, x, times, states).between
        if not between:
            return ()
        (a, b), more = between[0], len(between) - 1
        others = f", and {more} more such places" if more else ""
        when = f"near t = {a:.6g}" if f"{a:.6g}" == f"{b:.6g}" else f"between t = {a:.6g} and t = {b:.6g}"
        return (
            f"{when} the solution crosses a kink or jump of the right-hand side at a time that the unknowns move{others}: "
            f"gradient and Hessian leave that out, and may be wrong (verify=True tells).",
        )


def _stiff(found: Seen, steps: int) -> tuple[str, ...]:
    if found.limited < steps / 2:
        return ()
    return (f"the problem is stiff: stability, not accuracy, limited {found.limited} of {steps} steps; {REMEDY}.",)


def growth(ivp: IVP, found: Seen, y0: Array) -> float:
    """The largest tangent in units of the state, which tangents start from; what grows as the state itself does counts 1."""
    size = found.largest[0]
    known = size > ivp.atol if found.sized is None else found.sized.sizes > 0  # others are round-off
    start = np.zeros(size.size)
    start[: y0.size] = np.abs(y0)
    own = np.where(start > 0, size / np.where(start > 0, start, 1.0), 1.0)
    grown = found.largest[1:][:, known] / (size * own)[known]
    return float(np.max(grown, initial=0.0))


def _unstable(ivp: IVP, found: Seen, y0: Array) -> tuple[str, ...]:
    grown = growth(ivp, found, y0)
    if grown * max(ivp.rtol, ROUND_OFF) < DIGITS:
        return ()
    return (
        f"small changes grow {grown:.0e}-fold along the solution (it is unstable, perhaps chaotic), so that a tolerance of "
        f"{ivp.rtol:g} leaves no digit of value, gradient and Hessian certain; shorten the time span.",
    )
