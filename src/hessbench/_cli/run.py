"""`hessbench run`: asv driven module by module."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from .._errors import HessbenchError
from .application import app
from .output import say

if TYPE_CHECKING:
    from .._measuring.asv import Progress, Step, Suite

    Event: TypeAlias = Suite | Progress | Step


@app.command()
def run(
    suites: Annotated[list[str] | None, typer.Argument(help="Benchmark modules, such as smoke. Default: all")] = None,
    isolated: Annotated[bool, typer.Option(help="Let asv build an environment of its own (2 GB).")] = False,
    again: Annotated[bool, typer.Option(help="Measure again what has results for this commit.")] = False,
    gate_seed: Annotated[
        int | None, typer.Option(min=0, help="Repeat the drawn points and the order of checks of a run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per suite.")] = False,
) -> None:
    """Run asv one benchmark module at a time; interrupted, it continues where it stopped when called again."""
    from .._judging.gate_points import run_seed, with_seed
    from .._measuring import asv as _run

    with_seed(run_seed() if gate_seed is None else gate_seed)  # the same for all processes of asv
    root, failed = _run.find_root(), []
    total = len(suites or _run.suites(root, isolated=isolated))
    events = shown(_run.run(root, suites or None, isolated=isolated, again=again), total)
    with closing(events):
        for event in events:
            if isinstance(event, _run.Step):
                if as_json:
                    print(json.dumps(asdict(event)), flush=True)
                else:
                    say(f"{event.suite}: {event.status} ({event.seconds:.0f} s) {event.message}".rstrip())
                failed += [event.suite] if event.status == "failed" else []
            elif isinstance(event, _run.Suite) and not as_json and (again or not event.finished):
                last = "" if event.last_s is None else f", {event.last_s:.0f} s last time"
                print(f"{event.name}: running{last} ...", file=sys.stderr, flush=True)
    if failed:
        raise HessbenchError(f"These suites failed: {', '.join(failed)}.")


def shown(events: Generator[Event, None, None], total: int) -> Generator[Event, None, None]:
    """Pass events on, with a bar over all suites and the time left on standard error when that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    from .._measuring import asv as _run

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[state]}"))
    with closing(events), Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task, finished = bar.add_task("", total=total, state=""), 0
        for event in events:
            if isinstance(event, _run.Suite):
                bar.update(task, description=event.name, state="")
            elif isinstance(event, _run.Step):
                finished += 1
                bar.update(task, completed=finished)
            elif isinstance(event, _run.Progress):
                part = event.done / event.total if event.total else 0.0
                bar.update(task, completed=finished + part, state=state(event))
            yield event


def state(progress: Progress) -> str:
    """Cases done in this suite and the time left for all of them, in words."""
    cases = f"{progress.done} of {progress.total} cases" if progress.total else "starting"
    if progress.left_s is None:
        return cases
    minutes, seconds = divmod(round(progress.left_s), 60)
    return f"{cases}, about {minutes} min {seconds:02d} s left"
