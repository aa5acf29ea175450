"""An estimate of the error of one Hessian, without a reference: by a second tolerance, and by differences.

    E = max_ij d_i d_j |H_ij - H'_ij| / max_ij d_i d_j |H_ij|,    d_i the size of unknown i

`H'` comes from a tolerance fifteen times tighter. What both tolerances have in common, a kink that was stepped over or a
wrong derivative, only differences of values show: one more value `L+` and gradient `g+` at `x + eps d`, `d` random, at the
tighter tolerance, have to be

    L + eps g.d + eps^2 d.Hd / 2   and   g + eps H d

but for the next order in `eps`, which a second one at `x - eps d` cancels. Where they still are not, central differences at
several `eps` decide: those that agree with one another, but not with `g.d` or `H d`, convict. They see errors of 0.1 to 1 % of
the largest component of `H d`; where they see less, the estimate says so. What is smaller only the tolerances show.

Cost: two Hessians, one of them in 1.0 to 1.6 times the time, and one gradient, or two where the loss is strongly bent; some
25 us of Python besides. Values and gradients are made by the kernel for
products (`discrete-adjoint`), whose code and steps are not those of the Hessian; without derivatives, values by SciPy.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._derive.adjoint import bolza_slope, bolza_start
from .._errors import HessbenchError, IntegrationError
from .._hybrid.judging import values
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from .._plugins.prepare import Prepared, prepare
from .._plugins.strategy import Strategy
from .._products import prepare_products
from .._storage.preparations import Preparations

SECOND, TIGHTEST = 15.0, 3e-14  # how much tighter the second tolerance is, and where it ends
SAFETY, ROUND_OFF = 1.5, 1e-14
MANY = 100.0  # tolerances from which on the estimate is worth a sentence
SUSPICIOUS, NOISE = 1e-3, 2.0  # deviations beyond: a share of the Hessian's product, and so many errors of the gradient
GAINED = 3.0  # the tighter run's error is that of the other divided by its factor, and times this to be safe
BLIND = 1e-2  # what differences cannot see is said from here on
AROUND = (10.0, 3.0, 1.0, 0.3, 0.1)  # of the step at which a deviation was seen
SHORTEST, LONGEST = 1e-8, 1e-3  # of the first step; Arenstorf's orbit is bent on a scale of 1e-7
STEPS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)  # of these, in units of the cube root of the tolerance
BENT = 0.1  # of the first difference: a second one that is larger says that the step is too long
EXPLICIT = ("RK45", "DOP853", "RK23")
CONVICTS = 5.0  # how much further differences are from the derivative than from one another

Witness = Callable[[Array], tuple[float, Array | None]]


def verifier(problem: Problem, strategy: str | Strategy, **options) -> Verifier:
    """Everything that verified Hessians of `problem` need. `options` are those of `prepare`; raises what it raises."""
    first = prepare(problem, strategy, **options)
    ivp = first.ivp
    factor = min(SECOND, ivp.rtol / TIGHTEST)
    if factor < 10:  # there is no room below
        factor = 0.1
    sharper = tightened(ivp, factor)
    method = "DOP853" if ivp.method == "RK45" and first.strategy.thread_safe else ivp.method
    second = prepare(problem, first.strategy, backend=first.backend, method=method, **sharper)
    return Verifier(first, second, witness(problem, ivp, max(factor, 1.0)), factor)


def tightened(ivp: IVP, factor: float) -> dict[str, Any]:
    """Options of `prepare` for tolerances `factor` times tighter, `atol` left out where it was left out."""
    atol = {} if ivp.by_component else {"atol": max(ivp.atol / factor, 1e-300)}
    return {"rtol": ivp.rtol / factor, **atol, "max_steps": 8 * ivp.max_steps}


def witness(problem: Problem, ivp: IVP, factor: float) -> Witness:
    """Value and gradient at `x` by products of no directions; the value alone for a stiff method or without derivatives."""
    more = tightened(ivp, factor)
    none = np.zeros((problem.x0.size, 0))
    if ivp.method in EXPLICIT:
        with suppress(HessbenchError):
            products = prepare_products(problem, "discrete-adjoint", method="DOP853", **more)
            return lambda x: products.run(x, none)[:2]
    if (own := values(problem)) is not None:
        return lambda x: (own(x), None)
    solver = IVP(ivp.method, dim=problem.dim, **{"atol": more["rtol"], **more})
    return lambda x: (_by_scipy(problem, solver, x), None)


@dataclass(frozen=True)
class Verifier:
    """A strategy at two tolerances, the second `factor` times tighter, and a witness at that. Call it with `x` (n,)."""

    first: Prepared
    second: Prepared
    witness: Witness
    factor: float

    def __call__(self, x: Array) -> Result:
        """The Hessian at the tolerance asked for, with `error`, and a sentence where that is large."""
        result, d = self.first.direct(x), self.sizes(x)
        along, rtol = d * self.direction, self.first.ivp.rtol
        try:
            with self.second.alone:
                other = self.second.bare(x)
            by_tolerance = self.between(result, other, d)
            by_differences, seen, what = self.deviation(x, along, d, result, other, by_tolerance)
        except IntegrationError as error:
            said = f"the Hessian could not be verified, because a run nearby or at a tighter tolerance failed: {error}"
            return result.filled(error=float("inf"), warnings=(*result.warnings, said))
        blind = seen if seen > BLIND else 0.0
        estimate = max(by_tolerance, by_differences, blind)
        if estimate <= MANY * rtol:
            return result.filled(error=estimate)
        said = f"the Hessian's relative error is estimated at {estimate:.1e}, more than {MANY:g} times the tolerance {rtol:g}"
        if blind > max(by_differences, by_tolerance):
            said += f": differences along a random direction see no less here (two tolerances: {by_tolerance:.1e})"
        elif by_differences > by_tolerance:
            said += (
                f": differences of the {what} along a random direction disagree with it, as where the solution crosses a kink "
                f"or a jump of the right-hand side, or a derivative is wrong"
            )
        else:
            said += ": it changes with the tolerance; tighten `rtol`, or see whether the problem is stiff or chaotic"
        return result.filled(error=estimate, warnings=(*result.warnings, said))

    @cached_property
    def direction(self) -> Array:
        """Random numbers, always the same, none of them small."""
        rng = np.random.default_rng(15)
        size = self.first.problem.x0.size
        return rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 1.5, size)

    def sizes(self, x: Array) -> Array:
        """`Problem.sizes`; for a state at rest, how far its slope would carry it."""
        d = np.abs(x)
        problem = self.first.problem
        if d.all() and not problem.scale:
            return d
        at = problem.blocks.get("y0", slice(0, 0))
        if d[at].any():
            return problem.sizes(x)
        (t0, t1), (y0, p) = problem.t_span, problem.unpack(x)
        far = np.abs(np.asarray(problem.rhs(np, t0, y0, p)) * (t1 - t0)).max()
        return problem.sizes(x, np.full(problem.dim, far if np.isfinite(far) else 0.0))

    def between(self, one: Result, other: Result, d: Array) -> float:
        """The estimate by two tolerances."""
        weights = d[:, None] * d
        size = _largest(weights * other.hess) or _largest(d * other.grad) or 1.0
        gap = _largest(weights * (one.hess - other.hess)) / size
        return SAFETY * gap + ROUND_OFF if np.isfinite(gap) else float("inf")

    def deviation(
        self, x: Array, along: Array, d: Array, result: Result, other: Result, known: float
    ) -> tuple[float, float, str]:
        """How far differences are from gradient and Hessian, 0 where they agree; what they could see; of what they are.

        A deviation that changes its sign with the step is the next order, no error; one below the `known` error says nothing.
        """
        sharp = other if self.factor > 1 else result
        bent, slope = sharp.hess @ along, float(sharp.grad @ along)
        curvature = float(along @ bent)
        whole = max(_largest(d * bent), abs(slope)) or 1.0
        noise = max(abs(result.value - other.value), _largest(d * (result.grad - other.grad)))
        noise = noise * GAINED / max(GAINED, self.factor) + 1e-15 * max(abs(sharp.value), _largest(d * sharp.grad))
        if not np.isfinite(noise) or not np.isfinite(whole):
            return 0.0, 0.0, ""
        noise /= whole
        eps = min(max(noise**0.65, 300 * noise, SHORTEST), LONGEST)  # short: a bent loss takes a second gradient
        seen, before = SUSPICIOUS + NOISE * noise / eps, None
        for step in (eps, -eps):
            value, grad = self.witness(x + step * along)
            gap = np.zeros(1 if grad is None else x.size + 1)
            gap[0] = (value - sharp.value) / step - slope - 0.5 * step * curvature
            if grad is not None:
                gap[1:] = d * ((grad - sharp.grad) / step - bent)
            if _largest(gap if before is None else 0.5 * (gap + before)) <= max(seen, known) * whole:
                return 0.0, seen, ""
            before = gap
        return self.differences(x, along, d, sharp, eps)

    def differences(self, x: Array, along: Array, d: Array, sharp: Result, short: float) -> tuple[float, float, str]:
        """Central differences with several steps: the deviation of where two of them agree best, if they do so better.

        `short` is the step at which a deviation was seen.
        """
        bent, slope = sharp.hess @ along, float(sharp.grad @ along)
        unit = float(np.clip(self.second.ivp.rtol ** (1 / 3), 1e-5, 1e-2))
        steps = [step * unit for step in STEPS]
        steps += [step * short for step in AROUND if step * short < steps[-1]]
        value, grad = self.witness(x)
        slopes, bends, expected = [], [], d * bent
        for eps in steps:
            (above, g_above), (below, g_below) = self.witness(x + eps * along), self.witness(x - eps * along)
            if _straight(above, value, below):
                slopes.append(np.array([(above - below) / (2 * eps)]))
            if grad is None or g_above is None or g_below is None:
                bends.append(np.array([(above - 2 * value + below) / eps**2]))
                expected = np.array([along @ bent])
            elif _straight(d * g_above, d * grad, d * g_below):
                bends.append(d * (g_above - g_below) / (2 * eps))
        size = float(np.abs(expected).max())
        found = {
            "value": _convicted(slopes, np.array([slope]), max(abs(slope), size)),
            "gradient": _convicted(bends, expected, size),
        }
        what = max(found, key=lambda key: found[key][0])
        return found[what][0], min(seen for _, seen in found.values()), what


def _straight(above: Any, here: Any, below: Any) -> bool:
    """Whether the step is so short that the second difference is small beside the first one."""
    first, second = np.abs(above - below).max(), np.abs(above - 2 * here + below).max()
    return bool(second <= BENT * first)


def _convicted(quotients: list[Array], expected: Array, size: float) -> tuple[float, float]:
    """The relative gap of `expected` to the two neighbours among `quotients` that agree best, or 0 if they are as far apart.

    And the same gap in any case: no smaller error can be excluded.
    """
    pairs = [(float(np.abs(a - b).max()), b) for a, b in pairwise(quotients)]
    if not pairs:
        return 0.0, 1.0
    spread, best = min(pairs, key=lambda pair: pair[0])
    gap = float(np.abs(best - expected).max())
    size = max(size, float(np.abs(best).max()))
    found = gap / size if size > 0 else 0.0
    return found if gap > CONVICTS * spread else 0.0, found


def _largest(values: Array) -> float:
    """The largest magnitude, nan if one is; by its place, in half the time of `max`."""
    sizes = np.abs(values).ravel()
    return float(sizes[sizes.argmax()])


def _by_scipy(problem: Problem, ivp: IVP, x: Array) -> float:
    """The loss at `x`, its running part included, by a solve that shares nothing with the strategies."""
    y0, p = problem.unpack(x)
    t0, t1 = map(float, problem.times(x))
    end = ivp.solve(bolza_slope(problem, p), (t0, t1), bolza_start(problem, y0)).y1
    return float(problem.loss(np, y0, end[: problem.dim], p)) + float(end[problem.dim :].sum())


verifiers = Preparations(verifier)
