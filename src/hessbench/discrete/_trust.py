"""Whether derivatives are those of the right-hand side that NumPy computes, for the problem's own values.

At given points, component by component and each on its own scale, are compared

    F            with NumPy's, to round-off of what it is made of:  |F_k| + sum_j |F_k,j| s_j
    F_,v d       with differences of NumPy's F along d = s * (random signs, in groups of unknowns of similar weight)
    q . F_,vv d  with differences of q . F_,v, which the line before has checked

`s` are the sizes of states and parameters, so that units do not matter. Differences are taken at three steps on either side,
and count where two steps agree with one another; a component is wrong where some count and none of these agrees. At a kink or
a tie the sides differ, and either of them will do: the value decides there on which branch NumPy is. At a point where no
difference settles, as for `y ** 1.5` at 0, derivatives are not compared; other points have to do.
Cost: some 60 evaluations of the right-hand side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._model.derivatives import Array, Params
from ._field import Field, Values

STEPS = np.array([1e-3, 1e-4, 1e-5])
VALUE, AGREES, FLOOR = 1e-11, 1e-7, 1e-10  # of values, of differences, and the round-off of differences
QUANTUM = (
    1e-12  # of a derivative, in units of the value over the sizes: less cannot be seen beside the value's own round-off
)
GROUPS, LARGE = 8, 1000  # groups of unknowns; half as many where there are so many entries
SEED = 20250611


@dataclass(frozen=True, eq=False)
class Points:
    """Where to look: times (m,), states (m, n), parameters (P,). The first `own` are on the solution, the very first its start.

    `sizes` (m, n) of the states, none of them zero, and `widths` (P,) of the parameters.
    """

    t: Array
    y: Array
    u: Array
    sizes: Array
    widths: Array
    own: int = 1


def doubles(p: Params) -> dict[str, Any]:
    """Floating parameters of any width as float64, as a kernel reads them."""
    return {
        key: np.asarray(value, dtype=np.float64) if np.issubdtype(np.asarray(value).dtype, np.floating) else value
        for key, value in p.items()
    }


class Finding(NamedTuple):
    """A clause that goes with "the code" or "it", and whether it is a contradiction; otherwise something was not comparable."""

    words: str
    wrong: bool = True


Rhs = Callable[[float, Array, Array], Array]


def complaint(
    field: Field, rhs: Rhs, points: Points, name: Callable[[int], str], groups: int = GROUPS, second: bool = True
) -> Finding | None:
    """`None` if `field` agrees with `rhs(t, y, u)`, without or with its `second` derivatives.

    `name(j)` is what unknown j of (y, u) is called.
    """
    with np.errstate(all="ignore"):
        return _Check(field, rhs, points, name).run(groups, second)


class _Check:
    def __init__(self, field: Field, rhs: Rhs, points: Points, name: Callable[[int], str]) -> None:
        self.field, self.points, self.name = field, points, name
        self.rng = np.random.default_rng(SEED)
        self.sizes = np.concatenate([points.sizes, np.tile(points.widths, (points.t.size, 1))], axis=1)

        def quiet(t: float, y: Array, u: Array) -> Array:
            try:
                return np.array(rhs(t, y, u), dtype=np.float64)
            except Exception:  # the right-hand side refuses such values
                return np.full(y.shape, np.nan)

        self.rhs = quiet

    def run(self, groups: int, second: bool) -> Finding | None:
        points, field = self.points, self.field
        theirs = np.array([self.rhs(float(t), y, points.u) for t, y in zip(points.t, points.y, strict=True)])
        usable = np.asarray(np.isfinite(theirs).all(axis=1))
        if not usable.any():
            return Finding("could not be compared with the NumPy form, which is not finite at any point", wrong=False)
        base = field(points.t[None], points.y[None], points.u[None])
        first = base.first[0]
        rows = np.abs(theirs) + field.first.times(np.abs(np.nan_to_num(first)), self.sizes)
        said, q = self._values(base, theirs, rows, usable), np.zeros(theirs.shape)
        if said is None and second:  # multipliers by which all components weigh the same
            q = self.rng.standard_normal(theirs.shape) / np.where(rows > 0, rows, 1.0)
            base = field(points.t[None], points.y[None], points.u[None], q[None])
            said = self._values(base, theirs, rows, usable)
        said = said or self._finite(base, usable, second)
        if said is not None:
            return said
        usable &= np.isfinite(first).all(axis=1)
        if second:
            usable &= np.isfinite(base.second[0]).all(axis=1)
        groups = groups // 2 if self.field.first.rows.size > LARGE else groups
        directions = self._directions(first, rows, usable, groups)
        said = self._first(first, theirs, rows, usable, directions)
        return self._second(base, q, rows, usable, directions) if said is None and second else said

    def _values(self, base: Values, theirs: Array, rows: Array, usable: Array) -> Finding | None:
        for ours in base.values:
            gap = np.abs(ours[0] - theirs)
            wrong = ~(gap <= VALUE * rows) & usable[:, None]
            if wrong.any():
                i, k = self._worst(wrong, gap / rows)
                return Finding(
                    f"differs from the NumPy form by {gap[i, k]:.1e} of {rows[i, k]:.1e} {self._place(i, k)}"
                )
        for pair in base.twice:
            gap = np.abs(pair.ours[0] - pair.theirs[0])
            known = np.isfinite(pair.ours[0]) | np.isfinite(pair.theirs[0])
            wrong = ~(gap <= VALUE * pair.size[0]) & known & usable[:, None]
            if wrong.any():
                i, k = self._worst(wrong, gap / pair.size[0])
                return Finding(f"differs from the NumPy form in a product with its derivatives {self._place(i, k)}")
        return None

    def _finite(self, base: Values, usable: Array, second: bool) -> Finding | None:
        """A complaint where a derivative is not finite on the solution itself."""
        orders = [(base.first[0], self.field.first)]
        if second:
            orders.append((base.second[0], self.field.second))
        for order, (entries, pattern) in enumerate(orders):
            bad = ~np.isfinite(entries[: self.points.own]) & usable[: self.points.own, None]
            if bad.any():
                i, e = np.argwhere(bad)[0]
                if order == 0:
                    by = f"{self._place(i, pattern.rows[e])} by {self.name(int(pattern.cols[e]))}"
                    return Finding(f"has a derivative that is not finite {by}", wrong=False)
                by = f"by {self.name(int(pattern.rows[e]))} and {self.name(int(pattern.cols[e]))}"
                t = self.points.t[i]
                return Finding(f"has a second derivative that is not finite at t = {t:g} {by}", wrong=False)
        return None

    def _directions(self, first: Array, rows: Array, usable: Array, groups: int) -> Array:
        """(groups + 1, n + P): one of everything, then groups of unknowns, those of similar weight together."""
        total = self.sizes.shape[1]
        signs = np.sign(self.rng.standard_normal(total)) * self.rng.uniform(0.5, 1.5, total)
        weight = np.zeros(total)
        share = np.abs(first) * self.sizes[:, self.field.first.cols] / rows[:, self.field.first.rows]
        np.maximum.at(weight, self.field.first.cols, np.nan_to_num(share[usable]).max(axis=0, initial=0.0))
        parts = np.array_split(np.argsort(-weight, kind="stable"), min(groups, total)) if groups else []
        out = np.zeros((1 + len(parts), total))
        out[0] = signs
        for row, part in zip(out[1:], parts, strict=True):
            row[part] = signs[part]
        return out

    def _first(self, first: Array, theirs: Array, rows: Array, usable: Array, directions: Array) -> Finding | None:
        """Every group at some point, and all together at the start."""
        points, n, count = self.points, self.field.n, np.flatnonzero(usable).tolist()
        pairs = [(0, 0)] if usable[0] else []
        if len(directions) > 1:
            longest = max(len(directions) - 1, len(count))
            pairs += [(count[k % len(count)], 1 + k % (len(directions) - 1)) for k in range(longest)] if count else []
        elif count:
            pairs += [(i, 0) for i in count if i]
        decided = np.zeros(n, dtype=bool)
        for i, j in pairs:
            d = directions[j] * self.sizes[i]
            shifted = np.array(
                [
                    [self.rhs(float(points.t[i]), points.y[i] + w * h * d[:n], points.u + w * h * d[n:]) for h in STEPS]
                    for w in (1, -1)
                ]
            )
            ours = self.field.first.times(first[i], d)
            size = self.field.first.times(np.abs(first[i]), np.abs(d))
            wrong, settled, gap = compared(ours, shifted[0], shifted[1], theirs[i], size, FLOOR * rows[i])
            if wrong.any():
                k = int(np.argmax(np.where(wrong, gap / (size + FLOOR * rows[i]), -1.0)))
                by = f"{gap[k]:.1e} of {size[k]:.1e} {self._place(i, k)}"
                return Finding(f"differs from the NumPy form in a derivative by {by}")
            decided |= settled
        if not decided.all():
            k = int(np.argmin(decided))
            return Finding(f"could not be compared with differences of the NumPy form in component {k}", wrong=False)
        return None

    def _second(self, base: Values, q: Array, rows: Array, usable: Array, directions: Array) -> Finding | None:
        points, n, pattern = self.points, self.field.n, self.field.first
        times = np.tile(points.t, (2 * STEPS.size, 1))
        weighed = pattern.transposed_times(np.abs(base.first[0]), np.abs(q))
        quantum = QUANTUM * (rows * np.abs(q)).sum(axis=1, keepdims=True) / self.sizes
        here = pattern.transposed_times(base.first[0], q)
        decided = ~usable.any() | np.zeros(self.sizes.shape[1], dtype=bool)
        steps = np.concatenate([STEPS, -STEPS])
        for direction in directions:
            d = direction * self.sizes
            y, u = points.y + steps[:, None, None] * d[:, :n], points.u + steps[:, None] * d[0, n:]
            moved = pattern.transposed_times(self.field(times, y, u).first, q)
            ours = self.field.second.times(base.second[0], d)
            size = self.field.second.times(np.abs(base.second[0]), np.abs(d))
            floor = FLOOR * np.fmax(weighed, np.fmax.reduce(np.abs(moved), axis=0)) + quantum
            wrong, settled, gap = compared(ours, moved[:3], moved[3:], here, size, floor)
            wrong &= usable[:, None]
            if wrong.any():
                i, k = self._worst(wrong, gap / (size + floor))
                by = f"{gap[i, k]:.1e} of {size[i, k]:.1e} at t = {points.t[i]:g} by {self.name(k)}"
                return Finding(f"differs from the NumPy form in a second derivative by {by}")
            decided |= (settled & usable[:, None]).any(axis=0)
        if not decided.all():
            name = self.name(int(np.argmin(decided)))
            return Finding(f"has second derivatives by {name} that could not be compared", wrong=False)
        return None

    def _worst(self, wrong: Array, by: Array) -> tuple[int, int]:
        i, k = np.unravel_index(np.argmax(np.where(wrong, np.nan_to_num(by, nan=np.inf), -1.0)), wrong.shape)
        return int(i), int(k)

    def _place(self, i: Any, k: Any) -> str:
        return f"at t = {self.points.t[i]:g} in component {k}"


def compared(
    ours: Array, plus: Array, minus: Array, here: Array, size: Array, floor: Array
) -> tuple[Array, Array, Array]:
    """Where `ours` is wrong, where it could be compared, and its distance from the nearest difference that counts.

    `plus`, `minus` (3, ...) at `STEPS` on either side of `here` (...), of the shape of the rest.
    """
    h = STEPS.reshape(-1, *[1] * ours.ndim)
    sides = [((plus - here) / h, 10.0), ((here - minus) / h, 10.0), ((plus - minus) / (2 * h), 100.0)]
    nearest, settled, ends = np.full(ours.shape, np.inf), np.zeros(ours.shape, dtype=bool), []
    for quotients, ratio in sides:
        a, b = ((ratio * quotients[k + 1] - quotients[k]) / (ratio - 1) for k in (0, 1))
        counts = np.abs(a - b) <= AGREES * np.fmax(size, np.abs(b)) + floor
        if len(ends) == 2:  # at a kink the central one is the mean of two slopes, and nobody's derivative
            (left, one), (right, other) = ends
            counts &= ~(one & other & (np.abs(left - right) > 1e3 * (AGREES * size + floor)))
        ends.append((b, counts))
        nearest = np.where(counts, np.fmin(nearest, np.fmin(np.abs(ours - a), np.abs(ours - b))), nearest)
        settled |= counts
    return settled & ~(nearest <= AGREES * size + floor), settled, nearest
