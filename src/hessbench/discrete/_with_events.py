"""Events on the way of a solve: known times, steps that end there, and what they do to derivatives (`_crossed`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._integrate.ivp import IVP
from .._model.derivatives import Array, Params
from ._crossed import Crossed
from ._event_functions import Functions
from ._fold import Folded
from ._known import Known
from ._marked import Marked
from ._options import NotCompiled
from ._stepper import Tolerances

AGREES = 1e-9  # of the largest entry, for derivatives at events by C and by NumPy


Solved = Callable[[Tolerances, IVP, Array, Params, Array | None, Known], Any]


class WithEvents:
    """The events of a problem, with their `functions`; `solve` is a solve with events, which leaves what `happened`."""

    def __init__(self, folded: Folded, solve: Solved, functions: Functions) -> None:
        self.folded, self.solve, self.functions = folded, solve, functions
        self.moving = functions.events.moving or bool(folded.free)
        self.own = None if self.moving else self._times(folded.problem.constants)

    def ends(self, others: Array, p: Params) -> Array:
        """The folded times at which steps end, in the direction of integration: known times, and `others`."""
        tau = (self._times(p) if self.own is None else self.own)[0]
        way = 1.0 if self.folded.t_span[1] > self.folded.t_span[0] else -1.0
        return way * np.union1d(way * others, way * tau)

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Any:
        """A solve, with what happened."""
        known = (self._times(p) if self.own is None else self.own)[1]
        return self.solve(tolerances, ivp, y0, p, ends, known)

    def marked(self, path: Any, p: Params, terms: Marked | None) -> Marked:
        """The events of `path`, and `terms` between the ends."""
        return Crossed(self.folded, self.functions, path.happened, p).joined(terms)

    def check(self, path: Any, p: Params) -> None:
        """Raise `NotCompiled` where functions in C do not give what NumPy gives at the events of `path`."""
        if type(self.functions) is Functions or path is None:
            return
        happened, rng = path.happened, np.random.default_rng(6)
        lam = rng.standard_normal(happened.before.shape)
        ours, theirs = (
            Crossed(self.folded, functions, happened, p)
            for functions in (self.functions, Functions(self.functions.events))
        )
        pairs = [(ours.maps, theirs.maps), *zip(ours.curvature(lam), theirs.curvature(lam), strict=True)]
        for a, b in pairs:
            if not np.abs(a - b).max(initial=0.0) <= AGREES * np.abs(b).max(initial=0.0):
                raise NotCompiled("derivatives at events in C are not those of NumPy")

    def _times(self, p: Params) -> tuple[Array, Known]:
        """Known times inside of the span, folded, and those at which the state jumps."""
        folded, known = self.folded, Known.at(self.functions, self.folded, p)
        events, (t0, t1) = self.functions.events, folded.t_span
        tau = folded.tau(events.known(folded.values(p)[: events.places.size])[0], p)
        return tau[(tau - t0) * (tau - t1) < 0], known
