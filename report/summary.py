"""What the whole table says, and the answer to one question, in sentences generated from the data."""

from math import ceil

from . import words
from .columns import Table
from .statistics import UNRESOLVED
from .tables import questions, slowdowns

OFTEN = 0.75  # of the questions of the contender that was asked most: enough to compare costs


def verdict(table: Table) -> list[str]:
    """What the whole table says, one sentence each."""
    total, ok, asked = len(table), int((table["status"] == "ok").sum()), questions(table)
    many = sum(len(tolerances) for _, tolerances in asked)
    out = [
        f"{table['contender'].nunique()} contenders were asked {words.plural(many, 'question')} (a problem at a tolerance): "
        f"{ok} of {total} answers are right, and only those have a time."
    ]
    summary = slowdowns(table)
    always = summary[summary["right"] == summary["asked"]].sort_values("slowdown", kind="stable")
    if always.empty:
        out.append("No contender is right on every question that it was asked.")
    else:
        asked = "it was" if len(always) == 1 else "they were"
        sentence = f"Right on every question {asked} asked: {words.listed(always.index, most=8)}."
        least = OFTEN * always["asked"].max()
        often = always[always["asked"] >= least]
        if len(often) > 1:
            slowdown = often["slowdown"].iloc[0]
            average = "always the best time" if slowdown < 1.01 else f"on average {slowdown:.3g} times the best time"
            sentence += (
                f" Of those asked {words.plural(ceil(least), 'question')} or more, {often.index[0]} costs least: "
                f"{average} of each question."
            )
        out.append(sentence)
    return out


def answer(rows: Table) -> str:
    """The answer to one question in words, from its `ranking`."""
    right = rows[rows["rank"].notna()]
    if right.empty:
        return "No contender gave a right Hessian here."
    best = right.iloc[0]
    out = f"Fastest: {best['contender']}, {words.seconds(best['median_s'])} at an error of {words.error(best['error'])}"
    near = right.iloc[1:][right["slower"].iloc[1:] < UNRESOLVED]["contender"]
    far = right[right["slower"] >= UNRESOLVED]
    if len(near):
        out += f"; {words.listed(near)} cannot be told from it (within a factor of {UNRESOLVED:g})"
    if len(far):
        out += f"; then {far['contender'].iloc[0]}, {far['slower'].iloc[0]:.3g} times slower"
    out += "."
    precise = right.loc[right["error"].idxmin()] if right["error"].notna().any() else best
    if precise["contender"] != best["contender"]:
        cost = words.seconds(precise["median_s"])
        out += f" Most precise: {precise['contender']}, error {words.error(precise['error'])} in {cost}."
    once = right.loc[right["total_first_s"].idxmin()] if right["total_first_s"].notna().any() else best
    if once["contender"] != best["contender"]:
        out += (
            f" For a single Hessian, compiling included: {once['contender']}, {words.seconds(once['total_first_s'])}."
        )
    return out
