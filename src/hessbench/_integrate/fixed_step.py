"""Explicit Runge-Kutta steps written once for every framework: by arithmetic alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import IntegrationError
from .._model.counters import Counters
from .pairs import pair

if TYPE_CHECKING:
    from .._model.problem import Problem
    from ..backends import Backend
    from .ivp import IVP


@dataclass(frozen=True)
class Tableau:
    """Butcher tableau: `Y_i = y + h a_ij k_j`, `k_i = F(t + c_i h, Y_i)`, `y_new = y + h b_i k_i`."""

    name: str
    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]

    @property
    def matrix(self) -> np.ndarray:
        """`a_ij` as a square array, zero on and above the diagonal."""
        s = len(self.b)
        return np.array([(*row, *(0.0,) * (s - len(row))) for row in self.a])


def tableau(name: str) -> Tableau:
    """By `name`: `RK4`, or the propagating formula of `RK45` (Dormand-Prince 5) or of SciPy's `DOP853` (Dormand-Prince 8)."""
    if name == "RK4":
        return Tableau(
            name, 4, ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0, 0.5, 0.5, 1)
        )
    found = pair(name)
    rows = tuple(tuple(map(float, row)) for row in found.lower)
    return Tableau(name, found.order, rows, tuple(map(float, found.weights)), tuple(map(float, found.nodes)))


def write_step(scheme: Tableau, f: Callable[[Any, Any], Any], t: Any, y: Any, h: Any) -> Any:
    """One step of `scheme` for `y' = f(t, y)`, of size `h` from `(t, y)`, by arithmetic alone: for symbols too."""
    slopes: list[Any] = []
    for row, c in zip(scheme.a, scheme.c, strict=True):
        shift = sum((a * k for a, k in zip(row, slopes, strict=True) if a), 0.0)
        slopes.append(f(t + c * h, y + h * shift if slopes else y))
    return y + h * sum(b * k for b, k in zip(scheme.b, slopes, strict=True) if b)


def integrate_fixed(
    backend: Backend,
    scheme: Tableau,
    f: Callable[[Any, Any], Any],
    times: np.ndarray,
    y0: Any,
    stages: str = "loop",
) -> Any:
    """The state (N,) after one step of `scheme` between each two of `times` (n + 1,), from `y0` (N,) by `y' = f(t, y)`.

    In the framework of `backend`, and differentiable; `stages` as in `stepping`.
    """
    starts, sizes = backend.asarray(times[:-1]), backend.asarray(np.diff(times))
    step = stepping(backend, scheme, y0.shape[0], stages)
    return backend.iterate(lambda i, y: step(f, starts[i], y, sizes[i]), y0, len(times) - 1)


def stepping(backend: Backend, scheme: Tableau, dim: int, stages: str = "loop") -> Callable[..., Any]:
    """`step(f, t, y, h)`: the state (dim,) after one step of `scheme` for `y' = f(t, y)`, in the framework of `backend`.

    `stages="loop"` walks through the stages of a step by `backend.iterate`, which a tracing compiler sees once, and whose
    sums are one product with the tableau. `stages="inline"` writes them out, which can run faster and compiles slower.
    """
    if stages == "inline":
        return lambda f, t, y, h: write_step(scheme, f, t, y, h)
    s = len(scheme.b)
    a, b, c, unit, none = map(backend.asarray, (scheme.matrix, scheme.b, scheme.c, np.eye(s), np.zeros((s, dim))))

    def looped(f: Callable[[Any, Any], Any], t: Any, y: Any, h: Any) -> Any:
        slopes = backend.iterate(  # (s, dim); row j is zero before stage j has been evaluated
            lambda j, k: k + unit[j][:, None] * f(t + c[j] * h, y + h * (a[j] @ k)), none, s
        )
        return y + h * (b @ slopes)

    return looped


def count_fixed(counters: Counters, scheme: Tableau, n: int) -> None:
    """Tick `counters` for one solve of the problem's own equation with `n` equal steps of `scheme`."""
    counters.solves += 1
    counters.steps += n
    counters.rhs += n * len(scheme.b)
    counters.rhs_weighted += n * len(scheme.b)


