"""Quantities of an orbit: energy, angular momentum, action, choreography defect, distance between the bodies' curves.

    action = integral of (kinetic - potential energy) over a period
    choreography defect = max over t of |q_{s(e)}(t + T/n) - q_e(t)|, s the cyclic order of the n bodies that makes it smallest

The defect, not the energy, tells the figure-8 from Simó's orbit: `T |E|^1.5` of the two differs by 1.6e-7 relative.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import permutations
from math import gcd

import numpy as np

from .._errors import InvalidInput
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from .._model.problem import Problem
from ._systems import System, system_of

ALL_ORDERS = 6  # bodies up to which all cyclic orders are tried; of more, those that skip a fixed number of bodies


@dataclass(frozen=True, eq=False)
class Quantities:
    """`None` where a quantity is not defined for the system. `angular_momentum` (1,) or (3,)."""

    energy: float | None
    energy_name: str
    angular_momentum: Array | None
    action: float | None
    choreography_defect: float | None
    closest: float | None
    closest_pair: str | None


def sample(problem: Problem, x: Array, period: float, n: int, rtol: float = 1e-13) -> Array:
    """States (n, N) at `n` equal times from 0, the period's end not included."""
    ivp = IVP("DOP853", rtol=rtol, atol=rtol / 10)
    solution = ivp.solve(lambda t, y: problem.rhs(np, t, y, problem.params), (0.0, period), x, dense=True)
    return np.array([solution.y(t) for t in np.arange(n) * (period / n)])


def quantities(problem: Problem, x: Array, period: float, n: int = 1200) -> Quantities:
    """All quantities of the closed orbit through `x`, from about `n` samples."""
    system = system_of(problem)
    states = sample(problem, x, period, equal_parts(n, system.bodies))
    distances = system.distances(states)
    at = np.unravel_index(int(np.argmin(distances)), distances.shape) if distances.size else None
    lagrangian = system.lagrangian
    return Quantities(
        energy=None if system.energy is None else system.energy(x),
        energy_name=system.energy_name,
        angular_momentum=None if system.angular_momentum is None else system.angular_momentum(x),
        action=None if lagrangian is None else _action(problem, x, period),
        choreography_defect=choreography_defect(states, system.dim) if may_dance(system) else None,
        closest=None if at is None else float(distances[at]),
        closest_pair=None if at is None else system.pairs[int(at[1])],
    )


def may_dance(system: System) -> bool:
    """Whether the bodies are at least three, of equal masses."""
    return system.bodies >= 3 and system.masses is not None and bool(np.all(system.masses == system.masses[0]))


def equal_parts(n: int, bodies: int) -> int:
    """The number of samples from `n` that `bodies` divides."""
    return -(-n // max(bodies, 1)) * max(bodies, 1)


def _action(problem: Problem, x: Array, period: float) -> float:
    lagrangian = system_of(problem).lagrangian
    assert lagrangian is not None

    def f(t: float, z: Array) -> Array:
        return np.append(problem.rhs(np, t, z[:-1], problem.params), lagrangian(z[:-1]))

    return float(IVP("DOP853", rtol=1e-13, atol=1e-14).solve(f, (0.0, period), np.append(x, 0.0)).y1[-1])


def positions(states: Array, dim: int) -> Array:
    """q (n, bodies, dim) from states (n, N)."""
    return states[:, : states.shape[1] // 2].reshape(len(states), -1, dim)


def choreography_defect(states: Array, dim: int) -> float:
    """From states (n, N) at equal times over one period, n a multiple of the number of bodies; else raises `InvalidInput`."""
    q = positions(states, dim)
    bodies = q.shape[1]
    if len(q) % bodies:
        raise InvalidInput(
            f"A choreography defect of {bodies} bodies needs a multiple of {bodies} samples, got {len(q)}."
        )
    later = np.roll(q, -len(q) // bodies, axis=0)
    apart = np.max(np.abs(later[:, :, None] - q[:, None]), axis=(0, 3))  # [s(e), e]
    return float(min(max(apart[order[e], e] for e in range(bodies)) for order in _cyclic_orders(bodies)))


@cache
def _cyclic_orders(bodies: int) -> tuple[tuple[int, ...], ...]:
    """Who follows whom, for each way in which all bodies follow one another."""
    if bodies > ALL_ORDERS:
        skips = (k for k in range(1, bodies) if gcd(k, bodies) == 1)
        return tuple(tuple((e + k) % bodies for e in range(bodies)) for k in skips)
    out = []
    for rest in permutations(range(1, bodies)):
        round_ = (0, *rest)
        order = [0] * bodies
        for e in range(bodies):
            order[round_[e]] = round_[(e + 1) % bodies]
        out.append(tuple(order))
    return tuple(out)


def curve_distances(states: Array, dim: int) -> dict[str, float]:
    """Hausdorff distance between the curves of each two bodies, from equal-time samples (n, N)."""
    from scipy.spatial.distance import directed_hausdorff

    q, out = positions(states, dim), {}
    for i, j in ((0, 1), (0, 2), (1, 2)):
        a, b = q[:, i], q[:, j]
        out[f"d{i + 1}{j + 1}"] = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
    return out
