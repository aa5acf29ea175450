"""Determinants along one motion: van Vleck, Gelfand-Yaglom, zero modes removed, Maslov's index, the trace of periodic ones.

With the tangent map `M = [[A, B], [C, D]]` in (q, p), `M' = J H'' M`,

    van Vleck       det(-d2S/da db) = 1 / det B
    Gelfand-Yaglom  the fluctuation operator's determinant over that of the free motion = det B det(L_vv) / t^d
    Maslov index    number of conjugate points, det B = 0 inside (0, t), by the winding of (D + iB)(D - iB)^-1
    zero modes      D(l) = det B of the operator minus l, which adds l to H_qq: with k modes left out det' = (-1)^k a_k,
                    a_k the coefficient of l^k, from D on a circle (Cauchy); each mode s gives sqrt(integral of s^2 / 2 pi hbar)
    periodic orbit  amplitude T / sqrt|det(M_red - 1)|, phase  S / hbar - sigma pi / 2,  sigma = mu + nu + [dT/dE > 0]

with nu the number of negative eigenvalues of the Hessian of S(q, q; T). Sources: Van Vleck (1928); Gelfand & Yaglom (1960);
Gutzwiller, J. Math. Phys. 12 (1971) 343; Coleman, Aspects of Symmetry, chapter 7; Robbin & Salamon, Topology 32 (1993) 827.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._errors import HessbenchError, InvalidInput
from .._integrate.ivp import IVP
from .._model.derivatives import Array
from ._analyse import reduced_multipliers
from ._motion import Mechanics, Motion

POINTS = 8  # on the circle of Cauchy's formula
GRID = 256  # first number of times at which the index is looked at
FINEST = 2**14
CLOSED = 1e-6  # how nearly a periodic motion has to close, relative
ON_PATH = 1e-5  # how nearly a given trajectory has to obey the equations of motion, relative


@dataclass(frozen=True, eq=False)
class Periodic:
    """A periodic orbit: W = closed integral of p dq, multipliers without the two of time and energy (2d - 2,), dT/dE.

    `reduced` is |det(M_red - 1)|, 1 in one dimension; `maslov` the index sigma of the trace formula.
    """

    w: float
    multipliers: Array
    reduced: float
    period_by_energy: float
    maslov: int


@dataclass(frozen=True, eq=False)
class Along:
    """What is known along a motion: action (integral of L), energy, tangent map (2d, 2d), determinants, index mu.

    With zero modes, `removed` is det' of B without them, and `jacobian` the product of their collective coordinates' factors.
    With a reference, `reference` is det B of the rest there; `prefactor` = jacobian |removed / reference|^(-1/2).
    """

    motion: Motion
    action: float
    energy: float
    tangent: Array
    van_vleck: float
    gelfand_yaglom: float
    index: int
    removed: float | None
    jacobian: float | None
    reference: float | None
    periodic: Periodic | None

    @property
    def prefactor(self) -> float | None:
        """The one-loop factor of this path beside the reference's; `None` without one."""
        if self.reference is None:
            return None
        det = self.removed if self.removed is not None else 1 / self.van_vleck
        return (1.0 if self.jacobian is None else self.jacobian) * abs(det / self.reference) ** -0.5


def determinant_along(motion: Motion, rtol: float = 1e-12) -> Along:
    """Everything along `motion`, integrated at `rtol`.

    Raises `InvalidInput` for a trajectory that does not obey the equations, a periodic motion that does not close, and an end
    that is a conjugate point, where the amplitude is infinite.
    """
    mechanics, d = Mechanics(motion), motion.d
    run = _Run(mechanics, motion, rtol)
    energy, _, h0 = mechanics.at(run.z(0.0))
    m, extra = run.tangent(motion.t)
    b = m[:d, d:]
    index = _index(run)
    det = float(np.linalg.det(b))
    singular = np.linalg.svd(b, compute_uv=False)
    if singular[-1] < 1e-9 * max(1.0, singular[0]):
        raise InvalidInput(
            f"motion {motion.name!r}: its end is a conjugate point (det B = {det:.2g}), where the amplitude "
            f"is infinite; take another `t`."
        )
    removed, jacobian = _without_zero_modes(run) if motion.zero_modes else (None, None)
    return Along(
        motion, float(extra[0]) - energy * motion.t, energy, m, 1 / det,
        det / float(np.linalg.det(h0[d:, d:])) / motion.t**d, index, removed, jacobian,
        None if motion.reference is None else _rest(mechanics, motion),
        _periodic(run, m, index, float(extra[0]), energy) if motion.periodic else None,
    )  # fmt: skip


