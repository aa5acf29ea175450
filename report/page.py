"""The page: one HTML file that needs nothing else, made from a tidy table by the templates beside this file."""

import base64
import gzip
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

import hessbench
from hessbench import STATUSES, InvalidInput

from . import figures, tables, words
from .columns import Table
from .load import load
from .static import readme_figure, work_precision_figure


@dataclass(frozen=True)
class Page:
    """Where the page is, how many rows it shows, and what could not be read. As a path: `os.fspath(page)`."""

    path: Path
    rows: int
    warnings: tuple[str, ...] = ()

    def __fspath__(self) -> str:
        return os.fspath(self.path)


def build(paths: Iterable[str | Path], out: str | Path, machine: str | None = None) -> Page:
    """Write the report of all results in `paths` (files or folders) to the file `out`.

    Shown are the newest results of one machine (`machine`, or the one measured on last); the download holds all.
    Raises `InvalidInput` when a path does not exist, or when there is no result.
    """
    paths = list(paths)
    loaded = load(paths)
    shown = tables.latest(loaded.table, machine)
    if shown.empty:
        detail = "".join(f"\n- {warning}" for warning in loaded.warnings)
        where = ", ".join(map(str, paths))
        raise InvalidInput(f"There are no results in {where}. `make compare` or `hessbench run` makes some.{detail}")
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(shown, loaded.table, loaded.warnings), encoding="utf-8")
    return Page(out, len(shown), loaded.warnings)


def render(shown: Table, everything: Table, warnings: Iterable[str] = ()) -> str:
    """The HTML of the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        words=words,
        statuses=STATUSES,
        counts=shown["status"].value_counts().to_dict(),
        verdict=words.verdict(shown),
        problems=[_problem(shown, label, tolerances) for label, tolerances in tables.questions(shown)],
        matrix=tables.outcomes(shown),
        others=tables.not_ranked(shown).to_dict("records"),
        runs=provenance(shown),
        machines=sorted(set(everything["machine"]) - {*shown["machine"], ""}),
        versions=sorted({v.strip() for text in shown["versions"] for v in text.split(",") if v.strip()}),
        warnings=list(warnings),
        downloads=downloads(everything),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        hessbench_version=hessbench.__version__,
        plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),
    )


def _problem(shown, label, tolerances):
    rows = shown[shown["problem_label"] == label]
    figure = figures.work_precision(shown, label)
    return {
        "label": label,
        "title": words.title(label, rows["arguments"].iloc[0], rows["dim"].max()),
        "figure": None if figure is None else Markup(figures.to_json(figure)),
        "questions": [
            {
                "rtol": rtol,
                "answer": words.answer(shown, label, rtol),
                "rows": tables.ranking(shown, label, rtol).to_dict("records"),
            }
            for rtol in tolerances
        ],
    }


def provenance(shown: Table) -> list[dict]:
    """One entry for each combination of suite, commit, machine and command: how many rows, and from when to when."""
    keys = ["suite", "machine", "cpu", "cores", "os", "python", "commit", "dirty", "command"]
    groups = shown.groupby(keys, dropna=False, sort=False)["date"]
    return groups.agg(first="min", last="max", rows="size").reset_index().to_dict("records")


def downloads(table: Table) -> dict[str, str]:
    """The tidy table as base64: CSV (compressed, unpacked by the page) and parquet."""
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False, compression="zstd")
    csv = gzip.compress(table.to_csv(index=False).encode(), mtime=0)
    return {"csv": base64.b64encode(csv).decode(), "parquet": base64.b64encode(parquet.getvalue()).decode()}


def write_figures(paths: Iterable[str | Path], folder: str | Path) -> list[Path]:
    """Static figures of all results in `paths`: the overview, and a work-precision diagram per problem (PNG, SVG)."""
    table, folder = load(paths).table, Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    out = [readme_figure(table, folder / "overview.png")]
    for label, _ in tables.questions(tables.latest(table)):
        stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in label).strip("-")
        for ending in ("png", "svg"):
            try:
                out.append(work_precision_figure(table, label, folder / f"work-precision-{stem}.{ending}"))
            except InvalidInput:
                continue  # nothing was right on this problem
    return out
