"""The Hessian of non-closure at any start and period, by the fastest strategy there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._errors import HessbenchError
from .._model.derivatives import Array
from .._plugins.prepare import prepare
from ._flow import Flow

STRATEGIES = ("discrete-adjoint", "hand-adjoint")


class Curvature:
    """Hessians of `|y(T) - x|^2`; a strategy is prepared once for a period that does not change."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.prepared = None
        self.period = np.nan

    def fixed(self, x: Array, period: float) -> Array:
        """H (N, N) at a fixed period."""
        self.flow.work.hessians += 1
        if self.prepared is None or period != self.period:
            self.prepared, self.period = self._prepare(period), period
        result = self.prepared.direct(np.ascontiguousarray(x))
        self.flow.work.rhs += result.counters.rhs
        return (result.hess + result.hess.T) / 2

    def free(self, x: Array, period: float) -> Array:
        """H (N + 1, N + 1) with the period last.

        L_Tx = -2 F + M^T (2 F + 2 J^T r),   L_TT = 2 F.F + 2 r.(J F)      all at y(T)
        """
        y1, m = self.flow.monodromy(x, period)
        f, r = self.flow.rhs(y1), y1 - x
        j = self.flow.derivatives.jac(0.0, y1, self.flow.problem.params)
        mixed = -2 * f + m.T @ (2 * f + 2 * j.T @ r)
        return np.block(
            [[self.fixed(x, period), mixed[:, None]], [mixed[None], np.array([[2 * f @ f + 2 * r @ (j @ f)]])]]
        )

    def _prepare(self, period: float):
        problem = replace(self.flow.problem, t_span=(0.0, period), exact=None)
        for name in STRATEGIES[:-1]:
            try:
                return prepare(problem, name, rtol=self.flow.rtol)
            except HessbenchError:
                continue
        return prepare(problem, STRATEGIES[-1], rtol=self.flow.rtol)
