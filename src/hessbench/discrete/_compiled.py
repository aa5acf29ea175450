"""Calling a generated kernel: what the sweeps by the state alone and by columns have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from .._model.derivatives import Array, Params
from ._columns import EndBlocks, parameter_directions
from ._forward import ForwardSolve, Path
from ._kernel import Kernel
from ._workspace import Buffer


class Swept(Protocol):
    """The gradient (total,) at one point, and how to go on; `hessian` and `products` may be called once each.

    `gauss_newton` (total, total) is there after `hessian`, with terms between the ends.
    """

    grad: Array
    gauss_newton: Array | None

    def hessian(self) -> Array:
        """(total, total)"""
        ...

    def products(self, directions: Array) -> Array:
        """The Hessian times `directions` (total, k)."""
        ...


class Compiled(ForwardSolve, ABC):
    """One kernel. `limit`: bytes for the stages of all steps of all calls in flight."""

    def __init__(self, kernel: Kernel, probes: int, limit: float, segment: int, per_stage: int) -> None:
        self.kernel = kernel
        super().__init__(kernel, probes, limit, segment, 8 * kernel.stages * (per_stage + (not kernel.autonomous)))

    @abstractmethod
    def swept(self, path: Path, end: EndBlocks) -> Swept:
        """The backward sweep over the steps of `path`, from the blocks of the loss at its end."""

    def params(self, p: Params, active: Array, by_component: bool = False) -> Buffer:
        """The parameters and the random directions of the probes in the `active` ones (P,), in the kernel's order."""
        return flat_params(self.kernel.params, p, parameter_directions(active, self.probes, by_component).ravel())


def flat_params(names: tuple[str, ...], p: Params, more: Array | None = None) -> Buffer:
    """The parameters `names` in the kernel's order, and `more` numbers behind them."""
    values = [np.asarray(p[key], dtype=np.float64).ravel() for key in names]
    flat = np.concatenate([*values, np.zeros(0) if more is None else more])
    out = Buffer(flat.size + 1)
    out.array[: flat.size] = flat
    return out
