"""Colours and marks shared by all figures: colour by strategy, filling by variant, mark by backend.

The colours are close to Paul Tol's bright scheme, with more contrast on white and on black; colour-blind readers tell
them apart, and the mark and the legend say the same again.
"""

from collections.abc import Mapping

from .columns import Table

COLOURS = ("#4477AA", "#EE6677", "#228833", "#BBA832", "#4FB9DD", "#B8519A", "#E07B39", "#3AA394", "#8C8C3A")
MARKS = {
    "numpy": ("circle", "o"),
    "jax": ("square", "s"),
    "torch": ("diamond", "D"),
    "autograd": ("triangle-up", "^"),
    "casadi": ("star", "*"),
    "numba": ("triangle-down", "v"),
    "c": ("pentagon", "p"),
}
OTHER_MARK = ("hexagon", "h")


def colours(table: Table) -> dict[str, str]:
    """Strategy -> colour, by name, so that a strategy keeps its colour in all figures of a page; variants share it."""
    names = sorted({strategy.partition("/")[0] for strategy in table["strategy"]})
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def colour(scheme: Mapping[str, str], strategy: str) -> str:
    """The colour of a strategy or of its variant."""
    return scheme[strategy.partition("/")[0]]


def fills(table: Table, library: str) -> dict[str, str]:
    """Strategy -> how its marks are filled: full, and for its variants in other ways; in `plotly` or `matplotlib`."""
    out: dict[str, str] = {}
    kinds = ("full", "none", "left", "top") if library == "matplotlib" else ("", "-open", "-open-dot", "-dot")
    for family in colours(table):
        variants = sorted({s for s in table["strategy"] if s.partition("/")[0] == family and s != family})
        out |= {family: kinds[0]} | {name: kinds[1 + i % 3] for i, name in enumerate(variants)}
    return out


def mark(backend: str, library: str) -> str:
    """The mark of a backend in `plotly` or `matplotlib`."""
    return MARKS.get(backend, OTHER_MARK)[library == "matplotlib"]
