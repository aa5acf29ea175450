"""The methods that a reference can come from for one problem and point, in order of preference, evaluated when asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ._augment import augmented
from ._derivatives import Array, Derivatives
from ._generated import generated_derivatives
from ._problem import Problem
from ._reference_methods import Check, automatic, discrete_adjoint, of_state_alone, subdivided

ZERO = 1e-100  # takes the place of zeros at which derivatives are not finite though their limits are: y**2.5 log y


@dataclass(frozen=True, eq=False)
class Way:
    """One method: `run(parts)` gives its result with each step cut into so many parts."""

    name: str
    run: Callable[[int], Check]


def ways(problem: Problem, x: Array, times: Array) -> list[Way]:
    """Closed form, discrete adjoint with each source of derivatives until one is finite, then each framework through its steps.

    Where there is none of hand-written derivatives and frameworks, recorded ones.
    """
    from .backends import available

    out: list[Way] = []
    exact = problem.exact(x) if problem.exact is not None else None
    frameworks = [name for name in ("jax", "autograd", "torch") if available(name)]
    if exact is not None:
        out.append(Way("closed form", lambda parts: Check(*exact)))
    whole = problem if of_state_alone(problem) else augmented(problem).problem
    made = None
    if frameworks or (whole.derivatives is not None and problem.loss_blocks is not None and whole is problem):
        made = whole.derivatives or finite_derivatives(whole, whole.t_span[0])
    if made is not None:
        frameworks.sort(key=lambda name: name in made.source)  # prefer one that did not make these derivatives
        label = f"discrete adjoint, derivatives {made.source}"
        out.append(Way(label, lambda parts: Check(*discrete_adjoint(problem, x, subdivided(times, parts), made))))
    for more, name in enumerate(frameworks):

        def run(parts: int, name: str = name, more: int = more) -> Check:
            return automatic(problem, x, subdivided(times, parts + 1 + more), name)

        out.append(Way(f"automatic differentiation by {name}", run))
    if made is None:
        out.append(Way("discrete adjoint, derivatives recorded", lambda parts: recorded(problem, x)))
    return out


def finite_derivatives(problem: Problem, t: float) -> Derivatives | None:
    """Generated derivatives that are finite at the start; preferably not by jax, which differentiates whole solves fastest."""
    from .backends import available

    last: Derivatives | None = None
    for name in ("casadi", "torch", "autograd", "jax"):
        if available(name):
            try:
                last = generated_derivatives(problem, name)
                with np.errstate(all="ignore"):
                    y, p = problem.y0, problem.constants
                    found = [last.jac(t, y, p), last.vhp(t, y, np.ones(problem.dim), p)]
            except Exception:  # CasADi and torch trace, which not every right-hand side can be
                continue
            if all(np.all(np.isfinite(part)) for part in found):
                return last
    return last


def recorded(problem: Problem, x: Array) -> Check:
    """By the default strategy, which records the right-hand side and differentiates the record; needs no framework."""
    from ._api import prepare

    result = prepare(problem, "discrete-adjoint", rtol=1e-12, atol=1e-14)(x)
    return Check(result.value, result.grad, result.hess)


def away_from_zero(problem: Problem, x: Array) -> tuple[Problem, Array]:
    """The problem and point with zeros of the state, the unknowns and the start time moved by `ZERO`."""
    y0 = np.where(problem.y0 == 0, ZERO, problem.y0)
    t0, t1 = problem.t_span
    return replace(problem, y0=y0, t_span=(t0 or ZERO, t1), exact=None), np.where(x == 0, ZERO, x)


def evaluated(way: Way, parts: int) -> tuple[Check | None, str]:
    """What a way gives if it is finite, else the reason."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # autograd warns where something does not depend on the unknowns
            check = way.run(parts)
    except MemoryError:
        raise
    except Exception as e:  # a framework may raise anything for a function that it cannot trace
        lines = str(e).strip().splitlines() or [""]
        return None, f"{way.name} failed: {type(e).__name__}: {lines[0][:100]}"
    return (check, "") if check.finite else (None, f"{way.name} is not finite")
