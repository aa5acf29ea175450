"""Soft directions of the Hessian of any problem's loss: their names, and how far each may be followed.

    H u = lambda u          L(x + s u) = L + s g.u + s^2 lambda / 2 + ...

Symmetries of the right-hand side (`_symmetries`) that leave the loss as it is, which is tried by finite steps along their own
curves, are split off first; the eigenvectors are those of the Hessian on what is left. Each direction is then followed to both
sides until the loss has grown by a given `rise`, which says how far the quadratic model can be believed. The Hessian is
computed at two tolerances: their difference along `u` is the error of `lambda`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._adapters.evaluations import Evaluations
from .._errors import HessbenchError, InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._symmetries import Symmetry, symmetries

NAMED = 0.99  # squared share of a direction within a symmetry's span that gives it its name
ALIKE = ("translation", "boost", "rotation")  # kinds that differ by a rotation: a mixture has its name, too
SOFT = 1e-4  # of the largest eigenvalue: what is below is soft
INVARIANT = 1e-10  # of the largest eigenvalue times the squared step: a smaller change of the loss is none
LOOSER = 10.0  # factor of the tolerance of the second Hessian
MOST_STEPS = 20_000  # of the solver: far from the point a problem may become too hard
STEPS = 60  # most evaluations of the loss to either side of a direction
CLOSE = 0.02  # relative accuracy of the distances


@dataclass(frozen=True, eq=False)
class SoftDirection:
    """One direction of `Directions`; `at(s)` (n,) are the unknowns at a distance `s` along it, on a symmetry's own curve.

    `kind` is "symmetry" (the loss does not change), "null", "soft", "stiff", "falling" (negative curvature) or the kind of a
    symmetry of the right-hand side alone, such as "boost". `eigenvalue` is the curvature along the unit `vector` (n,) with
    its `error`, `slope` the derivative of the loss. `reach` is how far to the negative and positive side until the loss has
    grown by the `rise`, infinite where it has not within the range that was tried; `model` is what the derivatives predict.
    """

    name: str
    kind: str
    eigenvalue: float
    error: float
    slope: float
    vector: Array
    reach: tuple[float, float]
    model: tuple[float, float]
    at: Callable[[float], Array]


@dataclass(frozen=True, eq=False)
class Directions:
    """Value, gradient (n,) and Hessian (n, n) at `x` (n,), symmetries, and directions from the softest.

    Distances are in units of `sizes` (n,): ones, or those of the unknowns. `limit` is how far directions were followed,
    `invariant` says of each symmetry whether it leaves the loss as it is, `evaluations` counts those of the loss.
    """

    problem: Problem
    x: Array
    value: float
    grad: Array
    hess: Array
    sizes: Array
    rise: float
    limit: float
    symmetries: tuple[Symmetry, ...]
    invariant: tuple[bool, ...]
    directions: tuple[SoftDirection, ...]
    evaluations: int


def labels(problem: Problem) -> list[str]:
    """Names of the unknowns, such as `y0[3]` or `alpha`."""
    out = []
    for key, block in problem.blocks.items():
        n = block.stop - block.start
        out += [f"{key}[{i}]" for i in range(n)] if problem.shapes[key] else [key]
    return out


def directions(
    problem: Problem, x: Any = None, *, rise: float | None = None, rtol: float = 1e-10, relative: bool | None = None
) -> Directions:
    """The directions of the Hessian at `x` (n,), the problem's own point by default, named and followed.

    `rise` is the growth of the loss to which directions are followed, by default what the stiffest one costs over a
    hundred-thousandth of |x|. `rtol` is the tolerance of the Hessian. With `relative`, unknowns are measured in their own
    sizes (`Problem.scale`, else |x|), as suits parameters of different units, and as it is by default where there are any.
    Raises `InvalidInput` for a rise that is not positive, and what `hessbench.prepare` raises.
    """
    if rise is not None and not 0 < rise < np.inf:
        raise InvalidInput(f"`rise` is {rise!r}; expected how much the loss may grow, a positive number such as 1e-3.")
    x = problem.check_x(x)
    evaluations = Evaluations(problem, rtol=rtol, max_steps=MOST_STEPS)
    here, other = evaluations.whole(x), Evaluations(problem, rtol=LOOSER * rtol, max_steps=MOST_STEPS).whole(x)
    assert here.hess is not None and other.hess is not None
    relative = problem.wrt != ("y0",) if relative is None else relative
    sizes = _sizes(problem, x) if relative else np.ones(x.size)
    hess, off = (np.outer(sizes, sizes) * h for h in (here.hess, here.hess - other.hess))
    grad = sizes * here.grad
    largest = float(np.max(np.abs(np.linalg.eigvalsh(hess))))
    length = 1.0 if relative else float(np.linalg.norm(x)) or 1.0
    size = max(0.5e-10 * largest * length**2, 1e-6 * abs(here.value)) if rise is None else rise
    follow = _Followed(evaluations, x, here.value, size, length)

    found = symmetries(problem, x)
    units = [s.vector / sizes / np.linalg.norm(s.vector / sizes) for s in found]
    curves = [_along(s, x, float(np.linalg.norm(s.vector / sizes))) for s in found]
    least = INVARIANT * largest * (0.1 * length) ** 2 + 1e-8 * abs(here.value)
    invariant = [follow.unchanged(curve, 0.1 * length, least) for curve in curves]

    def described(name: str, kind: str, u: Array, curve: Callable[[float], Array] | None = None) -> SoftDirection:
        value, slope = float(u @ hess @ u), float(grad @ u)
        model = tuple(_predicted(value, sign * slope, size) for sign in (-1, 1))
        straight = curve or (lambda s: x + s * sizes * u)
        reach = tuple(follow.reach(straight, sign, m) for sign, m in zip((-1, 1), model, strict=True))
        vector = sizes * u
        error = abs(float(u @ off @ u))
        return SoftDirection(name, kind, value, error, slope, vector, reach, model, straight)  # type: ignore[arg-type]

    out, taken = [], np.zeros((x.size, 0))
    for s, u, curve, same in zip(found, units, curves, invariant, strict=True):
        rest = u - taken @ (taken.T @ u)
        if same and np.linalg.norm(rest) > 1e-6:  # else the same motion as earlier ones, as of a circle
            taken = np.column_stack([taken, rest / np.linalg.norm(rest)])
            out.append(described(s.name, "symmetry", u, curve))
    left = np.linalg.svd(taken, full_matrices=True)[0][:, taken.shape[1] :]
    values, vectors = np.linalg.eigh(left.T @ hess @ left)
    vectors = left @ vectors
    vectors *= np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(values.size)])
    others = [(s, u - taken @ (taken.T @ u)) for s, u, same in zip(found, units, invariant, strict=True) if not same]
    for value, u in zip(values, vectors.T, strict=True):
        noise = 10 * abs(float(u @ off @ u)) + 1e-11 * largest
        out.append(described(*_name(u, float(value), noise, largest, others), u))
    return Directions(
        problem, x, here.value, here.grad, here.hess, sizes, size, length, found, tuple(invariant), tuple(out),
        follow.count,
    )  # fmt: skip


def _sizes(problem: Problem, x: Array) -> Array:
    """Sizes (n,) of the unknowns, for a zero the largest of its block; raises `InvalidInput` where one is not known."""
    out = np.abs(x)
    for key, block in problem.blocks.items():
        out[block] = np.where(out[block] > 0, out[block], np.max(out[block]))
        if key in problem.scale:
            out[block] = np.broadcast_to(problem.scale[key], problem.shapes[key]).ravel()
    if not np.all(out > 0):
        name = labels(problem)[int(np.argmin(out))]
        raise InvalidInput(f"`{name}` is 0, so its size is not known: give `scale={{...}}` to the problem.")
    return out


def _along(s: Symmetry, x: Array, speed: float) -> Callable[[float], Array]:
    return lambda amount: s.moved(x, amount / speed)


def _predicted(curvature: float, slope: float, rise: float) -> float:
    """The least s > 0 with `slope s + curvature s^2 / 2 = rise`; infinite if there is none."""
    if curvature == 0:
        return rise / slope if slope > 0 else np.inf
    under = slope**2 + 2 * curvature * rise
    if under < 0:
        return np.inf
    roots = [(-slope + sign * np.sqrt(under)) / curvature for sign in (-1, 1)]
    return min((float(r) for r in roots if r > 0), default=np.inf)


def _name(u: Array, value: float, noise: float, largest: float, others: list) -> tuple[str, str]:
    """Name and kind of an eigenvector (n,) that is no symmetry of the loss."""
    for kind in dict.fromkeys(s.kind for s, _ in others):
        rows = [(s.name, v / np.linalg.norm(v)) for s, v in others if s.kind == kind and np.linalg.norm(v) > 1e-6]
        if not rows:
            continue
        single = [name for name, v in rows if (v @ u) ** 2 > NAMED]
        if single:
            return single[0], kind
        basis, sigma, _ = np.linalg.svd(np.array([v for _, v in rows]).T, full_matrices=False)
        if kind in ALIKE and np.sum((basis[:, sigma > 1e-8].T @ u) ** 2) > NAMED:
            return " and ".join(name for name, v in rows if abs(v @ u) > 0.1), kind
    if abs(value) <= noise:
        return "null, by no symmetry tested", "null"
    if value < 0:
        return "falling", "falling"
    kind = "soft" if value < SOFT * largest else "stiff"
    return kind, kind


class _Followed:
    """The loss along curves from one point; `count` evaluations so far."""

    def __init__(self, evaluations: Evaluations, x: Array, value: float, rise: float, limit: float) -> None:
        self.evaluations, self.x, self.value, self.rise, self.limit = evaluations, x, value, rise, limit
        self.count = 0

    def growth(self, x: Array) -> float:
        """By how much the loss at `x` (n,) is larger; infinite where it cannot be computed."""
        self.count += 1
        try:
            value = self.evaluations.first(x).value
        except (HessbenchError, ArithmeticError):
            return np.inf
        return value - self.value if np.isfinite(value) else np.inf

    def unchanged(self, curve: Callable[[float], Array], step: float, least: float) -> bool:
        """Whether the loss changes by no more than `least` over a finite step to either side."""
        try:
            return all(abs(self.growth(curve(s))) <= least for s in (-step, step, 0.3 * step))
        except HessbenchError:
            return False

    def reach(self, curve: Callable[[float], Array], sign: int, model: float) -> float:
        """The first distance found where the loss has grown by `rise`; infinite if it has not up to the limit."""

        def above(s: float) -> bool:
            try:
                return self.growth(curve(sign * s)) >= self.rise
            except HessbenchError:
                return True

        low, high = 0.0, min(model, self.limit) / 8
        for _ in range(STEPS):
            if above(high):
                break
            if high >= self.limit:
                return np.inf
            low, high = high, min(2 * high, self.limit)
        for _ in range(STEPS):
            if high - low <= CLOSE * high or high < 1e-14 * self.limit:
                break
            middle = np.sqrt(low * high) if low else high / 4
            low, high = (low, middle) if above(middle) else (middle, high)
        return float(high)
