"""The second-order discrete adjoint: the exact Hessian of what an explicit Runge-Kutta integrator computes, steps frozen.

`prepare` gives a function of `x`, `prepare_products` one of `x` and directions. There is one road (`_linearised`), on which
the form is chosen (`_forms`): generated C (`_compiled_form`) or NumPy (`_numpy_form`). What a problem may differentiate by is
folded into initial state and parameters (`_fold`); by the state alone there are no other columns, and sweeps that are faster:
formulas in `_dense`, `_sparse` and `_columns`. Data at many times: `_observed`, `_data`, `_marked`, and `_moving` where an end
time is an unknown. Error control: `_stepper`, `_sizes`. From a right-hand side to C: `_trace`, `_expressions`, `_emit`,
`_kernel`.
"""

from __future__ import annotations

from ._forms import prepare, prepare_products
from ._options import FORMS, Options

__all__ = ["FORMS", "Options", "prepare", "prepare_products"]
