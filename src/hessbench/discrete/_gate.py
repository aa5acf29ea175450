"""A generated kernel is believed for the problem's own values: at every `prepare`, and its sweeps once per library.

Derivatives are compared with NumPy's right-hand side (`_trust`) at the problem's start, along its solution and off it. With
derivatives that are known to be right, the sweeps have to give what the NumPy form gives with the same derivatives over the
same steps, from a point off any special orbit and with random blocks of the loss: where the costate is small, as on a closed
orbit, an error would hide. Compilers have been seen to get such code wrong. That is noted beside the library, which does not
change; a comparison of nothing is not noted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._model.counters import Counters
from .._model.derivatives import Array, Derivatives
from .._model.problem import Problem
from ._compiled import Compiled, flat_params
from ._dense import Costate, backward
from ._forward import Buffer, ForwardSolve
from ._probe import KernelField
from ._stepper import Trajectory, probe_directions, replay
from ._tableau import Pair
from ._trust import Points, complaint, doubles

STEPS, AGREES = 24, 1e-8
STRETCHES, MOST = 4, 250  # of the solution, at the ends of which it is looked at, and steps of each
NEAR, FAR = 1e-3, 0.1  # of points off the solution, in units of the sizes
SMALL = 1e-3  # of its size along the solution, from which on a state counts as of its own size
SEED = 20240317
Slope = Callable[[float, Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Looked:
    """What a solve of the problem at its own point showed: the `points` of the checks, sizes (n,) of the states, the end state.

    `end` (n,) is `None` if it was not reached.
    """

    points: Points
    sizes: Array
    end: Array | None


def passes(compiled: Compiled, problem: Problem, pair: Pair, ivp: IVP, looked: Looked) -> str | None:
    """`None` if the kernel agrees, else one sentence that says how it does not."""
    field = KernelField(compiled, problem.params, looked.sizes)
    said = complaint(field, slope_of(problem), looked.points, lambda j: f"y[{j}]")
    if said is not None:
        return f"the generated code {said.words}"
    if compiled.checked:
        return None
    return stamped(compiled, disagreement(compiled, problem, field.derivatives(), pair, ivp))


def stamped(compiled: ForwardSolve, gap: float) -> str | None:
    """Notes beside the library that its sweeps agree, or says that they do not."""
    if not gap <= AGREES:
        return f"the generated code differs from the NumPy form by {gap:.1e} in its sweeps (at most {AGREES:g} is accepted)"
    compiled.stamp.touch()
    return None


def slope_of(problem: Problem) -> Slope:
    """The right-hand side as `_trust` calls it."""
    p = doubles(problem.params)
    return lambda t, y, u: problem.rhs(np, t, y, p)


def look(
    compiled: ForwardSolve | None, values: Buffer | None, slope: Slope, t_span: tuple[float, float], y0: Array, u: Array,
    ivp: IVP,
) -> Looked:  # fmt: skip
    """Points of a problem that starts at `y0` (n,) with parameters `u` (P,), along the solution if that is `compiled`."""
    states, end = [(t_span[0], y0)], None
    if compiled is not None and values is not None:
        along, reached = _along(compiled, values, t_span, y0, ivp)
        states += along
        end = along[-1][1] if reached else None
    rng, (t0, t1) = np.random.default_rng(SEED), t_span
    known = np.array([np.abs(y) for _, y in states])
    with np.errstate(all="ignore"):
        moved = np.abs(np.nan_to_num(np.asarray(slope(t0, y0, u), dtype=np.float64)) * (t1 - t0))
    sizes = known.max(axis=0)
    sizes = np.where(sizes > 0, sizes, moved)
    sizes = np.where(sizes > 0, sizes, sizes.max() or 1.0)
    own = len(states)
    for t, y, by in ((t0, y0, NEAR), (t1, states[-1][1], NEAR), (t0 + 0.37 * (t1 - t0), states[own // 2][1], FAR)):
        states.append((t, y + by * np.maximum(np.abs(y), SMALL * sizes) * rng.standard_normal(y.size)))
    t, y = np.array([t for t, _ in states]), np.array([y for _, y in states])
    widths = np.where(u != 0, np.abs(u), 1.0)
    return Looked(Points(t, y, u, np.maximum(np.abs(y), SMALL * sizes), widths, own), sizes, end)


def _along(
    compiled: ForwardSolve, values: Buffer, t_span: tuple[float, float], y0: Array, ivp: IVP
) -> tuple[list[tuple[float, Array]], bool]:
    """Times and states at the ends of stretches of the solution, as far as it goes, and whether it reached its end."""
    quiet, out, (t, t1), y = replace(ivp, counters=Counters()), [], t_span, y0
    for stop in t + (t1 - t) * np.arange(1, STRETCHES + 1) / STRETCHES:
        try:
            path = compiled.forward(y, values, (t, float(stop)), quiet, most=MOST)
        except IntegrationError:
            return out, False
        starts, steps = compiled.steps_of(path)
        t, y = float(starts[-1] + steps[-1]), path.y1
        if not np.isfinite(y).all():
            return out, False
        out.append((t, y))
        if abs(t - stop) > 1e-9 * abs(t1 - t_span[0]):
            return out, False
        t = float(stop)
    return out, True


def steps_for(n: int) -> int:
    """How many steps to compare sweeps over: these have products of (n, n) matrices in each stage."""
    return STEPS if n <= 48 else 6 if n <= 300 else 2


def frozen_path(
    compiled: ForwardSolve, points: list[tuple[Array, Buffer]], t_span: tuple[float, float], ivp: IVP
) -> tuple[int, Any, Array, Array]:
    """Steps from the first of `points` (state, parameters) that can be integrated, taken without noise on the tangents.

    Returns which, the path, starts and sizes. Where none can be, steps of a millionth of the span from the last one.
    """
    quiet, most = replace(ivp, counters=Counters()), steps_for(compiled.sizes.n)
    for k, (y0, values) in enumerate(points):
        try:
            t, h = compiled.steps_of(compiled.forward(y0, values, t_span, quiet, most=most))
        except IntegrationError:
            continue
        return k, compiled.frozen(y0, values, t, h), t, h
    size = 1e-6 * (t_span[1] - t_span[0])
    t, h = t_span[0] + size * np.arange(most), np.full(most, size)
    y0, values = points[-1]
    return len(points) - 1, compiled.frozen(y0, values, t, h), t, h


def disagreement(compiled: Compiled, problem: Problem, derivatives: Derivatives, pair: Pair, ivp: IVP) -> float:
    """Largest difference of end state, tangents, gradient and Hessian from the NumPy form over the same steps, relative.

    In units of the states' sizes at the start, so that small ones count as large ones do.
    """
    rng, n, p = np.random.default_rng(4), problem.dim, doubles(problem.params)
    values = flat_params(compiled.kernel.params, p)
    size = np.where(problem.y0 != 0, np.abs(problem.y0), np.abs(problem.y0).max() or 1.0)
    starts = [problem.y0 + NEAR * size * rng.standard_normal(n), problem.y0]
    k, path, t, h = frozen_path(compiled, [(y0, values) for y0 in starts], problem.t_span, ivp)

    def f(t: float, y: Array) -> Array:
        return problem.rhs(np, t, y, p)

    with np.errstate(all="ignore"):
        stages, y1 = replay(f, pair, t, h, starts[k])
        l11 = rng.standard_normal((n, n))
        end = Costate((l11 + l11.T) / np.outer(size, size), np.eye(n), rng.standard_normal(n) / size)
        ours = compiled.backward(path, end)
        theirs = backward(f, derivatives, p, pair, Trajectory(t, h, starts[k][None], y1, stages), end, t.size)
        assert ours.w is not None and theirs.w is not None
        pushed = probe_directions(n, compiled.probes) @ theirs.w.T
        pairs = [
            (path.y1 / size, y1 / size),
            (path.tangents / size, pushed / size),
            (ours.lam * size, theirs.lam * size),
            (ours.s * np.outer(size, size), theirs.s * np.outer(size, size)),
            (ours.w * (size / size[:, None]), theirs.w * (size / size[:, None])),
        ]
        return worst(pairs)


def worst(pairs: list[tuple[Array, Array]]) -> float:
    """The largest relative difference; nan where something is not finite."""
    return float(np.max([_relative(a, b) for a, b in pairs if a.size]))


def _relative(a: Array, b: Array) -> float:
    size = float(np.max(np.abs(b)))
    gap = float(np.max(np.abs(a - b)))
    return gap / size if size > 0 else gap
