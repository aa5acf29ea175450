"""A generated kernel is believed for the problem's own values: at every `prepare`, and its sweeps once per library.

Derivatives are compared with NumPy's right-hand side (`_trust`) at the problem's start, along its solution and off it. With
derivatives that are known to be right, the sweeps have to give what the NumPy form gives with the same derivatives over the
same steps, from a point off any special orbit and with random blocks of the loss: where the costate is small, as on a closed
orbit, an error would hide. Hessians are compared by their products with two random directions, which no wrong entry leaves as
they are, and which the NumPy form gets without a Hessian. Compilers have been seen to get such code wrong. That is noted beside
the library, which does not change; a comparison of nothing is not noted.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._integrate.pairs import Pair
from .._model.counters import Counters
from .._model.derivatives import Array
from ._columns import EndBlocks, parameter_directions
from ._columns_numpy import ColumnsSwept, Sweeps
from ._compiled import Compiled
from ._field import Field
from ._fold import Folded
from ._fold_derivatives import Folding
from ._forward import ForwardSolve
from ._marked import Marked, Sums
from ._probe import KernelDerivatives, KernelField
from ._stepper import Trajectory, probe_directions, replay
from ._trust import Finding, Points, complaint, doubles
from ._workspace import Buffer

STEPS, AGREES, MEMORY = 24, 1e-8, 1e9
STRETCHES, MOST = 4, 250  # of the solution, at the ends of which it is looked at, and steps of each
NEAR, FAR = 1e-3, 0.1  # of points off the solution, in units of the sizes
SMALL = 1e-3  # of its size along the solution, from which on a state counts as of its own size
SEED = 20240317
Slope = Callable[[float, Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Looked:
    """What a solve of the problem at its own point showed: the `points` of the checks, sizes (M,) of the states, the end state.

    `end` (M,) is `None` if it was not reached.
    """

    points: Points
    sizes: Array
    end: Array | None


def passes(compiled: Compiled, folded: Folded, pair: Pair, ivp: IVP, looked: Looked) -> str | None:
    """`None` if the kernel agrees, else one sentence that says how it does not."""
    field = KernelField(compiled, folded, folded.problem.unpack(folded.problem.x0)[1], looked.sizes)
    said = said_of(field, folded, looked)
    if said is not None:
        return f"the generated code {said.words}"
    if compiled.checked:
        return None
    gap = disagreement(compiled, KernelDerivatives(field), pair, ivp)
    if not gap <= AGREES:
        return f"the generated code differs from the NumPy form by {gap:.1e} in its sweeps (at most {AGREES:g} is accepted)"
    compiled.stamp.touch()
    return None


def said_of(field: Field, folded: Folded, looked: Looked, second: bool = True) -> Finding | None:
    """The complaint of `_trust`, also with the parameters moved a little."""
    points, slope = looked.points, slope_of(folded)
    said = complaint(field, slope, points, folded.name, second=second)
    if said is None and points.u.size:
        u = points.u + NEAR * points.widths * np.random.default_rng(5).standard_normal(points.u.size)
        few = np.array([0, points.t.size // 2])
        moved = replace(points, t=points.t[few], y=points.y[few], sizes=points.sizes[few], u=u, own=1)
        said = complaint(field, slope, moved, folded.name, groups=0, second=second)
    return said


def slope_of(folded: Folded) -> Slope:
    """The folded right-hand side as `_trust` calls it."""
    p = doubles(folded.problem.unpack(folded.problem.x0)[1])
    if not folded.varied:
        return lambda tau, z, u: np.asarray(folded.rhs(np, tau, z, p))
    return lambda tau, z, u: np.asarray(folded.rhs(np, tau, z, {**p, **folded.named(u)}))


def look(compiled: Compiled | None, folded: Folded, ivp: IVP) -> Looked:
    """Points of the folded problem at its own values, along the solution if that is `compiled`."""
    start, p = folded.problem.unpack(folded.problem.x0)
    y0, u, slope, (t0, t1) = folded.start(start), folded.values(p), slope_of(folded), folded.t_span
    states, end = [(t0, y0)], None
    if compiled is not None:
        along, reached = _along(compiled, compiled.params(p, u), folded.t_span, y0, ivp)
        states += along
        end = along[-1][1] if reached else None
    rng = np.random.default_rng(SEED)
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


def disagreement(compiled: Compiled, derivatives: Folding, pair: Pair, ivp: IVP) -> float:
    """Largest difference of end state, tangents, gradient, Hessian and products from the NumPy form over the same steps.

    Relative, from a point off any special one, with random blocks of the loss, in units of the sizes at the start, so that
    small ones count as large ones do.
    """
    rng, folded, columns = np.random.default_rng(4), derivatives.folded, derivatives.folded.columns
    problem = folded.problem
    size = np.where(problem.x0 != 0, np.abs(problem.x0), np.abs(problem.x0).max() or 1.0)
    xs = (problem.x0 + NEAR * size * rng.standard_normal(size.size), problem.x0)
    starts = []
    for x in xs:
        y0, p = problem.unpack(x)
        starts.append((folded.start(y0), compiled.params(p, folded.values(p))))
    k, path, t, h = frozen_path(compiled, starts, folded.t_span, ivp)
    (z0, values), p = starts[k], doubles(problem.unpack(xs[k])[1])

    def f(tau: float, z: Array) -> Array:
        return np.asarray(folded.rhs(np, tau, z, p))

    own = np.abs(folded.start(problem.unpack(problem.x0)[0]))  # not of `z0`, where what is zero is small instead
    states = np.where(own > 0, own, own.max() or 1.0)
    end = random_end(rng, folded, states, size[columns.params])
    with np.errstate(all="ignore"):
        stages, y1 = replay(f, pair, t, h, z0)
    sums = None
    if compiled.kernel.sweep == "columns":
        seen = np.vstack([stages[:, 0], y1])
        end.marked = random_marked(rng, folded, seen, states, size[columns.params])
        sums = Sums(end.marked, columns.total)
    d = size[:, None] * rng.standard_normal((columns.total, 2))
    probed = parameter_directions(folded.values(p), compiled.probes, by_component=False)
    with np.errstate(all="ignore"):
        sweeps = Sweeps(f, derivatives, p, pair, Trajectory(t, h, z0[None], y1, stages), columns, MEMORY, sums)
        ours, theirs = compiled.swept(path, deepcopy(end)), ColumnsSwept(sweeps, end, sums)
        products, start, still = theirs.products(d), probe_directions(z0.size, compiled.probes).T, np.zeros(())
        tangents = replace(sweeps, sums=None).pushed(start, probed.T, still)[0]
        rows = size[:, None]
        pairs = [
            (path.y1 / states, y1 / states),
            (path.tangents / states, tangents.T / states),
            (ours.grad * size, theirs.grad * size),
            (ours.hessian() @ d * rows, products * rows),
            (ours.products(d) * rows, products * rows),
            *_met(compiled, z0, values, t, h, ivp),
        ]
        return worst(pairs)


def _met(compiled: Compiled, z0: Array, values: Buffer, t: Array, h: Array, ivp: IVP) -> list[tuple[Array, Array]]:
    """Pairs that agree if a solve over the steps `t`, `h` meets times inside of them, and says at which steps, and where."""
    inside = np.unique(np.arange(0, t.size, 5))
    ends, quiet = t[inside] + h[inside] / 3, replace(ivp, counters=Counters())
    try:
        path = compiled.forward(z0, values, (float(t[0]), float(t[-1] + h[-1])), quiet, ends=ends)
    except IntegrationError:
        return []
    marks, starts = path.marks[:-1].astype(int), compiled.steps_of(path)[0]
    pairs = [(starts[np.minimum(marks, path.steps - 1)], ends), (path.marks[-1:], np.array([path.steps]))]
    if path.stored and not compiled.kernel.second_order:
        pairs.append((path.seen[:-1], path.sampled(path.steps)[2][marks]))
    return pairs


@dataclass(eq=False)
class RandomJumps:
    """Events that do not exist; `bent` (M, M + P, M + P) are their second derivatives."""

    maps: Array
    after: Array
    bent: Array
    n: int

    @property
    def m(self) -> int:
        """M."""
        return self.bent.shape[0]

    def curvature(self, lam: Array) -> tuple[Array, Array, Array]:
        """As `_crossed.Crossed`."""
        bent, n, m = np.einsum("em,mij->eij", lam, self.bent), self.n, self.m
        return bent[:, :n, :n], bent[:, :n, m:], bent[:, m:, m:].sum(axis=0)


def random_marked(rng: np.random.Generator, folded: Folded, seen: Array, states: Array, widths: Array) -> Marked:
    """Terms and events that do not exist, at both ends, twice at one place and at some others; as `random_end` has it.

    `seen` (steps + 1, M) are the states at the ends of steps, which these events leave as they are.
    """
    n, m, at, normal, steps = (
        folded.problem.dim,
        folded.states,
        folded.columns.params,
        rng.standard_normal,
        len(seen) - 1,
    )
    marks = np.sort(np.array([0, 1, steps // 2, steps // 2, steps - 1, steps], dtype=float))
    count, s, w = marks.size, states[:n], widths
    jumps, l11, lpp = np.zeros((count, m)), normal((count, n, n)), normal((at.size, at.size))
    jumps[:, :n] = normal((count, n)) / s
    out = Marked(
        marks, 1.0, jumps, normal(at.size) / w, (l11 + l11.swapaxes(1, 2)) / np.outer(s, s),
        normal((count, n, at.size)) / np.outer(s, w), (lpp + lpp.T) / np.outer(w, w), at,
    )  # fmt: skip
    out.at, u = np.arange(0, count, 2), np.concatenate([states, widths])
    maps, bent = np.zeros((out.at.size, m, m + folded.columns.total)), normal((m, m + at.size, m + at.size))
    maps[:, :, np.r_[:m, m + at]] = normal((out.at.size, m, u.size)) * states[:, None] / u
    bent = (bent + bent.swapaxes(1, 2)) * states[:, None, None] / np.outer(u, u)
    out.events = RandomJumps(maps, seen[marks[out.at].astype(int)], bent, n)
    return out


def random_end(
    rng: np.random.Generator, folded: Folded, states: Array | None = None, widths: Array | None = None
) -> EndBlocks:
    """Blocks of a loss that does not exist, none of them zero, in units of sizes of `states` (M,) and parameters (P,)."""
    n, m, count, normal = folded.problem.dim, folded.states, folded.columns.params.size, rng.standard_normal
    s, w = np.ones(m) if states is None else states, np.ones(count) if widths is None else widths
    l00, l11, lpp = normal((n, n)), normal((m, m)), normal((count, count))
    end = EndBlocks(
        value=1.0,
        l0=normal(n) / s[:n],
        l1=normal(m) / s,
        l00=(l00 + l00.T) / np.outer(s[:n], s[:n]),
        l01=normal((n, m)) / np.outer(s[:n], s),
        l11=(l11 + l11.T) / np.outer(s, s),
    )
    if count:
        end.params, end.lp, end.lpp = folded.columns.params, normal(count) / w, (lpp + lpp.T) / np.outer(w, w)
        end.l0p, end.l1p = normal((n, count)) / np.outer(s[:n], w), normal((m, count)) / np.outer(s, w)
    return end


def worst(pairs: list[tuple[Array, Array]]) -> float:
    """The largest relative difference; nan where something is not finite."""
    return float(np.max([_relative(a, b) for a, b in pairs if a.size]))


def _relative(a: Array, b: Array) -> float:
    size = float(np.max(np.abs(b)))
    gap = float(np.max(np.abs(a - b)))
    return gap / size if size > 0 else gap
