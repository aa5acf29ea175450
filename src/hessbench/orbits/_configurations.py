"""Central configurations that turn as rigid bodies: their stability from closed forms, and from the integrated monodromy.

In the frame that turns with angular velocity w they are at rest, so the linearised motion has constant coefficients,

    Q' = V - w J Q,   V' = (da/dq) Q - w J V          multipliers exp(lambda T),  T = 2 pi / w

With w = 1, what is beside centre of mass, rotation and scaling obeys

    Lagrange   lambda^4 + lambda^2 + 27 sigma / 4 = 0,  sigma = (m1 m2 + m2 m3 + m3 m1) / M^2     stable for 27 sigma < 1
    Euler      lambda^4 + (1 - beta) lambda^2 - beta (2 beta + 3) = 0                              never stable

Sources: Gascheau, C. R. Acad. Sci. 16 (1843) 393; Routh, Proc. London Math. Soc. 6 (1875) 86; beta as in Martinez, Sama & Simo,
J. Differential Equations 226 (2006) 619. Maxwell's ring of n bodies around a mass: unstable for n <= 6, else stable for
m <= gamma M / n^3, gamma -> 2.298 for many bodies: Maxwell (1859); Vanderbei & Kolemen, Astron. J. 133 (2007) 656.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._derive.generated import derivatives_of
from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from .._plugins.registry import problem as build
from ._analyse import analyse_spectrum
from ._flow import Flow

STABLE = 1e-5  # real part of an exponent over w below which it is none: zeros are multiple, and rounding moves them
RINGS = (2, 3, 4, 5, 6, 7, 8, 10, 20, 36)


@dataclass(frozen=True, eq=False)
class Configuration:
    """One turning configuration: multipliers by closed form (k,), those found by integration, their largest difference.

    `criterion` is the number of the literature that decides on stability, and `stable` what it says.
    """

    name: str
    criterion: str
    stable: bool
    exact: Array
    computed: Array

    @property
    def error(self) -> float:
        """The largest distance of a closed-form multiplier from the nearest computed one, relative where it is above 1."""
        return max((float(np.min(np.abs(self.computed - v)) / max(1.0, abs(v))) for v in self.exact), default=0.0)

    @property
    def largest(self) -> float:
        """The largest modulus of a computed multiplier."""
        return float(np.max(np.abs(self.computed)))


def gascheau(masses: Array) -> float:
    """27 (m1 m2 + m2 m3 + m3 m1) / M^2 of `masses` (3,); Lagrange's triangle is linearly stable where it is below 1."""
    a, b, c = masses
    return float(27 * (a * b + b * c + c * a) / (a + b + c) ** 2)


def lagrange_exponents(masses: Array) -> Array:
    """The four exponents (4,) of Lagrange's triangle of `masses` (3,), in units of w."""
    return np.roots([1.0, 0.0, 1.0, 0.0, gascheau(masses) / 4])


def euler_exponents(masses: Array, ratio: float) -> Array:
    """The four exponents (4,) of Euler's line of `masses` (3,), in units of w; `ratio` is r23 / r12 of its distances."""
    (a, b, c), x = np.asarray(masses, dtype=float) / np.sum(masses), 1 / ratio
    above = a * (3 * x**2 + 3 * x + 1) + c * x**2 * (x**2 + 3 * x + 3)
    beta = above / (x**2 + b * ((x + 1) ** 2 * (x**2 + 1) - x**2))
    return np.roots([1.0, 0.0, 1 - beta, 0.0, -beta * (2 * beta + 3)])


def turning_exponents(problem: Problem) -> Array:
    """All N exponents of the planar problem of bodies whose start turns as a rigid body, in units of its angular velocity.

    Raises `InvalidInput` for another problem or start.
    """
    if problem.name not in ("n-body", "three-body") or problem.dim != 4 * problem.params["masses"].size:
        raise InvalidInput(f"problem {problem.name!r}: expected bodies in the plane (`n-body`, `dim=2`).")
    half, n = problem.dim // 2, problem.params["masses"].size
    q, v = problem.y0.reshape(2, n, 2)
    w = float(np.sum(q[:, 0] * v[:, 1] - q[:, 1] * v[:, 0]) / np.sum(q * q))
    a = problem.rhs(np, 0.0, problem.y0, problem.params)[half:].reshape(n, 2)
    if np.max(np.abs(a + w * w * q)) > 1e-9 * np.max(np.abs(a)) or np.max(np.abs(v - w * q @ [[0, 1], [-1, 0]])) > 1e-9:
        raise InvalidInput("The start does not turn as a rigid body about its centre of mass.")
    derivatives = derivatives_of(problem)
    spin = w * np.kron(np.eye(n), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    a_q = derivatives.jac(0.0, problem.y0, problem.params)[half:, :half]
    return np.linalg.eigvals(np.block([[spin, np.eye(half)], [a_q, spin]])) / w


def ring_limit(n: int) -> float | None:
    """gamma = m n^3 / M up to which Maxwell's ring of `n` bodies is linearly stable, to 1e-6; `None` where it never is."""

    def stable(gamma: float) -> bool:
        ring = build("n-body", start="ring", n=n, centre=n**3 / gamma)
        return float(np.max(np.real(turning_exponents(ring)))) < STABLE

    low, high = 1e-3, 50.0
    if not stable(low):
        return None
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def configurations() -> list[Configuration]:
    """Lagrange's, Euler's and ring configurations with what is known of their stability, each integrated over one period."""
    out = []
    for masses in ([1, 1, 1], [1, 0.05, 0.05], [1, 0.02, 0.019], [1, 0.02, 0.01], [1, 0.001, 0]):
        m = np.maximum(np.array(masses, dtype=float), 1e-12)
        sigma = gascheau(m)
        name = f"Lagrange, masses {', '.join(map(str, masses))}"
        out.append(_integrated(name, f"27 sigma = {sigma:.4f}", sigma < 1, lagrange_exponents(m), "lagrange", masses=m))
    for masses in ([1, 1, 1], [3, 1, 2]):
        q = build("n-body", start="euler", masses=masses).y0[:6].reshape(3, 2)[:, 0]
        exact, name = euler_exponents(np.array(masses), (q[2] - q[1]) / (q[1] - q[0])), ", ".join(map(str, masses))
        out.append(_integrated(f"Euler, masses {name}", "never stable", False, exact, "euler", masses=masses))
    for n, centre in ((2, 0.0), (4, 0.0), (6, 1000.0), (7, 100.0), (7, 1000.0), (8, 1000.0)):
        exact = turning_exponents(build("n-body", start="ring", n=n, centre=centre))
        name, criterion = f"ring of {n}" + (f" around mass {centre:g}" if centre else ""), "no centre"
        stable = n == 2  # Kepler's problem
        if centre:
            gamma, limit = n**3 / centre, ring_limit(n)
            criterion = f"gamma = {gamma:.3g} of {0 if limit is None else limit:.4g}"
            stable = limit is not None and gamma < limit
        out.append(_integrated(name, criterion, stable, exact, "ring", n=n, centre=centre))
    return out


def _integrated(name: str, criterion: str, stable: bool, exponents: Array, start: str, **arguments) -> Configuration:
    problem = build("n-body", start=start, **arguments)
    m = Flow(problem, rtol=1e-13).monodromy(problem.y0, problem.t_span[1])[1]
    found = analyse_spectrum(problem, problem.y0, problem.t_span[1], m).nontrivial
    exact = np.exp(2 * np.pi * exponents)
    return Configuration(name, criterion, stable, exact[np.abs(exact - 1) > 1e-3], found)
