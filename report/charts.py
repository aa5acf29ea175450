"""The figures as data, drawn by plotly.js on the page and by matplotlib for papers.

A chart has one or more *views*: other quantities on an axis, over the same points. Of the many contenders a view
*emphasises* those that lead in it (the Pareto front, the fastest at some size); the others are drawn grey behind them.
A missing value is `None`, which neither library draws.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import words
from .columns import Row, Table, missing
from .palette import colours, mark
from .tables import families, pareto, questions

EXTREMES = 5  # contenders named at either end of a figure that has no front
FLOOR = 1e-17  # a logarithmic axis cannot show an error of zero
COSTS = {  # column: (name of the view, title of the axis)
    "median_s": ("time", "time of one value, gradient and Hessian (s)"),
    "rhs": ("right-hand sides", "evaluations of the right-hand side"),
    "peak_mib": ("memory", "peak memory of one Hessian above the warm process (MiB)"),
}
Values = list[float | None]


@dataclass(frozen=True)
class Series:
    """One contender: its points by view (`x` and `y` in the same order), a text for each, and where it leads."""

    name: str
    strategy: str
    backend: str
    x: Mapping[str, Values]
    y: Mapping[str, Values]
    text: list[str]
    colour: str
    variant: bool = False
    leads: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """Axes of a chart, logarithmic both unless `linear_y`; `front` is the Pareto staircase, `level` a line to compare with."""

    key: str
    label: str
    x_title: str
    y_title: str
    front: tuple[Values, Values] | None = None
    level: float | None = None


@dataclass(frozen=True)
class Chart:
    """A figure. `key` tells it from the other choices of its group; an empty list of series is never made."""

    key: str
    title: str
    views: list[View]
    series: list[Series]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON that the page draws, marks named for plotly."""
        out = asdict(self)
        for series in out["series"]:
            series["mark"] = mark(series["backend"], "plotly")
        return out


@dataclass(frozen=True)
class Scheme:
    """The colours of a page: strategy -> colour."""

    shades: Mapping[str, str]

    @classmethod
    def of(cls, table: Table) -> "Scheme":
        """Colours by how often a strategy is on a Pareto front of time and error."""
        on_front = [
            row for label, _ in questions(table) for row in _strategies_on_front(table[table["problem_label"] == label])
        ]
        by_count = sorted(set(on_front), key=lambda name: (-on_front.count(name), name))
        return cls(colours(table, by_count))

    def series(self, rows: list[Row], x: Mapping[str, Values], y: Mapping[str, Values], **more: Any) -> Series:
        """The series of one contender, whose rows are `rows`."""
        about = (rows[0]["contender"], rows[0]["strategy"], rows[0]["backend"])
        shade = self.shades.get(about[1], "#6b7280")
        return Series(*about, x, y, [details(row) for row in rows], shade, "/" in about[1], **more)


def work_precision(table: Table, scheme: Scheme) -> list[Chart]:
    """One chart for each problem on which anything was right: error of the Hessian against time, evaluations, memory."""
    right = table[(table["status"] == "ok") & table["error"].notna() & table[list(COSTS)].notna().any(axis=1)]
    right = right.sort_values(["rtol", "method"], ascending=[False, True]).assign(
        shown=right["error"].clip(lower=FLOOR)
    )
    out = []
    for label, _ in questions(right):
        rows = right[right["problem_label"] == label]
        fronts = {cost: rows[pareto(rows, cost)].sort_values(cost) for cost in COSTS}
        views = [
            View(cost, name, title, "relative error of the Hessian (worst point)", _stairs(fronts[cost], cost))
            for cost, (name, title) in COSTS.items()
            if rows[cost].notna().any()
        ]
        on_front = {cost: set(front["contender"]) for cost, front in fronts.items()}
        series = []
        for name, own in _by_contender(rows):
            x = {view.key: numbers(own, view.key) for view in views}
            y = {view.key: numbers(own, "shown") for view in views}
            series.append(scheme.series(own, x, y, leads=tuple(cost for cost in COSTS if name in on_front[cost])))
        first = rows.iloc[0]
        title = words.title(label, first["arguments"], rows["dim"].max())
        out.append(Chart(label, title, views, series))
    return out


