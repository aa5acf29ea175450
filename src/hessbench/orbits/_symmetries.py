"""The symmetries that a right-hand side has, found by testing, and how each moves the unknowns of a problem.

Tested are time shift, translations, boosts and rotations (`_generators`), then all scalings `y_i -> y_i e^{w_i s}`,
`t -> t e^{beta s}`, `p_k -> p_k e^{u_k s}` of states, time and the parameters in `wrt` at once: the exponents that leave the
equation as it is are the null space of a matrix. Last, single components of the state that may be shifted.

A symmetry moves solutions to solutions; at the time t0 it moves the state by `s(t0, y0) - tau(t0) F(y0)`. Where `y0` is not
an unknown, only those that leave it in place count. What they do to the loss is asked of the Hessian, not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .._errors import HessbenchError
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from .._model.problem import Problem
from ._generators import Generator, candidates, generator, residual

HOLDS = 1e-7  # relative residual below which the equation is left as it is
POINTS = 12  # states that are tried: some on the trajectory, and others beside it
LARGEST_DENOMINATOR = 12  # of an exponent
MOST_SCALED = 300  # states and parameters beyond which scalings are not looked for


@dataclass(frozen=True, eq=False)
class Symmetry:
    """A symmetry of the right-hand side: its `vector` (n,) moves the unknowns `x`, at unit speed.

    `name` and `kind` ("time shift", "translation", "boost", "rotation", "scaling" or "shift").
    """

    name: str
    kind: str
    vector: Array
    generator: Generator
    problem: Problem

    def moved(self, x: Array, s: float) -> Array:
        """The unknowns (n,) at distance `s` along the symmetry's own curve, the exact finite transformation of `x` (n,)."""
        g, problem = self.generator, self.problem
        y0, p = problem.unpack(x)
        t0, amount = problem.t_span[0], s / float(np.linalg.norm(displaced(problem, g, x)))
        out = np.array(x, dtype=float)
        if "y0" in problem.wrt:
            out[problem.blocks["y0"]] = self._state(t0, y0, p, amount)
        for key in g.dp:
            out[problem.blocks[key]] = (p[key] * np.exp(amount * _rates(problem, g, key))).ravel()
        return out

    def tangent(self, x: Array) -> Array:
        """The direction (n,) in which it moves other unknowns `x` (n,), at whatever speed."""
        return displaced(self.problem, self.generator, x)

    def _state(self, t0: float, y: Array, p, amount: float) -> Array:
        from scipy.linalg import expm

        g = self.generator
        if g.kind == "time shift":
            # alpha = -1 moves along the trajectory; a negative amount goes back on it
            solution = IVP("DOP853", rtol=1e-12, atol=1e-14)
            return solution.solve(lambda t, z: self.problem.rhs(np, t, z, p), (t0, t0 + amount), y).y1
        n = y.size
        field = np.zeros((n + 1, n + 1))
        field[:n, :n], field[:n, n] = g.a, g.b * t0 + g.c
        return (expm(amount * field) @ np.append(y, 1.0))[:n]


def displaced(problem: Problem, g: Generator, x: Array) -> Array:
    """How `g` moves the unknowns (n,) at `x` (n,), without a unit of speed."""
    y0, p = problem.unpack(x)
    t0 = problem.t_span[0]
    out = np.zeros(x.size)
    if "y0" in problem.wrt:
        out[problem.blocks["y0"]] = _start(problem, g, t0, y0, p)
    for key in g.dp:
        out[problem.blocks[key]] = (p[key] * _rates(problem, g, key)).ravel()
    return out


def _rates(problem: Problem, g: Generator, key: str) -> Array:
    """Exponents of the parameter `key`, of its shape."""
    value = problem.params[key]
    return np.where(value != 0, g.dp[key] / np.where(value != 0, value, 1.0), 0.0)


def symmetries(problem: Problem, x: Array | None = None, points: int = POINTS) -> tuple[Symmetry, ...]:
    """The symmetries of the right-hand side that move the unknowns `x` (n,), the problem's own by default.

    They are tested at `points` states near the trajectory. Cost: some thousand right-hand sides, and one solve.
    """
    x = problem.check_x(x)
    y0, p = problem.unpack(x)
    fixed = {key: np.asarray(p[key], dtype=float) for key in problem.params}
    problem = replace(problem, params={**problem.params, **fixed}, y0=y0, perturbed=None, exact=None)
    states = _states(problem, points)

    def holds(g: Generator) -> bool:
        return _stays(problem, g, x) and all(small(*residual(problem, g, t, y)) for t, y in states)

    found = candidates(problem, holds)
    found += _scalings(problem, points, x)
    found += [g for g in _shifts(problem, found) if holds(g)]
    out = []
    for g in found:
        vector = displaced(problem, g, x)
        size = float(np.linalg.norm(vector))
        if size > 1e-12 * max(1.0, float(np.linalg.norm(x))):
            out.append(Symmetry(g.name, g.kind, vector / size, g, problem))
    return tuple(out)


def small(r: Array, size: float) -> bool:
    """Whether a residual (N,) vanishes beside the `size` of its terms."""
    return bool(np.all(np.isfinite(r))) and float(np.max(np.abs(r))) <= HOLDS * size


def _start(problem: Problem, g: Generator, t0: float, y0: Array, p) -> Array:
    tau = g.alpha + g.beta * t0
    slope = np.asarray(problem.rhs(np, t0, y0, p), dtype=float) if tau else np.zeros(y0.size)
    return g.at(t0, y0) - tau * slope


def _stays(problem: Problem, g: Generator, x: Array) -> bool:
    """Whether a start that is not an unknown stays where it is."""
    if "y0" in problem.wrt:
        return True
    y0, p = problem.unpack(x)
    return float(np.max(np.abs(_start(problem, g, problem.t_span[0], y0, p)))) < 1e-12


