"""Derivatives that are hand-written or made by a framework, as `_trust` looks at them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._model.derivatives import Array
from ._field import NOTHING, Pattern, Values
from ._fold import Folded
from ._fold_derivatives import FoldedDerivatives, StateDerivatives

BATCH = 12  # states at a time for a framework, which compiles for each size: that of the stages of one step


class GivenField:
    """Derivatives of a folded right-hand side as a `_field.Field`; sparse ones by their values."""

    def __init__(self, derivatives: StateDerivatives | FoldedDerivatives) -> None:
        self.derivatives, folded = derivatives, derivatives.folded
        self.folded, self.p = folded, folded.problem.unpack(folded.problem.x0)[1]
        self.n, self.count = folded.states, folded.columns.params.size
        self.sparse = (
            derivatives.given if isinstance(derivatives, StateDerivatives) and derivatives.given.sparse else None
        )
        total = folded.problem.dim + self.count
        self.first, self.second = Pattern.full(self.n, self.n + self.count), _without(folded, total)
        if self.sparse is not None:
            assert self.sparse.jac_sparsity and self.sparse.vhp_sparsity
            self.first, self.second = (
                Pattern(np.column_stack([s.rows, s.cols]), (self.n, self.n))
                for s in (self.sparse.jac_sparsity, self.sparse.vhp_sparsity)
            )

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        lead, firsts, seconds = y.shape[:-1], [], []
        for k in range(len(t)):
            first, second = self._at(u[k])
            firsts.append(_in_batches(first, t[k], y[k]))
            if q is not None:
                seconds.append(_in_batches(second, t[k], y[k], q[k]))
        second = np.array(seconds).reshape(*lead, -1) if seconds else NOTHING
        return Values((), np.array(firsts).reshape(*lead, -1), second)

    def _at(self, u: Array) -> tuple[Callable[..., Array], Callable[..., Array]]:
        p, d, s = {**self.p, **self.folded.named(u)}, self.derivatives, self.sparse
        if s is not None:
            assert s.jac_values and s.vhp_values
            first, second = s.jac_values, s.vhp_values
            return lambda t, y: first(t, y, p), lambda t, y, q: second(t, y, q, p)
        return (
            lambda tau, z: np.concatenate(d.first(tau, z, p), axis=-1),
            lambda tau, z, q: d.second(tau, z, q, p),
        )


def _without(folded: Folded, total: int) -> Pattern:
    """All second derivatives but those by the integral of the running loss, which stands behind the state."""
    n, gap = folded.problem.dim, folded.states - folded.problem.dim
    place = [k if k < n else k + gap for k in range(total)]
    size = total + gap
    return Pattern([(a, b) for a in place for b in place], (size, size))


def _in_batches(function: Callable[..., Array], *arrays: Array) -> Array:
    """`function` of rows, `BATCH` at a time, the last batch filled up."""
    size = len(arrays[0])
    filled = [np.concatenate([a, np.repeat(a[-1:], -size % BATCH, axis=0)]) for a in arrays]
    parts = [function(*(a[k : k + BATCH] for a in filled)) for k in range(0, len(filled[0]), BATCH)]
    return np.concatenate([np.reshape(part, (BATCH, -1)) for part in parts])[:size]
