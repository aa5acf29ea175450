"""`hessbench list`: strategies and problems, without importing a framework."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .. import backends
from .._plugins.plugin import Plugin, installed
from .._plugins.registry import problems, strategies
from .._storage.text import cut, plain
from .application import app
from .output import console, fitting, print_table, say, say_within


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
    from rich.table import Table
    from rich.text import Text

    out = console()
    for kind, column in (("strategies", "backends"), ("problems", "arguments")):
        table = Table(title=Text(kind), title_justify="left", box=None, pad_edge=False, header_style="bold")
        for heading in ("name", column, "what it is"):
            table.add_column(heading, no_wrap=heading == "name")
        before = ""
        for row in rows[kind]:
            error, (base, slash, variant) = row["error"], row["name"].partition("/")
            below = slash and base == before  # a variant of the row above: same file, same text
            name = f"  /{variant}" if below else row["name"]
            if error is not None:
                about = Text.assemble(("cannot be used: ", "red"), plain(error))
            else:
                about = Text("" if below else plain(row["summary"]))
            table.add_row(Text(cut(name, LONGEST)), Text(plain(row[column])), about)
            before = base
        print_table(table, out)
        print()
    for name, reason in backends.broken().items():
        say(f"backend {name!r} cannot be used: {reason}")


LONGEST = 48  # characters of a name
COLOURS = {"ok": "green", "inaccurate": "yellow", "wrong": "red", "raises": "magenta", "refuses": "dim"}


def list_outcomes(as_json: bool) -> None:
    """Print the table of expected outcomes: strategies down, classes of problems across."""
    from .._judging.outcomes import CLASSES, RTOL, outcome_rows, to_json

    rows = outcome_rows()
    if as_json:
        print(to_json(rows))
        return
    from rich.table import Table
    from rich.text import Text

    by_contender: dict[str, list[Any]] = {}
    for row in rows:
        by_contender.setdefault(row.contender, []).append(row)
    names, out = {name: cut(name, LONGEST) for name in by_contender}, console()
    widths = [
        max(len(kind.name), *(len(plain(cells[at].expected)) for cells in by_contender.values()))
        for at, kind in enumerate(CLASSES)
    ]
    for block in fitting(widths, max(map(len, names.values()), default=0), out.width):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("strategy", *(CLASSES[at].name for at in block)):
            table.add_column(heading, no_wrap=True)
        for contender, cells in by_contender.items():
            shown = [
                Text(plain(cells[at].expected or "?"), style=COLOURS.get(cells[at].expected.split(" ")[0], ""))
                for at in block
            ]
            table.add_row(Text(names[contender]), *shown)
        print_table(table, out)
        print()
    for kind in CLASSES:
        say(f"{kind.name}: {kind.label.partition(' [')[0]}")
    used = sorted({version for row in rows for version in row.versions.split(", ") if version})
    say_within(f"observed with {', '.join(used)}", out)
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
