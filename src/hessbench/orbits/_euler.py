"""The standard form of an orbit like the figure-8: start, orientation, size and frame fixed by its Euler configuration.

A planar three-body orbit of equal masses that passes through a collinear configuration with one body at the midpoint of the
others, whose velocities are equal there, is given by three numbers (a, b, T): with G = m = 1, positions (-1, 0), (1, 0),
(0, 0), velocities (a, b), (a, b), (-2a, -2b). Lengths scale by `l`, times by `l^1.5`, velocities by `l^-0.5`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from ._flow import Flow
from ._physics import sample

SIMO = (0.339407411990858834685481610420, 0.536184978151423468768109938053, 6.290818765075982724283427372502)
FIGURE_8 = (0.347116888118926938242776920320, 0.532724945388030229262027987692, 6.325913982926211677589000333967)


@dataclass(frozen=True)
class EulerForm:
    """`a`, `b`, `period`, and how far the configuration is from an exact one (in units of the half distance)."""

    a: float
    b: float
    period: float
    defect: float

    def distance(self, reference: tuple[float, float, float]) -> float:
        """The largest difference from `(a, b, T)`."""
        return max(abs(x - y) for x, y in zip((self.a, self.b, self.period), reference, strict=True))


def in_rest_frame(x: Array) -> Array:
    """The start (12,) with the centre of equal masses at rest in the origin."""
    y = x.reshape(2, 3, 2)
    return (y - y.mean(axis=1, keepdims=True)).ravel()


def euler_form(problem: Problem, x: Array, period: float, n: int = 600) -> EulerForm:
    """The form nearest to an exact Euler configuration that the closed orbit through `x` (12,) passes.

    Cost: one dense solve and three solves of part of a period. Reflection and relabelling make `a` and `b` positive.
    """
    flow, x = Flow(problem), in_rest_frame(x)
    states = sample(problem, x, period, n)
    radius = np.linalg.norm(states[:, :6].reshape(n, 3, 2), axis=2)
    best = None
    for body in range(3):
        r = radius[:, body]
        low = [k for k in range(n) if r[k] <= r[k - 1] and r[k] < r[(k + 1) % n]]
        for k in sorted(low, key=lambda k: r[k])[:2]:
            form = _form(_to_centre(flow, states[k], body), body, period)
            if best is None or form.defect < best.defect:
                best = form
    assert best is not None
    return best


def _to_centre(flow: Flow, y: Array, body: int) -> Array:
    """The state (12,) at the nearby time where `body` is closest to the origin: Newton on q.v = 0."""
    for _ in range(4):
        q, v = y[2 * body : 2 * body + 2], y[6 + 2 * body : 8 + 2 * body]
        acceleration = flow.rhs(y)[6 + 2 * body : 8 + 2 * body]
        dt = -(q @ v) / (v @ v + q @ acceleration)
        if abs(dt) < 1e-15:
            break
        y = flow.end(y, float(dt))
    return y


def _form(y: Array, body: int, period: float) -> EulerForm:
    q, v = y.reshape(2, 3, 2)
    i, j = (body + 1) % 3, (body + 2) % 3
    half = (q[j] - q[i]) / 2
    size = float(np.linalg.norm(half))
    turn = np.array([[half[0], half[1]], [-half[1], half[0]]]) / size
    a, b = turn @ (v[i] + v[j]) / 2 * size**0.5
    off = np.linalg.norm(q[body] - (q[i] + q[j]) / 2) / size + np.linalg.norm(v[i] - v[j]) * size**0.5
    return EulerForm(abs(float(a)), abs(float(b)), period / size**1.5, float(off))
