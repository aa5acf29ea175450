"""What a strategy returns at one point, and what the harness adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._errors import InvalidInput
from .counters import Counters
from .derivatives import Array


@dataclass(frozen=True, eq=False)
class Result:
    """`value`, `grad` (n,) and `hess` (n, n) at one point `x`; `hess` as computed, not symmetrised.

    `note` says in words what the strategy decided by itself (generated derivatives, number of fixed steps); `warnings` are
    sentences about this point that a user has to see (stiff, a kink was crossed), to which the harness adds its own.
    The harness fills in `counters`; `error`, an estimate of the Hessian's relative error (`hessian(..., verify=True)`);
    `blocks` and `shapes`, where each name of the problem's `wrt` stands and what shape it has; and `zero_blocks`, the names
    that the loss ignores: gradient and Hessian by them are exactly zero.
    """

    value: float
    grad: Array
    hess: Array
    counters: Counters = field(default_factory=Counters)
    note: str = ""
    blocks: Mapping[str, slice] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    zero_blocks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    error: float | None = None

    @property
    def said(self) -> str:
        """The note and all warnings, for a record."""
        return "; ".join(part for part in (self.note, *self.warnings) if part)

    def block(self, row: str, column: str) -> Array:
        """The Hessian by two names of `wrt`, for example `block("y0", "theta")`: (size of row, size of column).

        Raises `InvalidInput` for a name that is not in `wrt`.
        """
        return self.hess[self._at(row), self._at(column)]

    def gradient(self, name: str) -> Array:
        """The gradient by one name of `wrt`, in the shape of that parameter. Raises `InvalidInput` as `block` does."""
        return self.grad[self._at(name)].reshape(self.shapes[name])

    def _at(self, name: str) -> slice:
        if name not in self.blocks:
            known = ", ".join(self.blocks) or "no blocks, because it did not come from `hessbench.prepare`"
            raise InvalidInput(
                f"There is no block {name!r} in this result; it has {known}. Name it in the problem's `wrt`."
            )
        return self.blocks[name]
