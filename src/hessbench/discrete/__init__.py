"""The second-order discrete adjoint: the exact Hessian of what an explicit Runge-Kutta integrator computes, steps frozen.

`prepare` gives a function of `x`, `prepare_products` one of `x` and directions. By the initial state alone: dense NumPy
(`_dense`), sparse NumPy (`_sparse`), and generated C (`_kernel`), chosen in `_forms`; formulas in `_dense`. By parameters and
end times too, or with a running loss, in NumPy and in C: `_generic`, `_fold`, `_columns` with the formulas. Error control:
`_stepper`. From a right-hand side to C: `_trace`, `_emit`, `_kernel`.
"""

from __future__ import annotations

from ._forms import prepare, prepare_products
from ._options import FORMS, Options

__all__ = ["FORMS", "Options", "prepare", "prepare_products"]
