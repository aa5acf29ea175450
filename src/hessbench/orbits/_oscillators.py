"""Oscillators in d dimensions: the Hessian's eigenvalues and how often each occurs, in closed form and computed.

Each mode of frequency w contributes, with c = cos wt and s = sin wt, the two roots of

    lambda^2 - tau lambda + 16 (1 - c)^2 = 0,   tau = 4 (1 - c)^2 + 2 s^2 (w^2 + 1 / w^2)

so that g modes of one frequency give each of them g times, both 8 sin^2(t/2) for w = 1, and a resonant mode, whose w t is a
multiple of 2 pi, two null eigenvalues: the Hessian of d modes is the direct sum of theirs (`problems/harmonic_oscillator.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from .._plugins.registry import problem as build
from ._extended import tangent_map
from ._figures import BLUE, GREY, pyplot, save

SAME = 1e-8  # of the largest eigenvalue (or 1, at a resonance of all): nearer ones are one eigenvalue
KINDS: dict[str, tuple[Callable[[int], Array], float]] = {  # frequencies for d, and the time
    "isotropic, w = 1": (lambda d: np.ones(d), 1.7),
    "isotropic, w = 1.5": (lambda d: np.full(d, 1.5), 1.7),
    "isotropic, resonant": (lambda d: np.ones(d), 2 * np.pi),
    "anisotropic, w = sqrt(1), ..., sqrt(d)": (lambda d: np.sqrt(np.arange(1.0, d + 1)), 1.7),
    "two frequencies, 1 and 2, in turn": (lambda d: 1.0 + np.arange(d) % 2, 1.7),
    "commensurate, w = 1, ..., d, at t = pi": (lambda d: np.arange(1.0, d + 1), np.pi),
}
MOST = 64  # dimensions


@dataclass(frozen=True, eq=False)
class Level:
    """An eigenvalue and how often it occurs."""

    value: float
    multiplicity: int


@dataclass(frozen=True, eq=False)
class Row:
    """One number of dimensions of one `kind`: levels by closed form and computed, ascending, and the largest relative error."""

    kind: str
    d: int
    exact: tuple[Level, ...]
    computed: tuple[Level, ...]
    error: float

    @property
    def agree(self) -> bool:
        """Whether all multiplicities are those of the closed form."""
        return [v.multiplicity for v in self.exact] == [v.multiplicity for v in self.computed]


def levels(omega: Array, t: float) -> tuple[Level, ...]:
    """The closed form for frequencies `omega` (d,) after the time `t`, ascending."""
    frequency, count = np.unique(np.abs(omega), return_counts=True)
    out: list[Level] = []
    for w, g in zip(frequency, count, strict=True):
        c, s = np.cos(w * t), np.sin(w * t)
        half, root = 2 * (1 - c) ** 2 + s * s * (w * w + 1 / w**2), 4 * abs(1 - c)
        upper = half + np.sqrt(max((half - root) * (half + root), 0.0))
        out += [Level(float(upper), int(g)), Level(float(root**2 / upper) if upper else 0.0, int(g))]
    return _joined(out)


def _joined(found: list[Level]) -> tuple[Level, ...]:
    """Equal ones as one, ascending."""
    scale = max(1.0, *(v.value for v in found))
    out: list[Level] = []
    for v in sorted(found, key=lambda v: v.value):
        if out and v.value - out[-1].value <= SAME * scale:
            out[-1] = Level(out[-1].value, out[-1].multiplicity + v.multiplicity)
        else:
            out.append(v)
    return tuple(out)


def sweep(most: int) -> list[Row]:
    """All kinds in 1 to `most` dimensions. Raises `InvalidInput` for none, or more than 64."""
    if not 1 <= most <= MOST:
        raise InvalidInput(f"`d` is {most}; expected 1 to {MOST} dimensions.")
    return [row(kind, d) for kind in KINDS for d in range(1, most + 1)]


def row(kind: str, d: int) -> Row:
    """One kind in `d` dimensions: the tangent map is integrated, its singular values are compared."""
    frequencies, t = KINDS[kind]
    omega = frequencies(d)
    problem = build("harmonic-oscillator", d=d, omega=omega.tolist(), t=t)
    off = tangent_map(problem, problem.y0, problem.t_span)[1].astype(float) - np.eye(2 * d)
    values = np.sort(2 * np.linalg.svd(off, compute_uv=False) ** 2)
    exact = levels(omega, t)
    wanted = np.repeat([v.value for v in exact], [v.multiplicity for v in exact])
    error = float(np.max(np.abs(values - wanted)) / max(1.0, wanted[-1]))
    return Row(kind, d, exact, _joined([Level(float(v), 1) for v in values]), error)


def draw(rows: list[Row], folder: Path) -> list[Path]:
    """Levels against the number of dimensions, one panel for each kind; the size of a dot is how often the level occurs."""
    plt = pyplot()
    figure, axes = plt.subplots(2, 3, figsize=(9.6, 5.4), sharex=True, sharey=True)
    for ax, kind in zip(axes.flat, KINDS, strict=True):
        for r in (r for r in rows if r.kind == kind):
            for v in r.exact:
                ax.plot(r.d, v.value, "o", mfc="none", mec=GREY, ms=4 + 1.2 * v.multiplicity)
            for v in r.computed:
                ax.plot(r.d, v.value, ".", color=BLUE, ms=4)
                if v.multiplicity > 1:
                    text = str(v.multiplicity)
                    ax.annotate(text, (r.d, v.value), fontsize=7, xytext=(4 + r.d // 2, 3), textcoords="offset points")
        ax.set_title(kind, fontsize=8)
        ax.set_ylim(-1, 1.12 * max(1.0, *(v.value for r in rows for v in r.exact)))
    axes[0, 0].plot([], [], "o", mfc="none", mec=GREY, label="closed form, as large as its multiplicity")
    axes[0, 0].plot([], [], ".", color=BLUE, label="computed, with its multiplicity above 1")
    figure.legend(fontsize=7, loc="outside upper center", ncols=2)
    for ax in axes[1]:
        ax.set(xlabel="dimensions d", xticks=sorted({r.d for r in rows}))
    for ax in axes[:, 0]:
        ax.set(ylabel="eigenvalues of $H$")
    return save(figure, folder, "oscillator-dimensions")
