"""Adaptive steps of Radau IIA whose error norm holds the state and random tangents of it; the NumPy form.

Stages are solved to round-off, so that derivatives of the equations are those of what was computed:

1. Newton's method with the matrix `1 - h A_ij J_j` at stages extrapolated from the step before, until corrections are
   round-off or do not shrink any more;
2. the matrix at these stages, and one correction with it. It is made again from there if that correction is too
   large for the matrix still to be the one of the stages. This matrix, factorised, serves tangents and multipliers.

The error norm is that of `discrete/_stepper`: the state alone first, then with the tangents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._integrate.pairs import MIN_FACTOR, SAFETY
from .._model.derivatives import Array
from ..discrete._stepper import TOO_SMALL_STEP, StepTooSmall, Tolerances, spread
from .radau import EXPONENT, MAX_FACTOR, MU, STAGES, A, C, E, extrapolation, loosened

CORRECTIONS, REFACTORED = 10, 4  # most corrections with one matrix, most matrices at converged stages
ROUND_OFF = 1e-13  # of the size of a component: corrections below end Newton's method
SAME = 1e-11  # of the size: a correction below leaves the matrix as it is
NOISE = 1e-2  # of the tolerance: what moves less after two corrections with matrices of its own is round-off
DIVERGES = 2.0  # growth of a correction at which Newton's method is given up

Factors = tuple[Array, Array]
First = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(eq=False)
class Steps:
    """Accepted steps: starts `t` and sizes `h` (steps,), states `y` (steps, M) there, `stages` (steps, 3, M), end `y1` (M,).

    `factors` of the stages' matrix, one pair a step, or empty where they take too much memory; `stiffest` is the largest
    `|h F_k,k|`. `largest`, `limited` and `sized` are as in `discrete._stepper.Trajectory`.
    """

    t: Array
    h: Array
    y: Array
    stages: Array
    y1: Array
    factors: list[Factors] = field(default_factory=list)
    largest: Array = field(default_factory=lambda: np.zeros((0, 0)))
    limited: int = 0
    stiffest: float = 0.0
    sized: Any = None

    @property
    def steps(self) -> int:
        """Their number."""
        return self.t.size

    def sampled(self, most: int) -> tuple[Array, Array, Array]:
        """Starts (k,), sizes (k,) and states (k, M) of at most `most` steps, spread over all."""
        at = spread(self.t.size, most)
        return self.t[at], self.h[at], self.y[at]


def factorised(h: float, jacobians: Array) -> Factors:
    """The LU factors of `1 - h A_ij J_j` for Jacobians (3, M, M)."""
    m = jacobians.shape[-1]
    blocks = -h * A[:, None, :, None] * np.swapaxes(jacobians, 0, 1)[None]  # (3, M, 3, M)
    matrix = blocks.reshape(STAGES * m, STAGES * m)
    matrix[np.diag_indices_from(matrix)] += 1.0
    return lu_factor(matrix, overwrite_a=True, check_finite=False)


def solved(factors: Factors, rows: Array, transposed: bool = False) -> Array:
    """The solution for right-hand sides (3, M, ...), of their shape."""
    flat = rows.reshape(factors[0].shape[0], -1)
    return lu_solve(factors, flat, trans=int(transposed), check_finite=False).reshape(rows.shape)


def integrate(
    f: Callable[[float, Array], Array],
    first: First,
    t_span: tuple[float, float],
    y0: Array,
    ivp: IVP,
    tolerances: Tolerances,
    ends: Array | None = None,
    most_kept: float = np.inf,
) -> Steps:
    """Integrate `y' = f(t, y)` in either direction; at each of the times `ends`, in that direction, a step ends.

    `first(t, y)`, (m,) and (m, M), gives Jacobians (m, M, M) and what the tangents' slopes hold beside `J w`, (m, M, probes).
    Factors are kept if there are no more than `most_kept` steps. Counts into `ivp`. Raises `IntegrationError` when the
    end is not reached.
    """
    with np.errstate(all="ignore"):
        return _Solve(f, first, t_span, y0, ivp, tolerances, ends, most_kept).run()


class _Solve:
    def __init__(self, f, first, t_span, y0, ivp: IVP, tolerances: Tolerances, ends, most_kept: float) -> None:
        self.f, self.first, self.ivp, self.most_kept = f, first, ivp, most_kept
        (self.t0, self.t1), self.loose = t_span, loosened(ivp.rtol)
        self.targets = [self.t1] if ends is None else [self.t1, *ends[::-1].tolist()]
        self.atol, self.rows = tolerances.atol, np.vstack([y0, tolerances.start])  # (1 + probes, M)
        self.calls, self.rejected = 0, 0

    def slope(self, t: float, y: Array) -> Array:
        self.calls += 1
        return self.f(t, y)

    def scale(self, rows: Array) -> Array:
        """What errors of `rows` are measured by."""
        return self.loose * (self.atol[: len(rows)] + self.ivp.rtol * np.abs(rows))

    def norm(self, error: Array, rows: Array) -> float:
        """RMS over state and tangents, of which `error` may hold the first rows only."""
        return float(np.sqrt(np.sum((error / self.scale(rows)) ** 2) / self.rows.size))

    def run(self) -> Steps:
        t, way, rows, ivp = self.t0, float(np.sign(self.t1 - self.t0)), self.rows, self.ivp
        largest, out, factors = np.abs(rows), [], []
        keep, stiffest = self.most_kept > 0, 0.0
        slope = self.slope(t, rows[0])
        jac, drift = (part[0] for part in self.first(np.array([t]), rows[:1]))
        size, before = self._first_size(slope), None
        while (self.t1 - t) * way > 0:
            shortest, again = 10 * abs(np.nextafter(t, way * np.inf) - t), False
            size = max(size, shortest)
            while True:
                if not size >= shortest or len(out) >= ivp.max_steps:
                    self._count(len(out))
                    raise self._stopped(t, size, rows[0], len(out))
                stop = self.targets[-1]
                end = stop if (t + way * size * (1 + 1e-9) - stop) * way > 0 else t + way * size
                h, asked = end - t, size
                step = self._attempt(t, h, rows, slope, jac, drift, before, again or not out)
                if step is not None and step.error < 1:
                    break
                factor = 0.5 if step is None else SAFETY * step.error**EXPONENT
                size = abs(h) * (max(MIN_FACTOR, factor) if np.isfinite(factor) else MIN_FACTOR)
                again, self.rejected = True, self.rejected + 1
            out.append((t, h, rows[0], step.stages))
            if keep and len(out) > self.most_kept:
                keep, factors = False, []
            if keep:
                factors.append(step.factors)
            stiffest = max(stiffest, float(np.max(np.abs(h * np.diagonal(step.jac)))))
            grow = _growth(step.error, h, before)
            size = abs(h) * (min(1.0, grow) if again else grow)
            if end == stop:
                self.targets.pop()
                size = max(size, asked)
            before = (h, max(step.error, 1e-2), rows[0], step.stages)
            t, rows, slope, jac, drift = end, step.rows, step.slope, step.jac, step.drift
            largest = np.maximum(largest, np.abs(rows))
        self._count(len(out))
        ts, hs, ys, stages = (np.array(column) for column in zip(*out, strict=True))
        return Steps(ts, hs, ys, stages, rows[0], factors, largest, stiffest=stiffest)

    def _attempt(self, t, h, rows, slope, jac, drift, before, first) -> _Step | None:
        """One step, `None` where Newton's method does not converge; `error` is that of the state alone if above 1."""
        y, m = rows[0], rows.shape[1]
        times = t + C * h
        z = np.zeros((STAGES, m))
        if before is not None:
            z = extrapolation(h / before[0]) @ np.vstack([before[2], before[3]]) - y
        jacobians, drifts = self.first(times, y + z)
        factors = factorised(h, jacobians)
        own, top = self.atol[0] / self.ivp.rtol, float(np.max(np.abs(y)))
        small = ROUND_OFF * ((np.minimum(own, top) if top > 0 else own) + np.abs(y))
        for matrices in range(1 + REFACTORED):
            z, moved = self._newton(times, h, y, z, factors, small, CORRECTIONS if matrices == 0 else 1)
            if not np.isfinite(moved):
                return None
            if matrices and moved * ROUND_OFF < (max(SAME, NOISE * self.ivp.rtol) if matrices > 1 else SAME):
                break
            jacobians, drifts = self.first(times, y + z)
            factors = factorised(h, jacobians)
        else:
            return None
        real = lu_factor(MU / h * np.eye(m) - jac, check_finite=False)
        new = (y + z[-1])[None]
        error = lu_solve(real, slope + E @ z / h, check_finite=False)
        if first and self.norm(error[None], new) >= 1:
            error = lu_solve(real, self.slope(t, y + error) + E @ z / h, check_finite=False)
        if not self.norm(error[None], new) < 1:
            return _Step(self.norm(error[None], new), new, y + z, factors, slope, jac, drift)
        w0 = rows[1:].T  # (M, probes)
        w = solved(factors, w0 + h * np.tensordot(A, drifts, 1))
        moved = np.tensordot(E, w - w0, 1) / h
        errors = lu_solve(real, jac @ w0 + drift + moved, check_finite=False)
        if first:
            errors = lu_solve(real, jac @ (w0 + errors) + drift + moved, check_finite=False)
        new = np.vstack([new, w[-1].T])
        total = self.norm(np.vstack([error, errors.T]), new)
        return _Step(total, new, y + z, factors, self.slope(times[-1], new[0]), jacobians[-1], drifts[-1])

    def _newton(self, times, h, y, z, factors, small, most) -> tuple[Array, float]:
        """Corrected increments (3, M), and the last correction in units of `small` (M,), infinite where it grows."""
        last = np.inf
        for done in range(1, most + 1):
            slopes = np.array([self.slope(s, y + row) for s, row in zip(times, z, strict=True)])
            correction = solved(factors, h * (A @ slopes) - z)
            size = float(np.max(np.abs(correction) / small))
            if not np.isfinite(size) or (size > DIVERGES * last and size > 1e3):
                return z, np.inf
            z = z + correction
            if size < 1 or (done > 2 and size > 0.5 * last and size < 1e3):
                return z, size
            last = size
        return z, last

    def _first_size(self, slope: Array) -> float:
        """Half a percent of the state's size over its slope, by components' tolerances; the error test corrects it."""
        scale = self.scale(self.rows[:1])[0] / (self.loose * self.ivp.rtol)
        rate = float(np.sqrt(np.mean((slope / scale) ** 2)))
        length = abs(self.t1 - self.t0)
        return min(length, 5e-3 / rate) if rate > 0 and np.isfinite(rate) else 1e-3 * length

    def _count(self, steps: int) -> None:
        counters, n = self.ivp.counters, self.rows.shape[1]
        counters.add(steps=steps, rhs=self.calls, rejected=self.rejected, size=n / self.ivp.dim)

    def _stopped(self, t: float, size: float, y: Array, steps: int) -> IntegrationError:
        many, norm = steps >= self.ivp.max_steps, float(np.linalg.norm(np.nan_to_num(y, nan=np.inf)))
        why = f"more than max_steps = {self.ivp.max_steps} steps" if many else TOO_SMALL_STEP
        return (IntegrationError if many else StepTooSmall)(
            f"Radau IIA stopped at t = {t:.6g} of {self.t1:.6g} with step size {size:.3g} and state norm {norm:.3g}: {why} "
            f"(rtol {self.ivp.rtol:g})."
        )


@dataclass(eq=False)
class _Step:
    """An attempt: its `error`, state and tangents `rows` at its end, stages and factors, slope and derivatives at the end."""

    error: float
    rows: Array
    stages: Array
    factors: Factors
    slope: Array
    jac: Array
    drift: Array


def _growth(error: float, h: float, before: Any) -> float:
    """By how much the next step may be longer: Gustafsson's predictive control."""
    grow = MAX_FACTOR if error == 0 else SAFETY * error**EXPONENT
    if before is not None and error > 0:
        grow = min(grow, grow * abs(h / before[0]) * (before[1] / error) ** -EXPONENT)
    return min(MAX_FACTOR, max(MIN_FACTOR, grow))
