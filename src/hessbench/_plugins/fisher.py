"""The expected Fisher information of data with a declared likelihood, by the sensitivities of any strategy.

    I = sum over times and entries of (d theta/dx)^T L L^T (d theta/dx),   L L^T = W(theta at x)   (`Likelihood.information`)

With L held fixed, I is the Gauss-Newton matrix of residuals L^T theta: the strategy is asked for that. The states at which W is
taken come from a solve of its own, whose steps end at the times of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .._hybrid.march import March
from .._hybrid.model import model
from .._hybrid.prepare import STIFF, first_sizes, tolerance
from .._hybrid.segments import Node
from .._integrate.ivp import IVP
from .._model.data import Data
from .._model.derivatives import Array
from .._model.likelihood import Likelihood
from .._model.problem import Problem
from .._model.result import Result


def fisher(problem: Problem, x: Array, ivp: IVP, run: Callable[[Problem, Array], Result]) -> Array:
    """The expected information (n, n) on the unknowns at `x`, of the data alone; `run` computes a result of another problem.

    Raises what `run` and solves raise.
    """
    found = run(information_problem(problem.at(x), ivp), x).gauss_newton
    assert found is not None
    return found


def information_problem(problem: Problem, ivp: IVP) -> Problem:
    """`problem` with residuals whose Gauss-Newton matrix at its own point is the information."""
    data = problem.data
    assert data is not None and data.likelihood is not None
    likelihood, weights = data.likelihood, roots_of_information(problem, observed_states(problem, ivp))
    q, shape = weights.shape[-1], data.values.shape[1:]
    weights = weights.reshape(len(weights), -1)
    width = weights.shape[1]

    def residual(xp: Any, t: Any, y: Any, d: Any, p: Any) -> Any:
        root, row = xp.reshape(d[:width], (*shape, q, q)), xp.reshape(d[width:], shape)
        theta = quantities(likelihood, xp, t, y, row, p)
        rows = [sum(root[..., j, i] * theta[j] for j in range(q)) for i in range(q)]
        flat = xp.concatenate([xp.reshape(r, (-1,)) for r in rows])
        return xp.concatenate([flat, xp.zeros(d.shape[0] - flat.shape[0])])  # in the shape of `d`

    values = np.hstack([weights, data.values.reshape(len(weights), -1)])
    return replace(
        problem,
        loss=None,
        running_loss=None,
        loss_blocks=None,
        exact=None,
        data=Data(data.times, values, residual=residual),
    )


def quantities(likelihood: Likelihood, xp: Any, t: Any, y: Any, d: Any, p: Any) -> list[Any]:
    """theta, each of the shape of the row `d`."""
    return [value + xp.zeros(np.shape(d)) for value in likelihood.quantities(xp, t, y, d, p)]


def roots_of_information(problem: Problem, states: Array) -> Array:
    """L of each entry, (M, ..., q, q); zero where nothing was observed."""
    data = problem.data
    assert data is not None and data.likelihood is not None and data.mask is not None
    _, p = problem.unpack(problem.x0)
    points = zip(data.times, states, data.values, strict=True)
    rows = [quantities(data.likelihood, np, t, y, d, p) for t, y, d in points]
    theta = np.moveaxis(np.array(rows, dtype=float), 1, 0)  # (q, M, ...)
    w = np.moveaxis(data.likelihood.information(*theta), (0, 1), (-2, -1))
    sizes, vectors = np.linalg.eigh(w)  # entries without a term have W = 0, which has no Cholesky factor
    return vectors * np.sqrt(np.maximum(sizes, 0.0))[..., None, :] * data.mask[..., None, None]


def observed_states(problem: Problem, ivp: IVP) -> Array:
    """The states (M, N) at the times of the data, before a jump that is there; at the problem's own point."""
    data = problem.data
    assert data is not None
    found = model(problem)
    assert found is not None
    if problem.events or found.switches is not None:
        pieces = March(found, problem.x0, tolerance(ivp.rtol), first_sizes(found), ivp.method in STIFF).run()
        out = np.zeros((data.times.size, problem.dim))
        for item in pieces.items:
            if isinstance(item, Node) and item.data is not None:
                out[item.data] = item.before
        return out
    own = replace(ivp, method="Radau" if ivp.method in STIFF else "DOP853", rtol=tolerance(ivp.rtol))
    return _at_times(problem, own, found.plain_branch(problem.x0).slope)


def _at_times(problem: Problem, ivp: IVP, slope: Callable[..., Array]) -> Array:
    t0, t1 = problem.t_span
    assert problem.data is not None
    times, n = problem.data.times, problem.dim
    out, t, y = np.zeros((times.size, n)), t0, problem.y0
    for k in np.argsort(times * np.sign(t1 - t0), kind="stable"):
        if times[k] != t:
            y = ivp.solve(lambda t, y: slope(t, y, np.zeros(0))[:n], (t, float(times[k])), y).y1
            t = float(times[k])
        out[k] = y
    return out
