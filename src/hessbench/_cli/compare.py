"""`hessbench compare`: all strategies on one problem, each in a process of its own, as a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .._errors import HessbenchError, InvalidInput
from .._integrate.ivp import IVP
from .._judging.gate_points import run_seed
from .._judging.unjudged import with_differences
from .._measuring.grid import measure_grid
from .._measuring.machine import Watch
from .._measuring.measure import outline, problem_plugin, strategy_plugin
from .._measuring.provenance import now, provenance
from .._measuring.record import Case, Record
from .._measuring.statuses import rank
from .._plugins.contenders import contenders, pareto
from .._storage.files import append_line, ensure_writable, scratch
from .._storage.text import cut
from . import app
from .output import console, say, say_within, show_cases


@app.command()
def compare(
    problem: Annotated[
        str, typer.Argument(help="A problem's name (`hessbench list`) or a file that defines `problem`.")
    ],
    size: Annotated[int | None, typer.Option("-n", "--size", help="Size of the problem family.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another argument of the family, such as start=simo."),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option("-s", "--strategy", help="NAME, NAME@BACKEND or FILE.py; may be repeated. Default: all."),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the solver.")] = 1e-8,
    atol: Annotated[float | None, typer.Option(help="Absolute tolerance; the relative one by default.")] = None,
    method: Annotated[str, typer.Option(help="Method of adaptive solves: RK45, DOP853, Radau, ...")] = "DOP853",
    budget: Annotated[float, typer.Option(help="Seconds of repeated timing for each strategy.")] = 1.0,
    time_limit: Annotated[float, typer.Option(help="Seconds after which a strategy is stopped.")] = 60.0,
    memory_limit: Annotated[int, typer.Option(help="MiB that a strategy may allocate.")] = 8192,
    gate_seed: Annotated[
        int | None,
        typer.Option(min=0, help="Repeat the drawn point and the order of checks of a run: its records hold it."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", help="Append the records to this file (JSON lines), for the report.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Compare strategies on a built-in problem or on your own file: is each right, and what does it cost?"""
    arguments = family_arguments(problem, size, settings or [])
    IVP(method, rtol, rtol if atol is None else atol)  # raises for a bad tolerance or method before work starts
    if budget < 0 or time_limit <= 0 or memory_limit <= 0:
        raise InvalidInput("`--budget`, `--time-limit` and `--memory-limit` must be positive numbers.")
    cases = [
        Case(problem, name, backend, arguments, rtol, atol, method) for name, backend in contenders(strategy or None)
    ]
    for case in cases:
        strategy_plugin(case)
    dim, wrt = outline(cases[0])
    if output is not None:
        ensure_writable(output)
    if not as_json:
        say(f"{cases[0].problem_label}: {dim} states, Hessian by {', '.join(wrt)}, rtol {rtol:g}", error=True)
    measured: list[Case] = []
    records: list[Record] = []
    kept = Kept(output, provenance("compare", " ".join(["hessbench", *sys.argv[1:]]), Path.cwd()))
    ended: int | None = None
    seed = run_seed() if gate_seed is None else gate_seed
    with scratch() as folder:
        files = {id(case): folder / f"{i}.npz" for i, case in enumerate(cases)}
        limits = {"time_limit": time_limit, "memory_limit_mib": memory_limit, "budget": budget, "gate_seed": seed}
        try:
            grid = measure_grid(with_progress(cases), kept, options=lambda case: {"keep": files[id(case)]}, **limits)
            for case, record in grid:
                measured.append(case)
                records.append(record)
        except KeyboardInterrupt:
            ended = 130
        except SystemExit as stop:  # a signal that ends the command
            ended = stop.code if isinstance(stop.code, int) else 1
        records = with_differences(measured, records, [files[id(case)] for case in measured])
    kept.save()
    if as_json:
        print(json.dumps([record.to_json() for record in records], indent=1))
    elif records:
        show(records)
    if ended is not None:
        say(f"interrupted: {len(records)} of {len(cases)} contenders were measured", error=True)
        sys.exit(ended)
    if kept.error is not None:
        raise kept.error


