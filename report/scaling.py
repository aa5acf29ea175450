"""Scaling of one family of problems: exponents, crossovers, and the calls until a preparation has paid off."""

from dataclasses import dataclass
from itertools import permutations

from . import words
from .charts import leading
from .columns import Table
from .statistics import Crossover, PowerLaw, cheapest_by_calls, crossover, power_law
from .tables import questions


@dataclass(frozen=True)
class Law:
    """How time and memory of one contender grow with the number of states; `largest_s`: its time at `largest` states."""

    contender: str
    time: PowerLaw | None
    memory: PowerLaw | None
    largest: int
    largest_s: float
    leads: bool


@dataclass(frozen=True)
class Overtaking:
    """`second` becomes faster than `first` at a size; `leads`: one of them is the fastest of all at some size."""

    first: str
    second: str
    where: Crossover
    leads: bool

    @property
    def sentence(self) -> str:
        """`b overtakes a at N = 40 (between 20 and 70).`"""
        w = self.where
        between = f"resolved between N = {w.low:.0f} and {w.high:.0f}"
        return f"{self.second} overtakes {self.first} at N = {w.at:.0f} ({between})."


def laws(rows: Table) -> list[Law]:
    """One entry for each contender of a family that was measured at several sizes or leads somewhere.

    Those that reach the largest size come first, by their time there.
    """
    first = leading(rows, "median_s")
    out = []
    for name, own in rows.groupby("contender"):
        if own["dim"].nunique() < 2 and name not in first:
            continue
        held = own[own["peak_mib"] > 0.1]  # below, the allocator's pages are what is measured
        top = own.loc[own["dim"].astype(int).idxmax()]
        time = power_law(own["dim"].astype(float), own["median_s"])
        memory = power_law(held["dim"].astype(float), held["peak_mib"])
        out.append(Law(str(name), time, memory, int(top["dim"]), float(top["median_s"]), name in first))
    return sorted(out, key=lambda law: (-law.largest, law.largest_s))


def overtakings(rows: Table) -> list[Overtaking]:
    """Crossovers between contenders of which one leads somewhere, or that share a backend; the leaders' first."""
    first = leading(rows, "median_s")
    wide = rows.pivot(index="dim", columns="contender", values="median_s")
    backend = dict(zip(rows["contender"], rows["backend"], strict=True))
    out = []
    for a, b in permutations(wide.columns, 2):
        leads = a in first or b in first
        if leads or backend[a] == backend[b]:
            both = wide[[a, b]].dropna()
            found = crossover(both.index.astype(float), both[a], both[b]) if len(both) else None
            if found is not None:
                out.append(Overtaking(a, b, found, leads))
    return sorted(out, key=lambda o: (not o.leads, o.where.at))


@dataclass(frozen=True)
class Payoff:
    """Who is cheapest in total over k Hessians of one problem: `turns` are `(contender, from which call on)`."""

    label: str
    rtol: float
    turns: tuple[tuple[str, int], ...]
    wait_s: float

    @property
    def sentence(self) -> str:
        """`a for 1 to 51 calls; b from call 52 on.`"""
        out = []
        for (who, since), after in zip(self.turns, [*self.turns[1:], None], strict=True):
            if after is None:
                out.append(f"{who} from call {words.count(since)} on" if since > 1 else f"{who} from the first call on")
            else:
                last = after[1] - 1
                out.append(f"{who} for {words.span(words.count, since, last)} {'call' if last == 1 else 'calls'}")
        return "; ".join(out) + "."


def payoffs(table: Table) -> list[Payoff]:
    """For each problem and tolerance: preparation and first call against the time of every further call."""
    out = []
    for label, tolerances in questions(table):
        for rtol in tolerances:
            rows = table[(table["problem_label"] == label) & (table["rtol"] == rtol) & (table["status"] == "ok")]
            rows = rows[rows["median_s"].notna() & rows["total_first_s"].notna()]
            if len(rows) < 2:
                continue
            turns = cheapest_by_calls(rows["total_first_s"].tolist(), rows["median_s"].tolist())
            names = rows["contender"].tolist()
            wait = float(rows["total_first_s"].iloc[turns[-1][0]])
            out.append(Payoff(label, rtol, tuple((names[i], since) for i, since in turns), wait))
    return out
