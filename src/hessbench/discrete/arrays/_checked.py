"""Whether an `ArrayFunction` is the function that NumPy computes, by products alone; as `_trust` does it with matrices.

    F          with NumPy's, to round-off of what it is made of
    F_,v d     with differences of NumPy's F along d = sizes * (random numbers), component by component
    q F_,v     with q . (F_,v d), for d in groups of unknowns of similar weight
    bend       with differences of q F_,v along d, component by component, and its part in dq with another pull

A component is wrong where differences count and do not agree with it. One that no point and no direction could decide is a
complaint, too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..._model.derivatives import Array
from .._trust import FLOOR, GROUPS, QUANTUM, SEED, STEPS, compared
from ._function import ArrayFunction

VALUE, DRAWS = 1e-10, 4
Reference = Callable[[float, Array], Array]


def complaint(function: ArrayFunction, reference: Reference, points: list[tuple[float, Array, Array]]) -> str | None:
    """One clause, or `None`. A point is a time, the inputs (inputs,) and their sizes."""

    def quiet(t: float, v: Array) -> Array:
        try:
            return np.array(reference(t, v), dtype=np.float64)
        except Exception:  # the function refuses such values
            return np.full(function.rows, np.nan)

    check = _Check(function, quiet)
    with np.errstate(all="ignore"):
        said = [check.at(*point) for point in points]
    wrong = next((words for words in said if words), None)
    if wrong is not None:
        return wrong
    if not check.first.all():
        return f"could not be compared with differences of the NumPy form in component {int(np.argmin(check.first))}"
    return None if check.second.all() else "has second derivatives that could not be compared"


class _Check:
    def __init__(self, function: ArrayFunction, reference: Reference) -> None:
        self.f, self.reference, self.rng = function, reference, np.random.default_rng(SEED)
        self.first, self.second = np.zeros(function.rows, dtype=bool), np.zeros(function.inputs, dtype=bool)

    def at(self, t: float, v: Array, sizes: Array) -> str | None:
        f, theirs = self.f, self.reference(t, v)
        if not np.isfinite(theirs).all():
            return None
        directions = sizes * self.rng.standard_normal((DRAWS, f.inputs))
        pushed = np.array([f.push(t, v, d) for d in directions])
        rows = np.abs(theirs) + 2 * np.sqrt(np.mean(pushed**2, axis=0))
        gap = np.abs(f.value(t, v) - theirs)
        if not (gap <= VALUE * rows).all():
            k = int(np.argmax(~(gap <= VALUE * rows)))
            return f"differs from the NumPy form by {gap[k]:.1e} of {rows[k]:.1e} at t = {t:g} in component {k}"
        for d, ours in zip(directions, pushed, strict=True):
            plus, minus = (np.array([self.reference(t, v + w * h * d) for h in STEPS]) for w in (1, -1))
            wrong, settled, nearest = compared(ours, plus, minus, theirs, rows, FLOOR * rows)
            if wrong.any():
                k = int(np.argmax(wrong))
                by = f"{nearest[k]:.1e} of {rows[k]:.1e} at t = {t:g} in component {k}"
                return f"differs from the NumPy form in a derivative by {by}"
            self.first |= settled
        q = self.rng.standard_normal(f.rows) / np.where(rows > 0, rows, 1.0)
        return self._pulled(t, v, sizes, q, directions[0], rows) or self._bent(t, v, sizes, q, directions, rows)

    def _pulled(self, t: float, v: Array, sizes: Array, q: Array, direction: Array, rows: Array) -> str | None:
        f, pulled = self.f, self.f.pull(t, v, q)
        order = np.argsort(-np.abs(pulled) * sizes, kind="stable")
        for part in np.array_split(order, min(GROUPS, f.inputs)):
            d = np.zeros(f.inputs)
            d[part] = direction[part]
            pushed = f.push(t, v, d)
            size = float(np.abs(q) @ np.abs(pushed) + np.abs(pulled) @ np.abs(d))
            if not abs(float(q @ pushed - pulled @ d)) <= VALUE * size:
                return f"gives derivatives forward and backward that differ at t = {t:g}"
        other = q * self.rng.uniform(0.5, 1.5, q.size)
        left = f.bend(t, v, direction, q, other) - f.bend(t, v, direction, q, np.zeros(q.size))
        right = f.pull(t, v, other)
        size = np.abs(right) + np.abs(f.bend(t, v, direction, q, np.zeros(q.size))) + np.abs(q) @ rows / sizes
        if not (np.abs(left - right) <= VALUE * size).all():
            return f"gives second derivatives along multipliers that differ from the first at t = {t:g}"
        return None

    def _bent(self, t: float, v: Array, sizes: Array, q: Array, directions: Array, rows: Array) -> str | None:
        f, none, here = self.f, np.zeros(q.size), self.f.pull(t, v, q)
        bent = np.array([f.bend(t, v, d, q, none) for d in directions])
        size = 2 * np.sqrt(np.mean(bent**2, axis=0))
        for d, ours in zip(directions, bent, strict=True):
            plus, minus = (np.array([f.pull(t, v + w * h * d, q) for h in STEPS]) for w in (1, -1))
            floor = FLOOR * np.fmax(np.abs(here), np.abs(plus).max(axis=0)) + QUANTUM * float(np.abs(q) @ rows) / sizes
            wrong, settled, nearest = compared(ours, plus, minus, here, size, floor)
            if wrong.any():
                k = int(np.argmax(wrong))
                return (
                    f"differs in a second derivative by {nearest[k]:.1e} of {size[k]:.1e} at t = {t:g} by unknown {k}"
                )
            self.second |= settled
        return None
