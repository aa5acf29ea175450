"""Hand-written derivatives of a right-hand side, in NumPy, batched over leading axes.

A comma in a subscript differentiates: `F_k,i = dF_k/dy_i`. Indices in the docstrings: `k` component, `i, j` state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._counters import Counters

Array = np.ndarray
Params = Mapping[str, Any]
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

    A large sparse system also gives the values on a fixed pattern, in the order of the pattern:

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

        def ticking(function: Callable[..., Array] | None, name: str, tail: int) -> Any:
            if function is None:
                return None

            @wraps(function)
            def call(*args: Any) -> Array:
                out = function(*args)
                setattr(counters, name, getattr(counters, name) + out[(..., *(0,) * tail)].size)
                return out

            return call

        return replace(
            self,
            vjp=ticking(self.vjp, "vjps", 1),
            jac=ticking(self.jac, "jacobians", 2),
            jac_values=ticking(self.jac_values, "jacobians", 1),
            vhp=ticking(self.vhp, "contractions", 2),
            vhp_values=ticking(self.vhp_values, "contractions", 1),
        )
