"""Tables of the report: the newest measurements, the ranking of one question, the Pareto front, who came out how where.

A *question* is a problem at a tolerance on a machine; its answer is a ranking of contenders.
"""

import json
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from hessbench import InvalidInput
from hessbench._measuring.statuses import rank, status

from . import words
from .columns import Column, Table

SIZE_ARGUMENTS = ("n", "d", "dim")
CASE = ["problem", "arguments", "rtol", "method", "contender"]


@dataclass(frozen=True)
class Family:
    """One problem at many sizes, otherwise the same."""

    problem: str
    rest: str
    rtol: float
    method: str

    @property
    def title(self) -> str:
        """For example `random-quadratic, tolerance 10⁻⁶, DOP853`."""
        given = [f"{key} = {value}" for key, value in json.loads(self.rest).items()]
        return ", ".join([self.problem, *given, f"tolerance {words.tolerance(self.rtol)}", self.method])

    @property
    def key(self) -> str:
        """An identifier, in ASCII."""
        given = [f"{key}={value}" for key, value in json.loads(self.rest).items()]
        return "-".join([self.problem, *given, f"{self.rtol:.0e}", self.method])


def latest(table: Table, machine: str | None = None) -> Table:
    """The newest row of each case on one machine: `machine`, or the one measured on last.

    Rows that do not say their machine are shown too. Raises `InvalidInput` for a machine without results.
    """
    if table.empty:
        return table
    table = table.sort_values("date", kind="stable")
    known = [name for name in table["machine"] if name]
    if machine is not None and machine not in known:
        raise InvalidInput(f"There are no results of machine {machine!r}; there are: {', '.join(sorted(set(known)))}.")
    shown = {machine or (known[-1] if known else ""), ""}
    return table[table["machine"].isin(shown)].drop_duplicates(CASE, keep="last").reset_index(drop=True)


def ranking(table: Table, problem_label: str, rtol: float) -> Table:
    """Contenders on one question: the right ones by time, then the others by status and error.

    Adds `rank` (missing where there is no time) and `slower`, the time as a multiple of the best.
    """
    rows = table[(table["problem_label"] == problem_label) & (table["rtol"] == rtol)].copy()
    rows["_status"] = rows["status"].map(rank).astype("int64")
    rows = rows.sort_values(["_status", "median_s", "error", "contender"], kind="stable", na_position="last")
    timed = rows["median_s"].notna() & (rows["status"] == "ok")
    rows["rank"] = timed.cumsum().where(timed).astype("Int64")
    rows["slower"] = (rows["median_s"] / rows["median_s"].where(timed).min()).where(timed)
    rows["pareto"] = pareto(rows)
    return rows.drop(columns="_status").reset_index(drop=True)


def pareto(rows: Table, cost: str = "median_s") -> Column:
    """True for the `ok` rows that no other `ok` row beats in both `cost` and error. Missing cells never take part."""
    costs, errors = (rows[name].astype("float64").to_numpy() for name in (cost, "error"))
    able = (rows["status"] == "ok").to_numpy() & ~np.isnan(costs) & ~np.isnan(errors)
    front, best = np.zeros(len(rows), dtype=bool), np.inf
    for i in np.lexsort((errors, costs)):
        if able[i] and errors[i] < best:
            front[i], best = True, errors[i]
    return cast(Column, pd.Series)(front, index=rows.index)


def questions(table: Table) -> list[tuple[str, list[float]]]:
    """`(problem_label, tolerances)`: problems by name and size, tolerances from loose to tight."""
    out = []
    for (_, _, label), rows in table.groupby(["problem", "dim", "problem_label"], sort=True, dropna=False):
        out.append((str(label), sorted(rows["rtol"].dropna().unique().tolist(), reverse=True)))
    return merged(out)


def merged(pairs: list[tuple[str, list[float]]]) -> list[tuple[str, list[float]]]:
    """One entry for each label: rows that asv alone knows have no `dim`, and fall into a group of their own."""
    out: dict[str, set[float]] = {}
    for label, tolerances in pairs:
        out.setdefault(label, set()).update(tolerances)
    return [(label, sorted(tolerances, reverse=True)) for label, tolerances in out.items()]


def not_ranked(table: Table) -> Table:
    """Everything without a time: status, reason and error; the wrong ones first."""
    rows = table[table["status"] != "ok"].copy()
    rows["_status"] = [status(name).urgency for name in rows["status"]]
    by = ["_status", "contender", "problem_label", "rtol"]
    return rows.sort_values(by).drop(columns="_status").reset_index(drop=True)


def slowdowns(table: Table) -> Table:
    """For each contender: on how many questions it is right, of how many, and its geometric mean slowdown there."""
    ranked = cast(Table, pd.concat)([ranking(table, label, rtol) for label, many in questions(table) for rtol in many])
    groups = ranked.groupby("contender")
    out = cast(Table, pd.DataFrame)(
        {
            "right": groups["rank"].count(),
            "asked": groups.size(),
            "refused": groups["status"].agg(lambda s: int(s.isin(["unsupported", "unavailable"]).sum())),
            "slowdown": groups["slower"].agg(lambda s: s.product() ** (1 / s.count()) if s.count() else float("nan")),
        }
    )
    return out.sort_values(["right", "slowdown"], ascending=[False, True])


def families(table: Table, least: int = 3) -> list[tuple[Family, Table]]:
    """Right rows of each problem measured at `least` sizes or more, one for each contender and size; most rows first."""
    right = table[(table["status"] == "ok") & table["median_s"].notna() & table["dim"].notna()]
    rest = [_without_size(arguments) for arguments in right["arguments"]]
    out = []
    for key, rows in right.assign(rest=rest).groupby(["problem", "rest", "rtol", "method"]):
        rows = rows.drop_duplicates(["contender", "dim"], keep="last")
        if rows["dim"].nunique() >= least:
            out.append((Family(*cast(tuple[str, str, float, str], key)), rows))
    return sorted(out, key=lambda pair: -len(pair[1]))


def _without_size(arguments: str) -> str:
    kept = {key: value for key, value in json.loads(arguments or "{}").items() if key not in SIZE_ARGUMENTS}
    return json.dumps(kept, sort_keys=True)
