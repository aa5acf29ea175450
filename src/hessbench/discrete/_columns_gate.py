"""The gate of `_judging.gate` for kernels with parameters.

Hessians are compared by their products with two random directions, which no wrong entry leaves as they are, and which the NumPy
form gets without a Hessian.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._integrate.ivp import IVP
from .._model.derivatives import Array
from ._columns import EndBlocks
from ._columns_compiled import ColumnsCompiled
from ._columns_numpy import Folding, Sweeps
from ._field import Field
from ._fold import Folded
from ._gate import NEAR, Looked, Slope, frozen_path, look, stamped, worst
from ._probe import ColumnsDerivatives, ColumnsField
from ._stepper import Trajectory, replay
from ._tableau import Pair
from ._trust import Finding, complaint, doubles

MEMORY = 1e9


def looked_at(compiled: ColumnsCompiled | None, folded: Folded, ivp: IVP) -> Looked:
    """Points of the folded problem at its own values, along the solution if that is `compiled`."""
    y0, p = folded.problem.unpack(folded.problem.x0)
    u = folded.values(p)
    values = None if compiled is None else compiled.params(p, u)
    return look(compiled, values, slope_of(folded), folded.t_span, folded.start(y0), u, ivp)


def slope_of(folded: Folded) -> Slope:
    """The folded right-hand side as `_trust` calls it."""
    p = doubles(folded.problem.unpack(folded.problem.x0)[1])
    return lambda tau, z, u: np.asarray(folded.rhs(np, tau, z, {**p, **folded.named(u)}))


def passes(compiled: ColumnsCompiled, folded: Folded, pair: Pair, ivp: IVP, looked: Looked) -> str | None:
    """`None` if the kernel agrees, else one sentence that says how it does not."""
    p = folded.problem.unpack(folded.problem.x0)[1]
    field = ColumnsField(compiled, folded, p, looked.sizes)
    said = said_of(field, folded, looked)
    if said is not None:
        return f"the generated code {said.words}"
    if compiled.checked:
        return None
    return stamped(compiled, disagreement(compiled, ColumnsDerivatives(field), pair, ivp))


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


def disagreement(compiled: ColumnsCompiled, derivatives: Folding, pair: Pair, ivp: IVP) -> float:
    """Largest difference of end state, gradient, Hessian and products from the NumPy form over the same steps, relative.

    From a point off any special one, with random blocks of the loss, in units of the sizes at the start.
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
    z0, p = starts[k][0], doubles(problem.unpack(xs[k])[1])

    def f(tau: float, z: Array) -> Array:
        return np.asarray(folded.rhs(np, tau, z, p))

    states = np.where(z0 != 0, np.abs(z0), np.abs(z0).max() or 1.0)
    end = random_end(rng, folded, states, size[columns.params])
    d = size[:, None] * rng.standard_normal((columns.total, 2))
    with np.errstate(all="ignore"):
        stages, y1 = replay(f, pair, t, h, z0)
        sweeps = Sweeps(f, derivatives, p, pair, Trajectory(t, h, z0[None], y1, stages), columns, MEMORY)
        swept = sweeps.backward(end.l1)
        grad = columns.gradient(end, swept.lam, swept.pulled)
        products = sweeps.products(swept, d, lambda v1: columns.product(end, v1, d))
        pairs = [(path.y1 / states, y1 / states)]
        pairs += [(columns.gradient(end, *compiled.costates(path, end.l1)) * size, grad * size)]
        hess = columns.hessian(end, *compiled.curvature(path))
        rows = size[:, None]
        pairs += [(hess @ d * rows, products * rows), (compiled.products(path, end, d) * rows, products * rows)]
        return worst(pairs)


def random_end(rng: np.random.Generator, folded: Folded, states: Array | None = None, widths: Array | None = None):
    """Blocks of a loss that does not exist, none of them zero, in units of sizes of `states` (M,) and parameters (P,)."""
    n, m, count, normal = folded.problem.dim, folded.states, folded.columns.params.size, rng.standard_normal
    s, w = np.ones(m) if states is None else states, np.ones(count) if widths is None else widths
    l00, l11, lpp = normal((n, n)), normal((m, m)), normal((count, count))
    return EndBlocks(
        value=1.0,
        params=folded.columns.params,
        l0=normal(n) / s[:n],
        l1=normal(m) / s,
        lp=normal(count) / w,
        l00=(l00 + l00.T) / np.outer(s[:n], s[:n]),
        l01=normal((n, m)) / np.outer(s[:n], s),
        l11=(l11 + l11.T) / np.outer(s, s),
        l0p=normal((n, count)) / np.outer(s[:n], w),
        l1p=normal((m, count)) / np.outer(s, w),
        lpp=(lpp + lpp.T) / np.outer(w, w),
    )
