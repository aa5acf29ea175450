"""The NumPy forms: by the state alone with dense or sparse matrices, and by columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._integrate.ivp import IVP
from .._integrate.pairs import Pair
from .._model.derivatives import Array, Params
from . import _dense, _sparse
from ._columns import EndBlocks, parameter_directions
from ._columns_numpy import ColumnsSwept, Sweeps, tangents
from ._compiled import Swept
from ._compiled_state import StateSwept
from ._dense import Costate
from ._event_functions import Functions
from ._events import Events
from ._fold import Folded
from ._fold_derivatives import FoldedDerivatives, StateDerivatives
from ._known import Known, directions
from ._legs import Legs
from ._marked import Sums
from ._moving import Slopes
from ._options import Options
from ._quadratic import exploit
from ._stepper import Going, Tolerances, Trajectory, integrate

SPARSE_FROM = 48  # states from which a sparse Jacobian pays in NumPy


class StateInNumpy:
    """A `_linearised.Form` by the state alone."""

    chooses, end, slopes, sloped = None, None, None, None
    functions, with_events = None, None

    def __init__(self, folded: Folded, made: StateDerivatives, ivp: IVP, options: Options, scheme: Pair) -> None:
        problem, n, s, given = folded.problem, folded.states, scheme.stages, made.given
        self.loss_in_c, self.probes, self.scheme, first = (
            options.form != "numpy",
            options.probes,
            scheme,
            given.jac_sparsity,
        )
        self.sparse = (
            given.sparse and options.form in ("auto", "sparse") and (n >= SPARSE_FROM or options.form == "sparse")
        )
        name, self.linearise = "sparse matrix-adjoint form" if self.sparse else "NumPy form", None
        if given.quadratic is not None and not self.sparse:
            given, self.linearise, how = exploit(given, problem, compiled=self.loss_in_c)
            name += f" ({how})"
        self.folded, self.derivatives, self.name = folded, given, f"{name}, derivatives {given.source}"
        each = n + len(first.rows) if self.sparse and first else 4 * n * n
        self.most_kept = options.memory / (8.0 * s * each)

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Trajectory:
        def jac(t: Array, y: Array) -> Any:
            return _sparse.matrices(self.derivatives, t, y, p) if self.sparse else self.derivatives.jac(t, y, p)

        span, most, given = self.folded.t_span, self.most_kept, self.linearise
        return integrate(self._slope(p), jac, self.scheme, span, y0, ivp, self.probes, most, given, tolerances, ends)

    def swept(self, path: Trajectory, end: EndBlocks, p: Params) -> StateSwept:
        f, d, carried = self._slope(p), self.derivatives, Costate.at_end(end)
        if self.sparse:
            carried = _sparse.backward(f, d, p, self.scheme, path, carried)
        else:
            carried = _dense.backward(f, d, p, self.scheme, path, carried, self._segment(path))
        return StateSwept(*carried.result(end))

    def checkpoints(self, path: Trajectory) -> int:
        segment = self._segment(path)
        return 0 if self.sparse or segment == path.steps else segment

    def _segment(self, path: Trajectory) -> int:
        return min(path.steps, max(1, int(self.most_kept)))

    def _slope(self, p: Params):
        linearise = self.linearise
        return self.folded.slope(p) if linearise is None else lambda t, y: linearise(t, y)[0]


class ColumnsInNumpy:
    """A `_linearised.Form` by columns."""

    chooses, end, slopes = None, None, None

    def __init__(self, folded: Folded, made: FoldedDerivatives, ivp: IVP, options: Options, scheme: Pair) -> None:
        self.folded, self.derivatives, self.scheme = folded, made, scheme
        self.loss_in_c, self.probes, self.memory = options.form != "numpy", options.probes, options.memory
        self.name = f"NumPy form (tangents of {folded.columns.total} columns), derivatives {made.source}"
        self.most_kept = options.memory / (8.0 * scheme.stages * folded.states)
        self.functions = Functions(Events(folded.problem)) if folded.problem.events else None

    def attempt(self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None) -> Trajectory:
        return self._integrated(tolerances, ivp, p)(self.folded.start(y0), self.folded.t_span, ends, None, np.inf)

    def with_events(
        self, tolerances: Tolerances, ivp: IVP, y0: Array, p: Params, ends: Array | None, known: Known
    ) -> Trajectory:
        assert self.functions is not None
        folded, run = self.folded, self._integrated(tolerances, ivp, p)
        start, (t0, t1) = folded.start(y0), folded.t_span

        def step(going: Going, targets: Array, most: float) -> Trajectory:
            return run(start, (going.t, float(targets[-1])), targets[:-1], going, most)

        targets, going = np.append([] if ends is None else ends, t1), Going(t0, np.vstack([start, tolerances.start]))
        along = directions(folded, p, self.probes, ivp.by_component)
        before, counters = ivp.counters.steps, ivp.counters
        path, path.happened = Legs(self.functions, folded, step, p, known, targets, going, along).run()
        counters.steps = before + path.steps  # without those that went over an event
        return path

    def _integrated(self, tolerances: Tolerances, ivp: IVP, p: Params) -> Callable[..., Trajectory]:
        """`integrate` at parameters `p`, of a start, a span, the times where steps end, and what it is to go on with."""
        folded, probes = self.folded, self.probes
        slopes = tangents(self.derivatives, p, parameter_directions(folded.values(p), probes, ivp.by_component))
        f, most_kept = folded.slope(p), self.most_kept

        def run(
            start: Array, span: tuple[float, float], ends: Array | None, going: Going | None, most: float
        ) -> Trajectory:
            path = integrate(
                f, slopes, self.scheme, span, start, ivp, probes, most_kept, None, tolerances, ends, going, most
            )
            path.jacobians = []
            return path

        return run

    def swept(self, path: Trajectory, end: EndBlocks, p: Params) -> Swept:
        folded = self.folded
        sums = None if end.marked is None else Sums(end.marked, folded.columns.total)
        sweeps = Sweeps(folded.slope(p), self.derivatives, p, self.scheme, path, folded.columns, self.memory, sums)
        with np.errstate(all="ignore"):
            return ColumnsSwept(sweeps, end, sums)

    def sloped(self, tau: Array, z: Array, p: Params) -> Slopes:
        """Slopes of the folded right-hand side at places (K,), with their derivatives."""
        slope = self.folded.slope(p)
        g = np.array([slope(float(t), y) for t, y in zip(tau, z, strict=True)])
        return Slopes(g, *self.derivatives.first(tau, z, p))

    def checkpoints(self, path: Trajectory) -> int:
        return 0
