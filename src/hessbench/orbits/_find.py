"""Closed orbits: zeros of the closure `r(x, T) = y(T; x) - x`, that is minima of the non-closure `L = |r|^2` with `L = 0`.

    Gauss-Newton    (dx, dT) = -[M - 1, F(y(T))]^+ r        minimum norm, on the complement of the symmetries
    BFGS            on L with the adjoint gradient
    Newton          trust region, on L with the Hessian of the discrete adjoint and, for a free period,
                    L_Tx = -2 F + M^T (2 F + 2 J^T r),   L_TT = 2 F.F + 2 r.(J F)

Each is followed by a few Gauss-Newton steps whose closure is computed in extended precision, for the last digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .._errors import IntegrationError, InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._analyse import Direction, Spectrum, analyse_spectrum
from ._extended import end_extended, monodromy_extended, round_along
from ._flow import Collision, Flow, Work
from ._search import (
    Outcome,
    by_bfgs,
    by_gauss_newton,
    by_newton,
    by_shooting,
    closure_jacobian,
    free_directions,
    step_of,
)

METHODS = ("gauss-newton", "bfgs", "newton")
Method = Literal["gauss-newton", "bfgs", "newton"]
ENOUGH = 0.02  # of the tolerance: closed so far, an extended start is only rounded
POLISH = 8  # most Gauss-Newton steps in extended precision


@dataclass(frozen=True, eq=False)
class ClosedOrbit:
    """An orbit through `x` (N,) that returns after `period` up to `closure = |y(period) - x|`, or the best that was reached.

    `closure` is computed in extended precision where the machine has it. `reason` says in words why `converged` is false, or
    how it converged. `work` counts what the search cost; `start` (N,) and `start_period` are where it began. The analysis
    (`monodromy`, `hessian`, `multipliers`, `directions`, ...) is done when it is first asked for.
    """

    problem: Problem
    x: Array
    period: float
    closure: float
    converged: bool
    reason: str
    method: str
    start: Array
    start_period: float
    work: Work = field(default_factory=Work)

    @cached_property
    def monodromy(self) -> Array:
        """M = dy(T)/dx (N, N), from the variational equation by extrapolation at 1e-14."""
        return monodromy_extended(Flow(self.problem), self.x, self.period)[1].astype(float)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues, eigenvectors and named directions of the Hessian, and the Floquet multipliers."""
        return analyse_spectrum(self.problem, self.x, self.period, self.monodromy)

    @property
    def hessian(self) -> Array:
        """H = 2 (M - 1)^T (M - 1), (N, N): the Hessian of non-closure at a closed orbit."""
        return self.spectrum.hessian

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues (N,) of the Hessian, ascending, from the singular values of `M - 1`: the small ones keep their digits."""
        return self.spectrum.eigenvalues

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The N directions, null ones first, each named by its symmetry or as a genuine one."""
        return self.spectrum.directions

    @property
    def multipliers(self) -> Array:
        """Floquet multipliers (N,) complex; those that symmetries force to be 1 come last and are 1 exactly."""
        return self.spectrum.multipliers

    @property
    def stable(self) -> bool:
        """Whether every multiplier lies on the unit circle to 1e-7 (linear stability; says nothing about shear)."""
        return bool(np.all(np.abs(np.abs(self.multipliers) - 1) < 1e-7))

    def on_the_orbit(self, fraction: float) -> Array:
        """The state (N,) after a `fraction` of the period."""
        return Flow(self.problem).end(self.x, fraction * self.period) if fraction else self.x.copy()


