"""`hessbench check`: conformance of a strategy or a problem, one line per law; and the table of expected outcomes."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from .._errors import InvalidInput
from .._judging.conformance import Finding, findings_of
from .._judging.gate_points import run_seed, with_seed
from .._judging.outcomes import Row, observed_rows, to_json, update_table
from .application import app
from .output import say


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(help="A strategy (NAME or NAME@BACKEND), a problem, or a file that defines one.")
    ] = None,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="Compare outcomes with the table only; of all strategies without a NAME.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="With --outcomes: write what was observed into the table, to be reviewed.")
    ] = False,
    faults: Annotated[
        bool, typer.Option("--faults", help="Commit faults in measuring processes, plugins and caches; what survives?")
    ] = False,
    gate_seed: Annotated[
        int | None, typer.Option(min=0, help="Repeat the drawn point and the order of checks of a run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings, or the outcomes, as JSON.")] = False,
) -> None:
    """Check that a strategy or a problem keeps the laws of its interface; exit status 1 if it breaks one."""
    if faults:
        from .faults import check_faults

        sys.exit(check_faults(as_json))
    with_seed(gate_seed)
    if outcomes:
        sys.exit(check_outcomes(name, write, as_json))
    if name is None or write:
        raise InvalidInput(
            "`hessbench check` needs a name or a file; `--outcomes`, with or without `--write`, does not."
        )
    found: list[Finding] = []
    for finding in findings_of(name):
        found.append(finding)
        if not as_json:
            say(f"{'ok  ' if finding.passed else 'FAIL'}  {finding.subject}: {finding.law}{finding.suffix}")
    if as_json:
        print(json.dumps([f.to_json() for f in found], indent=1))
    broken = sum(not f.passed for f in found)
    if not as_json:
        print(f"{len(found) - broken} laws hold, {broken} broken")
    if broken:
        print(f"the same checks again: --gate-seed {run_seed()}", file=sys.stderr)
        sys.exit(1)


def check_outcomes(name: str | None, write: bool, as_json: bool) -> int:
    """Observe, print and maybe write; the exit status, 1 if anything differs from a table that is not written."""
    rows: list[Row] = []
    for row in observed_rows([name] if name else None):
        rows.append(row)
        if not as_json:
            mark = "ok  " if row.as_expected else "FAIL"
            expected = "" if row.as_expected else f", expected {row.expected}"
            say(f"{mark}  {row.contender} on {row.problem}: {row.observed}{expected} ({row.detail})")
    if as_json:
        print(to_json(rows))
    changed = sum(not row.as_expected for row in rows)
    if write:
        path = update_table(rows)
        print(f"{changed} changed of {len(rows)} outcomes in {path}", file=sys.stderr)
        return 0
    if not as_json:
        print(f"{len(rows) - changed} outcomes as expected, {changed} not")
    return int(changed > 0)
