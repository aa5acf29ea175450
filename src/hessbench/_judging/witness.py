"""A witness that does not differentiate: differences of the loss along directions, solved by a formula nothing else here uses.

    d1(h) = (L(x + h u) - L(x - h u)) / 2h          d2(h) = (L(x + h u) - 2 L(x) + L(x - h u)) / h^2

with `u_j = +- d_j`, random signs and the sizes `d` of the unknowns, for `h = 2^-4, 2^-6, ...`, extrapolated once and twice
(Richardson). A Hessian is confirmed where two neighbouring extrapolations agree with `g . u` and `u^T H u`. On a tie the
differences are one-sided, on the side where the choices of NumPy stay what they are.
The solver is VODE's Adams method (orders 1 to 12), or LSODA's BDF where that one meets stiffness: multistep methods, while
references come from Runge-Kutta steps. About half the digits of a value reach a second derivative.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._derive.adjoint import bolza_slope, bolza_start
from .._derive.switches import Seen, watched
from .._errors import IntegrationError
from .._model.derivatives import Array
from .._model.problem import TIMES, Problem
from .tight import MOST_STEPS, STIFF, Path, Tight

CONFIRMED = 1e-5  # of the scaled Hessian, gradient and value
ENOUGH = 1e-6  # where the search for the best increment ends
LEVELS = tuple(range(4, 34, 2))  # the restricted three-body problem needs 2^-26
SETTLED = 1e-3
TOLERANCE = 1e-13
ADAMS_STEPS = 5_000  # at the point itself; beyond, LSODA takes fewer


@dataclass(frozen=True)
class Verdict:
    """`gap`: the largest scaled difference to what was asked; `settled`: how well the differences agree among themselves."""

    gap: float
    settled: float

    @property
    def confirms(self) -> bool:
        """Whether value differences agree, to the digits that they give."""
        return self.gap <= max(CONFIRMED, 3 * self.settled if self.settled <= SETTLED else 0.0)

    @property
    def contradicts(self) -> bool:
        """Whether they converge, but to something else."""
        return not self.confirms and self.settled <= SETTLED


@dataclass(frozen=True, eq=False)
class Witness:
    """Differences of the loss of `plan.problem` around `x`, along `count` random directions; values are computed once.

    `pairs` adds each unknown and each pair of them: n(n + 1)/2 directions, every entry on its own scale. `given` takes the
    place of the adaptive solvers, and `levels` are those of its increments, each a quarter of the one before.
    """

    plan: Tight
    x: Array
    count: int = 2
    pairs: bool = False
    tolerance: float = TOLERANCE
    given: Callable[[Array], Path] | None = None
    levels: tuple[int, ...] = LEVELS

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.plan.problem

    @cached_property
    def sizes(self) -> Array:
        """(n,): what the increments are relative to; of a state that starts from zero, its largest size along the solution."""
        start = np.asarray(self.problem.unpack(self.x)[0])
        return self.problem.sizes(self.x, np.where(start == 0, self.plan.largest[: self.problem.dim], 0.0))

    @cached_property
    def solver(self) -> Callable[[Array], Path]:
        """Adams where it comes to its end, else LSODA, at the first tolerance that can be reached."""
        if self.given is not None:
            return self.given
        few = min(ADAMS_STEPS, max(1000, STIFF * self.plan.rough))
        most = min(MOST_STEPS, max(20_000, 100 * self.plan.rough))
        for tolerance in (self.tolerance, 100 * self.tolerance):

            def adams(x: Array, tolerance: float = tolerance) -> Path:
                return multistep(self.plan, x, "vode", tolerance, few if x is self.x else 4 * few)

            def lsoda(x: Array, tolerance: float = tolerance) -> Path:
                return multistep(self.plan, x, "lsoda", tolerance, most)

            def by_steps(x: Array, tolerance: float = tolerance) -> Path:  # gets over a jump where the other one stops
                return self.plan.solve(x, "LSODA", tolerance, most=most)

            ways: tuple[Callable[[Array], Path], ...] = (adams, lsoda, by_steps)
            for solve in ways:
                try:
                    solve(self.x)
                except IntegrationError:
                    continue
                return solve
        raise IntegrationError("Neither Adams nor LSODA comes to the end.")

    def loss(self, x: Array) -> float:
        """The loss at `x`, by the witness's solver; nan where it cannot be integrated."""
        try:
            with np.errstate(all="ignore"):
                return self.plan.value(x, self.solver(x))
        except IntegrationError:
            return float("nan")

    @cached_property
    def value(self) -> float:
        """The loss at the point itself."""
        return self.loss(self.x)

    @cached_property
    def directions(self) -> tuple[tuple[Array, bool], ...]:
        """Directions (n,), each with whether differences along it are one-sided."""
        rng = np.random.default_rng(7)
        here = self._choices(self.x)
        out = []
        for _ in range(self.count):
            u = self.sizes * rng.choice([-1.0, 1.0], self.x.size)
            if here is None:
                out.append((u, False))
                continue
            for _ in range(64):  # a side on which all choices stay what they are
                sides = [side for side in (u, -u) if self._choices(self.x + 2.0**-8 * side) == here]
                if len(sides) == 2:
                    out.append((u, False))
                elif sides:
                    out.append((sides[0], True))
                if sides:
                    break
                u = self.sizes * rng.choice([-1.0, 1.0], self.x.size)
        if self.pairs and here is None:
            e = np.diag(self.sizes)
            out += [(e[i] + (e[j] if j < i else 0.0), False) for i in range(len(e)) for j in range(i + 1)]
        return tuple(out)

    def _choices(self, x: Array) -> bytes | None:
        """What right-hand side and loss choose at the ends of the solution; at `x` itself `None` if nothing is on a tie."""
        y0, p = self.problem.unpack(x)
        t0, n = float(self.problem.times(x)[0]), self.problem.dim
        by = self.problem.varied
        y1 = self.solver(x).end[:n]
        seen: list[Seen] = [watched(self.problem.rhs, t0, y0, p, by)]

        def loss(xp: Any, t: float, y: Array, p: Any) -> Any:
            return self.problem.loss(xp, y[:n], y[n:], p)

        seen.append(watched(loss, 0.0, np.concatenate([y0, y1]), p, (*by, *TIMES)))
        if x is self.x and not any(one.tie for one in seen):
            return None
        return b"|".join(one.signature for one in seen)

    @cached_property
    def _kept(self) -> dict[tuple[int, int], tuple[float, float]]:
        return {}

    def differences(self, r: int, level: int) -> tuple[float, float]:
        """First and second difference along direction `r` with `h = 2^-level`."""
        if (r, level) not in self._kept:
            (u, one_sided), h, f0 = self.directions[r], 2.0**-level, self.value
            if one_sided:
                f1, f2, f3 = (self.loss(self.x + k * h * u) for k in (1, 2, 3))
                found = (-11 * f0 + 18 * f1 - 9 * f2 + 2 * f3) / (6 * h), (2 * f0 - 5 * f1 + 4 * f2 - f3) / h**2
            else:
                up, down = self.loss(self.x + h * u), self.loss(self.x - h * u)
                found = (up - down) / (2 * h), (up - 2 * f0 + down) / h**2
            self._kept[r, level] = found
        return self._kept[r, level]

    def _extend(self, columns: list[list[tuple[float, float]]], r: int, level: int) -> None:
        """Append the differences of one more level, whose increment is a quarter, and what they give extrapolated."""
        new = self.differences(r, level)
        orders = ((64.0, 16.0), (256.0, 64.0)) if self.directions[r][1] else ((16.0, 16.0), (256.0, 256.0))
        for column, weights in zip(columns, (*orders, None), strict=True):
            before = column[-1] if column else None
            column.append(new)
            if before is None or weights is None:
                return
            new = (
                (weights[0] * new[0] - before[0]) / (weights[0] - 1),
                (weights[1] * new[1] - before[1]) / (weights[1] - 1),
            )

    def verdict(self, value: float, grad: Array, hess: Array) -> Verdict:
        """Whether differences confirm a value, gradient (n,) and Hessian (n, n)."""
        first = float(np.linalg.norm(self.sizes * grad))
        second = float(np.linalg.norm(hess * np.outer(self.sizes, self.sizes)))
        floor = 1e-4 * max(abs(self.value), first, second)  # what is smaller is lost in the round-off of the rest
        gap = abs(value - self.value) / max(abs(value), abs(self.value), first, second, 1e-300)
        if not np.isfinite([gap, first, second]).all():
            return Verdict(np.inf, np.inf)
        settled, start = 0.0, 0
        for r, (u, _) in enumerate(self.directions):
            first, second = float(np.linalg.norm(u * grad)), float(np.linalg.norm(hess * np.outer(u, u)))
            asked = float(grad @ u), float(u @ hess @ u)
            best, steady = np.inf, np.inf
            columns: list[list[tuple[float, float]]] = [[], [], []]  # differences, extrapolated once and twice
            for k in range(start, len(self.levels)):
                with np.errstate(all="ignore"):
                    self._extend(columns, r, self.levels[k])
                now, now_steady = np.inf, np.inf
                for found in columns[1:]:
                    if len(found) > 1:
                        now = min(now, self._apart(found[-2:], asked, (first, second), floor))
                        now_steady = min(now_steady, self._apart(found[-2:], found[-1], (0.0, 0.0), floor))
                best, steady = min(best, now), min(steady, now_steady)
                past = (
                    steady <= SETTLED and now_steady > 30 * steady and now > 30 * best
                )  # the best increment lies behind
                if best <= ENOUGH or past:
                    start = max(k - 3, 0)
                    break
            gap, settled = max(gap, best), max(settled, steady)
            if not Verdict(gap, settled).confirms:
                break
        return Verdict(gap, settled)

    @staticmethod
    def _apart(
        found: list[tuple[float, float]], target: tuple[float, float], norms: tuple[float, float], floor: float
    ) -> float:
        """The largest scaled difference of first and second derivatives to `target`; infinite for nan."""
        out = 0.0
        for g, h in found:
            second = max(norms[1], abs(h), floor)
            for gap in (abs(h - target[1]) / second, abs(g - target[0]) / max(norms[0], abs(g), second)):
                out = max(out, gap if np.isfinite(gap) else np.inf)
        return out

    @property
    def blows_up(self) -> bool:
        """Whether second differences grow as 1 / h, as those of a kink right at the point do."""
        for r in range(len(self.directions)):
            size = [abs(self.differences(r, level)[1]) for level in self.levels[2:7]]
            if not all(3.0 < fine / coarse < 5.0 for coarse, fine in pairwise(size) if coarse > 0) or 0.0 in size:
                return False
        return bool(self.directions)


