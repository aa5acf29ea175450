"""Figures for papers and the README, as PNG or SVG files."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from hessbench import InvalidInput
from hessbench._storage.files import make_folder, write
from hessbench._storage.text import cut, file_stem, plain

from . import words
from .charts import Chart, Series, Values, View, memory_against_steps, scaling, work_precision
from .columns import Table
from .load import load
from .palette import colour, mark
from .paper import paper_charts
from .tables import latest, questions, ranking

STYLE: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"}
GREY, RED, FAINT, PALE = "#6b7280", "#b42318", "#e5e7eb", "#c9cdd3"
LEGEND = 16  # longer legends cannot be read
LONGEST = 48  # characters of a name beside a figure
NOT_RIGHT = ("wrong", "inaccurate")


def readme_figure(table: Table, path: str | Path, problem: str | None = None, rtol: float | None = None) -> Path:
    """Who is right on one problem, how fast, and how wrong the others are: one row per contender. Returns the path.

    By default the figure-8, else the first problem, at its tightest tolerance. Left the time of one Hessian (right
    contenders alone), right its error. Raises `InvalidInput` when `table` holds nothing about it.
    """
    table = latest(table)
    asked = dict(questions(table)) if len(table) else {}
    problem = problem or next((label for label in asked if "figure-8" in label), next(iter(asked), None))
    if problem not in asked:
        raise InvalidInput(f"There are no results for {problem!r}; there are: {', '.join(asked) or 'none'}.")
    rtol = asked[problem][-1] if rtol is None else rtol
    rows = ranking(table, problem, rtol)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 1.5 + 0.27 * len(rows)), layout="constrained")
        times, errors = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        _draw(times, errors, rows)
        first = rows.iloc[0]
        name = _literal(cut(words.title(problem, first["arguments"], rows["dim"].max()), LONGEST))
        figure.suptitle(
            f"{name}: one value, gradient and Hessian at tolerance {_plain(rtol)}", x=0.01, ha="left", weight="bold"
        )
        found = f"{rows['rank'].count()} of {len(rows)} contenders are right (strategy@backend, coloured by strategy)"
        times.set_title(found, loc="left", size=9, color=GREY)
        return _save(figure, Path(path))


def write_figures(paths: Iterable[str | Path], folder: str | Path) -> list[Path]:
    """Static figures of all results in `paths`, PNG and SVG: the overview, and every chart of the page in every view."""
    table, folder = latest(load(paths).table), Path(folder)
    make_folder(folder)
    out = [readme_figure(table, folder / "overview.png")]
    groups = {
        "work-precision": work_precision(table),
        "scaling": scaling(table),
        "memory": memory_against_steps(table),
        "paper": paper_charts(table),
    }
    for group, charts in groups.items():
        for chart in charts:
            out += chart_figure(chart, folder / file_stem(f"{group}-{chart.key}"))
    return out


def chart_figure(chart: Chart, stem: Path) -> list[Path]:
    """All views of a chart side by side, what leads in one of them in colour, the rest grey; the paths of PNG and SVG."""
    strong = [series for series in chart.series if series.leads][:LEGEND]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(8.4, 4.0 * len(chart.views) + 2.6), 4.2), layout="constrained")
        panels = figure.subplots(1, len(chart.views), squeeze=False)[0]
        for view, axes in zip(chart.views, panels, strict=True):
            _panel(axes, chart, view, strong)
        panels[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
        figure.suptitle(_literal(cut(chart.title, 2 * LONGEST)), x=0.01, ha="left", weight="bold")
        return [_save(figure, stem.with_name(f"{stem.name}.{ending}")) for ending in ("png", "svg")]


def _save(figure: Figure, path: Path) -> Path:
    """Draw completely before anything is written."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:] or "png", dpi=300, facecolor="white")
    return write(path, drawn.getvalue())


