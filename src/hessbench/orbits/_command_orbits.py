"""`hessbench orbit find`, `analyse`, `simo`, `explore`, `family`: closed orbits and what their Hessians say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from .._errors import HessbenchError, InvalidInput
from . import _report as report
from ._command import Json, Name, Out, app, closed, problem_of, show, wrote
from ._data import known_orbits
from ._find import find_closed_orbit

if TYPE_CHECKING:
    from ._families import Member

SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"  # of the ends on a map


def work_line(w: dict[str, int]) -> str:
    """One sentence of counts."""
    return (
        f"{w['gradients']} gradients, {w['monodromies']} Jacobians of the flow, {w['hessians']} Hessians, "
        f"{w['rhs']} right-hand sides (and {w['extended']} in extended precision)"
    )


@app.command("list")
def list_orbits(as_json: Json = False) -> None:
    """List the orbits that have a name, with their sources."""
    table = known_orbits()
    rows = {k: {"name": o.name, "family": o.family, "source": o.source} for k, o in table.items()}
    show(rows, as_json, [f"{k:34s} {o.family:22s} {o.source}" for k, o in table.items()])


@app.command()
def find(
    name: Name,
    method: Annotated[str, typer.Option(help="gauss-newton, bfgs or newton.")] = "gauss-newton",
    period: Annotated[str, typer.Option(help="free or fixed.")] = "free",
    tol: Annotated[float, typer.Option(help="The closure |y(T) - y(0)| to reach.")] = 1e-12,
    digits: Annotated[int | None, typer.Option(help="Round the starting values to this many decimals first.")] = None,
    as_json: Json = False,
) -> None:
    """Close an orbit; exit status 1 if it does not close."""
    orbit = find_closed_orbit(problem_of(name, digits), period=period, tol=tol, method=method)  # type: ignore[arg-type]
    result = report.found(orbit)
    text = [
        f"{name}: {orbit.reason}", f"closure {orbit.closure:.3g}, period {orbit.period!r}",
        f"start moved by {result['moved']:.3g}", work_line(result["work"]),
    ]  # fmt: skip
    show(result, as_json, text)
    if not orbit.converged:
        raise HessbenchError(f"{name} did not close to {tol:g}: {orbit.reason}.")


@app.command()
def analyse(name: Name, out: Out = None, as_json: Json = False) -> None:
    """Spectrum with named directions, Floquet multipliers, stability, energy, action, choreography defect."""
    orbit = closed(name)
    result = report.analysed(orbit)
    text = [f"{name}: {orbit.reason}; period {orbit.period!r}", "direction                      eigenvalue of H"]
    text += [f"  {d['name']:28s} {d['eigenvalue']: .12g}" for d in result["directions"]]
    text += ["Floquet multipliers          modulus"]
    text += [f"  {re:+.12f} {im:+.12f}i  {np.hypot(re, im):.12f}" for re, im in result["multipliers"]]
    text += [f"  1 ({result['multipliers_forced_to_1']} times, by symmetry)"]
    for key in ("floquet_exponents", "stable", "energy", "Jacobi constant", "angular_momentum", "action", "choreography_defect",
                "closest_approach", "closest_pair", "symplecticity", "scaling_defect"):  # fmt: skip
        if result.get(key) is not None:
            text.append(f"{key.replace('_', ' ')}: {result[key]}")
    show(result, as_json, text)
    if out is not None:
        from ._figures import analysed as draw

        wrote(draw(orbit, out, name), as_json)


@app.command()
def simo(
    step: Annotated[float, typer.Option(help="Length of the walk along the soft direction.")] = 0.016,
    direction: Annotated[str, typer.Option(help="Eigenvector of the figure-8's Hessian, v0 to v11.")] = "v5",
    method: Annotated[str, typer.Option(help="bfgs or gauss-newton.")] = "bfgs",
    scan: Annotated[bool, typer.Option("--scan", help="Try the documented range of steps, and negative ones.")] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """From the figure-8 to Simó's distorted figure-8: one Hessian, a walk along a soft direction, one minimisation."""
    from ._rediscover import soft_directions, walk

    began = time.perf_counter()
    soft = soft_directions()
    steps = (-0.05, -0.016, 0.01, 0.016, 0.03, 0.06, 0.1) if scan else (step,)
    results = [(s, walk(soft, s, direction, method)) for s in steps]
    rows = [report.arrival(soft, a) for _, a in results]
    text = [f"one Hessian at the figure-8: soft eigenvalues v4 {soft.eigenvalues[4]:.6g}, v5 {soft.eigenvalues[5]:.6g}"]
    for row in rows:
        text += [
            f"walked {row['step']:+g} along {row['direction']}, minimised by {row['method']}: {row['gradients']} gradients, "
            f"{row['jacobians']} Jacobians, {row['hessians']} Hessian, {row['rhs']} right-hand sides",
            f"  arrived at: {WORDS[row['where']]} (choreography defect {row['choreography_defect']:.3g}, {row['reason']})",
        ]
        if row["where"] == "simo":
            text.append(
                f"  a = {row['a']:.15f}, b = {row['b']:.15f}, T = {row['rescaled_period']:.14f}; "
                f"from the reference {row['difference_from_simo']:.1e}"
            )
    last = results[-1][1]
    if not scan and last.where == "simo":
        rows[-1]["multipliers"] = report.complex_pairs(last.orbit.spectrum.nontrivial)
        text.append("  multipliers " + ", ".join(f"{v:.12f}" for v in last.orbit.spectrum.nontrivial))
    text.append(f"{time.perf_counter() - began:.2f} s")
    show({"walks": rows}, as_json, text)
    if out is not None:
        from ._simo_pictures import write

        wrote(write(out), as_json)


