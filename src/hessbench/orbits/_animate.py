"""A small GIF: the three bodies on the figure-8 and on the distorted one, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from ._figures import COLOURS, pyplot
from ._physics import positions, sample


def animate(orbits: dict[str, tuple[Problem, Array, float]], path: Path, frames: int = 60) -> Path:
    """Write the animation of planar three-body orbits by title; every frame is one `frames`-th of a period."""
    plt = pyplot()
    from matplotlib.animation import FuncAnimation, PillowWriter

    figure, axes = plt.subplots(1, len(orbits), figsize=(3.4 * len(orbits), 1.9), squeeze=False)
    scenes = []
    for ax, (title, orbit) in zip(axes[0], orbits.items(), strict=True):
        q = positions(sample(*orbit, 10 * frames, 1e-9), 2)
        for k in range(3):
            ax.plot(*np.vstack([q[:, k], q[:1, k]]).T, color=COLOURS[k], lw=0.6, alpha=0.6)
        ax.set(xlim=(-1.2, 1.2), ylim=(-0.5, 0.5))
        ax.set_title(title, fontsize=8)
        ax.set_aspect("equal")
        ax.axis("off")
        scenes.append((q[::10], [ax.plot([], [], "o", color=COLOURS[k], ms=6)[0] for k in range(3)]))

    def draw(i: int):
        for q, dots in scenes:
            for k, dot in enumerate(dots):
                dot.set_data(q[i, k, :1], q[i, k, 1:2])
        return [dot for _, dots in scenes for dot in dots]

    path.parent.mkdir(parents=True, exist_ok=True)
    FuncAnimation(figure, draw, frames=frames, blit=False).save(path, writer=PillowWriter(fps=20), dpi=90)
    plt.close(figure)
    return path