def find_closed_orbit(
    problem: Problem,
    x0: Any = None,
    period: Literal["free", "fixed"] = "free",
    tol: float = 1e-12,
    method: Method = "gauss-newton",
    *,
    rtol: float = 1e-10,
    max_iterations: int = 60,
    raise_on_failure: bool = False,
) -> ClosedOrbit:
    """The closed orbit near `x0` (N,), the problem's own start by default; the first guess of the period is `t_span`'s length.

    `period="free"` varies it too, which suits starting values that are known to a few digits; `"fixed"` keeps it.
    Returns the best point with `converged` false and a `reason` if the closure `tol` is not reached.

    Raises
    ------
    InvalidInput : for a bad argument, or a problem that depends on time
    Collision : if two bodies collide already on the way from `x0`: with time, distance and which
    IntegrationError : if the orbit from `x0` cannot be integrated for another reason, or with `raise_on_failure`
    """
    if not isinstance(problem, Problem):
        raise InvalidInput(
            f"`problem` is {type(problem).__name__}; expected a `Problem` (see `hessbench.problem(name)`)."
        )
    if method not in METHODS:
        raise InvalidInput(f"`method` is {method!r}; choose one of {', '.join(METHODS)}.")
    if period not in ("free", "fixed"):
        raise InvalidInput(f"`period` is {period!r}; choose 'free' or 'fixed' (the length of the problem's `t_span`).")
    if not (isinstance(tol, int | float) and 0 < tol < 1):
        raise InvalidInput(f"`tol` is {tol!r}; expected a closure between 0 and 1, such as 1e-12.")
    t0, t1 = problem.t_span
    if t1 <= t0:
        raise InvalidInput(
            f"problem {problem.name!r}: `t_span` is {problem.t_span}; a closed orbit is searched forward."
        )
    problem = replace(problem, wrt=("y0",), t_span=(0.0, t1 - t0))
    x, length, fixed = problem.check_x(x0), t1 - t0, period == "fixed"
    flow = Flow(problem, rtol=1e-13)
    search = {"gauss-newton": by_gauss_newton, "bfgs": by_bfgs, "newton": by_newton}[method]
    coarse = flow.at(1e-12 if method == "gauss-newton" else rtol)
    outcome = search(coarse, x, length, fixed, max_iterations)
    if method == "gauss-newton" and outcome.closure > 1e-7:
        other = by_shooting(coarse, x, length, fixed, max_iterations)
        outcome = other if other.closure < outcome.closure else outcome
    outcome, exact = _polish(flow, outcome, fixed, tol)
    reason = _words(outcome, exact, tol, length)
    orbit = ClosedOrbit(
        replace(problem, y0=outcome.x, t_span=(0.0, outcome.period), perturbed=None, exact=None),
        outcome.x, outcome.period, exact, exact <= tol, reason, method, x, length, flow.work,
    )  # fmt: skip
    if raise_on_failure and not orbit.converged:
        raise IntegrationError(f"No closed orbit: {reason}.")
    return orbit


def _polish(flow: Flow, outcome: Outcome, fixed: bool, tol: float) -> tuple[Outcome, float]:
    """Gauss-Newton with the closure in extended precision, then the best rounding of the result; the closure of that."""
    if outcome.closure > 1e-4:
        return outcome, outcome.closure
    x, period, best = outcome.x, outcome.period, None
    try:
        y1, m = flow.monodromy(x, period)
        slope = flow.rhs(y1)
        z, length = x.astype(np.longdouble), np.longdouble(period)
        for _ in range(POLISH):
            r = end_extended(flow, z, length) - z
            size = float(np.linalg.norm(r))
            if best is not None and size > 0.5 * best[0]:
                break
            best = (size, z, length)
            if size < ENOUGH * tol:
                break
            dx, dt = step_of(flow, x, m, slope, r.astype(float), period, fixed)
            z, length = z + dx, length + dt
        assert best is not None
        free = free_directions(flow, best[1].astype(float), m, slope, float(best[2]), fixed)
        x, period = round_along(best[1], best[2], m, slope, free, fixed)
        closure = float(np.linalg.norm(end_extended(flow, x, period) - x))
        plain = best[1].astype(float)
        if closure > tol and not np.array_equal(plain, x):
            other = float(np.linalg.norm(end_extended(flow, plain, float(best[2])) - plain))
            if other < closure:
                x, period, closure = plain, float(best[2]), other
    except IntegrationError as error:
        return replace(outcome, reason=str(error)), outcome.closure
    return replace(outcome, x=x, period=period, closure=closure), closure


def _words(outcome: Outcome, closure: float, tol: float, length: float) -> str:
    if closure <= tol:
        return f"closed to {closure:.1e} in {outcome.iterations} iterations"
    why = outcome.reason.rstrip(".")
    if closure < 1e-9:
        why = "double precision ends here: the orbit amplifies the rounding of its own start by more"
    return f"{why}; the closure reached is {closure:.3g}, the period {outcome.period:.6g} (guess {length:.6g})"


__all__ = ["METHODS", "ClosedOrbit", "Collision", "Method", "closure_jacobian", "find_closed_orbit"]
