"""Derivatives that are hand-written or made by a framework, as `_trust` looks at them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._model.derivatives import Array, Derivatives, Params
from ._field import NOTHING, Pattern, Values
from ._fold import Folded
from ._fold_derivatives import FoldedDerivatives

BATCH = 12  # states at a time for a framework, which compiles for each size: that of the stages of one step


class GivenField:
    """Hand-written or framework-made derivatives by the state alone, at parameters `p`."""

    def __init__(self, derivatives: Derivatives, n: int, p: Params) -> None:
        self.n, self.count, self.p, d = n, 0, p, derivatives
        self._jac, self._vhp = d.jac, d.vhp
        self.first, self.second = Pattern.full(n, n), Pattern.full(n, n)
        if d.sparse:
            assert d.jac_sparsity and d.vhp_sparsity and d.jac_values and d.vhp_values
            self._jac, self._vhp = d.jac_values, d.vhp_values
            self.first, self.second = (
                Pattern(np.column_stack([s.rows, s.cols]), (n, n)) for s in (d.jac_sparsity, d.vhp_sparsity)
            )

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        t, flat, lead = t.ravel(), y.reshape(-1, self.n), y.shape[:-1]
        jac = _in_batches(lambda t, y: self._jac(t, y, self.p), t, flat).reshape(*lead, -1)
        if q is None:
            return Values((), jac, NOTHING)
        vhp = _in_batches(lambda t, y, q: self._vhp(t, y, q, self.p), t, flat, q.reshape(-1, self.n))
        return Values((), jac, vhp.reshape(*lead, -1))


class FoldedField:
    """The same by state, parameters and end times."""

    def __init__(self, derivatives: FoldedDerivatives, folded: Folded, p: Params) -> None:
        self.derivatives, self.folded, self.p = derivatives, folded, p
        self.n, self.count = folded.states, folded.columns.params.size
        total = folded.problem.dim + self.count
        self.first, self.second = Pattern.full(self.n, self.n + self.count), _without(folded, total)

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
        p, d = {**self.p, **self.folded.named(u)}, self.derivatives
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
