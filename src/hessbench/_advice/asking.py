"""Probing a problem in a process of its own, which nothing in the user's file can keep from ending.

python -m hessbench._advice.asking DESCRIPTOR       (started by `asked`)
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .._errors import HessbenchError, InvalidInput
from .._measuring.measure import child_environment, problem_of
from .._measuring.record import Case
from .._plugins.describe import known, seed
from .._plugins.own_functions import at_line
from .._processes.contain import contained
from .._processes.within import limit_memory, report_line
from .probe import Probe, Shape, probe, shapes

LIMIT = 30.0  # seconds for all parts of a probe
MEMORY_MIB = 4096


@dataclass(frozen=True)
class Asked:
    """A problem's probe, and by `strategy@backend` what each contender would be asked to do."""

    probe: Probe
    shapes: dict[str, Shape]


def asked(case: Case, contenders: Sequence[tuple[str, str | None]], limit: float = LIMIT) -> Asked:
    """Probe the problem of `case` at its tolerance, in a child of at most `limit` seconds; what it did not get to is unknown.

    Raises `InvalidInput` for a problem that cannot be used, `HessbenchError` where the child ends before it knows anything.
    """
    request = {"case": asdict(case), "contenders": [list(pair) for pair in contenders], "known": known()}
    command = [sys.executable, "-m", "hessbench._advice.asking"]
    ended = contained(command, request, limit, child_environment())
    last = None
    for line in ended.lines:
        try:
            said = json.loads(line)
            if said["stage"] == "invalid":
                raise InvalidInput(said["message"])
            found = {label: Shape(**shape) for label, shape in said["shapes"].items()}
            last = said["stage"], Asked(Probe.from_json(said["probe"]), found)
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InvalidInput):
                raise
            continue  # cut off, or printed by the user's file
    if last is None:
        why = f"it took more than {limit:g} s" if ended.why == "limit" else f"its process ended (status {ended.status})"
        raise HessbenchError(f"{case.problem} could not be probed: {why}.")
    stage, out = last
    if stage != "done":
        why = f"stopped at {limit:g} s" if ended.why == "limit" else f"its process ended (status {ended.status})"
        out = replace(out, probe=replace(out.probe, unknown=(*out.probe.unknown, f"the rest: {why}")))
    return out


def main(out: int) -> None:
    """Probe the case of the request, and report on the descriptor `out` after each part."""
    request = json.loads(Path(os.environ["TMPDIR"], "request").read_bytes())
    case, contenders = Case(**request["case"]), [tuple(pair) for pair in request["contenders"]]
    seed(request["known"])
    limit_memory(MEMORY_MIB)
    problem: Any = None

    def report(found: Probe, stage: str = "probed") -> None:
        made = {label: asdict(shape) for label, shape in shapes(problem, contenders, found.pieces).items()}
        report_line(out, {"stage": stage, "probe": found.to_json(), "shapes": made})

    try:
        problem = problem_of(case)
        report(probe(problem, case.rtol, report), "done")
    except HessbenchError as error:
        report_line(out, {"stage": "invalid", "message": str(error)})
    except BaseException as error:  # `sys.exit` of a user's file too
        where = "" if problem is None else at_line(error, problem)
        report_line(out, {"stage": "invalid", "message": f"{case.problem}: {type(error).__name__}: {error}{where}"})


if __name__ == "__main__":
    main(int(sys.argv[1]))
