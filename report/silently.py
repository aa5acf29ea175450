"""Routes that give a wrong Hessian without an error: where, by how much, and the smallest program that shows it."""

import json
import math
from dataclasses import dataclass

import hessbench

from . import words
from .columns import Table


@dataclass(frozen=True)
class Route:
    """A contender that is wrong, at the tightest tolerance it was tried at too; `code` shows it."""

    contender: str
    about: str
    off: str
    where: str
    code: str


def routes(table: Table) -> list[Route]:
    """One for each contender that is wrong on a problem at the tightest tolerance tried there, worst first."""
    tightest = table.groupby(["contender", "problem_label"])["rtol"].transform("min")
    wrong = table[(table["status"] == "wrong") & (table["rtol"] == tightest)]
    found = []
    for contender, rows in wrong.groupby("contender"):
        worst = rows["error"].fillna(math.inf).max()
        smallest = rows.sort_values(["dim", "rtol"], ascending=[True, False], na_position="last").iloc[0]
        off = words.off(worst)
        where = words.listed(sorted(rows["problem_label"].unique()), most=4)
        found.append((worst, Route(str(contender), about(smallest["strategy"]), off, where, reproduction(smallest))))
    return [route for _, route in sorted(found, key=lambda pair: (-pair[0], pair[1].contender))]


def loose(table: Table) -> list[str]:
    """Contenders that are wrong at a loose tolerance only, with the problems: more accuracy helps them."""
    tightest = table.groupby(["contender", "problem_label"])["rtol"].transform("min")
    wrong = table[(table["status"] == "wrong") & (table["rtol"] > tightest)]
    lasting = set(table[(table["status"] == "wrong") & (table["rtol"] == tightest)]["contender"])
    names = wrong[~wrong["contender"].isin(lasting)]
    return [
        f"{name} ({words.listed(sorted(rows['problem_label'].unique()), most=2)} at {words.tolerance(rows['rtol'].max())})"
        for name, rows in names.groupby("contender")
    ]


def reproduction(row) -> str:
    """A program that measures one row again and prints status and error."""
    arguments = json.loads(row["arguments"] or "{}")
    case = [repr(str(row["problem"])), repr(str(row["strategy"]))]
    case += [repr(str(row["backend"]))] if row["backend"] else []
    case += [f"arguments={arguments!r}"] if arguments else []
    case += [f"rtol={row['rtol']:g}"]
    return (
        "import hessbench\n\n"
        f"case = hessbench.Case({', '.join(case)})\n"
        "record = hessbench.measure(case)\n"
        "print(record.status, record.error)"
    )


def about(strategy: str) -> str:
    """The line by which a strategy describes itself; empty for one that is not installed here."""
    known = hessbench.strategies().get(strategy.partition("/")[0])
    return known.summary.replace("`", "") if known is not None else ""