def _states(problem: Problem, points: int) -> list[tuple[float, Array]]:
    """Times and states (N,) on the trajectory and beside it, the same in every run."""
    t0, t1 = problem.t_span
    rng, size = np.random.default_rng(0), np.maximum(np.abs(problem.y0), 0.1 * np.max(np.abs(problem.y0)) + 1e-3)
    path = [(t0, problem.y0)]
    try:
        ivp = IVP("LSODA", rtol=1e-6, atol=1e-9, max_steps=2_000)
        solution = ivp.solve(lambda t, y: problem.rhs(np, t, y, problem.params), problem.t_span, problem.y0, dense=True)
        path = [(t, solution.y(t)) for t in np.linspace(t0, t1, points // 2)]
    except HessbenchError:
        pass  # the states beside the start have to do
    out = []
    for k in range(points):
        t, y = path[k % len(path)]
        for _ in range(20):
            beside = y * (1 + 0.1 * rng.uniform(-1, 1, y.size)) + 0.02 * size * rng.uniform(-1, 1, y.size)
            with np.errstate(all="ignore"):
                if np.all(np.isfinite(problem.rhs(np, t, beside, problem.params))):
                    out.append((float(t), beside))
                    break
    return out


def _scalings(problem: Problem, points: int, x: Array) -> list[Generator]:
    """All scalings of states, time and parameters in `wrt` that leave the equation as it is, one for each free exponent."""
    n = problem.dim
    single = [generator(f"y[{i}]", "scaling", n, a=np.diag(np.eye(n)[i])) for i in range(n)]
    single += [generator("t", "scaling", n, beta=1.0)]
    for key in problem.varied:
        value = np.asarray(problem.params[key], dtype=float)
        for k in np.flatnonzero(value):
            dp = np.zeros(value.size)
            dp[k] = value.flat[k]
            label = key if value.size == 1 else f"{key}[{k}]"
            single.append(generator(label, "scaling", n, dp={key: dp.reshape(value.shape)}))
    if len(single) > MOST_SCALED:
        return []
    rows, sizes = [], []
    for t, y in _states(problem, max(points, 2 + 2 * len(single) // n)):
        terms = [residual(problem, g, t, y) for g in single]
        rows.append(np.array([r for r, _ in terms]).T)
        sizes.append(np.full(n, max(max(size for _, size in terms), 1e-300)))
    if "y0" not in problem.wrt:
        y0, p = problem.unpack(x)
        rows.append(np.array([_start(problem, g, problem.t_span[0], y0, p) for g in single]).T)
        sizes.append(np.ones(n))
    matrix = np.vstack(rows) / np.concatenate(sizes)[:, None]
    if not np.all(np.isfinite(matrix)):
        return []
    _, sigma, vt = np.linalg.svd(matrix, full_matrices=True)
    null = vt[np.append(sigma, np.zeros(len(vt) - sigma.size)) < HOLDS]
    return [_combined(single, weights) for weights in _tidy(null) if _simple(weights)]


def _simple(weights: Array) -> bool:
    """Whether the exponents (m,) are fractions. A smooth function that is seen in few places has others, which mean nothing."""
    return all(abs(w - float(Fraction(w).limit_denominator(LARGEST_DENOMINATOR))) < 1e-5 for w in weights)


def _tidy(rows: Array) -> Array:
    """Reduced row echelon form (k, m) of `rows`, so that exponents are readable; each row's first exponent is 1."""
    rows, k = rows.copy(), 0
    for column in range(rows.shape[1]):
        if k == len(rows):
            break
        best = k + int(np.argmax(np.abs(rows[k:, column])))
        if abs(rows[best, column]) < 1e-6:
            continue
        rows[[k, best]] = rows[[best, k]]
        rows[k] /= rows[k, column]
        for other in range(len(rows)):
            if other != k:
                rows[other] -= rows[other, column] * rows[k]
        k += 1
    rows[np.abs(rows) < 1e-6] = 0.0
    return rows


def _combined(single: list[Generator], weights: Array) -> Generator:
    n = single[0].c.size
    used = [(g, w) for g, w in zip(single, weights, strict=True) if w]
    dp: dict[str, Array] = {}
    for g, w in used:
        for key, v in g.dp.items():
            dp[key] = dp.get(key, np.zeros(v.shape)) + w * v
    a = sum((w * g.a for g, w in used), np.zeros((n, n)))
    return generator(_exponents(used), "scaling", n, a=a, beta=float(sum(w * g.beta for g, w in used)), dp=dp)


def _exponents(used: list[tuple[Generator, float]]) -> str:
    """Which names have which exponent, as `scaling y[0..3]^1 t^1.5`, runs of one exponent joined."""
    words: list[tuple[str, int | None, int | None, float]] = []
    for g, w in used:
        base, _, index = g.name.partition("[")
        at = int(index[:-1]) if index else None
        last = words[-1] if words else None
        if last and at is not None and last[0] == base and last[2] == at - 1 and abs(last[3] - w) < 1e-6:
            words[-1] = (base, last[1], at, w)
        else:
            words.append((base, at, at, w))
    return "scaling " + " ".join(
        f"{base}{'' if a is None else f'[{a}]' if a == b else f'[{a}..{b}]'}^{round(w, 6):g}" for base, a, b, w in words
    )


def _shifts(problem: Problem, found: list[Generator]) -> list[Generator]:
    """Shifts of single components, where no translation has been found."""
    if any(g.kind == "translation" for g in found):
        return []
    n = problem.dim
    return [generator(f"shift of y[{i}]", "shift", n, c=np.eye(n)[i]) for i in range(n)]
