"""Data on the way of a solve: steps end at their times, and their terms become `Marked` places."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from .._model.derivatives import Array, Params
from ._data import Recorded, rows_of
from ._data_terms import evaluated
from ._fold import Folded
from ._marked import Marked


class Met(Protocol):
    """A solve that met times at which a step had to end, the end last: steps taken (ends,) until then, and states (ends, M)."""

    @property
    def marks(self) -> Array: ...
    @property
    def seen(self) -> Array: ...


class Observed:
    """The data of a problem whose end times are no unknowns."""

    def __init__(self, folded: Folded, compiled: bool) -> None:
        problem = self.problem = folded.problem
        self.folded, self.compiled, (t0, t1) = folded, compiled, problem.t_span
        self.way = 1.0 if t1 > t0 else -1.0
        self.rows, self.recorded = rows_of(problem), Recorded(problem)
        times, self.at = np.unique(self.way * self.rows[:, 0], return_inverse=True)
        self.times = self.way * times  # (K,), in the direction of integration
        self.inner = self.times[(self.times - t0) * (self.times - t1) < 0]
        self.usual = self._where(self.inner)
        self.params = folded.columns.params[self.recorded.read]
        self.terms: Any = None
        self.source = ""

    def ends(self, others: Array) -> Array:
        """The times at which steps end, in the direction of integration: those of data and `others`."""
        return self.way * np.union1d(self.way * others, self.way * self.inner) if others.size else self.inner

    def prepare(self, path: Met | None, ends: Array) -> None:
        """Derivatives of the terms, compared with NumPy at the states of `path`, a solve at the problem's own point."""
        problem, start = self.problem, self.folded.start(self.problem.y0)
        states = self._met(path, ends, start)[1] if path is not None else np.tile(problem.y0, (self.times.size, 1))
        made = evaluated(problem, self.recorded, self.rows, self.at, states, self.compiled)
        self.terms, self.source = made

    def marked(self, path: Met, ends: Array, y0: Array, p: Params) -> Marked:
        """The terms at the states that `path` met, which had to end steps at the times `ends`."""
        marks, states = self._met(path, ends, self.folded.start(y0))
        out, over = self.terms(states, self.folded.values(p))
        n, w, count = states.shape[1], self.recorded.width, len(states)
        r = w - n
        curved = out[:, n : n + n * w].reshape(count, n, w)
        jumps = out[:, :n]
        if self.folded.states > n:
            jumps = np.hstack([jumps, np.zeros((count, 1))])
        whole = Marked(
            marks, float(over[0]), jumps, over[1 : 1 + r], curved[:, :, :n], curved[:, :, n:],
            over[1 + r : 1 + r + r * r].reshape(r, r), self.params,
        )  # fmt: skip
        if self.recorded.residuals:
            part = out[:, n + n * w :].reshape(count, n, w)
            whole.part11, whole.part1p = part[:, :, :n], part[:, :, n:]
            whole.partpp = over[1 + r + r * r :].reshape(r, r)
        return whole

    def _met(self, path: Met, ends: Array, start: Array) -> tuple[Array, Array]:
        """Steps before each of the times (K,), and the states there (K, N)."""
        where = self.usual if ends is self.inner else self._where(ends)
        marks, seen = np.append(0.0, path.marks), np.vstack([start, path.seen])
        return marks[where], seen[where, : self.problem.dim]

    def _where(self, ends: Array) -> Array:
        """The places of the times (K,) among the start, `ends` and the end."""
        t0, t1 = self.problem.t_span
        return np.searchsorted(self.way * np.concatenate([[t0], ends, [t1]]), self.way * self.times)
