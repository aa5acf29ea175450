"""hessbench: compare ways of computing the Hessian of a loss through an ODE. Listing and importing load no framework."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._adapters.checking import HessianFinding, check_hessian
from ._adapters.comparison import Comparison, compare
from ._adapters.jax import as_jax
from ._adapters.native import from_jax, from_torch
from ._adapters.pickling import register
from ._adapters.scipy import ScipyObjective, as_scipy
from ._adapters.torch import as_torch
from ._api import hessian
from ._derive.adjoint import adjoint_gradient, bolza_slope, bolza_start, canonical_order
from ._derive.augment import Augmented, augmented
from ._derive.generated import (
    by_framework,
    derivatives_of,
    generated_derivatives,
    generated_joint_derivatives,
    joint_derivatives_of,
)
from ._derive.log_scale import on_log_scale
from ._derive.loss import joint_loss, loss_blocks
from ._derive.mass_action import MassAction
from ._derive.quadratic import quadratic_derivatives
from ._errors import (
    HessbenchError,
    HessbenchWarning,
    IntegrationError,
    InvalidInput,
    NoReference,
    Unavailable,
    Unsupported,
)
from ._integrate.fixed_step import choose_steps, count_fixed, integrate_fixed, steps_for, tableau, write_step
from ._integrate.ivp import IVP
from ._judging.reference import Reference, reference
from ._measuring.measure import measure
from ._measuring.record import Case, Record
from ._measuring.statuses import STATUSES
from ._model.counters import Counters
from ._model.data import Data
from ._model.derivatives import Derivatives, JointDerivatives, Sparsity
from ._model.events import Event
from ._model.likelihood import Likelihood, LogNormal, NegativeBinomial, Normal, Poisson, StudentT
from ._model.loss import JointLoss, LossBlocks, misfit, misfit_blocks, non_closure
from ._model.problem import Problem
from ._model.quadratic import Quadratic
from ._model.result import Result
from ._petab import read_petab
from ._plugins.conditions import Conditions, PreparedConditions
from ._plugins.prepare import Prepared, prepare
from ._plugins.registry import problem, problems, strategies
from ._plugins.strategy import Accuracy, Limits, Strategy, Vector
from ._products import HessianProducts, PreparedProducts, prepare_products, products

if TYPE_CHECKING:
    from . import tcd as tcd
    from ._advice.advice import Advice as Advice
    from ._advice.advice import advise as advise

__version__ = "0.2.0"  # pyproject.toml reads it here; CITATION.cff and CHANGELOG.md are held to it by a test
register()

__all__ = [
    "IVP",
    "STATUSES",
    "Accuracy",
    "Advice",
    "Augmented",
    "Case",
    "Comparison",
    "Conditions",
    "Counters",
    "Data",
    "Derivatives",
    "Event",
    "HessbenchError",
    "HessbenchWarning",
    "HessianFinding",
    "HessianProducts",
    "IntegrationError",
    "InvalidInput",
    "JointDerivatives",
    "JointLoss",
    "Likelihood",
    "Limits",
    "LogNormal",
    "LossBlocks",
    "MassAction",
    "NegativeBinomial",
    "NoReference",
    "Normal",
    "Poisson",
    "Prepared",
    "PreparedConditions",
    "PreparedProducts",
    "Problem",
    "Quadratic",
    "Record",
    "Reference",
    "Result",
    "ScipyObjective",
    "Sparsity",
    "Strategy",
    "StudentT",
    "Unavailable",
    "Unsupported",
    "Vector",
    "adjoint_gradient",
    "advise",
    "as_jax",
    "as_scipy",
    "as_torch",
    "augmented",
    "bolza_slope",
    "bolza_start",
    "by_framework",
    "canonical_order",
    "check_hessian",
    "choose_steps",
    "compare",
    "count_fixed",
    "derivatives_of",
    "from_jax",
    "from_torch",
    "generated_derivatives",
    "generated_joint_derivatives",
    "hessian",
    "integrate_fixed",
    "joint_derivatives_of",
    "joint_loss",
    "loss_blocks",
    "measure",
    "misfit",
    "misfit_blocks",
    "non_closure",
    "on_log_scale",
    "prepare",
    "prepare_products",
    "problem",
    "problems",
    "products",
    "quadratic_derivatives",
    "read_petab",
    "reference",
    "steps_for",
    "strategies",
    "tableau",
    "write_step",
]


def __getattr__(name: str) -> Any:
    if name == "tcd":
        return import_module(".tcd", __name__)
    if name in ("Advice", "advise"):  # which import what nobody else needs
        return getattr(import_module("._advice.advice", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