def scaling(table: Table, scheme: Scheme) -> list[Chart]:
    """One chart for each family and tolerance with at least three sizes: time, memory and evaluations over the size."""
    out = []
    for family, rows in families(table):
        views = [
            View(cost, name, "number of states N", title)
            for cost, (name, title) in COSTS.items()
            if rows[cost].notna().any()
        ]
        first = {view.key: leading(rows, view.key) for view in views}
        series = []
        for name, own in _by_contender(rows.sort_values("dim")):
            x, y = (
                {view.key: numbers(own, "dim") for view in views},
                {view.key: numbers(own, view.key) for view in views},
            )
            series.append(scheme.series(own, x, y, leads=tuple(key for key in first if name in first[key])))
        out.append(Chart(family.key, family.title, views, series))
    return out


def memory_against_steps(table: Table, scheme: Scheme) -> list[Chart]:
    """One chart for each problem family and number of states at which contenders took at least three numbers of steps.

    Emphasised are those whose memory grows most and least with the steps.
    """
    out = []
    able = table[(table["status"] == "ok") & (table["steps"] > 0) & (table["peak_mib"] > 0)]
    able = able.sort_values("steps").drop_duplicates(["contender", "problem", "dim", "steps"])
    for (family, dim), rows in able.groupby(["problem", "dim"]):
        enough = [(name, own) for name, own in _by_contender(rows) if len(own) >= 3]
        growth = {name: own[-1]["peak_mib"] / own[0]["peak_mib"] for name, own in enough}
        ordered = sorted(growth, key=lambda name: growth[name])
        extremes = {*ordered[:EXTREMES], *ordered[-EXTREMES:]}
        series = [
            scheme.series(
                own,
                {"steps": numbers(own, "steps")},
                {"steps": numbers(own, "peak_mib")},
                leads=("steps",) if name in extremes else (),
            )
            for name, own in enough
        ]
        if series:
            view = View("steps", "memory", "accepted steps of the integrator", COSTS["peak_mib"][1])
            out.append(Chart(f"{family}, {dim} states", f"{family}, {dim} states", [view], series))
    return out


def _by_contender(rows: Table) -> list[tuple[str, list[Row]]]:
    out: dict[str, list[Row]] = {}
    for row in rows.to_dict("records"):
        out.setdefault(row["contender"], []).append(row)
    return sorted(out.items())


def leading(rows: Table, cost: str) -> set[str]:
    """Contenders with the least cost at some size."""
    known = rows[rows[cost].notna()]
    return set(known.loc[known.groupby("dim")[cost].idxmin(), "contender"]) if len(known) else set()


def numbers(rows: Iterable[Row], column: str) -> Values:
    """The values of a column as floats, and `None` for what is missing or not finite."""
    return values(row[column] for row in rows)


def values(column: Iterable[Any]) -> Values:
    """Floats, and `None` for what is missing or not finite."""
    return [None if missing(v) or not math.isfinite(v) else float(v) for v in column]


def details(row: Mapping[str, Any]) -> str:
    """What is shown of one point under the pointer, as lines of HTML."""
    pairs = [
        ("problem", row["problem_label"]),
        ("tolerance", words.tolerance(row["rtol"]) + f", {row['method']}"),
        ("time", words.seconds(row["median_s"])),
        ("error", words.error(row["error"])),
        ("first call, compiling included", words.seconds(row["total_first_s"])),
        ("memory", words.mib(row["peak_mib"])),
        ("right-hand sides", words.count(row["rhs"])),
        ("steps", words.count(row["steps"])),
    ]
    lines = [f"{name}: {words.escape(value)}" for name, value in pairs if value != words.NOTHING]
    note = [] if missing(row["note"]) or not row["note"] else [f"<i>{words.escape(words.short(row['note']))}</i>"]
    return "<br>".join([f"<b>{words.escape(row['contender'])}</b>", *lines, *note])


def _strategies_on_front(rows):
    return rows[pareto(rows)]["strategy"].unique()


def _stairs(front, cost):
    return (values(front[cost]), values(front["error"].clip(lower=FLOOR))) if len(front) else None