def choose_steps(
    problem: Problem, x: np.ndarray, scheme: Tableau, tol: float, start: int = 8, most: int = 65_536
) -> int:
    """How many equal steps of `scheme` it takes from `x` (n,) for `y(t1)` and a tangent to agree with twice as many to `tol`.

    The tangent, a difference along a fixed random direction, is in the criterion because the error of the state alone says
    little about the error of a Hessian. The number, first `start`, is doubled until they agree, or until their difference
    falls at the order of the scheme, which then tells how many more steps it takes. Plain NumPy.
    Raises `IntegrationError` when `most` steps are not enough.
    """
    (y0, p), (t0, t1) = problem.unpack(x), problem.t_span
    off = direction_from(y0)

    def ends(n: int) -> tuple[np.ndarray, np.ndarray]:
        out = []
        for y in (y0, y0 + off, y0 - off):
            for i in range(n):
                y = write_step(scheme, lambda t, y: problem.rhs(np, t, y, p), t0 + i * (t1 - t0) / n, y, (t1 - t0) / n)
            out.append(y)
        return out[0], (out[1] - out[2]) / 2

    return enough_steps(problem.name, scheme, tol, ends, start, most)


def direction_from(y0: np.ndarray) -> np.ndarray:
    """The fixed random step (N,) from `y0` (N,) whose difference makes the tangent."""
    out = np.random.default_rng(0).standard_normal(y0.size)
    return out * (1e-4 * (1 + np.linalg.norm(y0)) / np.linalg.norm(out))


def enough_steps(
    name: str,
    scheme: Tableau,
    tol: float,
    ends: Callable[[int], tuple[np.ndarray, np.ndarray]],
    start: int,
    most: int,
    sizes: tuple[float, float] = (0.0, 0.0),
) -> int:
    """The same for any steps: `ends(n)` is state and tangent (N,) after n of them, which `sizes` are the least sizes of."""
    with np.errstate(all="ignore"):
        n, (y, v), before = start, ends(start), np.inf
        while n <= most:
            y_fine, v_fine = ends(2 * n)
            # the difference that makes the tangent is known to round-off of the state, no better
            noise = 1e-14 * _size(y_fine, sizes[0]) / _size(v_fine, sizes[1])
            gap = max(_relative(y, y_fine, sizes[0]), 0.1 * (_relative(v, v_fine, sizes[1]) - noise))
            if gap <= tol:
                # between n / 2 (not enough) and n (enough), where the order says that the gap reaches tol
                guess = n / 2 * (before / tol) ** (1 / scheme.order) if np.isfinite(before) else n
                return min(n, max(n // 2 + 1, int(np.ceil(guess))))
            if gap < 1e-3 and 0.8 < np.log2(before / gap) / scheme.order < 1.2:  # the gap falls at the scheme's order
                guess = int(np.ceil(1.2 * n * (gap / tol) ** (1 / scheme.order)))
                if guess <= most:
                    return guess
                break
            n, y, v, before = 2 * n, y_fine, v_fine, gap
    raise IntegrationError(
        f"problem {name!r}: {scheme.name} does not reach a relative tolerance of {tol:g} with {most} equal steps."
    )


def steps_for(problem: Problem, scheme: Tableau, ivp: IVP) -> int:
    """How many steps of `scheme` a strategy is to take: at the problem's own and perturbed point, for a tenth of the tolerance
    of `ivp`, because second derivatives are less accurate than the tangent that `choose_steps` looks at.
    """
    points = [problem.x0] if problem.perturbed is None else [problem.x0, problem.perturbed]
    return max(
        choose_steps(problem, x, scheme, max(0.1 * ivp.rtol, 1e-13), start=2, most=ivp.max_steps) for x in points
    )


def _size(a: np.ndarray, least: float) -> float:
    return max(float(np.max(np.abs(a))), least)


def _relative(a: np.ndarray, b: np.ndarray, least: float) -> float:
    gap = float(np.max(np.abs(a - b)))
    share = 0.0 if gap == 0.0 else gap / _size(b, least)
    return share if np.isfinite(share) else np.inf
