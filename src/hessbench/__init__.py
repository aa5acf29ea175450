"""hessbench: compare ways of computing the Hessian of a loss through an ODE. Listing and importing load no framework."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._adjoint import adjoint_gradient
from ._api import Prepared, hessian, prepare
from ._counters import Counters
from ._derivatives import Derivatives, Sparsity
from ._errors import HessbenchError, IntegrationError, InvalidInput, NoReference, Unavailable, Unsupported
from ._fixed_step import choose_steps, count_fixed, integrate_fixed, steps_for, tableau, write_step
from ._generated import derivatives_of, generated_derivatives
from ._ivp import IVP
from ._loss import LossBlocks, loss_blocks, non_closure
from ._measure import measure
from ._problem import Problem
from ._record import STATUSES, Case, Record
from ._reference import Reference, reference
from ._registry import problem, problems, strategies
from ._strategy import Accuracy, Limits, Result, Strategy, Vector

if TYPE_CHECKING:
    from . import tcd as tcd

__version__ = "0.1.0"

__all__ = [
    "IVP",
    "STATUSES",
    "Accuracy",
    "Case",
    "Counters",
    "Derivatives",
    "HessbenchError",
    "IntegrationError",
    "InvalidInput",
    "Limits",
    "LossBlocks",
    "NoReference",
    "Prepared",
    "Problem",
    "Record",
    "Reference",
    "Result",
    "Sparsity",
    "Strategy",
    "Unavailable",
    "Unsupported",
    "Vector",
    "adjoint_gradient",
    "choose_steps",
    "count_fixed",
    "derivatives_of",
    "generated_derivatives",
    "hessian",
    "integrate_fixed",
    "loss_blocks",
    "measure",
    "non_closure",
    "prepare",
    "problem",
    "problems",
    "reference",
    "steps_for",
    "strategies",
    "tableau",
    "write_step",
]


def __getattr__(name: str) -> Any:
    if name == "tcd":
        return import_module(".tcd", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
