"""A PEtab problem (version 1) with its SBML model as `Conditions`: one `Problem` for each simulation condition.

Source: Schmiester et al., PEtab, PLOS Computational Biology 17 (2021) e1008646.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._derive.log_scale import on_log_scale
from .._errors import InvalidInput, Unavailable, Unsupported
from .._model.problem import Problem
from .._plugins.conditions import Conditions
from .condition import Simulation
from .sbml import read

REMEDY = "pip install 'hessbench[petab]'"


@dataclass(frozen=True)
class Parameters:
    """Of the table of parameters: nominal values, which are estimated, and which of these on a logarithmic scale."""

    values: dict[str, float]
    estimated: tuple[str, ...]
    logarithmic: tuple[str, ...]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except Unsupported as error:
        raise Unsupported(f"{path.name} cannot be turned into a problem: {error}.") from error


def read_petab(path: str | Path) -> Conditions:
    """The problem of a PEtab file `path` (.yaml): its loss is the negative log-likelihood, with all constants.

    Unknowns are the estimated parameters that a simulation depends on, at their nominal values; those whose `parameterScale` is
    log or log10 by their natural logarithm, named `log_k`. States whose start depends on unknowns are integrated relative to
    it. Raises `Unavailable` without the packages of `hessbench[petab]`, `InvalidInput` for a file that is no PEtab problem, and
    `Unsupported` for what is not built: preequilibration, measurements in a steady state, priors, noise that is not normal,
    events with delays or joined triggers.
    """
    try:
        import libsbml  # noqa: F401
        import petab.v1 as petab
        import sbmlmath  # noqa: F401
    except ImportError as error:
        raise Unavailable(f"PEtab problems need {error.name}: {REMEDY}.") from None
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"there is no file {str(path)!r}; expected the .yaml file of a PEtab problem.")
    with warnings.catch_warnings(), _named(path):
        warnings.simplefilter("ignore")  # of petab and pandas, about each other
        try:
            given = petab.Problem.from_yaml(str(path))
        except Exception as error:  # of several packages, none of which promises its own
            raise InvalidInput(f"{str(path)!r} is no PEtab problem: {type(error).__name__}: {error}.") from error
        return _conditions(given, path)


def _conditions(given: Any, path: Path) -> Conditions:
    measured = given.measurement_df
    _refuse(given)
    parameters = _parameters(given.parameter_df)
    model = read(given.model.sbml_model)
    problems: dict[str, Problem] = {}
    for name in dict.fromkeys(measured["simulationConditionId"]):
        rows = measured[measured["simulationConditionId"] == name]
        simulation = Simulation(replace(model, start=dict(model.start)), parameters.values, parameters.estimated)
        simulation.override(_row(given.condition_df, name))
        problem = simulation.problem(_slug(f"{path.stem}-{name}"), rows, given.observable_df)
        logs = [key for key in problem.wrt if key in parameters.logarithmic]
        problems[str(name)] = on_log_scale(problem, *logs) if logs else problem
    if not problems:
        raise InvalidInput(f"{path.name} has no measurements.")
    return Conditions(problems)


def _refuse(given: Any) -> None:
    measured, parameters = given.measurement_df, given.parameter_df
    if "preequilibrationConditionId" in measured and measured["preequilibrationConditionId"].notna().any():
        which = measured["preequilibrationConditionId"].dropna().iloc[0]
        raise Unsupported(
            f"it starts from the steady state of a condition ({which!r}, preequilibration), which is not built"
        )
    if not np.all(np.isfinite(measured["time"].astype(float))):
        raise Unsupported("it has measurements in a steady state (time `inf`), which is not built")
    if "objectivePriorType" in parameters and parameters["objectivePriorType"].notna().any():
        which = parameters.index[parameters["objectivePriorType"].notna()][0]
        raise Unsupported(f"{which!r} has a prior (objectivePriorType), which is not built")
    if given.mapping_df is not None:
        raise Unsupported("it has a mapping table")


def _parameters(table: Any) -> Parameters:
    values = {str(k): float(v) for k, v in table["nominalValue"].items()}
    estimated = tuple(str(k) for k in table.index[table["estimate"].astype(int) == 1])
    missing = [k for k in values if np.isnan(values[k])]
    if missing:
        raise InvalidInput(
            f"the parameter {missing[0]!r} has no nominalValue, which is the point where all is computed."
        )
    scale = table["parameterScale"]
    return Parameters(values, estimated, tuple(k for k in estimated if str(scale[k]) in ("log", "log10")))


def _row(table: Any, condition: str) -> dict[str, Any]:
    row = table.loc[condition]
    return {str(key): value for key, value in row.items() if key != "conditionName"}


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in text.lower()).strip("-")