def multistep(plan: Tight, x: Array, solver: str, rtol: float, most: int) -> Path:
    """The solution at `x` by `"vode"`, its Adams method, or `"lsoda"`, at the ends of its pieces only.

    Raises `IntegrationError` when a piece takes more than `most` steps.
    """
    from scipy.integrate import ode

    problem = plan.problem
    y0, p = problem.unpack(x)
    t0, t1 = map(float, problem.times(x))
    slope, z, times = bolza_slope(problem, p), bolza_start(problem, y0), [t0, *plan.ends_at(x), t1]
    states = [z]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where it fails, which is asked below
        for start, stop in pairwise(times):
            if abs(stop - start) < 1e-12 * abs(t1 - t0):
                z = z + (stop - start) * slope(start, z)
            else:
                limits = {"nsteps": most, "max_step": abs(t1 - t0) / 20}
                kind = {"method": "adams"} if solver == "vode" else {}
                stepper = ode(slope).set_integrator(solver, rtol=rtol, atol=rtol * plan.sizes, **kind, **limits)
                z = stepper.set_initial_value(z, start).integrate(stop)
                if not stepper.successful() or not np.all(np.isfinite(z)):
                    raise IntegrationError(f"{solver} stopped at t = {stepper.t:.6g} of {t1:.6g}.")
            states.append(np.array(z))
    return Path(np.array(times), np.array(states), 0)
