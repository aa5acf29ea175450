"""Mass action kinetics from reactions that are written as chemists do, with derivatives in NumPy by states and rates.

    r_j = k_j z_a(j) z_b(j),   dy_i/dt = M_ij r_j,   z = (y, 1)

A reaction has at most two molecules on the left; `a` and `b` are their places in `z`, where the last one stands for nobody.
`M` is made minus used. With `g = s M` and unit vectors `e`, everything else follows from

    s_k F_k = g_j k_j z_a z_b    F_,y: M_ij k_j (z_b e_a + z_a e_b)_j    s_k F_k,yy: g_j k_j (e_a e_b^T + e_b e_a^T)_j
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array, Derivatives, JointDerivatives, Params
from .._model.loss import misfit, misfit_blocks
from .._model.problem import Problem

MADE = "made"


@dataclass(frozen=True)
class MassAction:
    """`reactions` among `species`, such as `"A + B -> 2 C"`; an empty side is a source or a sink.

    The rates are those in the parameter `rates`, (P,), or their logarithms if it is called `log_...`. Reaction `j` has the
    rate `which[j]` of it (its own one by default), times `p["factor"][j]` if `factors` says that there are any. The
    stoichiometric matrix is the parameter `"made"` (N, R), of whole numbers (`params`), which every framework can hold.

    Raises `InvalidInput` for a reaction that cannot be read, or that has more than two molecules on the left.
    """

    species: tuple[str, ...]
    reactions: tuple[str, ...]
    rates: str = "k"
    which: tuple[int, ...] = ()
    factors: bool = False
    sides: tuple[Any, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sides", tuple(self._sides(reaction) for reaction in self.reactions))

    def _sides(self, reaction: str) -> tuple[list[int], list[int]]:
        """The molecules of both sides, each as often as it takes part."""
        parts = reaction.split("->")
        if len(parts) != 2:
            raise InvalidInput(f"The reaction {reaction!r} has to have two sides, as in 'A + B -> 2 C'.")
        sides = []
        for part in parts:
            side = []
            for term in part.split("+") if part.strip() else []:
                found = re.fullmatch(r"\s*(\d*)\s*(\S+)\s*", term)
                if found is None or found[2] not in self.species:
                    raise InvalidInput(
                        f"The reaction {reaction!r} has {term.strip()!r}; the species are {self.species}."
                    )
                side += [self.species.index(found[2])] * int(found[1] or 1)
            sides.append(side)
        if len(sides[0]) > 2:
            raise InvalidInput(
                f"The reaction {reaction!r} has {len(sides[0])} molecules on the left; two are the most."
            )
        return sides[0], sides[1]

    @cached_property
    def params(self) -> dict[str, Array]:
        """The stoichiometric matrix."""
        made = np.zeros((len(self.species), len(self.reactions)), dtype=np.int64)
        for j, (left, right) in enumerate(self.sides):
            for i in left:
                made[i, j] -= 1
            for i in right:
                made[i, j] += 1
        return {MADE: made}

    @cached_property
    def places(self) -> tuple[Array, Array, Array]:
        """a, b and the place of the rate, (R,) each."""
        nobody = len(self.species)
        pairs = np.array([[*left, nobody, nobody][:2] for left, _ in self.sides])
        which = np.array(self.which) if self.which else np.arange(len(self.reactions))
        return pairs[:, 0], pairs[:, 1], which

    def rhs(self, xp: Any, t: Any, y: Any, p: Any) -> Any:
        """dy/dt (N,) in any framework."""
        a, b, which = self.places
        z = xp.concatenate([y, 0.0 * y[:1] + 1.0])
        k = xp.exp(p[self.rates]) if self.logarithmic else p[self.rates]
        k = p["factor"] * k[which] if self.factors else k[which]
        return xp.sum(p[MADE] * (k * z[a] * z[b]), axis=1)

    @property
    def logarithmic(self) -> bool:
        """Whether the parameter holds logarithms of rates."""
        return self.rates.startswith("log_")

    def problem(
        self, name: str, t1: float, y0: Any, params: Params, seen: Array, size: Array, scale: Params, wrt: Any
    ) -> Problem:
        """The species at `t1` from `y0` (N,) at 0, and how far they are from those `seen` (N,), each in its own `size` (N,).

        `params` hold the rates, `scale` the sizes of unknowns (`Problem`). Such a system is autonomous, and as it runs down
        its state cannot be integrated backward.
        """
        return Problem(
            name=name,
            rhs=self.rhs,
            loss=misfit,
            t_span=(0.0, float(t1)),
            y0=np.asarray(y0, dtype=np.float64),
            params={**params, "size": size, "seen": seen, **self.params},
            wrt=wrt,
            autonomous=True,
            loss_uses_y0=False,
            dissipative=True,
            derivatives=self.derivatives(),
            loss_blocks=misfit_blocks,
            scale=scale,
        )

    def derivatives(self) -> Derivatives:
        """Derivatives in NumPy by states and, in `joint`, by the rates."""
        a, b, which = self.places
        n, count = len(self.species), len(self.reactions)
        unknowns = int(which.max()) + 1
        e_a, e_b, e_k = np.eye(n + 1)[a][:, :n], np.eye(n + 1)[b][:, :n], np.eye(unknowns)[which]

        def parts(y: Array, p: Params) -> tuple[Array, Array, Array, Array]:
            """k (R,), its derivative by the parameter (R,), z_a and z_b (..., R)."""
            theta = np.asarray(p[self.rates])[which]
            factor = np.asarray(p["factor"]) if self.factors else np.ones(count)
            k = factor * (np.exp(theta) if self.logarithmic else theta)
            z = np.concatenate([y, np.ones((*y.shape[:-1], 1))], axis=-1)
            return k, k if self.logarithmic else factor, z[..., a], z[..., b]

        def by_y(z_a: Array, z_b: Array) -> Array:
            """Of z_a z_b, (..., R, N)."""
            return z_b[..., None] * e_a + z_a[..., None] * e_b

        def jac(t: Any, y: Array, p: Params) -> Array:
            k, _, z_a, z_b = parts(y, p)
            return p[MADE] @ (k[:, None] * by_y(z_a, z_b))

        def vjp(t: Any, y: Array, s: Array, p: Params) -> Array:
            k, _, z_a, z_b = parts(y, p)
            g = (s @ p[MADE]) * k
            return (g * z_b) @ e_a + (g * z_a) @ e_b

        def vhp(t: Any, y: Array, s: Array, p: Params) -> Array:
            g = (s @ p[MADE]) * parts(y, p)[0]
            half = e_a.T @ (g[..., None] * e_b)
            out = half + np.swapaxes(half, -1, -2)
            return np.array(np.broadcast_to(out, (*np.broadcast_shapes(y.shape, s.shape)[:-1], n, n)))

        def joint_jac(t: Any, y: Array, p: Params) -> Array:
            _, slope, z_a, z_b = parts(y, p)
            lead = np.broadcast_shapes(np.shape(t), y.shape[:-1])
            out = np.zeros((*lead, n, n + unknowns + 1))
            out[..., :n] = jac(t, y, p)
            out[..., n:-1] = p[MADE] @ ((slope * z_a * z_b)[..., None] * e_k)
            return out

        def joint_vhp(t: Any, y: Array, s: Array, p: Params) -> Array:
            _, slope, z_a, z_b = parts(y, p)
            g = s @ p[MADE]
            lead = np.broadcast_shapes(np.shape(t), y.shape[:-1], s.shape[:-1])
            out = np.zeros((*lead, n + unknowns + 1, n + unknowns + 1))
            out[..., :n, :n] = vhp(t, y, s, p)
            mixed = np.swapaxes(by_y(z_a, z_b), -1, -2) @ ((g * slope)[..., None] * e_k)
            out[..., :n, n:-1] = mixed
            out[..., n:-1, :n] = np.swapaxes(mixed, -1, -2)
            if self.logarithmic:
                at = n + np.arange(unknowns)
                out[..., at, at] = (g * slope * z_a * z_b) @ e_k
            return out

        joint = JointDerivatives((self.rates,), joint_jac, joint_vhp)
        return Derivatives(vjp=vjp, jac=jac, vhp=vhp, joint=joint)
