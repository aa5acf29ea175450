"""`hessbench orbit ...`: closed orbits, what their Hessians say, Simó's orbit, families, determinants."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .._errors import HessbenchError, InvalidInput
from .._model.problem import Problem
from .._plugins.registry import load_file
from . import _report as report
from ._data import known_orbit, known_orbits
from ._find import ClosedOrbit, find_closed_orbit

app = typer.Typer(
    help="Closed orbits, null directions, Simó's orbit, determinants.", no_args_is_help=True, rich_markup_mode=None
)

SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"  # of the ends on a map

Name = Annotated[str, typer.Argument(help="An orbit (`hessbench orbit list`) or a file that defines `problem`.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write figures (PNG and SVG) to this folder.")]


def problem_of(name: str, digits: int | None = None) -> Problem:
    """The problem of a known orbit or of a user's file; raises `InvalidInput`."""
    if not name.endswith(".py"):
        return known_orbit(name).problem(digits)
    problems = load_file(name)[1]
    if not problems:
        raise InvalidInput(f"{name} defines no problem: write `problem = Problem(...)`.")
    return next(iter(problems.values())).load()()


def show(result: dict[str, Any], as_json: bool, text: list[str]) -> None:
    """Print either."""
    print(json.dumps(result, indent=1) if as_json else "\n".join(text))


def wrote(paths: list[Path], as_json: bool) -> None:
    """Name the files that were written."""
    for path in [] if as_json else paths:
        print(f"wrote {path}")


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


def closed(name: str) -> ClosedOrbit:
    """The orbit, closed; raises `HessbenchError` if it does not close."""
    problem = problem_of(name)
    orbit = find_closed_orbit(problem, period="fixed" if name in ("figure-8", "simo") else "free")
    if not orbit.converged:
        raise HessbenchError(f"{name} did not close: {orbit.reason}.")
    return orbit


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
    parameter: Annotated[str, typer.Option(help="mass, mu, period, energy or frequency-ratio.")] = "energy",
    start: Annotated[float | None, typer.Option("--from", help="First value; the orbit's own by default.")] = None,
    stop: Annotated[float | None, typer.Option("--to", help="Last value; 2 % further by default.")] = None,
    n: Annotated[int, typer.Option("-n", help="Number of members.")] = 11,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Follow an orbit through a parameter: a table, and a plot with `--out`."""
    from ._families import follow, own_value
    from ._systems import system_of

    problem = closed(name).problem
    first = own_value(problem, parameter) if start is None else start
    result = follow(problem, parameter, np.linspace(first, 1.02 * first if stop is None else stop, n))
    conserved = system_of(problem).energy_name
    text = [f"{parameter:>16s} {'period':>16s} {conserved:>16s} {'closure':>9s} {'largest multiplier':>18s}"]
    text += [
        f"{m.value:16.10g} {m.period:16.12g} {m.energy:16.12g} {m.closure:9.1e} {m.largest:18.10g}"
        + " stable" * m.stable
        for m in result.members
    ]
    show(report.followed(result), as_json, text + ([result.ended] if result.ended else []))
    if out is not None and result.members:
        from ._figures import family as draw

        wrote(draw(result, out, name, conserved), as_json)


@app.command()
def oscillator(out: Out = None, as_json: Json = False) -> None:
    """Two oscillators: closed-form Hessian against computed, through the resonances."""
    from ._pages import draw_oscillator
    from ._pages import oscillator as page_of

    page = page_of()
    result = {"t": page.at.tolist(), "eigenvalues": page.computed.tolist(), "error": page.error.tolist()}
    show(result, as_json, [f"{len(page.at)} times, largest relative error of the Hessian {np.max(page.error):.1e}"])
    wrote(draw_oscillator(page, out) if out is not None else [], as_json)


@app.command()
def kepler(
    periods: Annotated[int, typer.Option(help="Up to this many.")] = 6, out: Out = None, as_json: Json = False
) -> None:
    """Kepler's problem: closed-form Hessian against computed, over 1, 2, ... periods."""
    from ._pages import draw_kepler
    from ._pages import kepler as page_of

    page = page_of(periods)
    result = {"periods": page.at.tolist(), "eigenvalues": page.computed.tolist(), "error": page.error.tolist()}
    text = [f"{k} periods: eigenvalue {c[-1]:.10g}, closed form {e[-1]:.10g}, relative error of H {r:.1e}"
            for k, c, e, r in zip(page.at, page.computed, page.exact, page.error, strict=True)]  # fmt: skip
    show(result, as_json, text)
    wrote(draw_kepler(page, out) if out is not None else [], as_json)


@app.command()
def determinants(as_json: Json = False) -> None:
    """Van Vleck, Gelfand-Yaglom and Euclidean determinants, each beside its closed form."""
    from ._determinants import all_determinants

    rows = all_determinants()
    text = [f"{d.system:38s} {d.quantity:28s} {d.computed: .15g}  error {d.error:.1e}" for d in rows]
    listed = [
        {"system": d.system, "quantity": d.quantity, "computed": d.computed, "exact": d.exact, "error": d.error}
        for d in rows
    ]
    show({"determinants": listed}, as_json, [*text, f"largest relative error {max(d.error for d in rows):.1e}"])
