"""The two figures of arXiv:2301.08085 on the random quadratic, redrawn with our times.

(a) T_BP2 / T_DP and T_BP2 / (N T_DP): row by row over one pass; (b) a framework's time over that of NumPy.
RK45 at tolerance 1e-5, t = 0.2, N = 10 .. 150 (the suite `paper`).
"""

from collections.abc import Iterable

from . import words
from .charts import Chart, Series, View, values
from .columns import Table
from .palette import COLOURS

ONE_PASS = {
    "hand-adjoint@numpy": "one pass",
    "hand-adjoint/backward@numpy": "one pass, y carried backward (the paper's)",
}
ROWS = {"hand-adjoint-rows@numpy": "rows", "hand-adjoint-rows/batched@numpy": "rows batched"}
FRAMEWORKS = {"forward-over-reverse": "hand-adjoint@numpy", "reverse-over-reverse": "hand-adjoint-rows@numpy"}
STEP = "number of states N"


def paper_rows(table: Table) -> Table:
    """The right rows of the paper's experiment."""
    mine = (table["problem"] == "random-quadratic") & (table["method"] == "RK45") & (table["rtol"] == 1e-5)
    return table[mine & (table["status"] == "ok") & table["median_s"].notna() & table["dim"].notna()]


def paper_charts(table: Table) -> list[Chart]:
    """Figures (a) and (b); a figure for which no ratio can be formed is left out."""
    rows = paper_rows(table)
    times = rows.drop_duplicates(["contender", "dim"], keep="last").pivot(
        index="dim", columns="contender", values="median_s"
    )
    out = []
    ratios = list(_rows_over_one_pass(times))
    if ratios:
        views = [
            View("ratio", "T(rows) / T(one pass)", STEP, "time row by row / time in one pass", level=1.0),
            View("per-row", "T(rows) / (N T(one pass))", STEP, "time row by row / (N × time in one pass)"),
        ]
        out.append(Chart("a", "Row by row over one pass", views, ratios))
    ratios = list(_framework_over_numpy(times))
    if ratios:
        views = [View("ratio", "ratio", STEP, "time with the framework / time with NumPy", level=1.0)]
        out.append(Chart("b", "Framework over NumPy", views, ratios))
    return out


def _rows_over_one_pass(times: Table) -> Iterable[Series]:
    pairs = [(r, o) for r in ROWS for o in ONE_PASS if r in times and o in times]
    for colour, (rows, one) in zip(COLOURS, pairs, strict=False):
        ratio = (times[rows] / times[one]).dropna()
        if ratio.empty:
            continue
        name = f"{ROWS[rows]} / {ONE_PASS[one]}"
        sizes, per_row = values(ratio.index), values(ratio / ratio.index.astype(float))
        text = [_text(name, n, {rows: times[rows][n], one: times[one][n]}, ratio[n]) for n in ratio.index]
        y = {"ratio": values(ratio), "per-row": per_row}
        x = {"ratio": sizes, "per-row": sizes}
        yield Series(name, rows.partition("@")[0], "numpy", x, y, text, colour, "batched" in rows, tuple(y))


def _framework_over_numpy(times: Table) -> Iterable[Series]:
    for name in times.columns:
        strategy, _, backend = name.partition("@")
        base = FRAMEWORKS.get(strategy)
        if base is None or base not in times:
            continue
        ratio = (times[name] / times[base]).dropna()
        if ratio.empty:
            continue
        text = [
            _text(f"{name} / {base}", n, {name: times[name][n], base: times[base][n]}, ratio[n]) for n in ratio.index
        ]
        x, y = {"ratio": values(ratio.index)}, {"ratio": values(ratio)}
        colour = COLOURS[list(FRAMEWORKS).index(strategy)]
        yield Series(f"{name} / {base}", strategy, backend, x, y, text, colour, leads=("ratio",))


def _text(name, n, times, ratio):
    lines = [f"{words.escape(who)}: {words.seconds(value)}" for who, value in times.items()]
    return "<br>".join([f"<b>{words.escape(name)}</b>", f"N = {n}: {words.times(ratio)}", *lines])
