"""Two sets of results compared: paired ratios of times with intervals, so that noise is not reported as a change.

Pairs are equal cases (problem, arguments, tolerance, method, contender) that both sets hold, both with a time. The ratio
of a pair is *shown over other*: below 1, what is shown is faster. A change common to all contenders, such as another
machine's or a busier one's, is told once: the median of their mean ratios (of `COMMON` or more, else none is assumed). A
contender is called faster or slower if the interval of its mean ratio over that common one, at a level shared among all
contenders (Bonferroni), lies wholly outside 1/1.1 .. 1.1; or, with too few pairs for an interval, if all of them, `ALL` or
more, stand out in one direction. A single case stands out if its ratio differs from the median
of all by more than `UNRESOLVED` and by more than `FAR` times the scatter of all (the median absolute deviation, scaled to
a normal law).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hessbench import InvalidInput
from hessbench._measuring.provenance import commit_of

from . import words
from .columns import Table
from .load import Loaded, load
from .statistics import LEVEL, UNRESOLVED, MeanRatio, mean_ratio
from .tables import CASE, latest

FAR = 4.0
COMMON = 5
ALL = 2  # cases of a contender, too few for an interval, that have to stand out one way, all of them


@dataclass(frozen=True)
class Change:
    """The mean ratio of one contender and what it means: `faster`, `slower`, or `no difference resolved`."""

    contender: str
    ratio: MeanRatio
    verdict: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is shown against `name`. `cases` and `statuses` are rows of the cases that stand out or end otherwise."""

    name: str
    runs: str
    overall: MeanRatio | None
    common: float
    changes: tuple[Change, ...]
    cases: Table
    statuses: Table

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.overall is None:
            return "No case was timed in both."
        found = {
            verdict: [f"{c.contender} ({words.times(c.ratio.mean)})" for c in self.changes if c.verdict == verdict]
            for verdict in ("slower", "faster")
        }
        said = [f"{verdict} {words.listed(names)}" for verdict, names in found.items() if names]
        told = "; ".join(said)
        first = f"{told[0].upper()}{told[1:]}." if said else "No contender differs by more than the noise explains."
        pairs = words.plural(self.overall.pairs, "pair")
        return (
            f"{first} {pairs} of equal cases, mean ratio of times {ratio_words(self.overall)}, of which "
            f"{self.common:.2f} is common to all."
        )


def ratio_words(ratio: MeanRatio) -> str:
    """`0.97 [0.91, 1.04]`."""
    return words.interval(ratio.mean, ratio.low, ratio.high)


def other_results(loaded: Loaded, shown: Table, other: str) -> tuple[Table, tuple[str, ...]]:
    """The newest rows of `other` - a file, a folder, a commit or a machine - and warnings of reading it.

    Commits (a beginning of seven characters or more) and machines are looked for in `loaded`. Raises `InvalidInput` if
    there is nothing, or nothing but what is shown.
    """
    if os.path.exists(other):  # false, and no error, for what can be no path
        found = load([other])
        return latest(found.table), found.warnings
    table = loaded.table
    other = commit_of(Path.cwd(), other) or other
    by_commit = table["commit"].str.startswith(other) & (len(other) >= 7)
    rows = table[by_commit | (table["machine"] == other)]
    if rows.empty:
        there = sorted({*table["machine"], *(commit[:8] for commit in table["commit"])} - {""})
        raise InvalidInput(
            f"`--against {other}`: that is no file or folder, and no machine or commit of the results; there are: "
            f"{', '.join(there) or 'none'}."
        )
    machine = rows.sort_values("date", kind="stable")["machine"].iloc[-1]
    return latest(rows, machine or None), ()


def compare(shown: Table, other: Table, name: str) -> Comparison:
    """Compare `shown` with `other`, which is called `name`; both hold one row for each case."""
    pairs: Table = pd.merge(shown, other, on=CASE, suffixes=("", "_other"))
    both: Table = pairs[(pairs["date"] != pairs["date_other"]) | (pairs["commit"] != pairs["commit_other"])]
    timed = both[both["median_s"].notna() & both["median_s_other"].notna()]
    timed = timed.assign(ratio=timed["median_s"] / timed["median_s_other"])
    ended = both[both["status"] != both["status_other"]].sort_values(["status", "contender", "problem_label", "rtol"])
    machines = sorted({f"{m or 'unknown machine'}, {c[:8] or 'unknown commit'}" for m, c in _runs(other)})
    overall = mean_ratio(timed["ratio"]) if len(timed) else None
    common, far = _common(timed), _standing_out(timed)
    changes = tuple(_changes(timed, common, far))
    return Comparison(name, "; ".join(machines), overall, common, changes, far, ended)


def _common(timed: Table) -> float:
    logs = np.log(timed["ratio"]).groupby(timed["contender"]).mean()
    return float(np.exp(logs.median())) if len(logs) >= COMMON else 1.0


def _changes(timed: Table, common: float, far: Table) -> Iterable[Change]:
    groups = list(timed.groupby("contender")["ratio"])
    out = []
    for contender, ratios in groups:
        wide = mean_ratio(ratios / common, level=1 - (1 - LEVEL) / len(groups))
        verdict = "no difference resolved" if wide.low is not None else "too few pairs"
        if wide.low is None and ALL <= len(ratios) == int((far["contender"] == contender).sum()):
            one_way = {ratio < common for ratio in ratios}
            verdict = "faster" if one_way == {True} else "slower" if one_way == {False} else verdict
        elif wide.differs():
            verdict = "faster" if wide.mean < 1 else "slower"
        out.append(Change(str(contender), mean_ratio(ratios), verdict))
    order = ("slower", "faster", "no difference resolved", "too few pairs")
    return sorted(out, key=lambda c: (order.index(c.verdict), -abs(np.log(c.ratio.mean))))


def _standing_out(timed: Table) -> Table:
    logs = np.log(timed["ratio"])
    centre = logs.median()
    scatter = 1.4826 * (logs - centre).abs().median()
    far = (logs - centre).abs() > max(np.log(UNRESOLVED), FAR * scatter if scatter == scatter else 0.0)
    return timed[far & (len(timed) >= 4)].sort_values("ratio", ascending=False)


def _runs(table: Table) -> set[tuple[str, str]]:
    return set(zip(table["machine"], table["commit"], strict=True))
