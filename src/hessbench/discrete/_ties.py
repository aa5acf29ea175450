"""Words for derivatives that are one-sided: a comparison, a maximum or the like between equals, at the start or in the loss."""

from __future__ import annotations

import numpy as np

from .._derive.switches import Seen, watched
from .._model.derivatives import Array, Params
from .._model.problem import TIMES, Problem

START = "the right-hand side is on a tie at the start: derivatives are one-sided there, on NumPy's branch"
END = "the loss is on a tie: derivatives are one-sided there, on NumPy's branch"


class Ties:
    """Looks for ties of unknowns; right-hand sides and losses that choose nothing at the problem's own point cost nothing."""

    def __init__(self, problem: Problem) -> None:
        self.problem, (self.by, self.free) = problem, (problem.varied, bool(set(TIMES) & set(problem.wrt)))
        y0, p = problem.unpack(problem.x0)
        with np.errstate(all="ignore"):
            self.chooses = any(seen.entries for seen in self._start(y0, p))
            self.loss_chooses = bool(self._end(y0, y0 + 0.1, p).entries)
        self.last: tuple[bytes, str] | None = None

    def note(self, x: Array, y1: Array) -> str:
        """What to add to a note at `x` (n,), with the state `y1` (M,) at the end: nothing, or clauses that begin with `; `."""
        if not (self.chooses or self.loss_chooses):
            return ""
        key, last = x.tobytes() + y1.tobytes(), self.last  # of this thread or another
        if last is None or last[0] != key:
            y0, p = self.problem.unpack(x)
            with np.errstate(all="ignore"):
                start = self.chooses and any(seen.tie for seen in self._start(y0, p))
                end = self.loss_chooses and self._end(y0, y1[: y0.size], p).tie
            last = self.last = key, (f"; {START}" if start else "") + (f"; {END}" if end else "")
        return last[1]

    def _start(self, y0: Array, p: Params) -> list[Seen]:
        problem, t0 = self.problem, float(p["t0"])
        functions = [problem.rhs] if problem.running_loss is None else [problem.rhs, problem.running_loss]
        if "y0" not in problem.wrt:  # the start does not move
            functions = [lambda xp, t, y, p, f=f: f(xp, t, y0, p) for f in functions]
        return [watched(f, t0, y0, p, self.by, self.free) for f in functions]

    def _end(self, y0: Array, y1: Array, p: Params) -> Seen:
        n, loss = y0.size, self.problem.loss
        names = (*self.by, *TIMES) if self.free else self.by
        return watched(lambda xp, t, z, p: loss(xp, z[:n], z[n:], p), 0.0, np.concatenate([y0, y1]), p, names)
