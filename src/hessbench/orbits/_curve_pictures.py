"""The picture of a family that was followed by arc length: its multipliers and its start against the parameter, and folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ._arclength import Curve
from ._figures import BLUE, GREY, ORANGE, RED, pyplot, save


def draw(curve: Curve, folder: Path, name: str) -> list[Path]:
    """Write the picture to `folder` as PNG and SVG."""
    plt = pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.2))
    value = np.array([m.value for m in curve.members])
    moved = np.array([np.linalg.norm(m.x - curve.members[0].x) for m in curve.members])
    largest, stable = np.array([m.largest for m in curve.members]), np.array([m.stable for m in curve.members])
    for ax, y in ((left, largest), (right, moved)):
        ax.plot(value, y, color=GREY, lw=0.8)
        ax.plot(value[stable], y[stable], "o", color=BLUE, ms=4, label="stable")
        ax.plot(value[~stable], y[~stable], "s", color=ORANGE, ms=3.5, label="unstable")
        ax.set(xlabel=curve.parameter)
        ax.ticklabel_format(axis="x", useOffset=False)
        ax.tick_params(axis="x", labelrotation=20)
    for k, fold in enumerate(curve.folds):
        label = None if k else "fold"
        left.plot(fold.value, fold.member.largest, "*", color=RED, ms=11, label=label)
        right.plot(fold.value, np.linalg.norm(fold.member.x - curve.members[0].x), "*", color=RED, ms=11)
    left.set(ylabel="largest modulus of a multiplier")
    right.set(ylabel="distance of the start [state]")
    left.legend(fontsize=7)
    figure.suptitle(f"{name}, followed by arc length", fontsize=9)
    return save(figure, folder, f"curve-{name}-{curve.parameter}")