def _panel(axes: Any, chart: Chart, view: View, strong: list[Series]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for series in chart.series:
        _line(axes, series, view, strong=series in strong)
    if len(strong) < len(chart.series):
        axes.plot([], [], "o", color=PALE, ms=4, label=f"{len(chart.series) - len(strong)} others")
    if view.front is not None:
        axes.step(*_known(*view.front), where="post", color=GREY, ls=":", lw=1.2, label="Pareto front", zorder=1)
    if view.level is not None:
        axes.axhline(view.level, color=GREY, ls="--", lw=1, zorder=1)
    axes.set_xlabel(view.x_title, size=8)
    axes.set_ylabel(view.y_title, size=8)
    axes.grid(color=FAINT, lw=0.6)
    for axis in (axes.xaxis, axes.yaxis):
        _ticks(axis)


def _line(axes: Any, series: Series, view: View, *, strong: bool) -> None:
    x, y = _known(series.x[view.key], series.y[view.key])
    style: dict[str, Any] = {"marker": mark(series.backend, "matplotlib"), "color": series.colour if strong else PALE}
    if strong:
        style |= {
            "ms": 6.5,
            "label": _literal(cut(series.name, LONGEST)),
            "fillstyle": "none" if series.variant else "full",
            "zorder": 3,
        }
    else:
        style |= {"ms": 3.5, "lw": 0.7, "zorder": 0}
    if x:
        axes.plot(x, y, **style)


def _known(x: Values, y: Values) -> tuple[list[float], list[float]]:
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a is not None and b is not None]
    return [a for a, _ in pairs], [b for _, b in pairs]


def _ticks(axis: Any) -> None:
    """Plain numbers where an axis spans less than about a decade and a half, which powers of ten alone would leave bare."""
    low, high = axis.get_view_interval()
    if high / low < 40:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


def _draw(times, errors, rows):
    y = np.arange(len(rows))
    right = rows["rank"].notna().to_numpy()
    left = float(rows["median_s"].min()) / 2 if right.any() else 1.0
    for i, (_, row) in enumerate(rows.iterrows()):
        shade = colour(row["strategy"]) if right[i] else RED if row["status"] in NOT_RIGHT else GREY
        text = {"textcoords": "offset points", "va": "center", "color": "black" if right[i] else shade}
        if right[i]:
            times.plot([row["ci_low_s"], row["ci_high_s"]], [i, i], color=shade, lw=2, solid_capstyle="butt")
            times.plot(row["median_s"], i, mark(row["backend"], "matplotlib"), color=shade, ms=6)
            times.annotate(words.seconds(row["median_s"]), (row["median_s"], i), (7, 0), size=9, **text)
        else:
            times.annotate(
                _literal(f"{row['status']}: {words.short(row['message'], 54)}"), (left, i), (3, 0), size=8, **text
            )
        if np.isfinite(row["error"]):
            errors.plot(row["error"], i, "X" if row["status"] in NOT_RIGHT else "o", color=shade, ms=6)
    times.set_yticks(y, [_literal(cut(name, LONGEST)) for name in rows["contender"]])
    for axes, title in (
        (times, "time (s, median; only where the Hessian is right)"),
        (errors, "relative error of the Hessian"),
    ):
        axes.set_xscale("log")
        axes.set_xlabel(title)
        axes.grid(axis="x", color=FAINT, lw=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    if right.any():
        times.set_xlim(left, float(rows["median_s"].max()) * 6)
    errors.xaxis.set_major_locator(LogLocator(numticks=6))
    errors.xaxis.set_minor_locator(NullLocator())
    times.xaxis.set_minor_locator(NullLocator())
    times.set_ylim(len(rows) - 0.4, -0.6)


def _literal(text: str) -> str:
    """`text` as matplotlib shows it: a dollar sign begins no formula."""
    return plain(text).replace("$", r"\$")


def _plain(rtol):
    mantissa, exponent = f"{rtol:.0e}".split("e")
    return f"$10^{{{int(exponent)}}}$" if mantissa == "1" else f"{rtol:g}"
