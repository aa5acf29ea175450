"""Values on steps that all of them share: a solver's errors cancel in their differences, and weak derivatives keep digits.

    Y_i = y_n + h sum_j a_ij f(t_n + c_j h, Y_j),   y_{n+1} = Y_4       (Radau IIA of four stages, which nothing else here uses)

A loss that changes by 1e-6 of itself when an unknown is doubled has second differences of 1e-9 for an increment of 2^-5, and
adaptive solves at 1e-13, each with its own steps, leave four digits of them or none. On common steps the values are one
smooth function of the unknowns, known to round-off, which is within `SAME` of what the adaptive witness finds.
The Jacobians of Newton's method are differences, and only its limit counts, so that no derivative enters.

When not to use it: where a switch is crossed at a time that depends on the unknowns, which fixed steps do not see for small
increments; for more than `MOST_STATES` states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from .._derive.adjoint import bolza_slope, bolza_start
from .._errors import IntegrationError
from .._model.derivatives import Array
from .._model.problem import TIMES
from .reference_implicit import radau_iia
from .reference_methods import at_least_eight, subdivided
from .tight import Path, Tight
from .witness import Witness

MOST_STATES = 60
MOST_STEPS = 4_000
ITERATIONS = 40
LEVELS = (3, 5, 7, 9)  # increments that are large beside the steps
SAME = 1e-8  # of value, gradient and Hessian as scaled: to the adaptive solve, at the largest increments


def on_common_steps(witness: Witness) -> Witness | None:
    """The witness with values on the steps of one solve beside its point; `None` where they cannot be had or differ."""
    plan, x = witness.plan, witness.x
    free = bool(set(TIMES) & set(witness.problem.wrt))
    if (free and plan.ends.size) or plan.sizes.size > MOST_STATES:
        return None
    outermost = [
        x + side * 2.0 ** -LEVELS[0] * u for u, one_sided in witness.directions for side in (1, -1)[: 2 - one_sided]
    ]
    try:
        solve = common(plan, outermost[0])
        found = [plan.value(at, solve(at)) for at in (x, *outermost)]
        expected = [adaptive(witness, at) for at in (x, *outermost)]
    except IntegrationError:
        return None
    size = np.max(np.abs(expected))
    if not np.max(np.abs(np.subtract(found, expected))) <= SAME * size:  # nan, too
        return None
    return replace(witness, given=solve, levels=LEVELS)


def common(plan: Tight, outermost: Array) -> Callable[[Array], Path]:
    """A solver on the halved steps of a solve at `outermost`, where transients are that the unknowns cause."""
    try:
        rough = plan.solve(outermost, "LSODA", 1e-9, most=MOST_STEPS // 2)
    except IntegrationError:  # it takes round-off of a very stiff slope for an error, and its steps grow short
        rough = plan.solve(outermost, "Radau", 1e-7, most=MOST_STEPS // 2)
    times = subdivided(at_least_eight(rough.times), 2)
    if len(times) > MOST_STEPS:
        raise IntegrationError(f"{len(times)} common steps are too many.")
    fractions = (times - times[0]) / (times[-1] - times[0])

    def solve(x: Array) -> Path:
        y0, p = plan.problem.unpack(x)
        t0, t1 = map(float, plan.problem.times(x))
        at = times if (t0, t1) == (times[0], times[-1]) else t0 + (t1 - t0) * fractions
        states = collocated(bolza_slope(plan.problem, p), at, bolza_start(plan.problem, y0), plan.sizes)
        return Path(at, states, 0)

    return solve


def adaptive(witness: Witness, x: Array) -> float:
    """The loss at `x` (n,) by the witness's own solver, or by SciPy's Radau where that one does not come to the end."""
    found = witness.loss(x)
    return found if np.isfinite(found) else witness.plan.value(x, witness.plan.solve(x, "Radau", 1e-11))


def collocated(slope: Any, times: Array, z: Array, sizes: Array) -> Array:
    """The states (m, K) at `times` (m,) from `z` (K,) on. Raises `IntegrationError` where Newton does not converge."""
    scheme = radau_iia(4)
    s, n, states = len(scheme.c), z.size, [z]
    for start, stop in pairwise(times.tolist()):
        h = stop - start
        nodes = (start + h * scheme.c).tolist()
        system = np.eye(s * n) - h * np.kron(scheme.a, differenced(slope, start, z, sizes))
        if not np.all(np.isfinite(system)):
            raise IntegrationError(f"the slope is not finite at t = {start:.6g}.")
        factors = lu_factor(system, check_finite=False)
        stages, before = np.tile(z, (s, 1)), np.inf
        size = np.maximum(np.abs(z), sizes)
        for _ in range(ITERATIONS):
            slopes = np.array([slope(t, y) for t, y in zip(nodes, stages, strict=True)])
            update = lu_solve(factors, (z + h * scheme.a @ slopes - stages).ravel(), check_finite=False).reshape(s, n)
            stages = stages + update
            change = float(np.max(np.abs(update) / size))
            if change <= 1e-16 or (before < 1e-11 and change > 0.5 * before):
                break
            if not np.isfinite(change):
                raise IntegrationError(f"the stages of a common step are not finite at t = {start:.6g}.")
            before = change
        else:
            raise IntegrationError(f"the stages of a common step do not converge at t = {start:.6g}.")
        z = stages[-1]
        states.append(z)
    return np.array(states)


def differenced(slope: Any, t: float, z: Array, sizes: Array) -> Array:
    """The Jacobian (K, K) by one-sided differences."""
    here, out = np.asarray(slope(t, z)), np.empty((z.size, z.size))
    for j, step in enumerate(1e-7 * np.maximum(np.abs(z), sizes)):
        moved = np.array(z)
        moved[j] += step
        out[:, j] = (slope(t, moved) - here) / step
    return out
