"""`hessbench list`: strategies and problems, without importing a framework."""

from __future__ import annotations

import inspect
import json
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from .. import backends
from .._registry import Plugin, problems, strategies
from . import app


@app.command("list")
def list_plugins(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List strategies and problems; a plugin that cannot be used is shown with its reason."""
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
        for row in rows[kind]:
            error = row["error"]
            text = escape(row["summary"]) if error is None else f"[red]cannot be used:[/] {escape(error)}"
            table.add_row(row["name"], escape(row[column]), text)
        console.print(table, "")


def strategy_row(plugin: Plugin) -> dict[str, Any]:
    """Name, backends (those that are missing in brackets), first sentence, and the reason if it cannot be used."""
    row = {
        "name": plugin.name,
        "origin": plugin.origin,
        "summary": plugin.summary,
        "error": plugin.error,
        "backends": "",
    }
    if plugin.target is not None:
        here = all(find_spec(package) is not None for package in plugin.target.packages)
        names = plugin.target.backends
        row["backends"] = " ".join(b if here and backends.available(b) else f"({b})" for b in names)
    return row


def problem_row(plugin: Plugin) -> dict[str, Any]:
    """Name, arguments with their defaults, first sentence, and the reason if it cannot be used."""
    row = {
        "name": plugin.name,
        "origin": plugin.origin,
        "summary": plugin.summary,
        "error": plugin.error,
        "arguments": "",
    }
    if plugin.target is not None:
        parameters = inspect.signature(plugin.target).parameters.values()
        row["arguments"] = " ".join(str(p.replace(annotation=p.empty)) for p in parameters)
    return row
