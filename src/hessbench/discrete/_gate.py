"""A generated kernel is believed only after it has agreed with the NumPy form, once per library.

Both take the same steps from a point off any special orbit, with random blocks of the loss: where the costate is small, as
on a closed orbit, an error in the second derivatives would hide. Compilers have been seen to get such code wrong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._counters import Counters
from .._derivatives import Array, Derivatives, Params
from .._errors import IntegrationError
from .._ivp import IVP
from .._problem import Problem
from ._compiled import Compiled, flat_params
from ._dense import Costate, backward
from ._stepper import Trajectory, probe_directions, replay
from ._tableau import Pair

STEPS, ANALYTIC, NUMERIC = 24, 1e-8, 1e-3


def passes(compiled: Compiled, problem: Problem, derivatives: Derivatives | None, pair: Pair, ivp: IVP) -> str | None:
    """`None` if the kernel agrees (which is noted beside the library), else one sentence that says how it does not.

    Without `derivatives` the comparison is with differences of the right-hand side, and coarser.
    """
    if compiled.checked:
        return None
    gap, allowed = disagreement(compiled, problem, derivatives, pair, ivp), ANALYTIC if derivatives else NUMERIC
    if not gap <= allowed:
        return f"The generated code differs from the NumPy form by {gap:.1e} (at most {allowed:g} is accepted)."
    compiled.stamp.touch()
    return None


def disagreement(compiled: Compiled, problem: Problem, derivatives: Derivatives | None, pair: Pair, ivp: IVP) -> float:
    """Largest relative difference of end state, tangents, gradient and Hessian from the NumPy form over the same steps."""
    rng, n, p = np.random.default_rng(4), problem.dim, problem.params
    quiet, values = replace(ivp, counters=Counters()), flat_params(compiled.kernel.params, p)
    shift = 1e-3 * (1 + np.abs(problem.y0)) * rng.standard_normal(n)
    for y0 in (problem.y0 + shift, problem.y0):
        try:
            path = compiled.forward(y0, values, problem.t_span, quiet, most=STEPS)
            break
        except IntegrationError:
            continue
    else:
        return 0.0  # nothing to compare; the caller's own run will say why
    t, h = compiled.steps_of(path)
    path = compiled.frozen(y0, values, t, h)  # without the noise on the tangents

    def f(t: float, y: Array) -> Array:
        return problem.rhs(np, t, y, p)

    with np.errstate(all="ignore"):
        stages, y1 = replay(f, pair, t, h, y0)
        l11 = rng.standard_normal((n, n))
        end = Costate(l11 + l11.T, np.eye(n), rng.standard_normal(n))
        ours = compiled.backward(path, end)
        chosen = derivatives or numeric_derivatives(problem)
        theirs = backward(f, chosen, p, pair, Trajectory(t, h, y0[None], y1, stages), end, t.size)
    assert ours.w is not None and theirs.w is not None
    pushed = probe_directions(n, compiled.probes) @ theirs.w.T
    pairs = [(path.y1, y1), (path.tangents, pushed), (ours.lam, theirs.lam), (ours.s, theirs.s), (ours.w, theirs.w)]
    return max((_relative(a, b) for a, b in pairs if a.size), default=0.0)


def numeric_derivatives(problem: Problem, step: float = 1e-4) -> Derivatives:
    """Central differences of the right-hand side; errors of about 1e-7 for well-scaled states."""
    n = problem.dim

    def at(t: float, y: Array, p: Params) -> Array:
        return np.asarray(problem.rhs(np, t, y, p))

    def jac_one(t: float, y: Array, p: Params) -> Array:
        shifts = np.diag(step * (1 + np.abs(y)))
        return np.stack([(at(t, y + d, p) - at(t, y - d, p)) / (2 * d[k]) for k, d in enumerate(shifts)], axis=1)

    def jac(t: Array, y: Array, p: Params) -> Array:
        times = np.broadcast_to(t, y.shape[:-1])
        flat = [jac_one(float(a), b, p) for a, b in zip(times.ravel(), y.reshape(-1, n), strict=True)]
        return np.array(flat).reshape(*y.shape, n)

    def vjp(t: Array, y: Array, s: Array, p: Params) -> Array:
        return np.einsum("...k,...ki->...i", s, jac(t, y, p))

    def vhp(t: Array, y: Array, s: Array, p: Params) -> Array:
        columns = []
        for k in range(n):
            d = np.zeros_like(y)
            d[..., k] = step * (1 + np.abs(y[..., k]))
            columns.append((vjp(t, y + d, s, p) - vjp(t, y - d, s, p)) / (2 * d[..., k : k + 1]))
        return np.stack(columns, axis=-1)

    return Derivatives(vjp=vjp, jac=jac, vhp=vhp, source="differences of the right-hand side")


def _relative(a: Array, b: Array) -> float:
    size = float(np.max(np.abs(b)))
    gap = float(np.max(np.abs(a - b)))
    return gap / size if size > 0 else gap
