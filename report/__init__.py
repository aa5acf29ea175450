"""Reports: load results, make tables and figures, write one self-contained HTML page.

loaded = load(["results"])                  # asv's JSON, stored records, `compare` output -> one tidy table, warnings
page = build(["results"], "report.html")    # the page; `page.warnings` names what could not be read
export(loaded.table, "hessians.parquet")    # or .csv
"""

from .board import Board, check, publish
from .export import check_ending, export
from .load import Loaded, curated_below, load
from .page import Page, build
from .static import readme_figure, write_figures
from .statistics import mean_ratio
from .tables import latest, pareto, ranking
from .words import first

__all__ = [
    "Board",
    "Loaded",
    "Page",
    "build",
    "check",
    "check_ending",
    "curated_below",
    "export",
    "first",
    "latest",
    "load",
    "mean_ratio",
    "pareto",
    "publish",
    "ranking",
    "readme_figure",
    "write_figures",
]
