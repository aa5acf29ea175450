"""The gate of `_gate` for kernels with parameters, over the same steps as the NumPy form.

Hessians are compared by their products with two random directions, which no wrong entry leaves as they are, and which the NumPy
form gets without a Hessian.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._counters import Counters
from .._derivatives import Array
from .._errors import HessbenchError, IntegrationError
from .._generated import joint_derivatives_of
from .._ivp import IVP
from ._columns import EndBlocks
from ._columns_compiled import ColumnsCompiled
from ._columns_numpy import Sweeps
from ._fold import Folded, FoldedDerivatives
from ._gate import ANALYTIC, STEPS, _relative
from ._stepper import Trajectory, replay
from ._tableau import Pair

MEMORY = 1e9


def passes(compiled: ColumnsCompiled, folded: Folded, pair: Pair, ivp: IVP) -> str | None:
    """`None` if the kernel agrees (which is noted beside the library), else one sentence that says how it does not."""
    if compiled.checked:
        return None
    try:
        derivatives = FoldedDerivatives(folded, joint_derivatives_of(folded.problem))
    except HessbenchError as error:
        return f"The generated code could not be checked against the NumPy form: {error}"
    gap = disagreement(compiled, derivatives, pair, ivp)
    if not gap <= ANALYTIC:
        return f"The generated code differs from the NumPy form by {gap:.1e} (at most {ANALYTIC:g} is accepted)."
    compiled.stamp.touch()
    return None


def disagreement(compiled: ColumnsCompiled, derivatives: FoldedDerivatives, pair: Pair, ivp: IVP) -> float:
    """Largest relative difference of end state, gradient, Hessian and products from the NumPy form over the same steps.

    From a point off any special one, with random blocks of the loss.
    """
    rng, folded, columns = np.random.default_rng(4), derivatives.folded, derivatives.folded.columns
    quiet, problem = replace(ivp, counters=Counters()), derivatives.folded.problem
    shift = 1e-3 * (1 + np.abs(problem.x0)) * rng.standard_normal(problem.x0.size)
    for x in (problem.x0 + shift, problem.x0):
        y0, p = problem.unpack(x)
        z0, values = folded.start(y0), compiled.params(p, folded.values(p))
        try:
            path = compiled.forward(z0, values, folded.t_span, quiet, most=STEPS)
            break
        except IntegrationError:
            continue
    else:
        return 0.0  # nothing to compare; the caller's own run will say why
    t, h = compiled.steps_of(path)
    path = compiled.frozen(z0, values, t, h)  # without the noise on the tangents

    def f(tau: float, z: Array) -> Array:
        return np.asarray(folded.rhs(np, tau, z, p))

    end, d = random_end(rng, folded), rng.standard_normal((columns.total, 2))
    with np.errstate(all="ignore"):
        stages, y1 = replay(f, pair, t, h, z0)
        sweeps = Sweeps(f, derivatives, p, pair, Trajectory(t, h, z0[None], y1, stages), columns, MEMORY)
        swept = sweeps.backward(end.l1)
        grad = columns.gradient(end, swept.lam, swept.pulled)
        products = sweeps.products(swept, d, lambda v1: columns.product(end, v1, d))
        pairs = [(path.y1, y1), (columns.gradient(end, *compiled.costates(path, end.l1)), grad)]
        hess = columns.hessian(end, *compiled.curvature(path))
        pairs += [(hess @ d, products), (compiled.products(path, end, d), products)]
    return max(_relative(a, b) for a, b in pairs)


def random_end(rng: np.random.Generator, folded: Folded) -> EndBlocks:
    """Blocks of a loss that does not exist, none of them zero."""
    n, m, count, normal = folded.problem.dim, folded.states, folded.columns.params.size, rng.standard_normal
    l00, l11, lpp = normal((n, n)), normal((m, m)), normal((count, count))
    return EndBlocks(
        value=1.0,
        params=folded.columns.params,
        l0=normal(n),
        l1=normal(m),
        lp=normal(count),
        l00=l00 + l00.T,
        l01=normal((n, m)),
        l11=l11 + l11.T,
        l0p=normal((n, count)),
        l1p=normal((m, count)),
        lpp=lpp + lpp.T,
    )