class _Run:
    """The motion and its tangent map, integrated once; `z(t)` (2d,) is the state."""

    def __init__(self, mechanics: Mechanics, motion: Motion, rtol: float) -> None:
        self.mechanics, self.motion, self.d = mechanics, motion, motion.d
        self.n = n = 2 * motion.d
        self.ivp = IVP("DOP853", rtol=rtol, atol=rtol * 1e-3)
        self.given = motion.trajectory is not None
        start = mechanics.momenta(motion.given(0.0))
        y0 = np.concatenate([start, [0.0], np.eye(n).ravel()])
        self.solution = self.ivp.solve(self._slopes, (0.0, motion.t), y0, dense=True)
        if self.given:
            self._check()

    def z(self, t: float) -> Array:
        if self.given:
            return self.mechanics.momenta(self.motion.given(t))
        return self.solution.y(t)[: self.n] if t else self.mechanics.momenta(self.motion.given(0.0))

    def tangent(self, t: float) -> tuple[Array, Array]:
        """M (2d, 2d) at a time, and the integral of p dq."""
        y = self.solution.y1 if t == self.motion.t else self.solution.y(t)
        return y[self.n + 1 :].reshape(self.n, self.n), y[self.n : self.n + 1]

    def turned(self, g: Array) -> Array:
        """J g for a gradient (2d,) or a matrix (2d, ...)."""
        return np.concatenate([g[self.d :], -g[: self.d]])

    def _slopes(self, t: float, y: Array) -> Array:
        n, d = self.n, self.d
        z = self.z(t) if self.given else y[:n]
        _, g, h = self.mechanics.at(z)
        out = np.empty_like(y)
        out[:n] = self.turned(g)
        out[n] = z[d:] @ g[d:]
        out[n + 1 :] = (self.turned(h) @ y[n + 1 :].reshape(n, n)).ravel()
        return out

    def _check(self) -> None:
        """A given trajectory obeys the equations of motion, by differences in time."""
        t, e = self.motion.t * np.linspace(0.05, 0.95, 19), 1e-3 * self.motion.t / 20
        for time in t:
            rate = (8 * (self.z(time + e) - self.z(time - e)) - self.z(time + 2 * e) + self.z(time - 2 * e)) / (12 * e)
            slope = self.turned(self.mechanics.at(self.z(time))[1])
            gap = float(np.max(np.abs(rate - slope)))
            if gap > ON_PATH * (1 + float(np.max(np.abs(slope)))):
                raise InvalidInput(
                    f"motion {self.motion.name!r}: at t = {time:.4g} the trajectory is off the equations of motion "
                    f"by {gap:.2g}."
                )


def _index(run: _Run) -> int:
    """Conjugate points inside (0, t): full turns of the phases of (D + iB)(D - iB)^-1, which cross 0 upwards alone."""
    d, points = run.d, GRID
    while points <= FINEST:
        phases, winding, last, steady = np.zeros(d), 0.0, np.zeros(d), True
        for t in np.linspace(0, run.motion.t, points + 1)[1:]:
            m = run.tangent(float(t))[0]
            frame = np.linalg.qr(np.vstack([m[:d, d:], m[d:, d:]]))[0]  # the same plane, of a size that does not grow
            unitary = (frame[d:] + 1j * frame[:d]) @ np.linalg.inv(frame[d:] - 1j * frame[:d])
            phases = np.angle(np.linalg.eigvals(unitary)) % (2 * np.pi)
            turn = float(np.angle(np.exp(1j * (np.sum(phases) - np.sum(last)))))
            steady &= abs(turn) < 1.0
            winding, last = winding + turn, phases
        if steady:
            return round((winding - float(np.sum(phases))) / (2 * np.pi))
        points *= 2
    raise HessbenchError(
        f"motion {run.motion.name!r}: its conjugate points are too close to be counted; take a shorter time."
    )


