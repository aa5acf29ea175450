"""Interactive figures of the page, as JSON that plotly.js draws; the page sets fonts and greys, to suit its theme."""

import json
import math

import plotly.graph_objects as go

from . import words
from .columns import Table, missing
from .palette import colour, colours, fills, mark
from .tables import pareto

FLOOR = 1e-17  # a logarithmic axis cannot show an error of zero


def work_precision(table: Table, label: str) -> go.Figure | None:
    """Hessian error against the time of one Hessian for every right contender; lines join its tolerances.

    The grey staircase is the Pareto front: no contender lies below and left of it. `None` when nothing was right.
    """
    rows = table[(table["problem_label"] == label) & (table["status"] == "ok")]
    rows = rows[rows["median_s"].notna() & rows["error"].notna()]
    if rows.empty:
        return None
    scheme, filling, figure = colours(table), fills(table, "plotly"), go.Figure()
    figure.add_trace(_front(rows))
    fastest = rows.groupby("contender")["median_s"].min().sort_values()
    for name in fastest.index:
        own = rows[rows["contender"] == name].sort_values("rtol", ascending=False)
        strategy = own["strategy"].iloc[0]
        shade, symbol = colour(scheme, strategy), mark(own["backend"].iloc[0], "plotly") + filling[strategy]
        figure.add_trace(
            go.Scatter(
                x=own["median_s"].tolist(),
                y=own["error"].clip(lower=FLOOR).tolist(),
                name=name,
                mode="lines+markers" if len(own) > 1 else "markers",
                line={"color": shade, "width": 1.5},
                marker={
                    "color": shade,
                    "symbol": symbol,
                    "size": 11,
                    "line": {"width": 0.5 if "/" not in strategy else 1.5},
                },
                text=[_details(row) for _, row in own.iterrows()],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_layout(
        template="none",
        height=max(430, 120 + 21 * len(fastest)),
        margin={"l": 78, "r": 12, "t": 12, "b": 58},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"x": 1.02, "y": 1, "tracegroupgap": 0, "itemsizing": "constant"},
        xaxis=_axis("time of one value, gradient and Hessian (seconds, median)", rows["median_s"]),
        yaxis=_axis("relative error of the Hessian (worst point)", rows["error"].clip(lower=FLOOR)),
    )
    return figure


def to_json(figure: go.Figure) -> str:
    """Data and layout of a figure as JSON that may stand inside a `script` element."""
    return json.dumps(json.loads(str(figure.to_json())), separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def _front(rows):
    best = rows[pareto(rows)].sort_values("median_s")
    return go.Scatter(
        x=best["median_s"].tolist(),
        y=best["error"].clip(lower=FLOOR).tolist(),
        name="Pareto front",
        mode="lines",
        line={"color": "rgba(128,128,128,0.55)", "width": 2, "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
    )


def _axis(title, values):
    """A logarithmic axis over whole decades around `values`, ticks at powers of ten."""
    low, high = math.floor(math.log10(values.min()) - 0.1), math.ceil(math.log10(values.max()) + 0.1)
    return {
        "title": {"text": title, "standoff": 12},
        "type": "log",
        "range": [low, high],
        "dtick": max(1, round((high - low) / 8)),
        "exponentformat": "power",
        "ticks": "outside",
        "zeroline": False,
        "automargin": True,
    }


def _details(row):
    pairs = [
        ("tolerance", words.tolerance(row["rtol"])),
        ("time", words.seconds(row["median_s"])),
        ("error", words.error(row["error"])),
        ("first call, compiling included", words.seconds(row["total_first_s"])),
        ("memory", words.mib(row["peak_mib"])),
        ("right-hand sides", words.count(row["rhs"])),
    ]
    lines = [f"{name}: {value}" for name, value in pairs if value != words.NOTHING]
    note = [] if missing(row["note"]) or not row["note"] else [f"<i>{row['note']}</i>"]
    return "<br>".join([f"<b>{row['contender']}</b>", *lines, *note])
