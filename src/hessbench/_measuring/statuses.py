"""The statuses of a record: one row each with its code, what it means and how it is shown.

Codes stand in stored results of asv: a new status gets the next one, and no code is given twice. A status that has no row
here is shown too, plainly and last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Status:
    """`code`: the number that asv stores; `urgency`: what is to be looked at first has the least; `avoid`: the heading under
    which the verdict warns of it; `evidence`: whether it says that a contender is right, wrong or refuses."""

    name: str
    code: int
    meaning: str
    mark: str
    tone: Literal["ok", "near", "bad", "calm"]
    urgency: int
    avoid: str = ""
    evidence: bool = True


TABLE = (  # in the order in which rankings show them
    Status("ok", 0, "right, and timed", "✓", "ok", 7),
    Status("unjudged", 7, "there is no reference to judge it by", "?", "calm", 4, evidence=False),
    Status(
        "inaccurate", 1, "close, but outside its declared accuracy", "≈", "near", 1, "Outside the declared accuracy"
    ),
    Status("wrong", 2, "a wrong Hessian (error above 1 %)", "✗", "bad", 0, "Wrong"),
    Status("failed", 3, "stopped with an error", "!", "bad", 2, "Stops with an error"),
    Status("timeout", 4, "stopped at the time limit", "…", "near", 3, "Ran out of time", evidence=False),
    Status("unsupported", 5, "refuses the problem", "–", "calm", 5),
    Status("unavailable", 6, "a package is missing", "○", "calm", 6, evidence=False),
)

STATUSES = tuple(row.name for row in sorted(TABLE, key=lambda row: row.code))


def status(name: str) -> Status:
    """The row of a status."""
    return next((row for row in TABLE if row.name == name), Status(name, -1, name, "–", "calm", len(TABLE)))


def rank(name: str) -> int:
    """The place of a status in a ranking, from 0."""
    return next((place for place, row in enumerate(TABLE) if row.name == name), len(TABLE))
