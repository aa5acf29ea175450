"""`hessbench bounds`: counted operations against the bounds, solves per Hessian, and measured times beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._errors import InvalidInput
from .._plugins.registry import find, problems, problems_in
from .._storage.text import plain
from .application import app
from .output import console, fitting, print_table, say, say_within

if TYPE_CHECKING:
    from .. import costs as counting

SHORT = ("tangent", "gradient", "f-o-r", "BP2 row", "+ back", "1-pass J", "1-pass vjps")  # of `costs.SYSTEMS`


@app.command()
def bounds(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROBLEM", help="Problems, or files that define one. Default: all, in several sizes."),
    ] = None,
    timed: Annotated[bool, typer.Option("--times/--no-times", help="Measure times as well.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count the operations of each derivative system in multiples of one right-hand side, against the proven bounds."""
    from .. import costs as counting

    instances = named(names) if names else counting.suite()
    rows, left_out = counting.suite_costs(instances)
    if names and left_out:
        raise InvalidInput(left_out[0].reason)
    quadratic = [] if names else counting.quadratic_costs()
    solves = [] if names else counting.quadratic_solves()
    times = measured(instances, rows, quadratic=not names) if timed else []
    if as_json:
        views = {"bounds": rows, "quadratic": quadratic, "solves": solves, "times": times}
        shown: dict[str, Any] = {key: [to_json(row) for row in view] for key, view in views.items()}
        shown["left_out"] = [{"problem": one.label, "reason": one.reason} for one in left_out]
        print(json.dumps(shown, indent=1))
        return
    show_costs(rows)
    for one in left_out:
        say(f"not counted: {one.label}: {one.reason}")
    if quadratic:
        show_quadratic(quadratic)
    if solves:
        show_solves(solves)
    if times:
        show_times(times)


def named(names: Sequence[str]) -> list[counting.Instance]:
    """The problems that the command line names, in their default sizes; raises `InvalidInput` for one that is unknown."""
    from .. import costs as counting

    out = []
    for name in names:
        if name.endswith(".py"):
            out += [counting.instance(plugin, {}) for plugin in problems_in(name).values()]
        else:
            plugin = find(problems(), name, "problem")
            out += [counting.instance(plugin, arguments) for arguments in counting.sizes(plugin)]
    return out


def measured(
    instances: Sequence[counting.Instance], rows: Sequence[counting.Cost], *, quadratic: bool
) -> list[counting.Times]:
    """Times of everything that was counted."""
    from .. import costs as counting

    out = []
    for one in instances:
        own = [row for row in rows if row.problem == one.label]
        if one.problem is not None and own:
            out.append(counting.times(one.problem, own))
    return out + (counting.quadratic_times() if quadratic else [])


def to_json(row: Any) -> dict[str, Any]:
    """Fields and properties of a row."""
    derived = [name for name, value in vars(type(row)).items() if isinstance(value, property)]
    return {**asdict(row), **{name: getattr(row, name) for name in derived}}


def show_costs(rows: Sequence[counting.Cost]) -> None:
    """One line for each problem, a `!` behind what is above a limit; then the limits, the maxima and what is above them."""
    lines = []
    by_problem: dict[str, list[counting.Cost]] = {}
    for row in rows:
        by_problem.setdefault(row.problem, []).append(row)
    for label, own in by_problem.items():
        lines.append(
            [label, own[0].n, own[0].w, *(f"{c.multiple:.2f}{'!' * c.verdict.startswith('above')}" for c in own)]
        )
    systems = list(dict.fromkeys(row.system for row in rows))
    largest = [max((row for row in rows if row.system == system), key=lambda r: r.multiple) for system in systems]
    footer = [
        ["largest", "", "", *(f"{row.multiple:.2f}" for row in largest)],
        ["operation rules", "", "", *("25 N" if row.system.endswith("vjps") else number(row.bound) for row in largest)],
        ["Griewank & Walther", "", "", *(number(row.literature) for row in largest)],
    ]
    table(
        "Operations of one evaluation, in units of w (one right-hand side)",
        ["problem", "N", "w", *SHORT],
        lines,
        footer,
    )
    above = [row for row in rows if row.verdict.startswith("above")]
    for row in above:
        say(f"! {row.problem}: {row.system}: {row.multiple:.3f} w, {row.verdict} ({row.operations} operations)")
    broken = sum(row.bound is not None and row.multiple > row.bound for row in rows)
    print(f"{len(rows)} counts: {broken} above the bound by operation rules, {len(above)} above either limit")
    said = "f-o-r: forward over reverse, a row; + back: BP2 row with its solve back; 1-pass: all rows at once"
    say_within(said, console())
    print()


