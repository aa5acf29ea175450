"""Orbits by name: the two figure-8s and those of the literature, refined; the sources stand in the tables' last column."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

import numpy as np

from .._errors import InvalidInput
from .._model.problem import Problem
from .._plugins.registry import problem as build

TABLES = {"three-body": "three_body_orbits.csv", "restricted-three-body": "restricted_three_body_orbits.csv"}
GERVER = "Chenciner, Gerver, Montgomery & Simó (2002), period 2 pi, rounded as published"
BUILT_IN = {  # name: family, arguments, source
    "figure-8": ("three-body", {"start": "figure-8"}, "Moore (1993); Chenciner & Montgomery (2000)"),
    "simo": ("three-body", {"start": "simo"}, "Simó (2002)"),
    "lagrange": ("n-body", {"start": "lagrange"}, "Lagrange (1772), equal masses: unstable"),
    "lagrange-stable": ("n-body", {"start": "lagrange", "masses": [1.0, 0.02, 0.01]}, "Gascheau (1843): stable"),
    "euler": ("n-body", {"start": "euler"}, "Euler (1767), equal masses: unstable"),
    "ring-4": ("n-body", {"start": "ring", "n": 4}, "four equal masses on a square: unstable"),
    "maxwell-ring-6": (
        "n-body",
        {"start": "ring", "n": 6, "centre": 1000.0},
        "Maxwell (1859): unstable for six bodies",
    ),
    "maxwell-ring-7": ("n-body", {"start": "ring", "n": 7, "centre": 1000.0}, "Maxwell (1859): stable"),
    "figure-8-published": ("n-body", {"start": "figure-8"}, "Chenciner & Montgomery (2000), rounded as published"),
    "super-eight": ("n-body", {"start": "super-eight"}, f"Gerver; {GERVER}"),
    "chain-5": ("n-body", {"start": "chain-5"}, GERVER),
}


@dataclass(frozen=True)
class Known:
    """A row of the tables: `key` is the name in lower case with dashes; `closure` and the multiplier as published here."""

    key: str
    name: str
    family: str
    source: str
    closure: float | None = None
    largest_multiplier: float | None = None

    def problem(self, digits: int | None = None) -> Problem:
        """The problem that starts on the orbit; start and period rounded to `digits` decimals if given."""
        if self.key in BUILT_IN:
            family, arguments, _ = BUILT_IN[self.key]
            own = build(family, **arguments)
            if digits is None:
                return own
            y0, period = np.round(own.y0, digits), round(own.t_span[1], digits)
            return build(family, y0=y0, period=period, masses=own.params["masses"])
        row = next(r for r in _rows(self.family) if _key(r["name"]) == self.key)
        y0, period = np.array(row["y0"].split(), dtype=float), float(row["period"])
        if digits is not None:
            y0, period = np.round(y0, digits), round(period, digits)
        if self.family == "three-body":
            return build("three-body", masses=[float(m) for m in row["masses"].split()], y0=y0, period=period)
        return build("restricted-three-body", mu=float(row["mu"]), y0=y0, period=period)


def known_orbits() -> dict[str, Known]:
    """All orbits by key."""
    out = {key: Known(key, key, family, source) for key, (family, _, source) in BUILT_IN.items()}
    for family in TABLES:
        for row in _rows(family):
            key = _key(row["name"])
            largest = float(row["max_abs_floquet_multiplier"])
            out[key] = Known(key, row["name"], family, row["source"], float(row["closure"]), largest)
    return out


def known_orbit(name: str) -> Known:
    """One orbit by name; raises `InvalidInput` with the nearest names."""
    table, key = known_orbits(), _key(name)
    if key in table:
        return table[key]
    near = get_close_matches(key, table, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are: {', '.join(table)}."
    raise InvalidInput(f"There is no orbit {name!r}. {hint}")


def _key(name: str) -> str:
    return "".join(c if c.isalnum() or c == "." else "-" for c in name.lower()).replace("--", "-").strip("-")


@cache
def _rows(family: str) -> tuple[dict[str, str], ...]:
    text = (files("hessbench.orbits") / "data" / TABLES[family]).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
