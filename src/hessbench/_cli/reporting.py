"""`hessbench report` and `hessbench run`: the page, and asv driven module by module."""

from __future__ import annotations

import json
import sys
import webbrowser
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from .._errors import HessbenchError, Unavailable
from . import app

NEEDED = ("pandas", "pyarrow", "plotly", "matplotlib", "jinja2")


@app.command()
def report(
    paths: Annotated[list[Path] | None, typer.Argument(help="Result files or folders. Default: results")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("report.html"),
    machine: Annotated[str | None, typer.Option(help="Show this machine; the one measured on last by default.")] = None,
    export: Annotated[list[Path] | None, typer.Option(help="Also write the tidy table as .csv or .parquet.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Also write static figures (PNG, SVG) to this folder.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the report: one HTML file that opens offline."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise Unavailable(f"`hessbench report` needs {', '.join(absent)}: pip install 'hessbench[report]'")
    from hessbench import report as reports

    sources = paths or [Path("results")]
    page = reports.build(sources, out, machine)
    written = [page.path]
    for path in export or []:
        written.append(reports.export(reports.load(sources).table, path))
    if figures is not None:
        written += reports.write_figures(sources, figures)
    for warning in page.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        shown: dict[str, Any] = {"page": str(page.path), "rows": page.rows, "warnings": page.warnings}
        print(json.dumps({**shown, "written": [str(p) for p in written]}, indent=1))
    else:
        print(f"{page.rows} results in {page.path.resolve().as_uri()}")
        for path in written[1:]:
            print(f"wrote {path}")
    if open_it:
        webbrowser.open(page.path.resolve().as_uri())


@app.command()
def run(
    suites: Annotated[list[str] | None, typer.Argument(help="Benchmark modules, such as smoke. Default: all")] = None,
    isolated: Annotated[bool, typer.Option(help="Let asv build an environment of its own (2 GB).")] = False,
    again: Annotated[bool, typer.Option(help="Measure suites again that have results for this commit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per suite.")] = False,
) -> None:
    """Run asv one benchmark module at a time: an interruption loses at most the module in progress."""
    from .._run import Step, find_root
    from .._run import run as run_suites

    failed = []
    for event in run_suites(find_root(), suites or None, isolated=isolated, again=again):
        if isinstance(event, Step):
            if as_json:
                print(json.dumps(asdict(event)), flush=True)
            else:
                print(f"{event.suite}: {event.status} ({event.seconds:.0f} s) {event.message}".rstrip(), flush=True)
            failed += [event.suite] if event.status == "failed" else []
        elif not as_json and not event.finished:
            last = "" if event.last_s is None else f", {event.last_s:.0f} s last time"
            print(f"{event.name}: running{last} ...", file=sys.stderr, flush=True)
    if failed:
        raise HessbenchError(f"These suites failed: {', '.join(failed)}.")
