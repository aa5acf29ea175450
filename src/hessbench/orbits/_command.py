"""What the commands of `hessbench orbit` share: the application, arguments, and how results are printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .._errors import HessbenchError
from .._model.problem import Problem
from .._plugins.registry import problems_in
from ._data import known_orbit
from ._find import ClosedOrbit, find_closed_orbit

app = typer.Typer(
    help="Closed orbits, null directions, Simó's orbit, determinants.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="An orbit (`hessbench orbit list`) or a file that defines `problem`.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write figures (PNG and SVG) to this folder.")]


def problem_of(name: str, digits: int | None = None) -> Problem:
    """The problem of a known orbit or of a user's file; raises `InvalidInput`."""
    if not name.endswith(".py"):
        return known_orbit(name).problem(digits)
    return next(iter(problems_in(name).values())).load()()


def show(result: dict[str, Any], as_json: bool, text: list[str]) -> None:
    """Print either."""
    print(json.dumps(result, indent=1) if as_json else "\n".join(text))


def wrote(paths: list[Path], as_json: bool) -> None:
    """Name the files that were written."""
    for path in [] if as_json else paths:
        print(f"wrote {path}")


def closed(name: str) -> ClosedOrbit:
    """The orbit, closed; raises `HessbenchError` if it does not close."""
    problem = problem_of(name)
    orbit = find_closed_orbit(problem, period="fixed" if name in ("figure-8", "simo") else "free")
    if not orbit.converged:
        raise HessbenchError(f"{name} did not close: {orbit.reason}.")
    return orbit
