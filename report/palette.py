"""Colours and marks shared by all figures: colour by strategy, mark by backend, filling by variant.

The colours are close to Paul Tol's bright scheme, with more contrast on white and on black; colour-blind readers tell
them apart, and the mark and the legend say the same again.
"""

from zlib import crc32

BRIGHT = ("#3B74B4", "#E4572E", "#228833", "#A855A0", "#C79A1B", "#2AA5B8", "#8A5A2B", "#D6568B", "#6C7A1F", "#5B5FC7")
DARK = ("#1B3A5C", "#8C1C13", "#0F5132", "#5B2A57", "#7A5C00", "#0B6B73", "#4A2F14", "#8E2F57", "#3C4510", "#2A2C78")
COLOURS = (*BRIGHT, *DARK, "#7B8794")
STRATEGIES = (  # each has the colour of its place
    *(
        "discrete-adjoint",
        "unrolled",
        "hand-adjoint",
        "diffrax-adjoint",
        "heyoka-taylor",
        "jax-adjoint",
        "casadi-symbolic",
    ),
    *(
        "implicit-adjoint",
        "variational",
        "forward-over-reverse",
        "hand-adjoint-rows",
        "casadi-integrator",
        "jax-odeint",
    ),
    *("torchdiffeq-backprop", "autograd-odeint", "cvodes-adjoint", "finite-difference", "reverse-over-reverse"),
    *("torchdiffeq-adjoint", "tcd-program", "torchode-backprop"),
)
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


def colour(strategy: str) -> str:
    """The colour of a strategy, the same on every page; variants have that of their strategy.

    Strategies that are not among `STRATEGIES` share the colours by their names.
    """
    family = strategy.partition("/")[0]
    place = STRATEGIES.index(family) if family in STRATEGIES else crc32(family.encode())
    return COLOURS[place % len(COLOURS)]


def mark(backend: str, library: str) -> str:
    """The mark of a backend in `plotly` or `matplotlib`."""
    return MARKS.get(backend, OTHER_MARK)[library == "matplotlib"]
