"""Hand-written derivatives of a right-hand side, in NumPy, batched over leading axes.

A comma in a subscript differentiates: `F_k,i = dF_k/dy_i`. Indices in the docstrings: `k` component, `i, j` state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array as Array
from .arrays import Params as Params
from .quadratic import Quadratic

if TYPE_CHECKING:
    from .counters import Counters

DENSE_BELOW = 100  # states: below, a dense product is faster than making a sparse matrix


@dataclass(frozen=True, eq=False)
class Sparsity:
    """Positions of the entries of an (n, n) matrix that can differ from zero; each position occurs once.

    `rows` and `cols` are integer arrays of shape (nnz,).
    """

    n: int
    rows: Array
    cols: Array

    def dense(self, values: Array) -> Array:
        """Scatter `values` (..., nnz) into a dense array (..., n, n)."""
        out = np.zeros((*values.shape[:-1], self.n, self.n))
        out[..., self.rows, self.cols] = values
        return out


@dataclass(frozen=True, eq=False)
class Derivatives:
    """First and second derivatives of `F(t, y, p)` with respect to the state `y`.

    Shapes: `y` and `s` are (..., n) and broadcast against one another; `t` is a scalar or broadcasts to the
    leading axes; `p` is the problem's parameter mapping (NumPy arrays).

    - `vjp(t, y, s, p)` -> (..., n): `s_k F_k,i`
    - `jac(t, y, p)` -> (..., n, n): `F_k,i` with `k` first
    - `vhp(t, y, s, p)` -> (..., n, n): `s_k F_k,ij`, symmetric

    `joint` holds those by parameters and time as well, and of the running loss; `quadratic(p)` gives the arrays of an `F` that
    is quadratic in `y` (`quadratic_derivatives` sets it), for strategies that make use of them. A large sparse system also
    gives the values on a fixed pattern, in the order of the pattern:

    - `jac_values(t, y, p)` -> (..., nnz) on `jac_sparsity`
    - `vhp_values(t, y, s, p)` -> (..., nnz) on `vhp_sparsity`
    """

    vjp: Callable[..., Array]
    jac: Callable[..., Array]
    vhp: Callable[..., Array]
    jac_sparsity: Sparsity | None = None
    jac_values: Callable[..., Array] | None = None
    vhp_sparsity: Sparsity | None = None
    vhp_values: Callable[..., Array] | None = None
    source: str = "hand-written"
    joint: JointDerivatives | None = None
    quadratic: Callable[[Params], Quadratic] | None = None

    @property
    def sparse(self) -> bool:
        """Whether Jacobian and contraction are available on a sparsity pattern."""
        return self.jac_values is not None and self.vhp_values is not None

    def matjac(self, t: float, y: Array, m: Array, p: Params) -> Array:
        """`m @ J(t, y)` for one state `y` (n,) and a matrix `m` (r, n); sparse where the problem is, and is large."""
        if self.jac_values is None or self.jac_sparsity is None or y.size < DENSE_BELOW:
            return m @ self.jac(t, y, p)
        from scipy.sparse import csr_array

        where = self.jac_sparsity
        jacobian_t = csr_array((self.jac_values(t, y, p), (where.cols, where.rows)), shape=(where.n, where.n))
        return (jacobian_t @ m.T).T

    def counted(self, counters: Counters) -> Derivatives:
        """The same derivatives, each call of which ticks `counters` by the number of states it was evaluated at."""

        return replace(
            self,
            vjp=_ticking(counters, self.vjp, "vjps", 1),
            jac=_ticking(counters, self.jac, "jacobians", 2),
            jac_values=_ticking(counters, self.jac_values, "jacobians", 1),
            vhp=_ticking(counters, self.vhp, "contractions", 2),
            vhp_values=_ticking(counters, self.vhp_values, "contractions", 1),
            joint=None if self.joint is None else self.joint.counted(counters),
        )


@dataclass(frozen=True, eq=False)
class JointDerivatives:
    """First and second derivatives of the joint function `(F, g)(t, y, a)` by `u = (y, a, t)`: state, parameters, time.

    `a` are the parameters `names`, flattened and in this order, P numbers; `u` has U = N + P + 1 components. The function
    has M = N + 1 components with a running loss `g`, which comes last, and M = N without one. Shapes: `y` (..., N),
    `s` (..., M) and `v` (..., U) broadcast against one another; `t` is a scalar or broadcasts to the leading axes; `p` is
    the parameter mapping, which holds `a`. Indices: `k` component, `u, v` of the arguments.

    - `jac(t, y, p)` -> (..., M, U): `(F, g)_k,u`
    - `vhp(t, y, s, p)` -> (..., U, U): `s_k (F, g)_k,uv`, symmetric
    - `vjp(t, y, s, p)` -> (..., U): `s_k (F, g)_k,u`
    - `jvp(t, y, v, p)` -> (..., M): `(F, g)_k,u v_u`
    - `hvp(t, y, s, v, p)` -> (..., U): `s_k (F, g)_k,uv v_v`

    The last three, the products, are made from the first two where they are not given.
    """

    names: tuple[str, ...]
    jac: Callable[..., Array]
    vhp: Callable[..., Array]
    vjp: Callable[..., Array] = None  # type: ignore[assignment]
    jvp: Callable[..., Array] = None  # type: ignore[assignment]
    hvp: Callable[..., Array] = None  # type: ignore[assignment]
    source: str = "hand-written"

    def __post_init__(self) -> None:
        jac, vhp = self.jac, self.vhp
        made = {
            "vjp": lambda t, y, s, p: (s[..., None, :] @ jac(t, y, p))[..., 0, :],
            "jvp": lambda t, y, v, p: (jac(t, y, p) @ v[..., None])[..., 0],
            "hvp": lambda t, y, s, v, p: (vhp(t, y, s, p) @ v[..., None])[..., 0],
        }
        for key, product in made.items():
            if getattr(self, key) is None:
                object.__setattr__(self, key, product)

    def of(self, names: tuple[str, ...], params: Params, dim: int) -> JointDerivatives:
        """The derivatives by the parameters `names` only, in that order; all of them have to be in `self.names`."""
        if names == self.names:
            return self
        sizes = [np.size(params[key]) for key in self.names]
        starts = dict(zip(self.names, dim + np.cumsum([0, *sizes[:-1]]), strict=True))
        chosen = [starts[key] + np.arange(np.size(params[key])) for key in names]
        at = np.concatenate([np.arange(dim), *chosen, [dim + sum(sizes)]])
        jac, vhp = self.jac, self.vhp
        return JointDerivatives(
            names,
            jac=lambda t, y, p: jac(t, y, p)[..., at],
            vhp=lambda t, y, s, p: vhp(t, y, s, p)[..., at[:, None], at],
            source=self.source,
        )

    def counted(self, counters: Counters) -> JointDerivatives:
        """The same derivatives, each call of which ticks `counters` by the number of states; a product counts as a vjp."""
        return replace(
            self,
            jac=_ticking(counters, self.jac, "jacobians", 2),
            vhp=_ticking(counters, self.vhp, "contractions", 2),
            **{key: _ticking(counters, getattr(self, key), "vjps", 1) for key in ("vjp", "jvp", "hvp")},
        )


def _ticking(counters: Counters, function: Callable[..., Array] | None, name: str, tail: int) -> Any:
    """`function`, each call of which adds the number of its results, arrays of `tail` axes, to the counter `name`."""
    if function is None:
        return None

    @wraps(function)
    def call(*args: Any) -> Array:
        out = function(*args)
        setattr(counters, name, getattr(counters, name) + out[(..., *(0,) * tail)].size)
        return out

    return call
