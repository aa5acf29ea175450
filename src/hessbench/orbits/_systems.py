"""What is known of a system beside its equation: distances, symmetries, conserved quantities, symplectic form, scaling.

A symmetry's generator `s(y)` (N,) is carried along by the flow, hence `M s = s` at a closed orbit: a null direction of the
non-closure Hessian. The gradient `c(y)` (N,) of a conserved quantity obeys `c M = c` there. Boosts and scaling are
symmetries that change the period or drift, so they are not null: `(M - 1) boost = T translation`, and with
`u = (q, -v/2)`, `(M - 1) u = -(3/2) T F` for Newtonian gravity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem

Named = dict[str, Array]


def _nothing(y: Array) -> Named:
    return {}


@dataclass(frozen=True, eq=False)
class System:
    """Facts about one problem; every function takes states `y` (N,), `distances` also (..., N) -> (..., pairs).

    `symmetries`, `boosts`, `integrals` map names to (N,) vectors (generators, generators, gradients). `canonical` (N, N) takes
    the state to canonical coordinates (q, p); `scaling` is the generator and the exponent of the period. `masses` (bodies,).
    """

    bodies: int = 0
    dim: int = 0
    masses: Array | None = None
    pairs: tuple[str, ...] = ()
    distances: Callable[[Array], Array] = lambda y: np.zeros((*y.shape[:-1], 0))
    symmetries: Callable[[Array], Named] = _nothing
    boosts: Callable[[Array], Named] = _nothing
    integrals: Callable[[Array], Named] = _nothing
    energy: Callable[[Array], float] | None = None
    lagrangian: Callable[[Array], float] | None = None
    angular_momentum: Callable[[Array], Array] | None = None
    canonical: Array | None = None
    scaling: Callable[[Array], Array] | None = None
    energy_name: str = "energy"


def system_of(problem: Problem) -> System:
    """The facts known of `problem`, by its name; of an unknown one only that a time shift is a symmetry."""
    known = {"three-body": _gravity, "n-body": _gravity, "restricted-three-body": _restricted, "kepler": _kepler}
    return known.get(problem.name, lambda _: System())(problem)


def axes(dim: int) -> list[str]:
    """Names of the axes."""
    return list("xyz")[:dim]


def rotations(dim: int) -> dict[str, Array]:
    """Generators (dim, dim) by name."""
    out = {}
    for i, j in combinations(range(dim), 2):
        g = np.zeros((dim, dim))
        g[j, i], g[i, j] = 1.0, -1.0
        out["rotation" if dim == 2 else f"rotation about {'xyz'[3 - i - j]}"] = g
    return out


def _turned(y: Array, dim: int) -> Named:
    vectors = y.reshape(-1, dim)
    return {name: (vectors @ g.T).ravel() for name, g in rotations(dim).items()}


def _gravity(problem: Problem) -> System:
    m = np.asarray(problem.params["masses"], dtype=float)
    n, bodies, softening = problem.dim, m.size, float(problem.params.get("softening", 0.0))
    half, dim = n // 2, n // (2 * m.size)
    weights = np.repeat(m, dim)
    edges = tuple((i, j) for gap in range(1, bodies) for i in range(bodies - gap) for j in [i + gap])
    first, second = (np.array(ends) for ends in zip(*edges, strict=True))

    def distances(y: Array) -> Array:
        q = y[..., :half].reshape(*y.shape[:-1], bodies, dim)
        return np.linalg.norm(q[..., first, :] - q[..., second, :], axis=-1)

    def potential(y: Array) -> float:
        return -float(np.sum(m[first] * m[second] / np.hypot(distances(y), softening)))

    def kinetic(y: Array) -> float:
        return float(weights @ y[half:] ** 2) / 2

    def translations(y: Array) -> Named:
        return {
            f"translation {a}": np.append(np.tile(e, bodies), np.zeros(half))
            for a, e in zip(axes(dim), np.eye(dim), strict=True)
        }

    def boosts(y: Array) -> Named:
        return {
            f"boost {a}": np.append(np.zeros(half), np.tile(e, bodies))
            for a, e in zip(axes(dim), np.eye(dim), strict=True)
        }

    def symmetries(y: Array) -> Named:
        shift = problem.rhs(np, 0.0, y, problem.params)
        return {**translations(y), **_turned(y, dim), "time shift": shift}

    def dual(s: Array) -> Array:
        """The gradient of the quantity whose Hamiltonian flow is `s`."""
        return np.concatenate([-weights * s[half:], weights * s[:half]])

    def angular_momentum(y: Array) -> Array:
        q, v = y.reshape(2, bodies, dim)
        if dim < 3:
            return np.array([m @ (q[:, 0] * v[:, 1] - q[:, 1] * v[:, 0])]) if dim == 2 else np.zeros(1)
        return np.atleast_1d(m @ np.cross(q, v))

    return System(
        bodies=bodies,
        dim=dim,
        masses=m,
        pairs=tuple(f"bodies {i + 1} and {j + 1}" for i, j in edges),
        distances=distances,
        symmetries=symmetries,
        boosts=boosts,
        integrals=lambda y: {name: dual(s) for name, s in symmetries(y).items()},
        energy=lambda y: float(kinetic(y) + potential(y)),
        lagrangian=lambda y: float(kinetic(y) - potential(y)),
        angular_momentum=angular_momentum,
        canonical=np.diag(np.append(np.ones(half), weights)),
        scaling=None if softening else lambda y: np.append(y[:half], -y[half:] / 2),
    )


def _kepler(problem: Problem) -> System:
    n, mu = problem.dim, float(problem.params["mu"])
    dim = n // 2

    def symmetries(y: Array) -> Named:
        return {**_turned(y, dim), "time shift": problem.rhs(np, 0.0, y, problem.params)}

    def angular_momentum(y: Array) -> Array:
        q, v = y.reshape(2, dim)
        return np.cross(q, v) if dim == 3 else np.array([q[0] * v[1] - q[1] * v[0]])

    def radius(y: Array) -> Array:
        return np.linalg.norm(y[..., :dim], axis=-1)[..., None]

    return System(
        bodies=1,
        dim=dim,
        masses=np.ones(1),
        pairs=("the body and the centre",),
        distances=radius,
        symmetries=symmetries,
        integrals=lambda y: {k: np.append(-s[dim:], s[:dim]) for k, s in symmetries(y).items()},
        energy=lambda y: float(y[dim:] @ y[dim:] / 2 - mu / radius(y)[0]),
        lagrangian=lambda y: float(y[dim:] @ y[dim:] / 2 + mu / radius(y)[0]),
        angular_momentum=angular_momentum,
        canonical=np.eye(n),
        scaling=lambda y: np.append(y[:dim], -y[dim:] / 2),
    )


def _restricted(problem: Problem) -> System:
    mu, dim = float(problem.params["mu"]), problem.dim // 2
    large, small = np.eye(dim)[0] * -mu, np.eye(dim)[0] * (1 - mu)
    spin = np.zeros((dim, dim))
    spin[0, 1], spin[1, 0] = -1.0, 1.0  # p = v + spin q
    canonical = np.eye(2 * dim)
    canonical[dim:, :dim] = spin

    def distances(y: Array) -> Array:
        q = y[..., :dim]
        return np.stack([np.linalg.norm(q - large, axis=-1), np.linalg.norm(q - small, axis=-1)], axis=-1)

    def jacobi(y: Array) -> float:
        r1, r2 = distances(y)
        return float(y[:2] @ y[:2] + 2 * (1 - mu) / r1 + 2 * mu / r2 - y[dim:] @ y[dim:])

    def gradient(y: Array) -> Named:
        f = problem.rhs(np, 0.0, y, problem.params)
        force = f[dim:] + 2 * spin @ y[dim:]  # without the Coriolis term: the gradient of the effective potential
        return {"Jacobi constant": np.append(2 * force, -2 * y[dim:])}

    return System(
        bodies=1,
        dim=dim,
        masses=np.ones(1),
        pairs=("the body and the larger primary", "the body and the smaller primary"),
        distances=distances,
        symmetries=lambda y: {"time shift": problem.rhs(np, 0.0, y, problem.params)},
        integrals=gradient,
        energy=jacobi,
        canonical=canonical,
        energy_name="Jacobi constant",
    )
