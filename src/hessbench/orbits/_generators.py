"""Candidates for symmetries of a right-hand side: affine vector fields, and what they do to a point and to a slope.

    s(t, y) = A y + B t + c,   tau(t) = alpha + beta t,   dp            a generator: how state, time and parameters move

It is a symmetry of `y' = F(t, y, p)` if what it moves solutions to are solutions again:

    R = B + A F - beta F - J s - F_t tau - F_p dp = 0    at all (t, y)   (Olver, Applications of Lie Groups, section 2.3)

The last three terms are one derivative of `F` along `(tau, s, dp)`, by central differences with Richardson's extrapolation: to
ten digits or so, and without derivatives of the user's function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem

STEP = 2e-3  # of the differences, relative; their error is its sixth power


@dataclass(frozen=True, eq=False)
class Generator:
    """An affine field: `a` (N, N), `b` (N,), `c` (N,), `alpha`, `beta`, and `dp` by names of parameters."""

    name: str
    kind: str
    a: Array
    b: Array
    c: Array
    alpha: float = 0.0
    beta: float = 0.0
    dp: dict[str, Array] = field(default_factory=dict)

    def at(self, t: float, y: Array) -> Array:
        """s(t, y) (N,)."""
        return self.a @ y + self.b * t + self.c


def generator(
    name: str,
    kind: str,
    n: int,
    *,
    a: Array | None = None,
    b: Array | None = None,
    c: Array | None = None,
    alpha: float = 0.0,
    beta: float = 0.0,
    dp: dict[str, Array] | None = None,
) -> Generator:
    """A generator in `n` states whose parts (shapes as in `Generator`) are zero where they are not given."""
    return Generator(
        name, kind, np.zeros((n, n)) if a is None else a, np.zeros(n) if b is None else b,
        np.zeros(n) if c is None else c, alpha, beta, dp or {},
    )  # fmt: skip


def residual(problem: Problem, g: Generator, t: float, y: Array) -> tuple[Array, float]:
    """R (N,) at one point, and what it is small against: the largest of its terms and the change of `F` that is natural."""
    p, rhs = problem.params, problem.rhs
    slope = np.asarray(rhs(np, t, y, p), dtype=float)
    s, tau = g.at(t, y), g.alpha + g.beta * t
    speed = _relative_speed(problem, g, s, tau, y)

    def along(step: float) -> Array:
        e = step / speed
        moved = {**p, **{key: p[key] + e * v for key, v in g.dp.items()}}
        back = {**p, **{key: p[key] - e * v for key, v in g.dp.items()}}
        ahead = np.asarray(rhs(np, t + e * tau, y + e * s, moved), dtype=float)
        return (ahead - np.asarray(rhs(np, t - e * tau, y - e * s, back), dtype=float)) / (2 * e)

    one, two, four = (along(STEP / k) for k in (1, 2, 4))
    first, second = (4 * two - one) / 3, (4 * four - two) / 3
    terms = (g.b, g.a @ slope, -g.beta * slope, -(16 * second - first) / 15)
    sizes = [float(np.max(np.abs(term))) for term in terms]
    return sum(terms, np.zeros(y.size)), max(*sizes, speed * float(np.max(np.abs(slope))))


def _relative_speed(problem: Problem, g: Generator, s: Array, tau: float, y: Array) -> float:
    """The largest relative speed at which `g` moves a state, the time or a parameter."""
    size = np.maximum(np.abs(y), 0.1 * np.max(np.abs(y)) + 1e-12)
    span = abs(problem.t_span[1] - problem.t_span[0])
    speeds = [float(np.max(np.abs(s) / size)), abs(tau) / span]
    speeds += [float(np.max(np.abs(v))) / float(np.max(np.abs(problem.params[key]))) for key, v in g.dp.items()]
    return max(*speeds, 1e-300)


def rotations_in(d: int, n: int) -> list[Generator]:
    """Rotations of all n / d vectors of the state, one for each plane of `d` dimensions."""
    out = []
    for i, j in combinations(range(d), 2):
        g = np.zeros((d, d))
        g[j, i], g[i, j] = 1.0, -1.0
        plane = {2: "", 3: f" about {'xyz'[3 - i - j] if d == 3 else ''}"}.get(
            d, f" in the plane of {i + 1} and {j + 1}"
        )
        out.append(generator(f"rotation{plane}", "rotation", n, a=np.kron(np.eye(n // d), g)))
    return out


def candidates(problem: Problem, holds: Callable[[Generator], bool]) -> list[Generator]:
    """The candidates with a name of their own that `holds` lets pass: time shift, translations, boosts and rotations.

    Positions stand in the first half of the state and velocities in the second. Bodies of three dimensions are tried
    before those of two; rotations of positions and velocities in one space of N / 2 dimensions come last.
    """
    n = problem.dim
    out = [g for g in [generator("time shift", "time shift", n, alpha=-1.0)] if holds(g)]
    half = n // 2
    for d in (3, 2, 1):
        if n % (2 * d):
            continue
        found = []
        for k, e in enumerate(np.eye(d)):
            shift, name = np.tile(e, half // d), "xyz"[k]
            position, velocity = np.append(shift, np.zeros(half)), np.append(np.zeros(half), shift)
            found.append(generator(f"translation {name}", "translation", n, c=position))
            found.append(generator(f"boost {name}", "boost", n, b=position, c=velocity))
        out += [g for g in found if holds(g)]
        if any(g.kind == "translation" for g in out):
            break
    for d in dict.fromkeys((3, 2, half)):
        if d < 2 or n % d or d > 8:
            continue
        turns = [g for g in rotations_in(d, n) if holds(g)]
        if turns:
            out += turns
            break
    return out
