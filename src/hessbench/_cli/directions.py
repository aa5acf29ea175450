"""`hessbench directions`: soft directions of a problem's Hessian, their symmetries, and how far each can be followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from .._errors import InvalidInput
from .._measuring.measure import problem_of
from .._measuring.record import Case
from .application import app
from .compare import family_arguments
from .options import Settings, Size, Unknowns
from .output import say

if TYPE_CHECKING:
    from ..orbits import Adjusted, Directions, SoftDirection


@app.command()
def directions(
    problem: Annotated[
        str, typer.Argument(help="A problem's name (`hessbench list`) or a file that defines `problem`.")
    ],
    size: Size = None,
    settings: Settings = None,
    wrt: Unknowns = None,
    rise: Annotated[float | None, typer.Option(help="Growth of the loss to which each direction is followed.")] = None,
    want: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL=CHANGE",
            help="Find the smallest change of the loss under this one, such as y0[3]=+0.01 or end[0]=-0.1. Repeatable.",
        ),
    ] = None,
    relative: Annotated[
        bool | None,
        typer.Option(
            "--relative/--absolute", help="Measure unknowns in their own sizes. Default: if any is a parameter."
        ),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the solver.")] = 1e-10,
    most: Annotated[
        int, typer.Option("--most", help="Directions to print, from the softest; the stiffest comes last.")
    ] = 20,
    out: Annotated[Path | None, typer.Option("--out", help="Write a figure (PNG and SVG) to this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show the soft directions of the Hessian at a problem's own point, named by symmetries, and follow each."""
    from .. import orbits

    if most < 2:
        raise InvalidInput(f"`--most` is {most}; expected at least 2 directions.")
    built = problem_of(Case(problem, "", arguments=family_arguments(problem, size, settings or [], wrt or [])))
    wanted = orbits.wanted_of(want or [], built)
    found = orbits.directions(built, rise=rise, rtol=rtol, relative=relative)
    adjusted = orbits.adjust(found, wanted, rtol) if wanted else None
    if as_json:
        print(json.dumps(to_json(found, adjusted), indent=1))
    else:
        _show(found, most)
        if adjusted is not None:
            _show_adjusted(found, adjusted, want or [])
    if out is not None:
        from ..orbits._direction_pictures import draw

        for path in draw(found, out, built.name, rtol):
            say(f"wrote {path}", error=as_json)


def _show(found: Directions, most: int) -> None:
    unit = ", distances in sizes of the unknowns" if np.any(found.sizes != 1) else ""
    say(
        f"{found.problem.name}: loss {found.value:.6g}, gradient {np.linalg.norm(found.grad):.3g}, "
        f"{found.x.size} unknowns{unit}"
    )
    names = [
        s.name + ("" if same else " (changes the loss)")
        for s, same in zip(found.symmetries, found.invariant, strict=True)
    ]
    say("symmetries of the right-hand side: " + (", ".join(names) or "none of those tested"))
    say(
        f"{'direction':32s} {'curvature':>12s} {'error':>8s} {'slope':>9s}   growth by {found.rise:.3g} at -, +  (model)"
    )
    rows = found.directions if len(found.directions) <= most else (*found.directions[: most - 1], found.directions[-1])
    for d in rows:
        reach = " ".join(_distance(v, found.limit) for v in d.reach)
        model = " ".join(f"{v:.3g}" for v in d.model)
        row = (
            f"{d.name:32s} {d.eigenvalue:12.5g} {d.error:8.0e} {d.slope:9.1e}   {reach}  ({model})  {_mostly(d, found)}"
        )
        say(row.rstrip())
    if len(rows) < len(found.directions):
        say(f"{len(found.directions) - len(rows)} of {len(found.directions)} directions are not shown (`--most`)")


def _distance(value: float, limit: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else f">{limit:.3g}"


def _mostly(d: SoftDirection, found: Directions) -> str:
    """The largest components of a direction that has no name of its own."""
    from ..orbits._directions import labels

    if d.kind not in ("null", "soft", "stiff", "falling"):
        return ""
    u, names = d.vector / found.sizes, labels(found.problem)
    order = np.argsort(-np.abs(u))[:3]
    return " ".join(f"{names[i]}{u[i]:+.2f}" for i in order if abs(u[i]) > 0.1)


def _show_adjusted(found: Directions, adjusted: Adjusted, want: list[str]) -> None:
    from ..orbits._directions import labels

    words = "constrained minimum" if adjusted.converged else "not converged: the best found"
    say(
        f"wanted {', '.join(want)}: the loss grows by {adjusted.growth:.6g} (quadratic model {adjusted.predicted:.6g}); "
        f"{words}, {adjusted.iterations} iterations"
    )
    for label, change, value in zip(labels(found.problem), adjusted.change, adjusted.x, strict=True):
        say(f"  {label:20s} {change:+.6e} to {value:.15g}")


def to_json(found: Directions, adjusted: Adjusted | None) -> dict[str, Any]:
    """All of it as data that JSON can hold; what is infinite is `null`."""

    def finite(values: tuple[float, float]) -> list[float | None]:
        return [v if np.isfinite(v) else None for v in values]

    out: dict[str, Any] = {
        "problem": found.problem.name, "value": found.value, "rise": found.rise, "limit": found.limit,
        "symmetries": [
            {"name": s.name, "kind": s.kind, "vector": s.vector.tolist(), "leaves_the_loss": same}
            for s, same in zip(found.symmetries, found.invariant, strict=True)
        ],
        "directions": [
            {"name": d.name, "kind": d.kind, "eigenvalue": d.eigenvalue, "error": d.error, "slope": d.slope,
             "vector": d.vector.tolist(), "reach": finite(d.reach), "model": finite(d.model)}
            for d in found.directions
        ],
    }  # fmt: skip
    if adjusted is not None:
        out["adjusted"] = {
            "x": adjusted.x.tolist(), "change": adjusted.change.tolist(), "predicted": adjusted.predicted,
            "growth": adjusted.growth, "achieved": list(adjusted.achieved), "converged": adjusted.converged,
            "iterations": adjusted.iterations,
        }  # fmt: skip
    return out
