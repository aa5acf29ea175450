"""The measurements of one condition as rows and columns: a column for each observable with its own overrides."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import InvalidInput, Unsupported

DISTRIBUTIONS = {"normal": None, "log-normal": "log", "log10-normal": "log10"}


class Table:
    """`times` (M,), `values` and `mask` (M, k + g), `scales` (k,), `means` and `sigmas` (k,) in SymPy; `given` names g columns.

    A number that stands beside a single measurement (a standard deviation) is a column of its own, unless all are the same.
    """

    def __init__(self, rows: Any, observables: Any) -> None:
        import sympy
        from petab.v1.math import sympify_petab

        columns: dict[tuple[Any, ...], list[tuple[float, float, list[float | None]]]] = {}
        for _, row in rows.iterrows():
            overrides = [*_overrides(row, "observableParameters"), "|", *_overrides(row, "noiseParameters")]
            pattern = tuple("" if isinstance(o, float) else o for o in overrides)
            numbers = [o if isinstance(o, float) else None for o in overrides]
            key = (str(row["observableId"]), pattern)
            columns.setdefault(key, []).append((float(row["time"]), float(row["measurement"]), numbers))
        self.means, self.sigmas, self.given, scales = [], [], [], []
        given: list[tuple[int, int]] = []  # column, place among the overrides
        for j, ((observable, pattern), seen) in enumerate(columns.items()):
            if observable not in observables.index:
                raise InvalidInput(f"there is no observable {observable!r} in the table of observables.")
            row, by = observables.loc[observable], dict[str, Any]()
            split = pattern.index("|")
            for k, override in enumerate(pattern):
                if k == split:
                    continue
                kind, number = ("observable", k + 1) if k < split else ("noise", k - split)
                name = f"{kind}Parameter{number}_{observable}"
                values = {numbers[k] for _, _, numbers in seen}
                if override:
                    by[name] = sympify_petab(override)
                elif len(values) == 1:
                    by[name] = sympy.Float(values.pop())
                else:
                    by[name] = sympy.Symbol(f"given_{j}_{k}")
                    self.given.append(f"given_{j}_{k}")
                    given.append((j, k))
            for formula, into in (("observableFormula", self.means), ("noiseFormula", self.sigmas)):
                expr: Any = sympify_petab(row[formula])
                into.append(expr.xreplace({s: by[s.name] for s in expr.free_symbols if s.name in by}))
                left = [
                    s.name for s in into[-1].free_symbols if s.name.endswith(f"_{observable}") and "Parameter" in s.name
                ]
                if left:
                    raise InvalidInput(f"a measurement of {observable!r} gives no {left[0]!r}.")
            scales.append(_scale(row, observable))
        self.scales = tuple(scales)
        self._place(list(columns.values()), given)

    def _place(
        self, columns: list[list[tuple[float, float, list[float | None]]]], given: list[tuple[int, int]]
    ) -> None:
        places: list[list[tuple[int, tuple[float, float, list[float | None]]]]] = []
        rows: dict[tuple[float, int], int] = {}
        for j, seen in enumerate(columns):
            count: dict[float, int] = {}
            for one in seen:
                replicate = count.get(one[0], 0)
                count[one[0]] = replicate + 1
                at = rows.setdefault((one[0], replicate), len(rows))
                if at == len(places):
                    places.append([])
                places[at].append((j, one))
        k, m = len(columns), len(rows)
        self.times = np.array([time for time, _ in rows])
        self.values, self.mask = np.full((m, k + len(given)), np.nan), np.zeros((m, k + len(given)), dtype=bool)
        for at, entries in enumerate(places):
            for j, (_, value, numbers) in entries:
                self.values[at, j], self.mask[at, j] = value, True
                for g, (column, place) in enumerate(given):
                    if column == j:
                        self.values[at, k + g], self.mask[at, k + g] = numbers[place], True


def _overrides(row: Any, column: str) -> list[float | str]:
    value = row.get(column)
    if value is None or value != value or value == "":
        return []
    out: list[float | str] = []
    for part in str(value).split(";"):
        try:
            out.append(float(part))
        except ValueError:
            out.append(part.strip())
    return out


def _scale(row: Any, observable: str) -> str:
    noise = row.get("noiseDistribution")
    noise = "normal" if noise is None or noise != noise or noise == "" else str(noise)
    scale = row.get("observableTransformation")
    scale = "lin" if scale is None or scale != scale or scale == "" else str(scale)
    if noise not in DISTRIBUTIONS:
        raise Unsupported(f"the noise of {observable!r} is {noise!r}, expected {', '.join(DISTRIBUTIONS)}")
    return DISTRIBUTIONS[noise] or scale
