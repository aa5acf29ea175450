"""`hessbench check`: conformance of a strategy or a problem, one line per law."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from .._conformance import Finding, findings_of
from . import app


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A strategy (NAME or NAME@BACKEND), a problem, or a file that defines one.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check that a strategy or a problem keeps the laws of its interface; exit status 1 if it breaks one."""
    found: list[Finding] = []
    for finding in findings_of(name):
        found.append(finding)
        if not as_json:
            print(
                f"{'ok  ' if finding.passed else 'FAIL'}  {finding.subject}: {finding.law}{finding.suffix}", flush=True
            )
    if as_json:
        print(json.dumps([f.to_json() for f in found], indent=1))
    broken = sum(not f.passed for f in found)
    if not as_json:
        print(f"{len(found) - broken} laws hold, {broken} broken")
    if broken:
        sys.exit(1)
