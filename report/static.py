"""Figures for papers and the README, as PNG or SVG files."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from hessbench import InvalidInput

from . import words
from .columns import Table
from .palette import colour, colours, fills, mark
from .tables import latest, pareto, questions, ranking

STYLE: Any = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"}
GREY, RED, FAINT = "#6b7280", "#b42318", "#e5e7eb"
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
        _draw(times, errors, rows, colours(table))
        first = rows.iloc[0]
        name = words.title(problem, first["arguments"], rows["dim"].max())
        figure.suptitle(
            f"{name}: one value, gradient and Hessian at tolerance {_plain(rtol)}", x=0.01, ha="left", weight="bold"
        )
        found = f"{rows['rank'].count()} of {len(rows)} contenders are right (strategy@backend, coloured by strategy)"
        times.set_title(found, loc="left", size=9, color=GREY)
        figure.savefig(path, dpi=150, facecolor="white")
    return Path(path)


def work_precision_figure(table: Table, problem: str, path: str | Path) -> Path:
    """Hessian error against time on logarithmic axes with the Pareto front, as a file. Returns the path."""
    table = latest(table)
    rows = table[(table["problem_label"] == problem) & (table["status"] == "ok") & table["median_s"].notna()]
    if rows.empty:
        raise InvalidInput(f"Nothing was right, and timed, on {problem!r}.")
    scheme, filling = colours(table), fills(table, "matplotlib")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 4.8), layout="constrained")
        axes = figure.subplots()
        for name in rows.groupby("contender")["median_s"].min().sort_values().index:
            own = rows[rows["contender"] == name].sort_values("rtol")
            strategy, shade = own["strategy"].iloc[0], colour(scheme, own["strategy"].iloc[0])
            shape = mark(own["backend"].iloc[0], "matplotlib")
            axes.loglog(
                own["median_s"], own["error"], shape + "-", color=shade, fillstyle=filling[strategy], ms=7, label=name
            )
        front = rows[pareto(rows)].sort_values("median_s")
        axes.step(front["median_s"], front["error"], where="post", color=GREY, ls=":", label="Pareto front", zorder=0)
        axes.set_xlabel("time of one value, gradient and Hessian (s)")
        axes.set_ylabel("relative error of the Hessian")
        axes.grid(color=FAINT, lw=0.6)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
        axes.set_title(problem, loc="left", weight="bold")
        figure.savefig(path, dpi=150, facecolor="white")
    return Path(path)


def _draw(times, errors, rows, scheme):
    y = np.arange(len(rows))
    right = rows["rank"].notna().to_numpy()
    left = float(rows["median_s"].min()) / 2 if right.any() else 1.0
    for i, (_, row) in enumerate(rows.iterrows()):
        shade = colour(scheme, row["strategy"]) if right[i] else RED if row["status"] in NOT_RIGHT else GREY
        words_at = {"textcoords": "offset points", "va": "center", "color": "black" if right[i] else shade}
        if right[i]:
            times.plot([left, row["median_s"]], [i, i], color=shade, lw=5, alpha=0.85, solid_capstyle="butt")
            times.annotate(words.seconds(row["median_s"]), (row["median_s"], i), (5, 0), size=9, **words_at)
        else:
            times.annotate(f"{row['status']}: {_short(row['message'])}", (left, i), (3, 0), size=8, **words_at)
        if np.isfinite(row["error"]):
            errors.plot(row["error"], i, "X" if row["status"] in NOT_RIGHT else "o", color=shade, ms=6)
    times.set_yticks(y, rows["contender"])
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


def _short(message, limit=54):
    return message if len(message) <= limit else message[: limit - 1].rsplit(" ", 1)[0] + " …"


def _plain(rtol):
    mantissa, exponent = f"{rtol:.0e}".split("e")
    return f"$10^{{{int(exponent)}}}$" if mantissa == "1" else f"{rtol:g}"
