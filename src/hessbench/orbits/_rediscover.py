"""From the figure-8 to Simó's distorted figure-8 in one Hessian and a walk along a soft direction.

The figure-8's Hessian of non-closure has two small eigenvalues that no symmetry explains. Its eigenvectors v4, v5 (largest
component positive) span the soft plane. Minimising the non-closure at fixed period from `y8 + s v5` arrives at Simó's orbit
for s from +0.01 to +0.1, and falls back to the figure-8 for negative s; along v4 it arrives for |s| from 0.016.
Where a start ended is told by the choreography defect, never by the energy.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from .._plugins.registry import problem as build
from ._curvature import Curvature
from ._euler import SIMO, EulerForm, euler_form
from ._find import ClosedOrbit, _polish, _words
from ._flow import Flow, Work
from ._physics import choreography_defect, sample
from ._search import Outcome, by_bfgs, by_gauss_newton

CHOREOGRAPHY = 1e-6  # defect below which the three bodies share one curve
SOFT_COUNT, NULL_COUNT = 2, 4
STEPS = (0.01, 0.1)  # along v5: every step between arrives


@dataclass(frozen=True, eq=False)
class Soft:
    """Eigenvalues (12,) ascending and eigenvectors (columns, largest component positive) of one Hessian at the figure-8."""

    problem: Problem
    eigenvalues: Array
    vectors: Array
    work: Work

    def direction(self, name: str) -> Array:
        """`"v0"` to `"v11"`; v4 and v5 are the soft ones."""
        if name[:1] != "v" or not name[1:].isdigit() or int(name[1:]) >= len(self.eigenvalues):
            raise InvalidInput(f"`direction` is {name!r}; choose one of v0 to v{len(self.eigenvalues) - 1}.")
        return self.vectors[:, int(name[1:])]


@dataclass(frozen=True, eq=False)
class Arrival:
    """Where a walk ended. `where`: "simo", "figure-8", "another orbit" or "nowhere" (it did not close).

    `search` counts the minimisation alone, `polish` what the last digits took. `form` is the orbit at the reference's size.
    """

    direction: str
    step: float
    method: str
    where: str
    orbit: ClosedOrbit
    defect: float
    form: EulerForm
    search: Work
    polish: Work
    seconds: float


def soft_directions(problem: Problem | None = None) -> Soft:
    """One Hessian of non-closure at the figure-8 (or at another closed orbit), and its eigenvectors."""
    problem = build("three-body", start="figure-8") if problem is None else problem
    flow = Flow(problem, rtol=1e-12)
    h = Curvature(flow).fixed(problem.y0, problem.t_span[1] - problem.t_span[0])
    values, vectors = np.linalg.eigh(h)
    vectors = vectors * np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(len(values))])
    return Soft(problem, values, vectors, flow.work)


def walk(soft: Soft, step: float = 0.016, direction: str = "v5", method: str = "bfgs") -> Arrival:
    """Minimise the non-closure at fixed period from `y8 + step * direction` with "bfgs" or "gauss-newton"."""
    if method not in ("bfgs", "gauss-newton"):
        raise InvalidInput(f"`method` is {method!r}; choose 'bfgs' or 'gauss-newton'.")
    began = time.perf_counter()
    problem, period = soft.problem, soft.problem.t_span[1]
    start = problem.y0 + step * soft.direction(direction)
    flow = Flow(problem, rtol=1e-10)
    if method == "bfgs":
        outcome = by_bfgs(flow, start, period, True, 40)
    else:
        outcome = by_gauss_newton(flow, start, period, True, 40, uphill=2)
    search = replace(flow.work)
    outcome, closure = _polish(flow.at(1e-13), outcome, True, 1e-12)
    return _arrived(problem, outcome, closure, start, (direction, step, method), search, flow.work - search, began)


def _arrived(
    problem: Problem, outcome: Outcome, closure, start, how, search: Work, polish: Work, began: float
) -> Arrival:
    direction, step, method = how
    x, period = outcome.x, outcome.period
    orbit = ClosedOrbit(
        replace(problem, y0=x, perturbed=None), x, period, closure, closure <= 1e-12,
        _words(outcome, closure, 1e-12, period), method, start, period, search,
    )  # fmt: skip
    defect = choreography_defect(sample(problem, x, period, 300, 1e-11), 2)
    form = euler_form(problem, x, period)
    return Arrival(
        direction, step, method, classify(closure, defect, form), orbit, defect, form, search, polish,
        time.perf_counter() - began,
    )  # fmt: skip


def classify(closure: float, defect: float, form: EulerForm) -> str:
    """The name of where a search ended, from closure, choreography defect and standard form."""
    if closure > 1e-8:
        return "nowhere"
    if defect < CHOREOGRAPHY:
        return "figure-8"
    return "simo" if form.defect < 1e-6 and form.distance(SIMO) < 1e-6 else "another orbit"
