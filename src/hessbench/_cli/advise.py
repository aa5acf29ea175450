"""`hessbench advise`: which strategy to use for a problem, why, and what it costs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from .._advice.advice import LIMITS, TRIED, Advice
from .._advice.advice import advise as advised
from .._advice.machine import calibrated
from .._advice.model import shipped
from .._advice.words import DROPPABLE, HEAD, LEGEND, cells
from .._errors import InvalidInput
from .application import app
from .compare import family_arguments
from .options import Settings, Size, Unknowns
from .output import console, say, say_within, show_cases


@app.command()
def advise(
    problem: Annotated[
        str | None, typer.Argument(help="A problem's name (`hessbench list`) or a file that defines `problem`.")
    ] = None,
    size: Size = None,
    settings: Settings = None,
    wrt: Unknowns = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option("-s", "--strategy", help="Strategies that take part; may be repeated. Default: likely ones."),
    ] = None,
    calls: Annotated[
        int | None, typer.Option(help="How many Hessians you need, preparation included. Default: it does not count.")
    ] = None,
    accuracy: Annotated[
        float | None, typer.Option(help="Largest relative error of the Hessian that you accept.")
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the solver.")] = 1e-8,
    tried: Annotated[int, typer.Option(help="How many are tried for real.")] = TRIED,
    time_limit: Annotated[float, typer.Option(help="Seconds after which one is stopped.")] = LIMITS["time_limit"],
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure how fast this machine is first; takes about a minute.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the advice as JSON.")] = False,
) -> None:
    """Advise which strategy to use: probe the problem, predict time and error, try the best few.

    The exit status is 1 where none that was tried is right.
    """
    if calibrate:
        found = calibrated(shipped(), lambda text: say(text, error=True))
        say(f"Predictions are now {found.said}.", error=True)
        if problem is None:
            return
    if problem is None:
        raise InvalidInput("`hessbench advise` needs a problem's name or file, or `--calibrate`.")
    if time_limit <= 0:
        raise InvalidInput(f"`--time-limit` is {time_limit:g}; expected a positive number.")
    out = advised(
        problem,
        strategies=strategy or None,
        calls=calls,
        accuracy=accuracy,
        rtol=rtol,
        tried=tried,
        arguments=family_arguments(problem, size, settings or [], wrt or []),
        tell=lambda text: say(text, error=True),
        time_limit=time_limit,
    )
    if as_json:
        print(json.dumps(to_json(out), indent=1))
    else:
        show(out)
    if out.best is None:
        sys.exit(1)


def show(out: Advice) -> None:
    """Print the table and the advice."""
    rows = cells(out.predictions, out.records, out.best)
    if rows:
        show_cases(HEAD, rows, [""] * len(rows), DROPPABLE)
        say_within(LEGEND, console())
        print()
    for paragraph in out.said:
        say_within(paragraph, console())


def to_json(out: Advice) -> dict[str, object]:
    """All of it as data that JSON can hold."""
    return {
        "strategy": out.strategy,
        "said": list(out.said),
        "probe": out.probe.to_json(),
        "predictions": [asdict(p) for p in out.predictions],
        "records": [r.to_json() for r in out.records],
    }
