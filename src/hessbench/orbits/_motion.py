"""A motion of a Lagrangian or Hamiltonian that is given once: what determinants along it need, by automatic differentiation.

    z = (q, p),   z' = J grad H,   J = [[0, 1], [-1, 0]]

Of a Lagrangian L(q, v), convex in v, the Hamiltonian is `p.v - L` with v from `p = L_v`, hence, with all derivatives at (q, v),

    H_q = -L_q,  H_p = v,  H_pp = L_vv^-1,  H_pq = -L_vv^-1 L_vq,  H_qq = -L_qq + L_qv L_vv^-1 L_vq
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import IntegrationError, InvalidInput, Unavailable
from .._model.derivatives import Array
from ..backends import backend, differentiating, known, one_of

NEWTON = 50  # most iterations from a momentum to its velocity
OPERATION = "value_grad_hessian"


@dataclass(frozen=True, eq=False)
class Motion:
    """A path over the time `t`, of `hamiltonian(xp, q, p)` or `lagrangian(xp, q, v)`, whose values are scalars.

    `start` is (q, p) or (q, v), (2d,), from where it is integrated. Instead, `trajectory(time)` gives the path itself, as
    suits instantons, which no integration from one end reaches. `periodic` says that it closes after `t`. In Euclidean time
    give the Euclidean Lagrangian, `v^2 / 2 + V`. `zero_modes` are directions in which the path may be moved at no cost, "time"
    or functions of q (d,); `reference` is a point q (d,) at rest whose determinant is divided by. `hbar` is that of phases.
    Raises `InvalidInput` for what contradicts itself.
    """

    name: str
    t: float
    hamiltonian: Callable[[Any, Any, Any], Any] | None = None
    lagrangian: Callable[[Any, Any, Any], Any] | None = None
    start: Sequence[float] | None = None
    trajectory: Callable[[float], Any] | None = None
    periodic: bool = False
    zero_modes: Sequence[Any] = ()
    reference: Sequence[float] | None = None
    hbar: float = 1.0

    def __post_init__(self) -> None:
        if (self.hamiltonian is None) == (self.lagrangian is None):
            raise InvalidInput(f"motion {self.name!r}: give either `hamiltonian(xp, q, p)` or `lagrangian(xp, q, v)`.")
        if (self.start is None) == (self.trajectory is None):
            raise InvalidInput(f"motion {self.name!r}: give either `start`, or `trajectory(t)`.")
        if not (0 < self.t < np.inf and 0 < self.hbar < np.inf):
            raise InvalidInput(
                f"motion {self.name!r}: `t` is {self.t!r} and `hbar` {self.hbar!r}; expected positive numbers."
            )
        if self.given(0.0).size % 2 or not np.all(np.isfinite(self.given(0.0))):
            raise InvalidInput(
                f"motion {self.name!r}: it begins at {self.given(0.0)}; expected coordinates, then as many momenta "
                f"or velocities."
            )
        if self.reference is not None and np.size(self.reference) != self.d:
            raise InvalidInput(
                f"motion {self.name!r}: `reference` has {np.size(self.reference)} numbers, expected {self.d}."
            )
        for mode in self.zero_modes:
            if mode != "time" and not callable(mode):
                raise InvalidInput(
                    f"motion {self.name!r}: `zero_modes` holds {mode!r}, expected 'time' or a function of q."
                )

    def given(self, time: float) -> Array:
        """(q, p) or (q, v) as given, (2d,), at a time; of a start at its own."""
        found = self.start if self.trajectory is None else self.trajectory(time)
        return np.asarray(found, dtype=float).ravel()

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return self.given(0.0).size // 2


class Mechanics:
    """The Hamiltonian of a `motion`: `at(z)` is its value, gradient (2d,) and Hessian (2d, 2d) at z = (q, p) (2d,)."""

    def __init__(self, motion: Motion) -> None:
        self.motion, self.d = motion, motion.d
        names = differentiating(2, OPERATION)
        if not names:
            raise Unavailable(
                f"Determinants need a framework that differentiates: {one_of(known(2, OPERATION))}; "
                f"pip install 'hessbench[jax]'."
            )
        b, d = backend(names[0]), self.d
        f = motion.hamiltonian or motion.lagrangian
        assert f is not None
        compiled = b.compile(lambda z: b.value_grad_hessian(lambda z: b.xp.sum(f(b.xp, z[:d], z[d:])))(z))

        def second(z: Array) -> tuple[float, Array, Array]:
            value, g, h = (b.to_numpy(a) for a in compiled(b.asarray(z)))
            return float(value), np.asarray(g), np.asarray(h)

        self._second, self._v = second, motion.given(0.0)[d:]
        self.at = second if motion.hamiltonian is not None else self._legendre

    def momenta(self, given: Array) -> Array:
        """z = (q, p) (2d,) from (q, p) or (q, v) as `given`, (2d,)."""
        if self.motion.hamiltonian is not None:
            return given
        return np.append(given[: self.d], self._second(given)[1][self.d :])

    def _legendre(self, z: Array) -> tuple[float, Array, Array]:
        d, q, p = self.d, z[: self.d], z[self.d :]
        v = self._v
        for _ in range(NEWTON):
            value, g, h = self._second(np.append(q, v))
            step = np.linalg.solve(h[d:, d:], p - g[d:])
            v = v + step
            if np.max(np.abs(step)) <= 1e-14 * (1 + np.max(np.abs(v))):
                break
        else:
            raise IntegrationError(f"motion {self.motion.name!r}: no velocity belongs to the momentum {p} at {q}.")
        self._v = v
        value, g, h = self._second(np.append(q, v))
        pp = np.linalg.inv(h[d:, d:])
        pq = -pp @ h[d:, :d]
        return float(p @ v) - value, np.append(-g[:d], v), np.block([[-h[:d, :d] - h[:d, d:] @ pq, pq.T], [pq, pp]])
