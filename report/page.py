"""The page: one HTML file that needs nothing else, made from a tidy table by the templates beside this file."""

import base64
import gzip
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

import hessbench
from hessbench import InvalidInput
from hessbench._measuring.statuses import TABLE
from hessbench._storage.files import ensure_writable, write
from hessbench._storage.text import plain, tree

from . import (
    advice,
    charts,
    costs,
    first_screen,
    mine,
    outcome_tables,
    paper,
    scaling,
    silently,
    summary,
    tables,
    words,
)
from .classes import size_words
from .columns import Row, Table
from .comparison import Comparison, compare, other_results, ratio_words
from .csv_file import csv_text
from .export import parquet_bytes
from .load import curated_below, load
from .statistics import UNRESOLVED


@dataclass(frozen=True)
class Page:
    """Where the page is, how many rows it shows, and what could not be read. As a path: `os.fspath(page)`.

    `curated`: whether it shows results that come with the package; `answer`: its first sentences.
    """

    path: Path
    rows: int
    warnings: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    curated: bool = False
    answer: str = ""

    def __fspath__(self) -> str:
        return os.fspath(self.path)


def build(
    paths: Iterable[str | Path],
    out: str | Path,
    machine: str | None = None,
    against: Iterable[str] = (),
    bounds: bool = True,
    preview: str = "",
) -> Page:
    """Write the report of all results in `paths` (files or folders) to the file `out`.

    Shown are the newest results of one machine (`machine`, or the one measured on last); the download holds all. Where there
    are none but in folders called `curated`, the page shows those and says that they are not the reader's own.
    `against`: files, folders, commits or machines to compare with. `bounds`: whether to count operations (seconds).
    `preview`: the address of a picture of the page, for places that show one.
    Raises `InvalidInput` when a path does not exist, `out` cannot be written, or when there is no result.
    """
    paths, out = list(paths), ensure_writable(out)
    loaded, curated = load(paths), False
    if loaded.table.empty and (kept := curated_below(paths)):
        loaded, curated = load(kept), True
    shown = tables.latest(loaded.table, machine)
    if shown.empty:
        detail = "".join(f"\n- {warning}" for warning in loaded.warnings)
        where = ", ".join(map(str, paths))
        raise InvalidInput(f"There are no results in {where}. `make compare` or `hessbench run` makes some.{detail}")
    comparisons, warnings = [], list(loaded.warnings)
    for name in against:
        other, more = other_results(loaded, shown, name)
        comparisons.append(compare(shown, other, name))
        warnings += more
    machines = {*shown["machine"], ""}
    others = [row for row in loaded.sorted_others() if str(row.get("machine") or "") in machines]
    answer = first_screen.answer(shown)
    html = render(
        shown,
        loaded.table,
        answer,
        others,
        comparisons,
        bounds=bounds,
        curated=curated,
        preview=preview,
        warnings=warnings,
    )
    write(out, html)
    said = " ".join(filter(None, (answer.sentence, answer.warning)))
    return Page(out, len(shown), tuple(warnings), tuple(comparisons), curated, said)


