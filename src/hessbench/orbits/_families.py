"""Families: one closed orbit followed through a parameter by natural continuation with a secant predictor.

    parameters: "mass" (the last body's, of three or more), "period" and "energy" (any orbit), "frequency-ratio" (two
    oscillators), and the name of any scalar parameter of the problem, such as "mu" or "softening"

Every member is a Gauss-Newton correction of the previous one at fixed period, or, for "energy", with the conserved quantity
as one more equation. Fails with the last member that closed, in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .._errors import HessbenchError, InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._flow import Flow
from ._search import REST, complement, symmetry_basis
from ._systems import system_of

HALVINGS = 4  # of a step that does not converge
PARAMETERS = ("mass", "period", "energy", "frequency-ratio")


@dataclass(frozen=True, eq=False)
class Member:
    """One orbit: start (N,), period, energy (or Jacobi constant), closure, nontrivial multipliers, spectrum of the Hessian."""

    value: float
    x: Array
    period: float
    energy: float
    closure: float
    multipliers: Array
    eigenvalues: Array

    @property
    def largest(self) -> float:
        """The largest modulus of a multiplier."""
        return float(np.max(np.abs(self.multipliers), initial=1.0))

    @property
    def stable(self) -> bool:
        """Whether all multipliers lie on the unit circle, to 1e-6."""
        return self.largest < 1 + 1e-6


@dataclass(frozen=True, eq=False)
class Family:
    """Members in the order of the parameter, and why it ended early if it did."""

    parameter: str
    members: tuple[Member, ...]
    ended: str = ""


def follow(problem: Problem, parameter: str, values: Array, tol: float = 1e-10) -> Family:
    """Follow the closed orbit of `problem` through `values` of `parameter`, starting near the first value.

    Raises `InvalidInput` for a parameter that the problem does not have. A member that does not close ends the family.
    """
    at = setting(problem, parameter)
    members: list[Member] = []
    start, ended = problem.t_span[1] - problem.t_span[0], ""
    reached: tuple[Member, Member] | None = None
    for value in np.asarray(values, dtype=float):
        try:
            if reached is not None:
                reached = _advance(at, parameter, reached, float(value), tol, HALVINGS)
            else:
                first = _correct(at(value), parameter, float(value), problem.y0, start, tol)
                reached = (first, first)
        except HessbenchError as error:
            ended = f"ended at {parameter} = {value:.6g}: {error}"
            break
        members.append(reached[1])
    return Family(parameter, tuple(members), ended)


def own_value(problem: Problem, parameter: str) -> float:
    """The parameter's value for the orbit through `y0`. Raises `InvalidInput` where it has none."""
    setting(problem, parameter)
    energy = system_of(problem).energy
    if parameter == "energy" and energy is not None:
        return float(energy(problem.y0))
    if parameter == "frequency-ratio":
        return float(problem.params["omega"][1] / problem.params["omega"][0])
    if parameter == "mass":
        return float(problem.params["masses"][-1])
    if parameter == "period":
        return problem.t_span[1] - problem.t_span[0]
    return float(np.ravel(problem.params[parameter])[0])


def _advance(
    at, parameter: str, last: tuple[Member, Member], value: float, tol: float, halvings: int
) -> tuple[Member, Member]:
    """From the last two members to the one at `value`, in smaller steps if need be; the last two then."""
    a, b = last
    share = 0.0 if a.value == b.value else (value - b.value) / (b.value - a.value)
    guess, length = b.x + share * (b.x - a.x), b.period + share * (b.period - a.period)
    try:
        return b, _correct(at(value), parameter, value, guess, length, tol)
    except HessbenchError:
        if not halvings:
            raise
    middle = _advance(at, parameter, last, (b.value + value) / 2, tol, halvings - 1)
    return _advance(at, parameter, middle, value, tol, halvings - 1)


def setting(problem: Problem, parameter: str) -> Callable[[float], Problem]:
    """The problem at a value of the parameter. Raises `InvalidInput` for one that it does not have."""
    scalars = [key for key, value in problem.params.items() if np.size(value) == 1]
    if parameter not in (*PARAMETERS, "mu", *scalars):
        raise InvalidInput(f"`parameter` is {parameter!r}; choose one of {', '.join((*PARAMETERS, *scalars))}.")
    params = dict(problem.params)
    if parameter == "mass" and problem.name in ("three-body", "n-body"):
        return lambda v: replace(problem, params={**params, "masses": np.append(params["masses"][:-1], v)})
    if parameter in scalars:
        shape = np.shape(params[parameter])
        return lambda v: replace(
            problem, params={**params, parameter: np.full(shape, float(v))}, perturbed=None, exact=None
        )
    if parameter == "frequency-ratio" and problem.name == "harmonic-oscillator" and problem.dim == 4:
        first = float(problem.params["omega"][0])
        return lambda v: replace(problem, params={"omega": np.array([first, v * first])})
    if parameter in ("period", "energy"):
        if parameter == "energy" and system_of(problem).energy is None:
            raise InvalidInput(f"problem {problem.name!r} has no known energy; use `parameter='period'`.")
        return lambda v: problem
    raise InvalidInput(f"problem {problem.name!r} has no parameter {parameter!r}.")


def _correct(problem: Problem, parameter: str, value: float, x: Array, period: float, tol: float) -> Member:
    from ._analyse import analyse_spectrum

    flow, n = Flow(problem, rtol=1e-12), x.size
    system, fixed, best = flow.system, parameter != "energy", np.inf
    length = value if parameter == "period" else period
    speed, first = np.linalg.norm(flow.rhs(x)), np.inf
    for k in range(12):
        y1, m = flow.monodromy(x, length)
        r = y1 - x
        jac = m - np.eye(n)
        if not fixed:
            assert system.energy is not None
            gradient = _energy_gradient(flow, x)
            jac = np.vstack([np.column_stack([jac, flow.rhs(y1)]), np.append(gradient, 0.0)])
            r = np.append(r, system.energy(x) - value)
        size = float(np.linalg.norm(r))
        if size < tol or (size > 0.5 * best and size < 100 * tol):
            spectrum = analyse_spectrum(problem, x, length, m)
            energy = np.nan if system.energy is None else system.energy(x)
            return Member(value, x, length, energy, size, spectrum.nontrivial, spectrum.eigenvalues)
        if np.linalg.norm(flow.rhs(x)) < REST * speed:
            raise HessbenchError("the orbit shrank to a point of rest")
        if k and size > 10 * first:
            break
        first, best = min(first, max(size, 0.01)), min(best, size)
        basis = symmetry_basis(flow, x, length, True)
        rest = complement(basis if fixed else np.vstack([basis, np.zeros(basis.shape[1])]))
        step = rest @ np.linalg.lstsq(jac @ rest, -r, rcond=1e-9)[0]
        step *= min(1.0, 0.2 * (1 + np.linalg.norm(x)) / max(np.linalg.norm(step), 1e-300))
        x, length = x + step[:n], length + (0.0 if fixed else float(step[-1]))
    raise HessbenchError(f"no convergence, closure {best:.3g}; take smaller steps")


def _energy_gradient(flow: Flow, x: Array) -> Array:
    """Gradient (N,) of the conserved quantity: that of the integrals whose flow is the time shift."""
    integrals = flow.system.integrals(x)
    if "Jacobi constant" in integrals:
        return integrals["Jacobi constant"]
    return integrals["time shift"]
