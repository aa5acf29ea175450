"""`hessbench report`: the page."""

from __future__ import annotations

import json
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from .._errors import Unavailable
from .._storage.files import ensure_writable, make_folder
from .application import app
from .output import say

NEEDED = ("pandas", "pyarrow", "plotly", "matplotlib", "jinja2")


@app.command()
def report(
    paths: Annotated[list[Path] | None, typer.Argument(help="Result files or folders. Default: results")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("report.html"),
    against: Annotated[
        list[str] | None,
        typer.Option(help="Compare with another file, folder, revision or machine; may be repeated."),
    ] = None,
    machine: Annotated[str | None, typer.Option(help="Show this machine; the one measured on last by default.")] = None,
    bounds: Annotated[bool, typer.Option("--bounds/--no-bounds", help="Count operations too; takes seconds.")] = True,
    export: Annotated[list[Path] | None, typer.Option(help="Also write the tidy table as .csv or .parquet.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Also write static figures (PNG, SVG) to this folder.")] = None,
    with_curated: Annotated[
        bool, typer.Option("--with-curated", help="Also read results that come with the package, in folders `curated`.")
    ] = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the report: one HTML file that opens offline."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise Unavailable(f"`hessbench report` needs {', '.join(absent)}: pip install 'hessbench[report]'")
    from hessbench import report as reports

    for path in export or []:
        ensure_writable(reports.check_ending(path))
    if figures is not None:
        make_folder(figures)
    sources = paths or [Path("results")]
    if with_curated:
        sources = [*sources, *reports.curated_below(sources)]
    page = reports.build(sources, out, machine, against or [], bounds)
    if page.curated:
        sources = reports.curated_below(sources)
    written = [page.path]
    for path in export or []:
        written.append(reports.export(reports.load(sources).table, path))
    if figures is not None:
        written += reports.write_figures(sources, figures)
    for warning in reports.first(page.warnings):
        say(f"warning: {warning}", error=True)
    if as_json:
        shown: dict[str, Any] = {"page": str(page.path), "rows": page.rows, "warnings": page.warnings}
        shown |= {"answer": page.answer, "curated": page.curated}
        shown["against"] = {comparison.name: comparison.sentence for comparison in page.comparisons}
        print(json.dumps({**shown, "written": [str(p) for p in written]}, indent=1))
    else:
        for comparison in page.comparisons:
            say(f"against {comparison.name}: {comparison.sentence}")
        whose = " that come with hessbench (none of your own yet: `make compare`)" if page.curated else ""
        print(f"{page.rows} results{whose} in {page.path.resolve().as_uri()}")
        say(page.answer)
        for path in written[1:]:
            say(f"wrote {path}")
    if open_it:
        webbrowser.open(page.path.resolve().as_uri())


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="The board: a folder that a web server shows.")],
    paths: Annotated[list[Path] | None, typer.Argument(help="Result files or folders to add. Default: results")] = None,
    url: Annotated[str, typer.Option(help="Where the board will be found; the page then names its preview.")] = "",
    only_check: Annotated[bool, typer.Option("--check", help="Check the board's data and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Add results to a public board, a static folder; with --check, say what is wrong with what others added."""
    from hessbench import report as reports

    if only_check:
        found = reports.check(folder)
        if as_json:
            print(json.dumps({"wrong": found}, indent=1))
        else:
            say("\n".join(found) if found else f"All data in {folder} count.")
        if found:
            raise typer.Exit(1)
        return
    board = reports.publish(paths or [Path("results")], folder, url)
    if as_json:
        shown = {"page": str(board.page.path), "added": board.added, "refused": list(board.refused)}
        print(json.dumps(shown, indent=1))
        return
    for reason in reports.first(board.refused):
        say(f"left out: {reason}", error=True)
    for name, count in board.added.items():
        say(f"{name}: {count} new")
    print(f"{board.page.rows} results in {board.page.path.resolve().as_uri()}")
