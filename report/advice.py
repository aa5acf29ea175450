"""The verdict by class of problem: what to use at which size and accuracy, what to avoid, and why. All from the data.

A *cell* is a class of problems at a size and a wanted error of the Hessian; its questions are the problems measured
there. The cost of a contender on a question is its least time, over all tolerances, with an error of at most the wanted
one; where nobody reaches that, `NEAREST` times the least that is reached. Contenders that reach it on every question are
compared by their *slowdown*, the geometric mean over the questions of cost over least cost. Those within `UNRESOLVED` of
the first are not told apart by time; of them the most precise is recommended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from hessbench._measuring.statuses import TABLE

from . import words
from .classes import CLASSES, SIZES, classified
from .columns import Column, Table
from .statistics import UNRESOLVED

WANTED = (1e-6, 1e-10)
NEAREST = 10.0  # what "ten times the error" means in the sentences below
SLOW = 30.0  # right, but not worth having: the slowdown from which it is named
NOTHING = "Not measured."
BUSY = "Not known: ran out of time while other programs kept the machine busy"


@dataclass(frozen=True)
class Cell:
    """What to use at one size for one error: `who` (empty if the data do not support an answer) and `why`."""

    size: str
    wanted: float
    who: str
    why: str


@dataclass(frozen=True)
class Advice:
    """The verdict on one class. `avoid`: `(reason, contenders with their detail)`."""

    kind: str
    problems: tuple[str, ...]
    cells: tuple[Cell, ...]
    avoid: tuple[tuple[str, str], ...] = field(default=())

    @property
    def title(self) -> str:
        """The name of the class in words."""
        return CLASSES[self.kind]

    def sizes(self) -> list[tuple[str, list[Cell]]]:
        """The cells by size, without the sizes at which nothing was measured."""
        found = {size: [cell for cell in self.cells if cell.size == size] for size in SIZES}
        return [(size, cells) for size, cells in found.items() if any(cell.why != NOTHING for cell in cells)]


def advise(table: Table) -> list[Advice]:
    """One entry for each class that `table` holds something about, in the order of `CLASSES`."""
    table = classified(table)
    out = []
    for kind in CLASSES:
        rows = table[table["kind"] == kind]
        if rows.empty:
            continue
        cells = [recommend(rows[rows["size_class"] == size], size, wanted) for size in SIZES for wanted in WANTED]
        out.append(Advice(kind, tuple(sorted(rows["problem"].unique())), tuple(cells), tuple(avoid(rows))))
    return out


def recommend(rows: Table, size: str, wanted: float) -> Cell:
    """The answer of one cell, from its rows alone: the problems at which a tolerance as tight as `wanted` was tried."""
    if rows.empty:
        return Cell(size, wanted, "", NOTHING)
    tightest = rows.groupby("problem_label")["rtol"].transform("min")
    rows = rows[tightest <= wanted]
    if rows.empty:
        return Cell(size, wanted, "", f"Not measured at a tolerance of {words.tolerance(wanted)}.")
    questions = rows["problem_label"].nunique()
    right = rows[(rows["status"] == "ok") & rows["median_s"].notna() & rows["error"].notna()]
    least = right.groupby(["contender", "problem_label"])["error"].min().groupby("contender").agg(["max", "size"])
    least = least.loc[least["size"] == questions, "max"]
    if least.empty:
        where = words.listed(sorted(rows["problem_label"].unique()), most=3)
        who = "nothing was right on" if questions == 1 else "no contender was right on all of"
        return Cell(size, wanted, "", f"No recommendation: {who} {where}.")
    measured = rows["contender"].nunique()
    if measured == 1:
        return Cell(size, wanted, "", f"No recommendation: only {least.index[0]} was measured.")
    goal = wanted if least.min() <= wanted else NEAREST * least.min()
    reached, looser = (_cheapest(right, least, error) for error in (goal, NEAREST * goal))
    cell = _best(reached, Cell(size, wanted, "", ""), goal, questions, measured)
    gain = slowdown(looser)
    if gain.idxmin() != cell.who and gain[cell.who] >= UNRESOLVED:
        more = f" If an error ten times larger will do: {gain.idxmin()}, {gain[cell.who]:.3g} times faster."
        cell = replace(cell, why=cell.why + more)
    return cell


def _cheapest(right: Table, least: Column, error: float) -> Table:
    """The cheapest row on each question of every contender that reaches `error` on all of them."""
    able = right[(right["error"] <= error) & right["contender"].isin(least.index[least <= error])]
    return able.sort_values("median_s", kind="stable").drop_duplicates(["contender", "problem_label"])


def _best(reached: Table, cell: Cell, goal: float, questions: int, measured: int) -> Cell:
    cost = slowdown(reached).sort_values(kind="stable")
    near, far = cost[cost < UNRESOLVED * cost.iloc[0]], cost[cost >= UNRESOLVED * cost.iloc[0]]
    errors = reached[reached["contender"].isin(near.index)].groupby("contender")["error"].agg(_geometric)
    who = str(errors.reindex(near.index).idxmin())
    own = reached[reached["contender"] == who]
    out = words.span(words.seconds, own["median_s"].min(), own["median_s"].max())
    out += f", error {'' if questions == 1 else 'up to '}{words.error(own['error'].max())}"
    out += f", on {questions} problems." if questions > 1 else "."
    others = [name for name in near.index if name != who]
    if others:
        out += f" Not told apart by time: {words.listed(others, most=4)}."
    if len(far):
        out += f" Next: {far.index[0]}, {words.times(far.iloc[0] / near[who])} the time."
    if goal > cell.wanted:
        out = f"Nothing that was measured reaches {words.tolerance(cell.wanted)}; for {words.error(goal)}: {out}"
    reach = "reaches" if len(cost) == 1 else "reach"
    return Cell(cell.size, cell.wanted, who, f"{out} {len(cost)} of {measured} contenders {reach} this error.")


def slowdown(reached: Table) -> Column:
    """Geometric mean over the questions of cost over the least cost of the question, by contender."""
    best = reached.groupby("problem_label")["median_s"].transform("min")
    return (reached["median_s"] / best).groupby(reached["contender"]).agg(_geometric)


def avoid(rows: Table) -> Iterable[tuple[str, str]]:
    """`(reason, contenders)` for what is wrong, inaccurate, stops, runs out of time, or is right and very slow."""
    late = rows["status"].eq("timeout") & rows["under_load"]  # that says nothing of the contender
    for status in sorted(TABLE, key=lambda row: row.urgency):
        bad = rows[(rows["status"] == status.name) & ~late]
        if status.avoid and len(bad):
            yield status.avoid, _detailed(bad, status.name)
    again = sorted(set(rows[late]["contender"]) - set(rows[rows["status"].eq("timeout") & ~late]["contender"]))
    if again:
        yield BUSY, words.listed(again)
    right = rows[(rows["status"] == "ok") & rows["median_s"].notna()]
    best = right.groupby(["problem_label", "method", "rtol"])["median_s"].transform("min")
    mean = (right["median_s"] / best).groupby(right["contender"]).agg(_geometric)
    slow = mean[mean >= SLOW].sort_values(ascending=False)
    if len(slow):
        listed = words.listed([f"{name} ({words.times(value)})" for name, value in slow.items()])
        yield "Right, but slow", listed


def _detailed(bad, status):
    if status == "timeout":
        return words.listed(sorted(bad["contender"].unique()))
    if status == "failed":
        first = bad.assign(message=bad["message"].map(words.short)).drop_duplicates("contender")
        groups = [(message, sorted(own["contender"])) for message, own in first.groupby("message")]
        return "; ".join(f"{words.listed(names, most=4)}: {message}" for message, names in groups)
    out = []
    for name, rows in bad.groupby("contender"):
        places, worst = words.listed(sorted(rows["problem_label"].unique()), most=2), rows["error"].max()
        out.append(f"{name} ({words.error(worst) + ' off' if np.isfinite(worst) else 'not finite'}, {places})")
    return words.listed(out, most=len(out) if status == "wrong" else 6)


def _geometric(values):
    known = values.dropna().clip(lower=1e-17)
    return float(np.exp(np.log(known).mean())) if len(known) else float("nan")
