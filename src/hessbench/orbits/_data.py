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
BUILT_IN = {"figure-8": "Moore (1993); Chenciner & Montgomery (2000)", "simo": "Simó (2002)"}


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
            own = build("three-body", start=self.key)
            if digits is None:
                return own
            return build("three-body", y0=np.round(own.y0, digits), period=round(own.t_span[1], digits))
        row = next(r for r in _rows(self.family) if _key(r["name"]) == self.key)
        y0, period = np.array(row["y0"].split(), dtype=float), float(row["period"])
        if digits is not None:
            y0, period = np.round(y0, digits), round(period, digits)
        if self.family == "three-body":
            return build("three-body", masses=[float(m) for m in row["masses"].split()], y0=y0, period=period)
        return build("restricted-three-body", mu=float(row["mu"]), y0=y0, period=period)


def known_orbits() -> dict[str, Known]:
    """All orbits by key."""
    out = {key: Known(key, key, "three-body", source) for key, source in BUILT_IN.items()}
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
