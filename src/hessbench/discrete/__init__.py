"""The second-order discrete adjoint: the exact Hessian of what an explicit Runge-Kutta integrator computes, steps frozen.

`prepare` gives a function of `x`. Forms: dense NumPy (`_dense`), sparse NumPy (`_sparse`), and generated C (`_kernel`), chosen
in `_forms`. Formulas: `_dense`. Error control: `_stepper`. From a right-hand side to C: `_trace`, `_emit`, `_kernel`.
"""

from __future__ import annotations

from ._forms import FORMS, Options, prepare

__all__ = ["FORMS", "Options", "prepare"]
