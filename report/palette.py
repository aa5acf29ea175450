"""Colours and marks shared by all figures: colour by strategy, mark by backend, filling by variant.

The colours are close to Paul Tol's bright scheme, with more contrast on white and on black; colour-blind readers tell
them apart, and the mark and the legend say the same again.
"""

from .columns import Table

BRIGHT = ("#3B74B4", "#E4572E", "#228833", "#A855A0", "#C79A1B", "#2AA5B8", "#8A5A2B", "#D6568B", "#6C7A1F", "#5B5FC7")
DARK = ("#1B3A5C", "#8C1C13", "#0F5132", "#5B2A57", "#7A5C00", "#0B6B73", "#4A2F14", "#8E2F57", "#3C4510", "#2A2C78")
COLOURS = (*BRIGHT, *DARK)
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


def colours(table: Table, prominent: list[str]) -> dict[str, str]:
    """Strategy -> colour, the same in all figures of a page. Variants share the colour of their strategy.

    `prominent` names strategies in the order in which they choose; there are fewer colours than strategies, and those
    that most figures emphasise should not share theirs.
    """
    names = {strategy: strategy.partition("/")[0] for strategy in table["strategy"]}
    families = dict.fromkeys([*(p.partition("/")[0] for p in prominent), *sorted(names.values())])
    shades = {family: COLOURS[i % len(COLOURS)] for i, family in enumerate(families)}
    return {strategy: shades[family] for strategy, family in names.items()}


def mark(backend: str, library: str) -> str:
    """The mark of a backend in `plotly` or `matplotlib`."""
    return MARKS.get(backend, OTHER_MARK)[library == "matplotlib"]
