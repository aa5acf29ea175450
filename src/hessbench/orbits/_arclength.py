"""Families by pseudo-arc-length continuation, which goes through folds, where a parameter turns back.

    unknowns w = (x, s), s = the period for "period" and "energy", else the parameter, at a fixed period
    tangent t: [dr/dx, dr/ds] t = 0, orthogonal to the symmetries;   step: r(w) = 0,  t . (w - w_0) = h

(Keller, in Applications of Bifurcation Theory (1977) 359). At a fold, `ds/dh` changes its sign; the place is refined until
the tangent has no component along the parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._derive.generated import derivatives_of
from .._errors import HessbenchError, InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._analyse import analyse_spectrum
from ._families import Member, own_value, setting
from ._flow import Flow
from ._search import REST, complement
from ._systems import system_of

ITERATIONS = 8  # of a correction; a step that takes more is halved
QUICK = 3  # iterations up to which the next step is longer
GROWTH, MOST_GROWTH = 1.4, 8.0
SMALLEST = 1e-5  # of the first step: where shorter ones do not help either, the family ends
DIFFERENCE = 1e-4  # of a parameter, relative, for the derivative of the closure
REFINED = 1e-8  # of the tangent's component along the parameter, at a fold


@dataclass(frozen=True, eq=False)
class Fold:
    """Where the parameter turns back: its extreme `value`, and the `member` there."""

    value: float
    member: Member


@dataclass(frozen=True, eq=False)
class Curve:
    """Members in the order in which they were reached, at arc lengths (k,), the folds between them, and why it ended."""

    parameter: str
    members: tuple[Member, ...]
    lengths: Array
    folds: tuple[Fold, ...]
    ended: str


def continue_through_folds(
    problem: Problem,
    parameter: str,
    step: float,
    members: int = 25,
    tol: float = 1e-10,
    stop: tuple[float, float] | None = None,
) -> Curve:
    """Follow the closed orbit of `problem` through at most `members`, beginning with arc length `step`.

    A positive `step` increases the parameter at first. It ends where the parameter leaves the interval `stop`, where the orbit
    shrinks to a point of rest, or where no step is short enough. `parameter` is as in `follow`, or the name of a scalar
    parameter of the problem. Raises `InvalidInput` for another, and `HessbenchError` if the first orbit does not close.
    """
    if not np.isfinite(step) or step == 0 or members < 2:
        raise InvalidInput(
            f"`step` is {step!r} and `members` {members!r}; expected a length other than 0, and at least 2."
        )
    road = _Road(problem, parameter, tol)
    w, t = road.closed(road.start), np.append(np.zeros(problem.dim), np.sign(step))
    t = road.tangent(w, t)
    speed = road.speed(w)
    found, lengths, folds, ended = [road.member(w)], [0.0], [], ""
    h = first = abs(step)
    while len(found) < members:
        try:
            after, count = road.corrected(w + h * t, t)
            turned = road.tangent(after, t)
            if turned @ t < 0.5:
                raise HessbenchError("the curve turns sharply")
        except HessbenchError as error:
            h /= 2
            if h < SMALLEST * first:
                ended = f"ended after {parameter} = {found[-1].value:.6g}: {error}"
                break
            continue
        if road.speed(after) < REST * speed:
            ended = f"ended after {parameter} = {found[-1].value:.6g}: the orbit shrank to a point of rest"
            break
        slopes = (road.rate(w, t), road.rate(after, turned))
        if slopes[0] * slopes[1] < 0:
            folds.append(road.fold(w, t, h, slopes))
        lengths.append(lengths[-1] + float(np.linalg.norm(after - w)))
        w, t = after, turned
        found.append(road.member(w))
        if stop is not None and not min(stop) <= found[-1].value <= max(stop):
            ended = f"{parameter} left the interval from {min(stop):g} to {max(stop):g}"
            break
        h = min(h * GROWTH, MOST_GROWTH * first) if count <= QUICK else h
    return Curve(parameter, tuple(found), np.array(lengths), tuple(folds), ended)


class _Road:
    """The equations of one family, in the unknowns w (N + 1,)."""

    def __init__(self, problem: Problem, parameter: str, tol: float) -> None:
        problem = replace(problem, derivatives=derivatives_of(problem))  # generated once for all members
        self.parameter, self.tol, self.problem = parameter, tol, problem
        self.by_period = parameter in ("period", "energy")
        self.at = setting(problem, parameter)
        self.period = problem.t_span[1] - problem.t_span[0]
        value = self.period if self.by_period else own_value(problem, parameter)
        self.start = np.append(problem.y0, value)

    def flow(self, s: float) -> Flow:
        return Flow(self.problem if self.by_period else self.at(s), rtol=1e-12)

    def length(self, s: float) -> float:
        return s if self.by_period else self.period

    def value(self, w: Array) -> float:
        if self.parameter == "energy":
            energy = system_of(self.problem).energy
            assert energy is not None
            return float(energy(w[:-1]))
        return float(w[-1])

    def rate(self, w: Array, t: Array) -> float:
        """How fast the parameter grows along the tangent `t`."""
        if self.parameter != "energy":
            return float(t[-1])
        e = 1e-5 * (1 + float(np.linalg.norm(w)))
        return (self.value(w + e * t) - self.value(w - e * t)) / (2 * e)

    def speed(self, w: Array) -> float:
        return float(np.linalg.norm(self.flow(w[-1]).rhs(w[:-1])))

    def equations(self, w: Array) -> tuple[Array, Array, Array]:
        """The closure (N,), its derivative (N, N + 1), and the symmetries' directions (N + 1, k)."""
        flow, x, s = self.flow(w[-1]), w[:-1], float(w[-1])
        y1, m = flow.monodromy(x, self.length(s))
        jac = m - np.eye(x.size)
        if self.by_period:
            last = flow.rhs(y1)
        else:
            e = DIFFERENCE * max(1.0, abs(s))
            ends = [self.flow(s + k * e).end(x, self.period) for k in (-2, -1, 1, 2)]
            last = (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * e)
        rows = list(flow.system.symmetries(x).values()) or [flow.rhs(x)]
        unit = np.array([np.append(r, 0.0) / (np.linalg.norm(r) or 1.0) for r in rows])
        u, sigma, _ = np.linalg.svd(unit.T, full_matrices=False)
        return y1 - x, np.column_stack([jac, last]), u[:, sigma > 1e-8]

    def tangent(self, w: Array, before: Array) -> Array:
        """The unit tangent (N + 1,) in the direction of the one `before`: the null vector nearest to it.

        There is more than one where symmetric families meet, as those of conserved quantities do.
        """
        _, jac, symmetries = self.equations(w)
        rest = complement(symmetries)
        _, sigma, vt = np.linalg.svd(jac @ rest, full_matrices=True)
        sigma = np.append(sigma, np.zeros(vt.shape[0] - sigma.size))
        null = rest @ vt[sigma < 1e-6 * max(1.0, sigma[0])].T
        if null.shape[1] == 0:
            raise HessbenchError("the orbit is isolated: there is no family through it")
        t = null @ (null.T @ before)
        size = float(np.linalg.norm(t))
        if size < 1e-12:  # the first one: the parameter does not change to first order
            t, size = null[:, -1], 1.0
        return t / size

    def corrected(self, w: Array, t: Array) -> tuple[Array, int]:
        """The closed orbit near `w` in the plane across `t`, and the iterations that it took."""
        start = w
        for k in range(ITERATIONS):
            r, jac, symmetries = self.equations(w)
            size = float(np.linalg.norm(r))
            if size < self.tol:
                return w, k
            rest = complement(symmetries)
            rows = np.vstack([jac, t]) @ rest
            step = rest @ np.linalg.lstsq(rows, -np.append(r, t @ (w - start)), rcond=1e-10)[0]
            if np.linalg.norm(step) > 0.3 * (1 + np.linalg.norm(w)):
                break
            w = w + step
        raise HessbenchError("no convergence")

    def closed(self, w: Array) -> Array:
        """The closed orbit near `w` with the same parameter."""
        return self.corrected(w, np.append(np.zeros(w.size - 1), 1.0))[0]

    def fold(self, w: Array, t: Array, h: float, slopes: tuple[float, float]) -> Fold:
        """The fold within a step of length `h` from `w`: the root of the parameter's slope, by the secant rule of Illinois."""
        low, high, at_low, at_high = 0.0, h, *slopes
        there = w
        for _ in range(40):
            middle = (low * at_high - high * at_low) / (at_high - at_low)
            there, _ = self.corrected(w + middle * t, t)
            slope = self.rate(there, self.tangent(there, t))
            if abs(slope) < REFINED or abs(high - low) < 1e-12 * h:
                break
            if slope * at_high < 0:
                low, at_low, high, at_high = high, at_high, middle, slope
            else:
                at_low, high, at_high = at_low / 2, middle, slope
        return Fold(self.value(there), self.member(there))

    def member(self, w: Array) -> Member:
        flow, x, length = self.flow(w[-1]), w[:-1], self.length(float(w[-1]))
        y1, m = flow.monodromy(x, length)
        spectrum = analyse_spectrum(flow.problem, x, length, m)
        energy = flow.system.energy
        return Member(
            self.value(w), x, length, np.nan if energy is None else energy(x), float(np.linalg.norm(y1 - x)),
            spectrum.nontrivial, spectrum.eigenvalues,
        )  # fmt: skip


def with_value(problem: Problem, parameter: str, member: Member) -> Problem:
    """The problem that starts on a member of a family."""
    at = problem if parameter in ("period", "energy") else setting(problem, parameter)(member.value)
    return replace(at, y0=member.x, t_span=(0.0, member.period), perturbed=None, exact=None)
