"""`hessbench petab`: objective, gradient and Hessian of a PEtab problem at its nominal parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from .._errors import HessbenchError, InvalidInput
from .._model.notebook import unknowns
from .._model.result import Result
from .._model.uncertainty import intervals, inverse
from .._petab import read_petab
from .._plugins.conditions import Conditions
from .application import app
from .output import say


@app.command("petab")
def petab_command(
    file: Annotated[Path, typer.Argument(help="The .yaml file of a PEtab problem (version 1, SBML).")],
    strategy: Annotated[
        list[str] | None,
        typer.Option("-s", "--strategy", help="NAME or NAME@BACKEND; may be repeated, to compare them. Default: auto."),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the solver.")] = 1e-8,
    level: Annotated[float, typer.Option(help="Of the confidence intervals.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Negative log-likelihood of a published problem (SBML and PEtab), its gradient and its Hessian, at the nominal point."""
    if not 0 < level < 1:
        raise InvalidInput(f"`--level` is {level}; expected a number between 0 and 1, such as 0.95.")
    conditions = read_petab(file)
    rows: list[dict[str, Any]] = []
    first: Result | None = None
    for name in strategy or ["auto"]:
        row, result = measured(conditions, name, rtol)
        if result is not None and first is None:
            first = result
        if result is not None and first is not None:
            row["apart"] = apart(result, first)
        rows.append(row)
    if first is None:
        raise HessbenchError("; ".join(f"{row['strategy']}: {row['error']}" for row in rows))
    about = described(conditions, first, level)
    if as_json:
        print(json.dumps({"problem": file.name, **about, "strategies": rows}, indent=1))
    else:
        shown(file.name, conditions, about, rows, say)


def measured(conditions: Conditions, strategy: str, rtol: float) -> tuple[dict[str, Any], Result | None]:
    """What a strategy gives, with the seconds that preparing and one call take; why where it gives nothing."""
    row: dict[str, Any] = {"strategy": strategy}
    try:
        start = perf_counter()
        prepared = conditions.prepare(strategy=strategy, rtol=rtol)
        ready = perf_counter()
        result = prepared.direct(conditions.x0)
    except HessbenchError as error:
        return {**row, "error": str(error)}, None
    row |= {"prepare_s": ready - start, "call_s": perf_counter() - ready, "note": result.note}
    return {**row, "objective": result.value, "warnings": list(result.warnings)}, result


def apart(result: Result, first: Result) -> float:
    """The largest difference of two Hessians, relative to the largest entry of the first; unknowns are logarithms mostly."""
    return float(np.max(np.abs(result.hess - first.hess)) / np.max(np.abs(first.hess)))


def described(conditions: Conditions, result: Result, level: float) -> dict[str, Any]:
    """Objective, gradient, eigenvalues, and intervals, or why there are none."""
    values = np.linalg.eigvalsh((result.hess + result.hess.T) / 2)
    out: dict[str, Any] = {
        "objective": result.value,
        "gradient_norm": float(np.linalg.norm(result.grad)),
        "eigenvalues": values.tolist(),
        "unknowns": list(unknowns(result.blocks)),
        "conditions": list(conditions.problems),
    }
    try:
        covariance = inverse(result.hess, out["unknowns"], "Hessian")
    except InvalidInput as error:
        return {**out, "intervals": None, "why": str(error)}
    ends = intervals(conditions.x0, np.sqrt(np.diag(covariance)), level, result.blocks, result.shapes, result.logs)
    return {**out, "intervals": {name: [float(a.ravel()[0]), float(b.ravel()[0])] for name, (a, b) in ends.items()}}


def shown(
    name: str, conditions: Conditions, about: dict[str, Any], rows: list[dict[str, Any]], line: Callable[[object], None]
) -> None:
    """Print all that."""
    states = max(problem.dim for problem in conditions.problems.values())
    count = len(conditions.problems)
    line(f"{name}: {states} states, {len(about['unknowns'])} unknowns, {count} condition{'s' * (count > 1)}")
    values = about["eigenvalues"]
    down = sum(v < 0 for v in values)
    line(f"objective (negative log-likelihood)  {about['objective']:.10g}")
    line(f"gradient norm                        {about['gradient_norm']:.4g}")
    line(f"eigenvalues of the Hessian           {values[0]:.4g} to {values[-1]:.4g}, {down} negative")
    if about["intervals"] is None:
        line(f"no intervals: {about['why']}")
    else:
        for unknown, (low, high) in about["intervals"].items():
            line(f"  {unknown}: {low:.4g} to {high:.4g}")
    for row in rows:
        if "error" in row:
            line(f"{row['strategy']}: {row['error']}")
            continue
        note = f"; {row['note']}" if count == 1 else ""  # of many conditions: `--json`
        line(f"{row['strategy']}: objective {row['objective']:.10g}, Hessian {row['apart']:.1e} from the first, "
             f"prepared in {row['prepare_s']:.2f} s, called in {row['call_s']:.3g} s{note}")  # fmt: skip
        for warning in row["warnings"]:
            line(f"  warning: {warning}")
