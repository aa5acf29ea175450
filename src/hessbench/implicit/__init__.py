"""The second-order discrete adjoint of Radau IIA 5: the exact Hessian of what an implicit integrator computes, steps frozen.

Formulas: `sweeps`; error control: `stepper`, with tolerances by component as `discrete._sizes` finds them; running loss and end
times are folded into the right-hand side (`discrete._fold`).
"""

from __future__ import annotations

from .forms import FORMS, Options, prepare, prepare_products

__all__ = ["FORMS", "Options", "prepare", "prepare_products"]
