"""`hessbench compare`: strategies on one problem, each in a process of its own, as a table and in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from .._errors import HessbenchError, InvalidInput
from .._integrate.ivp import IVP
from .._judging.gate_points import run_seed
from .._judging.unjudged import with_differences
from .._measuring.forking import Forking
from .._measuring.grid import measure_grid
from .._measuring.machine import Watch
from .._measuring.measure import outline, problem_plugin, strategy_plugin
from .._measuring.provenance import now, provenance
from .._measuring.record import Case, Record
from .._plugins.contenders import contenders, likely
from .._storage.files import append_line, ensure_writable, scratch
from .application import app
from .glossary import explain
from .options import Settings, Size, Unknowns
from .output import console, say, say_within
from .table import growing, show
from .verdict import left_out, verdict


def glossary(asked: bool) -> None:
    """Print what the words of the table mean, and end."""
    if asked:
        explain()
        raise typer.Exit


@app.command()
def compare(
    problem: Annotated[
        str, typer.Argument(help="A problem's name (`hessbench list`) or a file that defines `problem`.")
    ],
    size: Size = None,
    settings: Settings = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option("-s", "--strategy", help="NAME, NAME@BACKEND or FILE.py; may be repeated. Default: likely ones."),
    ] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every strategy and variant; takes minutes.")] = False,
    wrt: Unknowns = None,
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
    explained: Annotated[
        bool,
        typer.Option("--explain", is_eager=True, callback=glossary, help="Say what the words of the table mean."),
    ] = False,
) -> None:
    """Compare strategies on a built-in problem or on your own file: is each right, and what does it cost?

    The exit status is 1 where none is right.
    """
    if strategy and all_of_them:
        raise InvalidInput("`--all` takes every strategy, `--strategy` some of them; leave one of the two out.")
    arguments = family_arguments(problem, size, settings or [], wrt or [])
    IVP(method, rtol, rtol if atol is None else atol)  # raises for a bad tolerance or method before work starts
    if budget < 0 or time_limit <= 0 or memory_limit <= 0:
        raise InvalidInput("`--budget`, `--time-limit` and `--memory-limit` must be positive numbers.")
    taking_part = contenders(strategy or None) if strategy or all_of_them else likely()
    cases = [Case(problem, name, backend, arguments, rtol, atol, method) for name, backend in taking_part]
    for case in cases:
        strategy_plugin(case)
    if output is not None:
        ensure_writable(output)
    measured: list[Case] = []
    kept = Kept(output, provenance("compare", " ".join(["hessbench", *sys.argv[1:]]), Path.cwd()))
    ended: int | None = None
    seed = run_seed() if gate_seed is None else gate_seed
    with scratch() as folder, Forking() as child:
        dim, names, written_in = outline(cases[0], child)
        if written_in is not None and not strategy and not all_of_them:
            cases = [replace(cases[0], strategy=name, backend=backend) for name, backend in likely(written_in)]
        if not as_json:
            say(f"{cases[0].problem_label}: {dim} states, Hessian by {', '.join(names)}, rtol {rtol:g}", error=True)
        files = {id(case): folder / f"{i}.npz" for i, case in enumerate(cases)}
        limits = {"time_limit": time_limit, "memory_limit_mib": memory_limit, "budget": budget, "gate_seed": seed}
        with growing(len(cases), silent=as_json) as table:
            try:
                asked = table.asked(cases)
                for case, record in measure_grid(
                    asked, kept, options=lambda case: {"keep": files[id(case)]}, child=child, **limits
                ):
                    measured.append(case)
                    table.add(record)
            except KeyboardInterrupt:
                ended = 130
            except SystemExit as stop:  # a signal that ends the command
                ended = stop.code if isinstance(stop.code, int) else 1
        records = with_differences(measured, table.records, [files[id(case)] for case in measured])
    kept.save()
    if as_json:
        print(json.dumps([record.to_json() for record in records], indent=1))
    elif records:
        show(records)
        print()
        paragraphs = verdict(records)
        if not strategy and not all_of_them:
            paragraphs.append(left_out(len(cases)))
        for paragraph in [*paragraphs, "The words: hessbench compare --explain"]:
            say_within(paragraph, console())
    if ended is not None:
        say(f"interrupted: {len(records)} of {len(cases)} contenders were measured", error=True)
        sys.exit(ended)
    if kept.error is not None:
        raise kept.error
    if not any(record.status == "ok" for record in records):
        sys.exit(1)


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


def family_arguments(problem: str, size: int | None, settings: list[str], wrt: list[str]) -> dict[str, Any]:
    """The keyword arguments of a problem family from `-n`, `--set` and `--wrt`; raises `InvalidInput` for what it does not
    take.
    """
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
    if wrt:
        arguments["wrt"] = [name.strip() for text in wrt for name in text.split(",") if name.strip()]
    return arguments
