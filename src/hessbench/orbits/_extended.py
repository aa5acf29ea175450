"""The last digits of a closure: extrapolation in extended precision, and rounding a start so that it still closes.

Gragg's modified midpoint rule with m = 2, 4, 6, ... substeps, extrapolated in (h/m)^2 (Hairer, Norsett & Wanner, Solving
Ordinary Differential Equations I, section II.9), needs no coefficients but whole numbers and so works in any precision.
`numpy.longdouble` has 64 bits of mantissa on x86 and 113 on 64-bit ARM Linux; where it is no more than a double (Windows,
macOS on ARM) everything here still works, to double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._derive.generated import derivatives_of
from .._errors import IntegrationError
from .._integrate.pairs import MIN_FACTOR, SAFETY
from .._model.derivatives import Array
from .._model.problem import Problem
from ._flow import Flow

EXTENDED = np.longdouble
COLUMNS = 10  # of the extrapolation table: order 20
MAX_FACTOR = 3.0  # less than of embedded pairs: the order varies
MAX_STEPS = 20_000


def extended_tolerance() -> float:
    """The tightest tolerance per step: some hundred roundings of the extended type."""
    return max(300 * float(np.finfo(EXTENDED).eps), 3e-17)


def integrate_extended(
    f: Callable[[Any, Array], Array],
    t_span: tuple[Any, Any],
    y0: Array,
    tol: float,
    columns: int = COLUMNS,
) -> tuple[Array, int]:
    """`y(t1)` of `y' = f(t, y)` with `t_span = (t0, t1)`, `t1 > t0`, and the number of evaluations, in the precision of `y0`.

    Raises `IntegrationError` if the steps become too small.
    """
    kind = y0.dtype.type
    t, end, y, count = kind(t_span[0]), kind(t_span[1]), y0, 0
    length = end - t
    h = length / 40
    for _ in range(MAX_STEPS):
        if t >= end:
            return y, count
        last = h >= end - t
        h = end - t if last else h
        increment, before, used = _extrapolate(f, t, y, h, columns, kind)
        count += used
        error = float(np.max(np.abs(increment - before) / _scale(y))) / tol
        factor = MAX_FACTOR if error == 0 else SAFETY * error ** (-1 / (2 * columns - 1))
        if error <= 1:
            y, t = y + increment, end if last else t + h
        if not np.isfinite(error) or h < 1e-9 * length:
            break
        h = h * kind(min(MAX_FACTOR, max(MIN_FACTOR, factor)))
    raise IntegrationError(
        f"Extrapolation stopped at t = {float(t):.6g} of {float(end):.6g} with step size {float(h):.3g}: the tolerance {tol:g} "
        f"is out of reach there."
    )


def _scale(y: Array) -> Array:
    """What an error is compared with: each component of a state, the largest one of all tangents (rows after the first)."""
    scale = 1 + np.abs(y)
    if y.ndim == 2:
        scale[1:] = np.max(scale[1:])
    return scale


def _extrapolate(f, t, y: Array, h, columns: int, kind) -> tuple[Array, Array, int]:
    """Two best increments over one step `h`, and the number of evaluations."""
    slope, count, row, before = f(t, y), 1, [], y
    for j in range(columns):
        m = 2 * (j + 1)
        part = h / m
        a, b = np.zeros_like(y), part * slope  # increments, so that the large part of `y` is added once
        for k in range(1, m):
            a, b = b, a + 2 * part * f(t + k * part, y + b)
        count += m
        new = [(a + b + part * f(t + h, y + b)) / 2]
        for i in range(1, j + 1):
            ratio = kind(j + 1) / kind(j + 1 - i)
            new.append(new[i - 1] + (new[i - 1] - row[i - 1]) / (ratio * ratio - 1))
        before = row[-1] if row else new[-1]
        row = new
    return row[-1], before, count


def end_extended(flow: Flow, x: Array, period, tol: float | None = None) -> Array:
    """y(period) from `x` (N,) in extended precision, for any floating-point type of `x`."""
    p = {k: v.astype(EXTENDED) if np.issubdtype(v.dtype, np.floating) else v for k, v in flow.problem.params.items()}
    y1, count = integrate_extended(
        lambda t, y: flow.problem.rhs(np, t, y, p),
        (0.0, period),
        np.asarray(x, dtype=EXTENDED),
        tol or extended_tolerance(),
    )
    flow.work.extended += count
    return y1


def monodromy_extended(flow: Flow, x: Array, period, tol: float = 1e-14) -> tuple[Array, Array]:
    """y(period) (N,) and `M` (N, N), from the variational equation; `M` to about `tol` times its size, `x` of any type."""
    y1, m, count = tangent_map(flow.problem, x, (0.0, period), tol)
    flow.work.extended += count * (x.size + 1)
    return y1, m


def tangent_map(problem: Problem, x: Array, t_span: tuple[Any, Any], tol: float = 1e-14) -> tuple[Array, Array, int]:
    """y(t1) (N,), dy(t1)/dx (N, N) and the number of evaluations, for a right-hand side that may depend on time."""
    derivatives = derivatives_of(problem)
    p = {k: v.astype(EXTENDED) if np.issubdtype(v.dtype, np.floating) else v for k, v in problem.params.items()}

    def variational(t, z: Array) -> Array:
        out = np.empty_like(z)
        out[0] = problem.rhs(np, t, z[0], p)
        out[1:] = z[1:] @ derivatives.jac(t, z[0], p).T  # rows are tangents
        return out

    start = np.vstack([np.asarray(x, dtype=EXTENDED), np.eye(x.size, dtype=EXTENDED)])
    z, count = integrate_extended(variational, t_span, start, max(tol, extended_tolerance()))
    return z[0], z[1:].T, count


def round_along(x: Array, period, m: Array, slope: Array, directions: Array, fixed: bool) -> tuple[Array, float]:
    """The double-precision start near the extended `x` (N,), and period, whose rounding disturbs the closure least.

    Rounding `x` by `e` and the period by `d` opens the orbit by `(M - 1) e + F d`, which for a large monodromy `m` is far
    more than the rounding itself. The orbit may be moved along its null `directions` (k, N) or (k, N + 1, with the period)
    at no cost, and each place rounds differently; the best of many is taken. Deterministic.
    """
    n = x.size
    jac = np.column_stack([m - np.eye(n), slope])
    z = np.append(np.asarray(x, dtype=EXTENDED), EXTENDED(period))
    if not directions.size or (fixed and float(z[-1]) != z[-1]):
        return z[:-1].astype(float), float(z[-1])
    shifts = np.zeros((directions.shape[0], n + 1))
    shifts[:, : directions.shape[1]] = directions
    amounts = np.random.default_rng(0).uniform(-1, 1, (20_000, shifts.shape[0])) * 1e-13
    amounts[0] = 0
    moved = z + (amounts @ shifts).astype(EXTENDED)
    if fixed:
        moved[:, -1] = z[-1]
    rounded = moved.astype(float)
    gaps = np.linalg.norm((rounded - moved).astype(float) @ jac.T, axis=1)
    best = rounded[int(np.argmin(gaps))]
    return best[:-1], float(best[-1])
