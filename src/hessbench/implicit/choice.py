"""Whether a problem is stiff, measured on a rough trial solve: the choice that `strategy="auto"` makes.

    steps that stability asks of an explicit method  =  integral of rho dt / REACH,    rho the spectral radius of F_,y

against the steps that LSODA takes at `ROUGH`, which stiffness does not limit (RK45 where it comes to the end in few). `rho`
comes from a power iteration by differences of the right-hand side, in units of the states' sizes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .._errors import Unsupported
from .._model.derivatives import Array
from .._model.problem import Problem
from ..discrete._sizes import SURE, TOO_LARGE, round_off
from ..discrete._stepper import spread

ROUGH = 1e-4  # tolerance of the trial solve
FEW, MOST = 600, 3000  # steps of it, explicit and by LSODA
SAMPLES, ITERATIONS = 16, 12  # states at which the spectral radius is taken, products with the Jacobian for each
REACH = 4.6  # step size times spectral radius up to which DOP853 is stable, with its margin
MANY, TIMES = 500, 8.0  # steps that stability asks for, and how many those of accuracy, from which on it is stiff
PASSES, SMALLER = 6, 1e-4  # most trial solves, and how much less is tried where one fails
FLOOR, ZERO = 1e-3, 1e-12  # shares of the largest state: the least size of another at first, and none
EXPLICIT, IMPLICIT = ("DOP853", "RK45"), ("Radau",)


@dataclass(frozen=True)
class Stiffness:
    """Steps that stability asks of an explicit method, and steps that the trial solve took; `None` where it failed."""

    stability: float
    accuracy: int | None

    @property
    def stiff(self) -> bool:
        return self.accuracy is not None and self.stability >= max(MANY, TIMES * self.accuracy)


@dataclass(frozen=True)
class Choice:
    """The name of a strategy, and why in a clause for a note."""

    strategy: str
    why: str


def chosen(problem: Problem, method: str | None) -> Choice:
    """What `strategy="auto"` stands for. Raises `Unsupported` for a method that neither strategy has."""
    if method is not None and method not in (*EXPLICIT, *IMPLICIT):
        known = ", ".join((*EXPLICIT, *IMPLICIT))
        raise Unsupported(
            f"`strategy='auto'` has the methods {known}, not {method!r}. Leave `method` out, or name a strategy."
        )
    if method is not None:
        return Choice(
            "implicit-adjoint" if method in IMPLICIT else "discrete-adjoint", f"auto: as method={method!r} asks"
        )
    found = stiffness(problem)
    if found.accuracy is None:
        return Choice("discrete-adjoint", "auto: explicit, for a trial solve did not come to its end")
    counts = f"stability asks for some {found.stability:.0f} explicit steps, and accuracy for some {found.accuracy}"
    if found.stiff:
        return Choice("implicit-adjoint", f"auto: implicit, because the problem is stiff: {counts}")
    return Choice("discrete-adjoint", f"auto: explicit, because the problem is not stiff: {counts}")


def stiffness(problem: Problem) -> Stiffness:
    """Measured at the problem's own point. Cost: a rough solve or two, and some 200 evaluations of the right-hand side.

    What an explicit solve gets through in few steps is not stiff, and LSODA, whose dense Jacobians are dear, is not asked.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            times, states, sizes = _solved(problem, "RK45", FEW)
            if times is None:
                times, states, sizes = _solved(problem, "LSODA", MOST)
            if times is None:
                return Stiffness(0.0, None)
            at = spread(len(times), SAMPLES)
            radii = [spectral_radius(problem, float(times[k]), states[k], sizes) for k in at]
        except Exception:  # the functions are the user's; what they raise, the strategy itself is to say
            return Stiffness(0.0, None)
    along = np.interp(np.arange(len(times)), at, radii)
    steps = np.abs(np.diff(times)) * np.maximum(along[1:], along[:-1])
    return Stiffness(float(steps.sum()) / REACH, len(times) - 1)


def _solved(problem: Problem, method: str, most: int) -> tuple[Array | None, Array, Array]:
    """Times (k,) and states (k, N) of a rough solve, `None` where it did not come to its end in `most` steps; sizes (N,).

    Again with the sizes that it found, where those that it was made with were too large (as `discrete._sizes` does), unless
    that fails, as for a state that is zero but for errors of the others.
    """
    from scipy import integrate

    y0, p = problem.unpack(problem.x0)
    (t0, t1), y0 = map(float, problem.times(problem.x0)), np.asarray(y0, dtype=np.float64)

    def f(t: float, y: Array) -> Array:
        return np.asarray(problem.rhs(np, t, y, p), dtype=np.float64)

    top = float(np.abs(y0).max()) or 1.0
    moved = np.clip(np.abs(f(t0, y0) * (t1 - t0)), FLOOR * top, top)
    sizes, best = np.where(np.abs(y0) > ZERO * top, np.abs(y0), moved), (None, y0[None], y0)
    for _ in range(PASSES):
        solver = getattr(integrate, method)(f, t0, y0.copy(), t1, rtol=ROUGH, atol=1e-2 * ROUGH * sizes)
        times, states = [t0], [y0]
        while solver.status == "running" and len(times) <= most:
            solver.step()
            times.append(solver.t)
            states.append(solver.y.copy())
        t, y = np.array(times), np.array(states)
        if solver.status != "finished" or not np.isfinite(y[-1]).all():
            if best[0] is not None:
                return best
            sizes = np.where(y0 != 0, sizes, SMALLER * sizes)  # so loose a tolerance may be what spoiled it
            continue
        at, largest = spread(t.size - 1, SAMPLES), np.abs(y).max(axis=0)
        found = _filled(np.where(largest > SURE * round_off(f, t[at], np.diff(t)[at], y[at]), largest, 0.0))
        best = t, y, found
        if not (sizes > TOO_LARGE * found).any():
            break
        sizes = found
    return best


def _filled(sizes: Array) -> Array:
    """`sizes` (N,) with the largest one, or 1, where there is none."""
    return np.where(sizes > 0, sizes, sizes.max() or 1.0)


def spectral_radius(problem: Problem, t: float, y: Array, sizes: Array) -> float:
    """The largest modulus of the eigenvalues of `F_,y` at `y` (N,), about: the mean growth of a power iteration's last steps.

    Zero where differences are not finite.
    """
    p = problem.unpack(problem.x0)[1]
    scale = np.maximum(np.abs(y), 1e-3 * sizes)
    base = np.asarray(problem.rhs(np, t, y.copy(), p), dtype=np.float64)
    v = np.random.default_rng(7).standard_normal(y.size)
    growth: list[float] = []
    for _ in range(ITERATIONS):
        v /= np.sqrt(np.mean(v * v))
        moved = np.asarray(problem.rhs(np, t, y + 1e-7 * scale * v, p), dtype=np.float64)
        v = (moved - base) / (1e-7 * scale)
        size = float(np.sqrt(np.mean(v * v)))
        if not np.isfinite(size) or size == 0:
            return 0.0
        growth.append(size)
    return float(np.exp(np.mean(np.log(growth[-4:]))))
