"""`hessbench list`: strategies and problems, without importing a framework."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .. import backends
from .._plugins import Plugin, installed
from .._registry import problems, strategies
from . import app


@app.command("list")
def list_plugins(
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="What is expected of each strategy on each class of problem instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List strategies and problems; a plugin that cannot be used is shown with its reason."""
    if outcomes:
        list_outcomes(as_json)
        return
    rows = {
        "strategies": [strategy_row(plugin) for plugin in strategies().values()],
        "problems": [problem_row(plugin) for plugin in problems().values()],
    }
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for kind, column in (("strategies", "backends"), ("problems", "arguments")):
        table = Table(title=kind, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for heading in ("name", column, "what it is"):
            table.add_column(heading, no_wrap=heading == "name")
        before = ""
        for row in rows[kind]:
            error, (plain, slash, variant) = row["error"], row["name"].partition("/")
            below = slash and plain == before  # a variant of the row above: same file, same text
            text = escape(row["summary"]) if error is None else f"[red]cannot be used:[/] {escape(error)}"
            table.add_row(
                f"  /{variant}" if below else row["name"], escape(row[column]), "" if below and error is None else text
            )
            before = plain
        console.print(table, "")


COLOURS = {"ok": "green", "inaccurate": "yellow", "wrong": "red", "raises": "magenta", "refuses": "dim"}


def list_outcomes(as_json: bool) -> None:
    """Print the table of expected outcomes: strategies down, classes of problems across."""
    from .._outcomes import CLASSES, RTOL, outcome_rows, to_json

    rows = outcome_rows()
    if as_json:
        print(to_json(rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("strategy", *(kind.name for kind in CLASSES)):
        table.add_column(heading, no_wrap=heading == "strategy", overflow="fold")
    by_contender: dict[str, list[Any]] = {}
    for row in rows:
        by_contender.setdefault(row.contender, []).append(row)
    for contender, cells in by_contender.items():
        shown = [Text(c.expected or "?", style=COLOURS.get(c.expected.split(" ")[0], "")) for c in cells]
        table.add_row(contender, *shown)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    for kind in CLASSES:
        console.print(f"{kind.name}: {kind.label.partition(' [')[0]}", highlight=False, markup=False)
    used = sorted({version for row in rows for version in row.versions.split(", ") if version})
    console.print(f"observed with {', '.join(used)}", highlight=False)
    print(f"at rtol {RTOL:g}; ?: not observed, expected to be ok; `hessbench check --outcomes NAME` compares")


def strategy_row(plugin: Plugin) -> dict[str, Any]:
    """Name, backends (those that are missing in brackets), first sentence, and the reason if it cannot be used."""
    row = {
        "name": plugin.name,
        "origin": plugin.origin,
        "summary": plugin.summary,
        "error": plugin.error,
        "backends": "",
    }
    here = all(installed(package) for package in plugin.about.packages)
    row["backends"] = " ".join(b if here and backends.available(b) else f"({b})" for b in plugin.backends)
    return row


def problem_row(plugin: Plugin) -> dict[str, Any]:
    """Name, arguments with their defaults, first sentence, and the reason if it cannot be used."""
    row = {
        "name": plugin.name,
        "origin": plugin.origin,
        "summary": plugin.summary,
        "error": plugin.error,
        "arguments": " ".join(plugin.about.arguments),
    }
    return row
