"""The flow of a problem and its derivatives: end state, monodromy, gradient of non-closure, with counts and clear failures.

    y(T; x),   M = dy(T)/dx,   L = |y(T) - x|^2,   dL/dx = 2 (M - 1)^T r,   dL/dT = 2 r . F(y(T)),   r = y(T) - x

One adaptive solve chooses the steps; tangent and costate then follow the frozen steps, with the Jacobians of all stages
evaluated in one batched call, so they are the exact derivatives of what was computed. The gradient never forms `M`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np

from .._derive.generated import derivatives_of
from .._errors import HessbenchError, IntegrationError, InvalidInput
from .._integrate.ivp import IVP
from .._integrate.pairs import pair
from .._model.derivatives import Array, Derivatives
from .._model.problem import Problem
from ..discrete._stepper import Trajectory, integrate
from ._systems import System, system_of

TOO_CLOSE = 1e-6  # of two bodies: below, double precision has nothing left to say about what follows
COARSE_ATOL = 1e-3  # absolute tolerance as a share of the relative one: small components matter for closure


class Collision(HessbenchError, ArithmeticError):
    """Two bodies came too close; `time`, `distance` and `pair` say when, how close, and which."""

    def __init__(self, time: float, distance: float, pair: str, why: str) -> None:
        self.time, self.distance, self.pair = time, distance, pair
        super().__init__(f"Close encounter of {pair} at t = {time:.6g}: distance {distance:.3g}; {why}.")


@dataclass
class Work:
    """What a search cost: solves of the state, gradients, monodromies, Hessians, right-hand sides and Jacobians of it.

    A gradient or a monodromy contains the solve that it differentiates. `extended` counts right-hand sides in extended
    precision, which serve the last digits of the closure only.
    """

    solves: int = 0
    gradients: int = 0
    monodromies: int = 0
    hessians: int = 0
    rhs: int = 0
    jacobians: int = 0
    extended: int = 0

    def __sub__(self, other: Work) -> Work:
        return Work(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))


@dataclass(eq=False)
class Flow:
    """The flow of an autonomous `problem` from any start over any time, at tolerance `rtol` with DOP853.

    Not for stiff systems. Raises `InvalidInput` if the problem depends on time or asks for more than the initial state.
    """

    problem: Problem
    rtol: float = 1e-13
    max_steps: int = 20_000
    work: Work = field(default_factory=Work)

    def __post_init__(self) -> None:
        if not self.problem.autonomous:
            raise InvalidInput(
                f"problem {self.problem.name!r} depends on time; closed orbits are those of an autonomous one."
            )
        if self.problem.wrt != ("y0",):
            self.problem = replace(self.problem, wrt=("y0",))
        derivatives = derivatives_of(self.problem)
        if derivatives is None:
            raise InvalidInput(f"problem {self.problem.name!r} has no derivatives, and none could be derived.")
        self.derivatives: Derivatives = derivatives
        self.system: System = system_of(self.problem)

    def at(self, rtol: float) -> Flow:
        """The same flow at another tolerance, sharing the counts."""
        return replace(self, rtol=rtol)

    def rhs(self, y: Array) -> Array:
        """F(y) (N,)."""
        return self.problem.rhs(np, 0.0, y, self.problem.params)

    def path(self, x: Array, period: float) -> Trajectory:
        """Steps, stages and end state from `x` (N,) over `period`; raises `Collision` or `IntegrationError`."""
        ivp, last, p = (
            IVP("DOP853", self.rtol, self.rtol * COARSE_ATOL, self.max_steps, dim=x.size),
            [x],
            self.problem.params,
        )

        def f(t: float, y: Array) -> Array:
            last[0] = y
            return self.problem.rhs(np, t, y, p)

        self.work.solves += 1
        try:
            path = integrate(f, _no_jacobian, pair("DOP853"), (0.0, period), x, ivp, 0)
        except IntegrationError as error:
            self.work.rhs += ivp.counters.rhs
            self._explain(error, last[0])
            raise
        self.work.rhs += ivp.counters.rhs
        self._check_distance(path)
        return path

    def end(self, x: Array, period: float) -> Array:
        """y(period) (N,)."""
        return self.path(x, period).y1

    def monodromy(self, x: Array, period: float) -> tuple[Array, Array]:
        """y(period) (N,) and `M` (N, N). Cost: one solve, one Jacobian and one N^3 product per stage."""
        self.work.monodromies += 1
        path = self.path(x, period)
        scheme, jac = pair("DOP853"), self._jacobians(path)
        steps, s, n = jac.shape[:3]
        m, slopes = np.eye(n), np.empty((s, n * n))
        for k in range(steps):
            h, flat = path.h[k], m.ravel()
            slopes[0] = (jac[k, 0] @ m).ravel()
            for i in range(1, s):
                slopes[i] = (jac[k, i] @ (flat + h * (scheme.a[i, :i] @ slopes[:i])).reshape(n, n)).ravel()
            m = m + h * (scheme.b @ slopes).reshape(n, n)
        return path.y1, m

    def gradient(self, x: Array, period: float) -> tuple[float, Array, float]:
        """L, dL/dx (N,) and dL/dT by the discrete adjoint. Cost: one solve, one Jacobian and one N^2 product per stage."""
        self.work.gradients += 1
        path = self.path(x, period)
        scheme, jac = pair("DOP853"), self._jacobians(path)
        r = path.y1 - x
        lam, s = 2 * r, scheme.stages
        theta = np.empty((s, x.size))
        for k in range(path.t.size - 1, -1, -1):
            for i in range(s - 1, -1, -1):
                q = path.h[k] * (scheme.b[i] * lam + scheme.a[i + 1 :, i] @ theta[i + 1 :])
                theta[i] = q @ jac[k, i]
            lam = lam + theta.sum(axis=0)
        return float(r @ r), lam - 2 * r, float(2 * r @ self.rhs(path.y1))

    def _jacobians(self, path: Trajectory) -> Array:
        assert path.stages is not None
        self.work.jacobians += path.stages.shape[0] * path.stages.shape[1]
        return self.derivatives.jac(0.0, path.stages, self.problem.params)

    def _check_distance(self, path: Trajectory) -> None:
        if not self.system.pairs or path.stages is None:
            return
        closest = self.system.distances(path.stages)  # (steps, s, pairs)
        k, i, e = np.unravel_index(int(np.argmin(closest)), closest.shape)
        if closest[k, i, e] < TOO_CLOSE:
            when = path.t[k] + pair("DOP853").c[i] * path.h[k]
            raise Collision(
                float(when), float(closest[k, i, e]), self.system.pairs[e], "what follows cannot be computed"
            )

    def _explain(self, error: IntegrationError, y: Array) -> None:
        """Turn a failed solve into `Collision` where two bodies are near one another."""
        if not self.system.pairs or not np.all(np.isfinite(y)):
            return
        distances = self.system.distances(y)
        e = int(np.argmin(distances))
        if distances[e] < 1e-2:
            when = float(str(error).partition("t = ")[2].split()[0])
            raise Collision(
                when, float(distances[e]), self.system.pairs[e], "the steps became too small or too many"
            ) from error


def _no_jacobian(t: Array, y: Array) -> list[Array]:
    raise AssertionError("no tangents are integrated here")
