"""Data on the way of a solve: steps end at their times, and their terms become `Marked` places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array, Params
from ._data import Recorded, rows_of
from ._data_terms import evaluated
from ._fold import Folded
from ._marked import Marked
from ._moving import Moves, Slopes, moved

Sloped = Callable[[Array, Array, Params], Slopes]


class Met(Protocol):
    """A solve that met times at which a step had to end, the end last: steps taken (ends,) until then, and states (ends, M)."""

    @property
    def marks(self) -> Array: ...
    @property
    def seen(self) -> Array: ...


class Observed:
    """The data of a problem.

    `sloped(tau (K,), z (K, M), p)` gives the slopes of the folded right-hand side with derivatives: where an end time is an
    unknown, the places of the data move in folded time.
    """

    def __init__(self, folded: Folded, compiled: bool, sloped: Sloped | None) -> None:
        problem = self.problem = folded.problem
        self.folded, self.compiled, self.sloped = folded, compiled, sloped
        self.way = 1.0 if problem.t_span[1] > problem.t_span[0] else -1.0
        self.rows, self.recorded = rows_of(problem), Recorded(problem)
        times, self.at = np.unique(self.way * self.rows[:, 0], return_inverse=True)
        self.times = self.way * times  # (K,), in the direction of integration
        self.params = folded.columns.params
        self.own = None if folded.free else self._places(problem.constants)  # where no time moves
        self.terms: Any = None
        self.source = ""

    def ends(self, others: Array, p: Params) -> Array:
        """The times at which steps end, in the direction of integration: those of data and `others`."""
        inner = (self._places(p) if self.own is None else self.own)[1]
        way = 1.0 if self.folded.free else self.way
        return way * np.union1d(way * others, way * inner) if others.size else inner

    def prepare(self, path: Met | None, ends: Array) -> None:
        """Derivatives of the terms, compared with NumPy at the states of `path`, a solve at the problem's own point."""
        problem, n = self.problem, self.problem.dim
        if path is None:
            states = np.tile(problem.y0, (self.times.size, 1))
        else:
            states = self._met(path, ends, self.folded.start(problem.y0), problem.constants)[1][:, :n]
        made = evaluated(problem, self.recorded, self.rows, self.at, states, self.compiled)
        self.terms, self.source = made

    def marked(self, path: Met, ends: Array, y0: Array, p: Params) -> Marked:
        """The terms at the states that `path` met, which had to end steps at the times `ends`."""
        marks, z, tau = self._met(path, ends, self.folded.start(y0), p)
        n, w, count, read = self.problem.dim, self.recorded.width, len(z), self.recorded.read
        out, over = self.terms(z[:, :n], self.folded.values(p)[: self.recorded.count])
        r = w - n
        curved = out[:, n : n + n * w].reshape(count, n, w)
        jumps = np.zeros(z.shape)
        jumps[:, :n] = out[:, :n]
        whole = Marked(
            marks, float(over[0]), jumps, over[1 : 1 + r], curved[:, :, :n], curved[:, :, n:],
            over[1 + r : 1 + r + r * r].reshape(r, r), self.params[read],
        )  # fmt: skip
        if self.recorded.residuals:
            part = out[:, n + n * w :].reshape(count, n, w)
            whole.part11, whole.part1p = part[:, :, :n], part[:, :, n:]
            whole.partpp = over[1 + r + r * r :].reshape(r, r)
        if not self.folded.free:
            return whole
        assert self.sloped is not None
        last = {key: self.params.size - len(self.folded.free) + k for k, key in enumerate(self.folded.free)}
        moves = Moves(tau, float(p["t1"]) - float(p["t0"]), self.params.size, last.get("t0"), last.get("t1"))
        return moved(whole, read, self.params, moves, self.sloped(tau, z, p))

    def _met(self, path: Met, ends: Array, start: Array, p: Params) -> tuple[Array, Array, Array]:
        """Steps before each of the times (K,), the states there (K, M), and the times as parts of the folded span (K,)."""
        tau, inner, usual = self._places(p) if self.own is None else self.own
        where = usual if ends is inner or ends.size == inner.size else self._where(tau, ends)
        marks, seen = np.append(0.0, path.marks), np.vstack([start, path.seen])
        return marks[where], seen[where], tau

    def _places(self, p: Params) -> tuple[Array, Array, Array]:
        """The folded times (K,), those of them inside of the span, and where all are among these and both ends.

        Raises `InvalidInput` where an unknown has moved one out of the span.
        """
        tau, (t0, t1) = self.folded.tau(self.times, p), self.folded.t_span
        inside = (tau - t0) * (tau - t1) <= 0
        if not inside.all():
            raise InvalidInput(
                f"problem {self.problem.name!r}: data or an event is at t = {self.times[np.argmin(inside)]:g}, outside of the "
                f"time span ({float(p['t0']):g}, {float(p['t1']):g})."
            )
        inner = tau[(tau - t0) * (tau - t1) < 0]
        return tau, inner, self._where(tau, inner)

    def _where(self, tau: Array, ends: Array) -> Array:
        """The places of the folded times (K,) among the start, `ends` and the end."""
        (t0, t1), way = self.folded.t_span, 1.0 if self.folded.free else self.way
        return np.searchsorted(way * np.concatenate([[t0], ends, [t1]]), way * tau)
