"""What a strategy returns at one point, and what the harness adds to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .counters import Counters
from .derivatives import Array
from .notebook import array, frame, table, unknowns
from .uncertainty import intervals, inverse


@dataclass(frozen=True, eq=False)
class Result:
    """`value`, `grad` (n,) and `hess` (n, n) at one point `x`; `hess` as computed, not symmetrised.

    `note` says in words what the strategy decided by itself (generated derivatives, number of fixed steps); `warnings` are
    sentences about this point that a user has to see (stiff, a kink was crossed), to which the harness adds its own.
    The harness fills in `counters`; `error`, an estimate of the Hessian's relative error (`hessian(..., verify=True)`);
    `blocks` and `shapes`, where each name of the problem's `wrt` stands and what shape it has; and `zero_blocks`, the names
    that the loss ignores: gradient and Hessian by them are exactly zero.

    `x` (n,) is the point itself; `logs` are the names of `wrt` that are logarithms (`on_log_scale`), with the names of what
    they are the logarithm of; `informed` computes `fisher` when that is first read.

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
    x: Array | None = None
    logs: Mapping[str, str] = field(default_factory=dict)
    informed: Callable[[], Array] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "informed": None}  # it holds the prepared problem; a `fisher` that was read is kept

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

    @cached_property
    def fisher(self) -> Array:
        """The expected Fisher information (n, n) of data with a `likelihood`, at `x`; it costs about one more Hessian.

        Of the data alone, without other terms of the loss. Raises `InvalidInput` where there is no declared likelihood.
        """
        if self.informed is None:
            raise InvalidInput(
                "There is no expected Fisher information in this result: it comes with `Data(..., likelihood=Normal(...))`, "
                "and does not outlive pickling unless it was read before."
            )
        return self.informed()

    def covariance(self, expected: bool = False) -> Array:
        """The inverse Hessian (n, n): the unknowns' covariance at the minimum of a loss that is a negative log-likelihood.

        Its diagonal's square roots are standard deviations (Laplace). `expected` takes the expected Fisher information instead
        where the data have a likelihood, and else the Gauss-Newton matrix. Raises `InvalidInput` where there is none, and where
        it is not positive definite, with the combination of unknowns that the data do not determine.
        """
        matrix, what = self.hess, "Hessian"
        if expected:
            matrix, what = self.gauss_newton, "Gauss-Newton matrix"
            if self.informed is not None or "fisher" in vars(self):
                matrix, what = self.fisher, "Fisher information"
        if matrix is None:
            raise InvalidInput("There is no Gauss-Newton matrix in this result: it comes with `Problem(data=...)`.")
        names = unknowns(self.blocks) or tuple(f"x[{i}]" for i in range(len(matrix)))
        return inverse(matrix, names, what)

    def intervals(self, level: float = 0.95, expected: bool = False) -> dict[str, tuple[Array, Array]]:
        """Lower and upper ends, by name, of Laplace's confidence intervals from `covariance(expected)`.

        `{"k": (lower, upper), ...}`, in the shape of each unknown. Of one on a logarithmic scale (`on_log_scale`) the ends are
        those of the logarithm put back, under its own name: they are positive, and not symmetric. Raises what `covariance`
        raises, and `InvalidInput` for a `level` outside of (0, 1).
        """
        if self.x is None:
            raise InvalidInput(
                "There is no point `x` in this result, because it did not come from `hessbench.prepare`."
            )
        deviations = np.sqrt(np.diag(self.covariance(expected)))
        return intervals(self.x, deviations, level, self.blocks, self.shapes, self.logs)

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