def render(
    shown: Table,
    everything: Table,
    answer: first_screen.Answer,
    others: Iterable[Row] = (),
    comparisons: Iterable[Comparison] = (),
    *,
    bounds: bool = False,
    curated: bool = False,
    preview: str = "",
    warnings: Iterable[str] = (),
) -> str:
    """The HTML of the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_as_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    others, made = list(others), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    place, used = first_screen.place(shown), mine.used(shown)
    drawn = {
        "asked": [],
        "work": charts.work_precision(shown),
        "scaling": charts.scaling(shown),
        "memory": charts.memory_against_steps(shown),
        "paper": paper.paper_charts(shown),
    }
    drawn["asked"] = [chart for chart in drawn["work"] if chart.key == answer.label]
    kinds, expected = outcome_tables.expectations(shown)
    context: dict[str, Any] = {
        **drawn,
        "answer": answer,
        "place": place,
        "curated": curated,
        "preview": preview,
        "used": used,
        "shown_used": _most_wrong(used, answer),
        "routes": silently.routes(shown),
        "loose": silently.loose(shown),
        "words": words,
        "statuses": [row.name for row in TABLE],
        "marks": TABLE,
        "unresolved": UNRESOLVED,
        "counts": shown["status"].value_counts().to_dict(),
        "verdict": summary.verdict(shown),
        "advice": advice.advise(shown),
        "wanted_errors": advice.WANTED,
        "nearest": advice.NEAREST,
        "slow": advice.SLOW,
        "size_words": size_words,
        "backends": sorted({name for name in shown["backend"] if name}),
        "problems": _with_first(
            [_problem(shown, label, many) for label, many in tables.questions(shown)], answer.label
        ),
        "families": [
            {
                "key": family.key,
                "title": family.title,
                "laws": scaling.laws(rows),
                "crossovers": scaling.overtakings(rows),
            }
            for family, rows in tables.families(shown)
        ],
        "payoffs": scaling.payoffs(shown),
        "bounds": costs.bounds() if bounds else None,
        "overhead": costs.overhead(row for row in others if row["table"] == "overhead"),
        "shares": costs.overhead_shares(row for row in others if row["table"] == "overhead-share"),
        "matrix": outcome_tables.matrix(shown),
        "kinds": kinds,
        "expected": expected,
        "disagreements": outcome_tables.disagreements(expected),
        "others": tables.not_ranked(shown).to_dict("records"),
        "comparisons": list(comparisons),
        "ratio_words": ratio_words,
        "runs": provenance(shown),
        "machines": sorted(set(everything["machine"]) - {*shown["machine"], ""}),
        "versions": sorted({v.strip() for text in shown["versions"] for v in text.split(",") if v.strip()}),
        "warnings": list(warnings),
        "downloads": downloads(everything),
        "made": made,
        "cited": f"hessbench {hessbench.__version__}, report of {made}; {place}",
        "hessbench_version": hessbench.__version__,
        "charts_gz": packed(json.dumps(tree({k: [c.to_json() for c in v] for k, v in drawn.items()}), allow_nan=False)),
        "plotly_gz": _plotly(),
    }
    return environment.get_template("page.html.j2").render(context)


@cache
def _plotly() -> Markup:
    return packed(get_plotlyjs())


def packed(text: str) -> Markup:
    """`text` compressed and in base64, which the page unpacks."""
    return Markup(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())


def _problem(shown: Table, label: str, tolerances: list[float]) -> dict[str, Any]:
    rows = shown[shown["problem_label"] == label]
    ranked = {rtol: tables.ranking(shown, label, rtol) for rtol in tolerances}
    return {
        "label": label,
        "title": words.title(label, rows["arguments"].iloc[0], rows["dim"].max()),
        "questions": [
            {"rtol": rtol, "answer": summary.answer(own), "rows": own.to_dict("records")}
            for rtol, own in ranked.items()
        ],
    }


def _with_first(problems: list[dict[str, Any]], label: str) -> list[dict[str, Any]]:
    """The problem called `label` first, the others in their order: the page opens with it."""
    return sorted(problems, key=lambda problem: problem["label"] != label)


def _most_wrong(used: list[mine.Used], answer: first_screen.Answer) -> str:
    """Who is shown until readers choose: one that is silently wrong, else the first that is not the best."""
    names = [one.contender for one in answer.wrong] + [one.contender for one in used if one.contender != answer.best]
    return names[0] if names else answer.best


def provenance(shown: Table) -> list[dict[str, Any]]:
    """One entry for each combination of suite, commit, machine and command: how many rows, and from when to when."""
    keys = ["suite", "machine", "cpu", "cores", "os", "python", "commit", "dirty", "command"]
    groups = shown.groupby(keys, dropna=False, sort=False)
    dates = groups["date"].agg(first="min", last="max", rows="size")
    return dates.assign(busy=groups["under_load"].sum()).reset_index().to_dict("records")


def downloads(table: Table) -> dict[str, str]:
    """The tidy table as base64: CSV (compressed, unpacked by the page) and parquet."""
    return {"csv": packed(csv_text(table)), "parquet": base64.b64encode(parquet_bytes(table, "zstd")).decode()}


def _as_text(value: Any) -> Any:
    """What the templates print: text without anything that acts. Jinja escapes it as HTML after that."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value