WORDS = {
    "simo": "Simó's distorted figure-8",
    "figure-8": "back at the figure-8 (a choreography), not a new orbit",
    "another orbit": "a closed orbit that is neither the figure-8 nor Simó's",
    "nowhere": "no closed orbit",
}


@app.command()
def explore(
    name: Name,
    reach: Annotated[float, typer.Option(help="Half width of the grid.")] = 0.06,
    n: Annotated[int, typer.Option("-n", help="Points along each side.")] = 7,
    first: Annotated[int, typer.Option(help="First direction, counted from the softest.")] = 0,
    second: Annotated[int, typer.Option(help="Second direction.")] = 1,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Scan a plane of soft directions: where does each start end up?"""
    from ._explore import explore as scan

    result = scan(closed(name), reach, n, first, second)
    text = [f"{name}: {n} x {n} starts, {result.monodromies} Jacobians of the flow"]
    text += [" ".join("." if k < 0 else SIGNS[min(k, 35)] for k in row) for row in result.kind[::-1]]
    for e in result.ends:
        defect = "" if e.defect is None else f", choreography defect {e.defect:.3g}"
        text.append(f"{e.number}: {e.name}, {e.count} starts{defect}, largest multiplier {e.largest_multiplier:.6g}")
    text.append(f".: does not close, {int(np.sum(result.kind < 0))} starts")
    show(report.explored(result), as_json, text)
    if out is not None:
        from ._figures import explored

        wrote(explored(result, out, name), as_json)


@app.command()
def family(
    name: Name,
    parameter: Annotated[
        str,
        typer.Option(help="mass, period, energy, frequency-ratio or a scalar parameter of the problem, such as mu."),
    ] = "energy",
    start: Annotated[float | None, typer.Option("--from", help="First value; the orbit's own by default.")] = None,
    stop: Annotated[float | None, typer.Option("--to", help="Last value; 2 % further by default.")] = None,
    n: Annotated[int, typer.Option("-n", help="Number of members.")] = 11,
    arc: Annotated[
        float | None,
        typer.Option("--arc", help="Go by arc length, through folds, with this first step; negative: down."),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Follow an orbit through a parameter: a table, and a plot with `--out`."""
    if arc is not None:
        _through_folds(name, parameter, arc, n, (start, stop), out, as_json)
        return
    from ._families import follow, own_value
    from ._systems import system_of

    problem = closed(name).problem
    first = own_value(problem, parameter) if start is None else start
    result = follow(problem, parameter, np.linspace(first, 1.02 * first if stop is None else stop, n))
    conserved = system_of(problem).energy_name
    text = table_of(result.members, parameter, conserved)
    show(report.followed(result), as_json, text + ([result.ended] if result.ended else []))
    if out is not None and result.members:
        from ._figures import family as draw

        wrote(draw(result, out, name, conserved), as_json)


def table_of(members: Sequence[Member], parameter: str, conserved: str) -> list[str]:
    """A line for each member."""
    head = f"{parameter:>16s} {'period':>16s} {conserved:>16s} {'closure':>9s} {'largest multiplier':>18s}"
    return [head] + [
        f"{m.value:16.10g} {m.period:16.12g} {m.energy:16.12g} {m.closure:9.1e} {m.largest:18.10g}"
        + " stable" * m.stable
        for m in members
    ]


def _through_folds(
    name: str,
    parameter: str,
    arc: float,
    n: int,
    ends: tuple[float | None, float | None],
    out: Path | None,
    as_json: bool,
) -> None:
    from ._arclength import continue_through_folds
    from ._systems import system_of

    if (ends[0] is None) != (ends[1] is None):
        raise InvalidInput(
            "With `--arc`, `--from` and `--to` are the interval that ends the family; give both or none."
        )
    problem = closed(name).problem
    interval = None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
    result = continue_through_folds(problem, parameter, arc, n, stop=interval)
    text = table_of(result.members, parameter, system_of(problem).energy_name)
    text += [f"fold at {parameter} = {f.value:.12g}, largest multiplier {f.member.largest:.6g}" for f in result.folds]
    show(report.curve(result), as_json, text + ([result.ended] if result.ended else []))
    if out is not None:
        from ._curve_pictures import draw

        wrote(draw(result, out, name), as_json)