class Kept:
    """The records of one comparison, appended to a file as they come. One that cannot be saved waits for the next try."""

    def __init__(self, path: Path | None, origin: Mapping[str, Any]) -> None:
        self.path, self.origin, self.watch = path, origin, Watch()
        self.waiting: list[str] = []
        self.error: HessbenchError | None = None

    def find(self, case: Case) -> None:
        """A comparison measures every case anew."""

    def add(self, record: Record) -> None:
        """Save a record, and those before it that wait."""
        self.waiting.append(json.dumps({"run": self.run(), "record": record.to_json()}))
        self.save()

    def run(self) -> dict[str, Any]:
        """Where a record that was made just now comes from, and what else the machine did meanwhile."""
        return {**self.origin, **self.watch.since(), "date": now()}

    def save(self) -> None:
        """Save what waits; `error` says why if that failed."""
        self.error = None
        while self.path is not None and self.waiting:
            try:
                append_line(self.path, self.waiting[0])
            except HessbenchError as error:
                self.error = HessbenchError(f"{len(self.waiting)} of the records above are not saved. {error}")
                return
            del self.waiting[0]


def family_arguments(problem: str, size: int | None, settings: list[str]) -> dict[str, Any]:
    """The keyword arguments of a problem family from `-n` and `--set`; raises `InvalidInput` for what it does not take."""
    plugin = problem_plugin(Case(problem, ""))
    if plugin.error is not None:
        plugin.load()  # raises, with the reason
    takes = [text.partition("=")[0] for text in plugin.about.arguments]
    arguments: dict[str, Any] = {}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign:
            raise InvalidInput(f"`--set {setting}`: write KEY=VALUE, such as --set start=simo.")
        try:
            arguments[key] = json.loads(text)
        except ValueError:
            arguments[key] = text
    if size is not None:
        key = next((name for name in ("n", "d", "dim") if name in takes), None)
        if key is None:
            raise InvalidInput(f"Problem {plugin.name!r} has one size only; leave out `-n {size}`.")
        arguments[key] = size
    return arguments


def with_progress(cases: list[Case]) -> Iterator[Case]:
    """The cases as they are asked for, with a progress bar on standard error when that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(cases))
        for case in cases:
            progress.update(task, description=cut(case.label, 40))
            yield case
            progress.advance(task)


def judged(record: Record) -> float | None:
    """The error that is shown: of the Hessian, or what the gate condemned the result for."""
    return record.error if record.status == "ok" or record.error_scaled is None else record.error_scaled


def show(records: list[Record]) -> None:
    """Print the table: right ones by time, Pareto-best marked, then the others with their reasons."""
    best = pareto(records)
    rows, reasons = [], []
    for r in sorted(records, key=lambda r: (rank(r.status), r.median_s or 0.0)):
        prepare = None if r.first_s is None else r.first_s + (r.prepare_s or 0)
        reasons.append(r.message)
        rows.append(
            [
                "*" if id(r) in best else "",
                f"{r.strategy}@{r.backend}" if r.backend else r.strategy,
                r.status,
                "" if (error := judged(r)) is None else f"{error:.1e}",
                seconds(r.median_s),
                seconds(prepare),
                "" if r.peak_mib is None else f"{r.peak_mib:.1f} MiB",
                "" if r.status != "ok" or not r.rhs else str(r.rhs),
            ]
        )
    head = ("", "strategy", "status", "error", "time", "first call", "memory", "rhs")
    show_cases(head, rows, reasons, ("first call", "memory", "rhs"))
    legend = "* no other is both faster and more accurate; first call: with tracing and compiling, without imports"
    say_within(legend, console())


def seconds(s: float | None) -> str:
    """Seconds with a unit that suits their size; empty for `None`."""
    if s is None:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if s * scale >= 1 or unit == "us":
            return f"{s * scale:.3g} {unit}"
    raise AssertionError
