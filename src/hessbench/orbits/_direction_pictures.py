"""The picture of soft directions: the spectrum with its names, and the loss along the softest beside the quadratic model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._adapters.evaluations import Evaluations
from .._errors import HessbenchError
from ._directions import Directions, SoftDirection
from ._figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, pyplot, save

COLOURS = {"symmetry": GREEN, "null": SKY, "soft": ORANGE, "stiff": BLUE, "falling": RED}
FOLLOWED = 4  # directions whose loss is shown
MOST_NAMED = 30  # directions with a name on the axis


def draw(found: Directions, folder: Path, name: str, rtol: float = 1e-10) -> list[Path]:
    """Write the picture to `folder` as PNG and SVG; `rtol` is the solver's tolerance for the loss."""
    plt = pyplot()
    shown = found.directions[:MOST_NAMED]
    figure, (ax, right) = plt.subplots(1, 2, figsize=(9.2, 1.6 + 0.19 * max(len(shown), 10)))
    floor = 0.1 * min((abs(d.eigenvalue) for d in shown if d.kind not in ("symmetry", "null")), default=1.0)
    used = set()
    for k, d in enumerate(shown):
        kind = d.kind if d.kind in COLOURS else "symmetry of the equation alone"
        value, null = abs(d.eigenvalue), d.kind in ("symmetry", "null")
        x = max(value, floor) if not null else floor
        ax.plot(
            x, k, "<" if null else "o", color=COLOURS.get(d.kind, PURPLE), ms=5, label=None if kind in used else kind
        )
        used.add(kind)
    ax.set(xscale="log", xlabel="curvature of the loss [loss per squared distance]", yticks=range(len(shown)))
    ax.set_yticklabels([_short(d.name) for d in shown], fontsize=7)
    ax.invert_yaxis()
    ax.set_title("spectrum ($<$: the loss does not change)", fontsize=9)
    ax.legend(fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 1.08), ncol=3, columnspacing=1, handletextpad=0.3)

    followed = [d for d in found.directions if d.kind not in ("symmetry", "null")][:FOLLOWED]
    loss = Evaluations(found.problem, rtol=rtol)
    s = np.geomspace(1e-4, 1, 33) * found.limit
    for d, colour, mark in zip(followed, (ORANGE, BLUE, GREEN, RED), "osv^", strict=False):
        growth = np.array([_growth(loss, found, d, float(v)) for v in s])
        up = growth > 0
        right.loglog(s[up], growth[up], mark, color=colour, ms=3, label=f"{_short(d.name)}, {d.eigenvalue:.3g}")
        model = d.slope * s + d.eigenvalue * s**2 / 2
        right.loglog(s[model > 0], model[model > 0], color=colour, lw=0.8, ls="--")
    right.axhline(found.rise, color=GREY, lw=0.8, ls=":")
    right.annotate("rise", (s[0], found.rise), fontsize=7, color=GREY, va="bottom")
    right.plot([], [], color=GREY, lw=0.8, ls="--", label="slope and curvature alone")
    unit = "in sizes of the unknowns" if np.any(found.sizes != 1) else "units of the unknowns"
    right.set(xlabel=f"distance [{unit}]", ylabel="growth of the loss")
    right.set_title("along the softest directions, positive side", fontsize=9)
    right.legend(fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 1.08), ncol=2, columnspacing=1)
    return save(figure, folder, f"directions-{name}")


def _growth(loss: Evaluations, found: Directions, d: SoftDirection, s: float) -> float:
    try:
        return loss.first(d.at(s)).value - found.value
    except (HessbenchError, ArithmeticError):
        return np.nan


def _short(name: str, most: int = 34) -> str:
    return name if len(name) <= most else name[: most - 3] + "..."