def _without_zero_modes(run: _Run) -> tuple[float, float]:
    """det' of B without k modes, and the product of the collective coordinates' factors."""
    motion, d, n, k = run.motion, run.d, run.n, len(run.motion.zero_modes)
    radius = 0.1 * (np.pi / motion.t) ** 2 * float(np.linalg.norm(run.mechanics.at(run.z(0.0))[2][d:, d:], 2)) ** -1
    shifts = radius * np.exp(2j * np.pi * (np.arange(POINTS // 2) + 0.5) / POINTS)  # the other half is conjugate
    first = np.zeros((shifts.size, n, d), dtype=complex)
    first[:, d:] = np.eye(d)

    def slopes(t: float, y: Array) -> Array:
        z = run.z(t)
        _, g, h = run.mechanics.at(z)
        columns = y[: -k * k].view(complex).reshape(first.shape)
        turned = np.einsum("ij,mjk->mik", run.turned(h), columns)
        turned[:, d:] -= shifts[:, None, None] * columns[:, :d]  # p' = -(H_qq + l) q
        modes = np.array([g[d:] if s == "time" else np.asarray(s(z[:d]), dtype=float) for s in motion.zero_modes])
        return np.concatenate([np.ascontiguousarray(turned).view(float).ravel(), (modes @ modes.T).ravel()])

    y0 = np.concatenate([first.view(float).ravel(), np.zeros(k * k)])
    end = run.ivp.solve(slopes, (0.0, motion.t), y0).y1
    values = np.linalg.det(end[: -k * k].view(complex).reshape(first.shape)[:, :d])
    coefficient = 2 * float(np.real(np.sum(values / shifts**k))) / POINTS
    gram = end[-k * k :].reshape(k, k)
    return (-1) ** k * coefficient, float(np.sqrt(np.linalg.det(gram / (2 * np.pi * motion.hbar))))


def _rest(mechanics: Mechanics, motion: Motion) -> float:
    """det B (a number) of the rest at the reference over the same time. Raises `InvalidInput` where there is no rest."""
    from scipy.linalg import expm

    d, q = motion.d, np.asarray(motion.reference, dtype=float).ravel()
    z = mechanics.momenta(np.append(q, np.zeros(d)))
    _, g, h = mechanics.at(z)
    if np.max(np.abs(g)) > 1e-8 * (1 + np.max(np.abs(h))):
        raise InvalidInput(f"motion {motion.name!r}: `reference` {q} is not at rest; the gradient of H is {g}.")
    generator = np.concatenate([h[d:], -h[:d]])
    return float(np.linalg.det(expm(motion.t * generator)[:d, d:]))


def _periodic(run: _Run, m: Array, mu: int, w: float, energy: float) -> Periodic:
    motion, d, n = run.motion, run.d, run.n
    z0, z1 = run.z(0.0), run.z(motion.t)
    gap = float(np.linalg.norm(z1 - z0))
    if gap > CLOSED * (1 + float(np.linalg.norm(z0))):
        raise InvalidInput(f"motion {motion.name!r}: it does not close after t = {motion.t:g}; it is off by {gap:.2g}.")
    gradient = run.mechanics.at(z0)[1]
    flow = run.turned(gradient)
    system = np.vstack([np.column_stack([m - np.eye(n), flow]), np.append(gradient, 0.0)])
    by_energy = float(np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=1e-10)[0][-1])
    multipliers = reduced_multipliers(m, [flow], [gradient])
    reduced = float(np.abs(np.prod(multipliers - 1))) if d > 1 else 1.0
    a, b, _, e = m[:d, :d], m[:d, d:], m[d:, :d], m[d:, d:]
    inverse = np.linalg.inv(b)
    hessian = inverse @ a - inverse - inverse.T + e @ inverse
    velocity = flow[:d] / np.linalg.norm(flow[:d])
    rest = np.linalg.svd(velocity[:, None], full_matrices=True)[0][:, 1:]
    nu = int(np.sum(np.linalg.eigvalsh(rest.T @ (hessian + hessian.T) @ rest) < 0)) if d > 1 else 0
    return Periodic(w, multipliers, reduced, by_energy, mu + nu + (by_energy > 0))