def show_quadratic(rows: Sequence[counting.QuadraticCost]) -> None:
    """The dense quadratic system as N grows."""
    lines = [
        [r.n, r.w, r.bp2_row, r.one_pass, f"{r.ratio:.3f}", f"{r.one_pass_vjps / r.w - r.n:.2f}", f"{r.ratio_vjps:.3f}"]
        for r in rows
    ]
    head = ["N", "w", "BP2 row", "1-pass by hand", "N BP2 / 1-pass", "1-pass vjps: N +", "N BP2 / 1-pass vjps"]
    table("Dense quadratic system: operations row by row against one pass", head, lines)


def show_solves(rows: Sequence[counting.Solves]) -> None:
    """Counters of real runs against formulas."""
    lines = [
        [r.strategy, r.n, r.formula, r.expected, number(r.counted), r.verdict if r.counted is not None else r.reason]
        for r in rows
    ]
    table(
        "ODE solves per Hessian, from the counters of real runs",
        ["strategy", "N", "formula", "expected", "counted", "verdict"],
        lines,
    )


def show_times(rows: Sequence[counting.Times]) -> None:
    """Times, time per counted operation, and the ratio of row by row to one pass: counted, per evaluation, whole Hessian."""
    lines = [
        [
            r.problem,
            *map(digits, (*r.microseconds, *r.nanoseconds_per_operation, r.counted_ratio, r.ratio)),
            "-" if r.hessian_ratio is None else digits(r.hessian_ratio),
        ]
        for r in rows
    ]
    head = ["problem", "F us", "grad", "BP2", "1-pass", "F ns", "grad", "BP2", "1-pass", "counted", "timed", "Hessian"]
    table("Measured CPU time: an evaluation (us), a counted operation (ns), and N BP2 / 1-pass three ways", head, lines)
    said = "counted: operations; timed: an evaluation; Hessian: hand-adjoint-rows / hand-adjoint, whole, 1e-5"
    say_within(said, console())


def digits(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def number(value: float | None) -> str:
    """A number as short as it is; a dash for `None`."""
    return "-" if value is None else f"{value:g}"


def table(
    title: str, head: Sequence[str], lines: Iterable[Sequence[Any]], footer: Iterable[Sequence[Any]] = ()
) -> None:
    """Print a table with its title; numbers to the right."""
    from rich.table import Table
    from rich.text import Text

    out, above, below = console(), [[*map(plain, line)] for line in lines], [[*map(plain, line)] for line in footer]
    widths = [
        max(map(len, column)) + (place > 0) for place, column in enumerate(zip(head, *above, *below, strict=True))
    ]
    say_within(title, out)
    for block in fitting([width - 1 for width in widths[1:]], widths[0], out.width):
        shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
        for k in (0, *(place + 1 for place in block)):
            text = k == 0 or head[k] in ("verdict", "formula")
            shown.add_column(head[k], justify="left" if text else "right", no_wrap=head[k] != "verdict")
        for line in above:
            shown.add_row(*(Text(line[k]) for k in (0, *(place + 1 for place in block))))
        shown.add_section()
        for line in below:
            shown.add_row(*(Text(line[k]) for k in (0, *(place + 1 for place in block))), style="bold")
        print_table(shown, out)
        print()
