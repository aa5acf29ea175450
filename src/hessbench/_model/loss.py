"""First and second derivatives of the loss of the end points, as values at one point.

`LossBlocks` holds those by `(y0, y1)`, `JointLoss` those by `(y0, y1, a, t0, t1)` with `a` the parameters in `wrt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .arrays import Array, Params


@dataclass(eq=False)
class LossBlocks:
    """Value and derivative blocks of `l(y0, y1)`; `l01[i, j]` differentiates by `y0_i` and `y1_j`. All (N,) or (N, N)."""

    value: float
    l0: Array
    l1: Array
    l00: Array
    l01: Array
    l11: Array


@dataclass(eq=False)
class JointLoss:
    """Value, gradient (K,) and Hessian (K, K) of `l(y0, y1, a, t0, t1)`, K = 2N + P + 2.

    `at` says where `"y0"`, `"y1"`, `"a"`, `"t0"` and `"t1"` stand; `a` are the parameters in `wrt`, flattened, in its order.
    """

    value: float
    grad: Array
    hess: Array
    at: Mapping[str, slice]

    def first(self, name: str) -> Array:
        """The part of the gradient that belongs to `name`."""
        return self.grad[self.at[name]]

    def second(self, row: str, column: str) -> Array:
        """A block of the Hessian: a matrix, whatever the names; an end time counts as one row or column."""
        return self.hess[self.at[row], self.at[column]]


def non_closure(y0: Array, y1: Array, p: Params) -> LossBlocks:
    """Blocks of `|y1 - y0|^2` at `y0` and `y1` (N,), the loss of orbit problems; `p` is not used."""
    gap, (two, minus_two) = y1 - y0, _twice_identity(y0.size)
    slope = gap + gap
    return LossBlocks(float(gap @ gap), -slope, slope, two, minus_two, two)


@cache
def _twice_identity(n: int) -> tuple[Array, Array]:
    """The constant blocks (n, n) of `non_closure`; nobody may write to them."""
    blocks = (2.0 * np.eye(n), -2.0 * np.eye(n))
    for block in blocks:
        block.flags.writeable = False
    return blocks


def misfit(xp: Any, y0: Any, y1: Any, p: Any) -> Any:
    """`sum(((y1 - seen) / size)^2)`: how far the end state is from a measured one, each component in its own size.

    `y0` is not used; `p` holds `"seen"` and `"size"`, (N,) each.
    """
    return xp.sum(((y1 - p["seen"]) / p["size"]) ** 2)


def misfit_blocks(y0: Array, y1: Array, p: Params) -> LossBlocks:
    """Blocks of `misfit` at `y0` and `y1` (N,), with `"seen"` and `"size"` (N,) in `p`."""
    n, weight = y1.size, 1.0 / np.square(p["size"])
    gap, none = y1 - p["seen"], np.zeros((y1.size, y1.size))
    return LossBlocks(float(weight @ gap**2), np.zeros(n), 2.0 * weight * gap, none, none, np.diag(2.0 * weight))
