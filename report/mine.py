"""What a reader uses today, beside the best: its status, error and cost everywhere, and what to write instead."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import words
from .columns import Table, missing
from .silently import about
from .tables import questions, ranking

PLAIN = "discrete-adjoint"  # what `strategy="auto"` takes unless the problem is stiff


@dataclass(frozen=True)
class Used:
    """One contender: a sentence on all questions it was asked, one row for each, and the code for a better one."""

    contender: str
    about: str
    sentence: str
    rows: tuple[dict[str, Any], ...]
    code: str


def used(table: Table) -> list[Used]:
    """All contenders by name."""
    ranked = [ranking(table, label, rtol) for label, many in questions(table) for rtol in many]
    own: dict[str, list[dict[str, Any]]] = {}
    for rows in ranked:
        timed = rows[rows["rank"].notna()]
        best = timed.iloc[0] if len(timed) else None
        for row in rows.to_dict("records"):
            better = "" if best is None or best["contender"] == row["contender"] else best["contender"]
            cost = "" if best is None else words.seconds(best["median_s"])
            own.setdefault(row["contender"], []).append({**row, "better": better, "better_s": cost})
    return [
        Used(name, about(rows[0]["strategy"]), sentence(rows), tuple(rows), switch(rows))
        for name, rows in sorted(own.items())
    ]


def sentence(rows: list[dict[str, Any]]) -> str:
    """How often it was right, how much slower than the best then, and what it was else."""
    right = [row for row in rows if row["status"] == "ok"]
    out = f"Right on {len(right)} of {words.plural(len(rows), 'question')}"
    slower = [row["slower"] for row in right if not missing(row["slower"])]
    if slower:
        mean = float(np.exp(np.mean(np.log(slower))))
        out += ", always the fastest" if mean < 1.01 else f", in {words.times(mean)} the time of the best on average"
    wrong = [math.inf if missing(row["error"]) else row["error"] for row in rows if row["status"] == "wrong"]
    if wrong:
        out += f"; silently wrong on {len(wrong)}, {words.off(max(wrong))}"
    other = [row["status"] for row in rows if row["status"] not in ("ok", "wrong")]
    if other:
        out += "; " + words.listed([f"{other.count(name)} {name}" for name in dict.fromkeys(other)])
    return out + "."


def switch(rows: list[dict[str, Any]]) -> str:
    """Code for the contender that was the best most often; empty where this one was."""
    better = [row["better"].partition("@")[0] for row in rows if row["better"]]
    if not better:
        return ""
    name = max(dict.fromkeys(better), key=better.count)
    strategy = "" if name == PLAIN else f', strategy="{name}"'
    return (
        "import hessbench\n"
        "problem = hessbench.Problem(name, rhs, loss, t_span, y0, params)  # the functions you have\n"
        f"value, grad, hess = (result := hessbench.hessian(problem, x{strategy})).value, result.grad, result.hess"
    )
