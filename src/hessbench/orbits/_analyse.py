"""What a closed orbit's Hessian and monodromy say: named null directions, Floquet multipliers, stability.

    H = 2 (M - 1)^T (M - 1)  with eigenvalues 2 sigma^2 from the singular values of M - 1

Multipliers: `M` acts on `K / (S and K)`, where `S` holds the symmetries' generators and `K` what leaves all conserved
quantities unchanged. The multipliers that symmetry forces to be 1 sit in Jordan blocks, where rounding `e` moves an eigenvalue
by `sqrt(e)`; the quotient is free of them, so the others keep their digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from ._systems import Named, system_of

NULL = 1e-10  # singular values of M - 1 below this share of the largest are null
SOFT = 1e-2  # singular values below this share of the largest are soft
NAMED = 0.99  # squared share of a direction within a symmetry's span that gives it its name


@dataclass(frozen=True, eq=False)
class Direction:
    """A unit `vector` (N,), its `eigenvalue` of the Hessian, a `name` and a `kind`.

    `kind`: "symmetry" (null, named by what it is), "genuine" (null, and no known symmetry: a family of orbits, or shear),
    "boost" (eigenvalue 2 T^2 for equal masses), "soft" or "stiff".
    """

    name: str
    kind: str
    eigenvalue: float
    vector: Array


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Hessian (N, N), its eigenvalues (N,) ascending with vectors in columns, directions, multipliers, checks."""

    hessian: Array
    eigenvalues: Array
    vectors: Array
    directions: tuple[Direction, ...]
    multipliers: Array
    nontrivial: Array
    symplecticity: float | None
    scaling_defect: float | None

    @property
    def null(self) -> int:
        """Number of null directions."""
        return sum(d.kind in ("symmetry", "genuine") for d in self.directions)


def analyse_spectrum(problem: Problem, x: Array, period: float, m: Array) -> Spectrum:
    """The spectrum at a closed orbit through `x` (N,) with monodromy `m` (N, N)."""
    system, n = system_of(problem), x.size
    off = m - np.eye(n)
    _, sigma, vt = np.linalg.svd(off)
    values, vectors = 2 * sigma[::-1] ** 2, vt[::-1].T * 1.0
    vectors *= np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(n)])
    slope = problem.rhs(np, 0.0, x, problem.params)
    symmetries = system.symmetries(x) or {"time shift": slope}
    nontrivial = reduced_multipliers(m, list(symmetries.values()), list(system.integrals(x).values()))
    directions = _named(off, values, vectors, symmetries, system.boosts(x))
    canonical, scaling = system.canonical, system.scaling
    defect = None
    if scaling is not None:
        left, right = off @ scaling(x), -1.5 * period * slope
        defect = float(np.linalg.norm(left - right) / np.linalg.norm(right))
    return Spectrum(
        2 * off.T @ off, values, vectors, directions,
        np.append(nontrivial, np.ones(n - nontrivial.size)).astype(complex),
        nontrivial, None if canonical is None else symplecticity(canonical, m), defect,
    )  # fmt: skip


def symplecticity(canonical: Array, m: Array) -> float:
    """`max |M^T W M - W| / max |M|^2`, `W` the symplectic form of the coordinates that `canonical` (N, N) makes canonical."""
    half, zero = m.shape[0] // 2, np.zeros((m.shape[0] // 2,) * 2)
    w = canonical.T @ np.block([[zero, np.eye(half)], [-np.eye(half), zero]]) @ canonical
    return float(np.max(np.abs(m.T @ w @ m - w)) / max(1.0, np.max(np.abs(m))) ** 2)


def reduced_multipliers(m: Array, symmetries: list[Array], gradients: list[Array]) -> Array:
    """Eigenvalues of `m` (N, N) on the quotient described above; those of symmetry are left out."""
    s, c = _orthonormal(symmetries, m.shape[0]), _orthonormal(gradients, m.shape[0])
    inside = _intersection(s, c) if c.shape[1] else s
    block = np.linalg.svd(np.hstack([inside, c]), full_matrices=True)[0]
    rank = np.linalg.matrix_rank(np.hstack([inside, c]), tol=1e-7)
    rest = block[:, rank:]
    return _sorted(np.linalg.eigvals(rest.T @ m @ rest))


def _intersection(s: Array, c: Array) -> Array:
    """Orthonormal columns of the part of span(s) that is orthogonal to every column of `c`."""
    _, sigma, vt = np.linalg.svd(c.T @ s, full_matrices=True)
    sigma = np.append(sigma, np.zeros(vt.shape[0] - sigma.size))
    return s @ vt[sigma < 1e-7].T


def _orthonormal(vectors: list[Array], n: int) -> Array:
    """Orthonormal columns (n, rank) with the same span."""
    unit = [v / np.linalg.norm(v) for v in vectors if np.linalg.norm(v) > 1e-12]
    if not unit:
        return np.zeros((n, 0))
    u, sigma, _ = np.linalg.svd(np.array(unit).T, full_matrices=False)
    return u[:, sigma > 1e-8]


def _sorted(values: Array) -> Array:
    """Largest modulus first, then by angle."""
    return values[np.lexsort((np.angle(values), -np.round(np.abs(values), 9)))].astype(complex)


def _named(off: Array, values: Array, vectors: Array, symmetries: Named, boosts: Named) -> tuple[Direction, ...]:
    largest = np.sqrt(values[-1] / 2)
    null = np.sqrt(values / 2) <= NULL * max(largest, 1.0)
    out, taken = [], np.zeros((off.shape[0], 0))
    for name, s in symmetries.items():
        rest = s - taken @ (taken.T @ s)
        if np.linalg.norm(rest) < 1e-8 * max(np.linalg.norm(s), 1e-300):
            continue  # the same motion as an earlier one, such as time shift and rotation of a circle
        unit = s / np.linalg.norm(s)
        eigenvalue = float(2 * np.sum((off @ unit) ** 2))
        if np.sqrt(eigenvalue / 2) > 1e-8 * max(largest, 1.0):
            continue
        out.append(Direction(name, "symmetry", eigenvalue, unit))
        taken = np.column_stack([taken, rest / np.linalg.norm(rest)])
    left = vectors[:, null] - taken @ (taken.T @ vectors[:, null])
    u, sigma, _ = np.linalg.svd(left, full_matrices=False)
    for k, unit in enumerate(u[:, sigma > 0.5].T, 1):
        eigenvalue = float(2 * np.sum((off @ unit) ** 2))
        out.append(Direction(f"genuine null direction {k}", "genuine", eigenvalue, unit))
    span = _orthonormal(list(boosts.values()), off.shape[0])
    for value, vector in zip(values[~null], vectors[:, ~null].T, strict=True):
        if np.sum((span.T @ vector) ** 2) > NAMED:
            weights = {name: abs(vector @ b) / np.linalg.norm(b) for name, b in boosts.items()}
            main = [name for name, w in weights.items() if w > 0.1]
            name, kind = " and ".join(main), "boost"
        else:
            kind = "soft" if np.sqrt(value / 2) < SOFT * largest else "stiff"
            name = kind
        out.append(Direction(name, kind, float(value), vector))
    return tuple(out)
