"""What a strategy returns at one point, and what the harness adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .counters import Counters
from .derivatives import Array
from .notebook import array, frame, table, unknowns


@dataclass(frozen=True, eq=False)
class Result:
    """`value`, `grad` (n,) and `hess` (n, n) at one point `x`; `hess` as computed, not symmetrised.

    `note` says in words what the strategy decided by itself (generated derivatives, number of fixed steps); `warnings` are
    sentences about this point that a user has to see (stiff, a kink was crossed), to which the harness adds its own.
    The harness fills in `counters`; `error`, an estimate of the Hessian's relative error (`hessian(..., verify=True)`);
    `blocks` and `shapes`, where each name of the problem's `wrt` stands and what shape it has; and `zero_blocks`, the names
    that the loss ignores: gradient and Hessian by them are exactly zero.

    `gauss_newton` (n, n), with data only: the Hessian without the second derivatives of the solution, of event times and
    jumps, and of residuals. It is never indefinite where the loss is convex in the solution.
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
    gauss_newton: Array | None = None

    @property
    def said(self) -> str:
        """The note and all warnings, for a record."""
        return "; ".join(part for part in (self.note, *self.warnings) if part)

    def filled(self, **fields: Any) -> Result:
        """The same with other `fields`: `dataclasses.replace` in half its time, for nothing here is checked at the start."""
        out = object.__new__(type(self))
        vars(out).update(vars(self))
        vars(out).update(fields)
        return out

    def block(self, row: str, column: str) -> Array:
        """The Hessian by two names of `wrt`, for example `block("y0", "theta")`: (size of row, size of column).

        Raises `InvalidInput` for a name that is not in `wrt`.
        """
        return self.hess[self._at(row), self._at(column)]

    def gradient(self, name: str) -> Array:
        """The gradient by one name of `wrt`, in the shape of that parameter. Raises `InvalidInput` as `block` does."""
        return self.grad[self._at(name)].reshape(self.shapes[name])

    def covariance(self, expected: bool = False) -> Array:
        """The inverse Hessian (n, n): the unknowns' covariance at the minimum of a loss that is a negative log-likelihood.

        Its diagonal's square roots are standard deviations (Laplace). `expected` takes the Gauss-Newton matrix instead. Raises
        `InvalidInput` where the matrix is not positive definite, or there is none.
        """
        matrix = self.gauss_newton if expected else self.hess
        if matrix is None:
            raise InvalidInput("There is no Gauss-Newton matrix in this result: it comes with `Problem(data=...)`.")
        matrix = (matrix + matrix.T) / 2
        size = np.sqrt(np.abs(np.diag(matrix)))
        scaled = matrix / np.outer(size, size) if np.all(size > 0) else matrix
        if not np.all(np.isfinite(scaled)) or np.linalg.eigvalsh(scaled)[0] <= 1e-14:
            which = "Gauss-Newton matrix" if expected else "Hessian"
            raise InvalidInput(
                f"The {which} is not positive definite: this is no minimum, or a combination of the unknowns is not determined."
            )
        return np.linalg.inv(scaled) / np.outer(size, size)

    def to_frame(self) -> Any:
        """The Hessian as a pandas `DataFrame`, whose rows and columns are named by the unknowns, such as `y0[1]`.

        Raises `Unavailable` without pandas.
        """
        return frame(self.hess, list(unknowns(self.blocks)) or None)

    def _repr_html_(self) -> str:
        """For notebooks: value, gradient, Hessian and all that is said of them."""
        names = unknowns(self.blocks)
        rows = [
            ("loss", f"{self.value:.10g}"),
            ("gradient", array(self.grad, names)),
            ("Hessian", array(self.hess, names)),
        ]
        if self.error is not None:
            rows.append(("estimated relative error", f"{self.error:.1e}"))
        rows += [("warning", said) for said in self.warnings]
        if self.note:
            rows.append(("note", self.note))
        return table("Hessian of the loss", rows)

    def _at(self, name: str) -> slice:
        if name not in self.blocks:
            known = ", ".join(self.blocks) or "no blocks, because it did not come from `hessbench.prepare`"
            raise InvalidInput(
                f"There is no block {name!r} in this result; it has {known}. Name it in the problem's `wrt`."
            )
        return self.blocks[name]
