"""The figures as data, drawn by plotly.js on the page and by matplotlib for papers.

A chart has one or more *views*: other quantities on an axis, over the same points. Of the many contenders a view
*emphasises* those that lead in it (the Pareto front, the fastest at some size); the others are drawn grey behind them.
A missing value is `None`, which neither library draws.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import words
from .columns import Row, Table, missing
from .palette import colour, mark
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
    """One contender: its points by view (`x` and `y` in the same order), a text for each, and where it leads.

    `spread`: lower and upper ends of the 99 % intervals of the median times.
    """

    name: str
    strategy: str
    backend: str
    x: Mapping[str, Values]
    y: Mapping[str, Values]
    text: list[str]
    colour: str
    variant: bool = False
    leads: tuple[str, ...] = ()
    spread: tuple[Values, Values] = field(default=([], []))


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
    """A figure. `key` tells it from the other choices of its group; an empty list of series is never made.

    `finding`: what it shows, in a sentence, for those who cannot see it.
    """

    key: str
    title: str
    views: list[View]
    series: list[Series]
    finding: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON that the page draws, marks named for plotly."""
        out = asdict(self)
        for series in out["series"]:
            series["mark"] = mark(series["backend"], "plotly")
        return out


def series_of(rows: list[Row], x: Mapping[str, Values], y: Mapping[str, Values], **more: Any) -> Series:
    """The series of one contender, whose rows are `rows`."""
    about = (rows[0]["contender"], rows[0]["strategy"], rows[0]["backend"])
    spread = (numbers(rows, "ci_low_s"), numbers(rows, "ci_high_s"))
    texts = [details(row) for row in rows]
    return Series(*about, x, y, texts, colour(about[1]), "/" in about[1], spread=spread, **more)


def work_precision(table: Table) -> list[Chart]:
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
            series.append(series_of(own, x, y, leads=tuple(cost for cost in COSTS if name in on_front[cost])))
        first = rows.iloc[0]
        title = words.title(label, first["arguments"], rows["dim"].max())
        out.append(Chart(label, title, views, series, _ends_of_front(title, fronts["median_s"])))
    return out


def _ends_of_front(title: str, front: Table) -> str:
    """What a chart of work and precision shows, from its Pareto front."""
    if front.empty:
        return title
    fast, exact = front.iloc[0], front.iloc[-1]
    quick = f"{words.seconds(fast['median_s'])} at an error of {words.error(fast['error'])}"
    out = f"{title}: the fastest is {fast['contender']}, {quick}"
    if exact["contender"] == fast["contender"]:
        return f"{out}; it is the most exact too."
    more = f"{words.error(exact['error'])} in {words.seconds(exact['median_s'])}"
    return f"{out}; the most exact is {exact['contender']}, {more}."


def scaling(table: Table) -> list[Chart]:
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
            series.append(series_of(own, x, y, leads=tuple(key for key in first if name in first[key])))
        known = (
            rows[rows["median_s"].notna()]
            .sort_values("median_s", kind="stable")
            .drop_duplicates("dim")
            .sort_values("dim")
        )
        ends = [f"{row['contender']} at N = {row['dim']}" for row in known.iloc[[0, -1]].to_dict("records")]
        finding = f"{family.title}: the fastest is {words.listed(dict.fromkeys(ends))}."
        out.append(Chart(family.key, family.title, views, series, finding))
    return out


def memory_against_steps(table: Table) -> list[Chart]:
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
            series_of(
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


def _stairs(front, cost):
    return (values(front[cost]), values(front["error"].clip(lower=FLOOR))) if len(front) else None
