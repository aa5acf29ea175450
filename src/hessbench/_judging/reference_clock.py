"""End times as parameters, for methods whose steps have to stay on times at which the right-hand side jumps.

    t(tau) = tau + a(tau) (t0 - t0*) + b(tau) (t1 - t1*),     t0*, t1* the end times at the point

`a` falls from 1 at `t0*` to 0 at the first of those times, `b` rises from 0 at the last of them to 1 at `t1*`: what lies
between does not move with the end times. Normalised time would move it, and derivatives of its steps miss the jump.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .._model.derivatives import Array
from .._model.given import TIMES
from .tight import Tight

NAMES = {"t0": "start time", "t1": "end time"}  # no parameter of a problem that is written in Python can be meant


def clocked(plan: Tight, x: Array) -> Tight:
    """The plan of a problem with the same `x`, value and derivatives whose end times are parameters; `plan` if none is free.

    Nor is anything changed where nothing jumps inside the time span.
    """
    problem, inner = plan.problem, plan.ends_at(x)
    if not set(TIMES) & set(problem.wrt):
        return plan
    t0, t1 = map(float, problem.times(x))
    jumps = np.flatnonzero(
        np.abs(np.diff(inner)) < 1e-12 * abs(t1 - t0)
    )  # each has two sides, with no stage between them
    if not jumps.size:
        return plan
    first, last = (float(inner[k : k + 2].mean()) for k in (jumps[0], jumps[-1]))

    def original(p: Mapping[str, Any]) -> dict[str, Any]:
        own = {key: value for key, value in p.items() if key not in NAMES.values()}
        return {**own, **{key: p[name] for key, name in NAMES.items() if name in p}}

    def clock(xp: Any, tau: Any, p: Any) -> tuple[Any, Any]:
        t, rate = tau, 1.0
        if NAMES["t0"] in p:
            by, before = p[NAMES["t0"]] - t0, xp.where((tau - first) * (t1 - t0) < 0, 1.0, 0.0)
            t, rate = t + before * (first - tau) / (first - t0) * by, rate - before * by / (first - t0)
        if NAMES["t1"] in p:
            by, after = p[NAMES["t1"]] - t1, xp.where((tau - last) * (t1 - t0) > 0, 1.0, 0.0)
            t, rate = t + after * (tau - last) / (t1 - last) * by, rate + after * by / (t1 - last)
        return t, rate

    def timed(f: Any) -> Any:
        def function(xp: Any, tau: Any, y: Any, p: Any) -> Any:
            t, rate = clock(xp, tau, p)
            return rate * f(xp, t, y, {key: value for key, value in p.items() if key not in NAMES.values()})

        return function

    y0, p = problem.unpack(x)
    free = {name: p[key] for key, name in NAMES.items() if key in problem.wrt}
    moved = replace(
        problem,
        rhs=timed(problem.rhs),
        running_loss=None if problem.running_loss is None else timed(problem.running_loss),
        loss=lambda xp, y0, y1, p: problem.loss(xp, y0, y1, original(p)),
        params={**{key: p[key] for key in problem.params}, **free},
        wrt=tuple(NAMES.get(key, key) for key in problem.wrt),
        t_span=(t0, t1),
        y0=y0,
        autonomous=False,
        derivatives=None,
        loss_blocks=None,
        overrides={},
        perturbed=None,
        scale={},
    )
    return replace(plan, problem=moved)
