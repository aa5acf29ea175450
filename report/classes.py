"""Classes of problems and of sizes, by which the verdict is given."""

import json
from functools import cache

import hessbench

from . import words
from .columns import Table, missing

CLASSES = {
    "state-only": "State only",
    "parameters": "With parameters",
    "time-driven": "Driven by time",
    "dissipative": "Dissipative",
    "long": "Long or chaotic",
    "stiff": "Stiff",
    "other": "Problems of your own",
}
LONG = ("three-body", "restricted-three-body", "kepler")  # whole orbits: errors of the state grow along them
STIFF = (
    "e5", "gray-scott", "hires", "oregonator", "pollution", "reaction-network", "ring-modulator", "robertson", "van-der-pol",
)  # fmt: skip
SIZES = {"small": (1, 15), "medium": (16, 63), "large": (64, None)}  # numbers of states


@cache
def problem_class(family: str, arguments: str) -> str:
    """A key of `CLASSES`, from the facts that the problem declares; `other` for one that is not installed here.

    Of several that hold the first counts: stiff, parameters, dissipative, driven by time, long or chaotic.
    """
    if family in STIFF:
        return "stiff"
    given = {
        key: value for key, value in json.loads(arguments or "{}").items() if key != "n"
    }  # facts hold for any size
    try:
        problem = hessbench.problem(family, **given)
    except Exception:  # a plugin of another machine; whatever it raises, the results stay
        return "other"
    if problem.wrt != ("y0",):
        return "parameters"
    if problem.dissipative:
        return "dissipative"
    if not problem.autonomous:
        return "time-driven"
    return "long" if family in LONG else "state-only"


@cache
def unknowns(family: str, arguments: str) -> str:
    """`y0 and k`, what a problem is differentiated by; `the unknowns` for one that is not installed here."""
    try:
        return words.listed(hessbench.problem(family, **json.loads(arguments or "{}")).wrt, most=4)
    except Exception:  # a plugin of another machine, or a user's file
        return "the unknowns"


def size_class(states: float | None) -> str:
    """A key of `SIZES`, or an empty text where the number of states is not known."""
    if missing(states) or states is None:
        return ""
    return next(name for name, (low, high) in SIZES.items() if states >= low and (high is None or states <= high))


def size_words(name: str) -> str:
    """`16 to 63 states`."""
    low, high = SIZES[name]
    return (
        f"{low} states or more" if high is None else f"up to {high} states" if low == 1 else f"{low} to {high} states"
    )


def classified(table: Table) -> Table:
    """The table with the columns `kind` (key of `CLASSES`) and `size_class` (key of `SIZES`)."""
    kinds = [problem_class(p, a) for p, a in zip(table["problem"], table["arguments"], strict=True)]
    return table.assign(kind=kinds, size_class=[size_class(n) for n in table["dim"]])
