"""Figures of print quality: PNG and SVG, colours that colour-blind readers tell apart, units in brackets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import Unavailable
from .._model.derivatives import Array
from .._model.problem import Problem
from ._physics import positions, sample

if TYPE_CHECKING:
    from ._explore import Map
    from ._families import Family
    from ._find import ClosedOrbit

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#666666",
)
COLOURS = (BLUE, ORANGE, GREEN)
ALL_COLOURS = (*COLOURS, RED, PURPLE, SKY, GREY)
STYLE: dict[Any, Any] = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7, "lines.linewidth": 1.3,
    "legend.frameon": False, "svg.fonttype": "none", "svg.hashsalt": "hessbench", "figure.constrained_layout.use": True,
}  # fmt: skip


def _real(values: Array) -> tuple[Any, Any]:
    return np.real(values), np.imag(values)


def pyplot() -> Any:
    """`matplotlib.pyplot` without a display; raises `Unavailable` where it is not installed."""
    try:
        import matplotlib
    except ImportError:
        raise Unavailable("Figures need matplotlib: pip install 'hessbench[report]'") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(STYLE)
    return plt


def save(figure: Any, folder: Path, name: str) -> list[Path]:
    """Write `name.png` and `name.svg` (without a date, so that they can be compared) and close the figure."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    figure.savefig(paths[0], dpi=160)
    figure.savefig(paths[1], metadata={"Date": None})
    pyplot().close(figure)
    return paths


def label_plane(ax: Any) -> None:
    """Axes of a plane of positions, in the problem's own units."""
    ax.set(xlabel="x [length unit]", ylabel="y [length unit]")
    ax.set_aspect("equal")


def draw_orbit(ax: Any, problem: Problem, x: Array, period: float, bodies: int, dim: int, n: int = 900) -> Array:
    """The bodies' curves in the plane (x, y) with their starting points; returns positions (n, bodies, dim)."""
    q = positions(sample(problem, x, period, n, 1e-10), dim)
    for k in range(bodies):
        closed = np.vstack([q[:, k], q[:1, k]])
        name, colour = f"body {k + 1}" if bodies > 1 else "orbit", ALL_COLOURS[k % len(ALL_COLOURS)]
        width = 3.2 - 2.3 * k / (bodies - 1) if bodies > 1 else 1.2  # bodies on one curve stay visible
        ax.plot(closed[:, 0], closed[:, 1], color=colour, lw=width, label=name)
        ax.plot(*q[0, k, :2], "o", color=colour, ms=5, mec="black", mew=0.6, zorder=5)
    label_plane(ax)
    return q


def analysed(orbit: ClosedOrbit, folder: Path, name: str) -> list[Path]:
    """The orbit in its plane, the spectrum of its Hessian, and its Floquet multipliers against the unit circle."""
    from ._systems import system_of

    plt, system = pyplot(), system_of(orbit.problem)
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.1))
    if system.bodies:
        draw_orbit(axes[0], orbit.problem, orbit.x, orbit.period, system.bodies, system.dim)
        axes[0].legend(fontsize=6.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=3, columnspacing=1)
    figure.suptitle(f"{name}, projected to (x, y)" if system.dim == 3 else name, fontsize=9)
    spectrum(axes[1], {"eigenvalues": orbit.eigenvalues})
    angle = np.linspace(0, 2 * np.pi, 200)
    ax, values = axes[2], orbit.spectrum.nontrivial
    ax.plot(np.cos(angle), np.sin(angle), color=GREY, lw=0.8, label="unit circle")
    inside = np.abs(values) < 10
    ax.plot(*_real(values[inside]), "o", color=BLUE, ms=5, label="Floquet multipliers")
    ax.set(xlabel="real part", ylabel="imaginary part")
    left_out = int(np.sum(~inside))
    ax.set_title("multipliers" + (f" ({left_out} beyond modulus 10)" if left_out else ""), fontsize=9)
    ax.set_aspect("equal", adjustable="datalim")
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=2)
    return save(figure, folder, f"orbit-{name}")


Triple = tuple[Problem, Array, float]
DASHES = ("-", "--", "-.")


def overlay(eight: Triple, simo: Triple, eigenvalues: dict[str, Array], folder: Path) -> list[Path]:
    """Figure-8 and distorted orbit of three bodies, the difference magnified, and both spectra."""
    plt, n, factor = pyplot(), 900, 5
    figure, axes = plt.subplots(2, 2, figsize=(7.8, 5.2))
    q8, qs = (positions(sample(*orbit, n, 1e-11), 2) for orbit in (eight, simo))
    for ax, magnified in ((axes[0, 0], 1), (axes[0, 1], factor)):
        ax.plot(*_closed(q8[:, 0]), color=GREY, lw=2.4, alpha=0.5, label="figure-8: one curve for all")
        for k in range(3):
            base = _nearest(q8[:, k], qs[:, k])
            shown = base + magnified * (qs[:, k] - base)
            ax.plot(*_closed(shown), color=COLOURS[k], lw=0.9, ls=DASHES[k], label=f"distorted, body {k + 1}")
        label_plane(ax)
    axes[0, 0].set_title("figure-8 and Simó's distorted figure-8", fontsize=9)
    axes[0, 1].set_title(f"distance from the figure-8 magnified {factor} times", fontsize=9)
    axes[0, 0].legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(-0.02, 1.04), handlelength=1.8, labelspacing=0.2)
    axes[0, 0].set_ylim(-0.72, 1.1)
    ax, t = axes[1, 0], np.arange(n + 1) / n
    for k in range(3):
        gap = np.linalg.norm(qs[:, k] - _nearest(q8[:, k], qs[:, k]), axis=1)
        ax.plot(t, 1e3 * np.append(gap, gap[0]), color=COLOURS[k], ls=DASHES[k], label=f"body {k + 1}")
    ax.set(xlabel="time [period]", ylabel="distance [$10^{-3}$ length units]")
    ax.set_title("distance of each body from the figure-8's curve", fontsize=9)
    ax.set_ylim(0, 62)
    ax.legend(fontsize=7, ncol=3, loc="upper center")
    spectrum(axes[1, 1], eigenvalues)
    return save(figure, folder, "simo")


def _closed(curve: Array) -> Array:
    """x and y of a closed curve (n, 2), the first point repeated."""
    return np.vstack([curve, curve[:1]]).T


def _nearest(curve: Array, points: Array, window: float = 0.08) -> Array:
    """For each of `points` (n, 2) the nearest point of `curve` (n, 2) at about the same time, between samples too."""
    n, reach = len(curve), int(window * len(curve))
    out = np.empty_like(points)
    for i, point in enumerate(points):
        near = curve[np.arange(i - reach, i + reach + 1) % n]
        a, b = near[:-1], near[1:] - near[:-1]
        along = np.clip(np.sum((point - a) * b, axis=1) / np.sum(b * b, axis=1), 0, 1)
        foot = a + along[:, None] * b
        out[i] = foot[np.argmin(np.sum((foot - point) ** 2, axis=1))]
    return out


def spectrum(ax: Any, eigenvalues: dict[str, Array], floor: float = 1e-12) -> None:
    """Eigenvalues of one or more Hessians on a logarithmic axis; those below `floor` are drawn on it."""
    markers, colours = ("o", "^", "s"), (GREY, BLUE, ORANGE)
    for k, (name, values) in enumerate(eigenvalues.items()):
        places = np.arange(len(values)) + 1 + 0.2 * k
        ax.semilogy(places, np.maximum(values, floor), markers[k], color=colours[k], ms=4.5, label=name)
    ax.axhline(floor, color=GREY, lw=0.6, ls=":")
    ax.text(
        0.98,
        floor * 2.5,
        "null: below $10^{-12}$",
        fontsize=7,
        color=GREY,
        ha="right",
        transform=ax.get_yaxis_transform(),
    )
    ax.set(xlabel="number of the eigenvalue", ylabel="eigenvalue of $H$")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_title("Hessian of non-closure", fontsize=9)
    ax.legend(fontsize=7, loc="upper left")


def explored(result: Map, folder: Path, name: str) -> list[Path]:
    """Where each start in the soft plane ends up."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    plt = pyplot()
    figure, ax = plt.subplots(figsize=(5.4, 4.2))
    colours = ["#DDDDDD", GREY, BLUE, ORANGE, GREEN, RED, PURPLE, SKY]
    kinds = min(len(result.ends), len(colours) - 1)
    cmap, norm = ListedColormap(colours[: kinds + 1]), BoundaryNorm(np.arange(-1.5, kinds + 0.5), kinds + 1)
    shown = np.minimum(result.kind, kinds - 1)
    ax.pcolormesh(result.s, result.t, shown, cmap=cmap, norm=norm, shading="nearest", edgecolors="white", lw=0.4)
    ax.plot(0, 0, "+", color="black", ms=9)
    ax.set(
        xlabel=f"step along direction of eigenvalue {result.first.eigenvalue:.3g}",
        ylabel=f"step along direction of eigenvalue {result.second.eigenvalue:.3g}",
        title=f"{name}: where each start ends",
    )
    from matplotlib.patches import Patch

    handles = [Patch(color=colours[0], label="does not close")] if np.any(result.kind < 0) else []
    for e in result.ends[:kinds]:
        defect = "" if e.defect is None else f", defect {e.defect:.2g}" if e.defect > 1e-6 else ", choreography"
        handles.append(Patch(color=colours[e.number + 1], label=f"{e.name} ({e.count}){defect}"))
    ax.legend(handles=handles, fontsize=7, loc="upper left", bbox_to_anchor=(0.0, -0.17), ncol=1)
    return save(figure, folder, f"explore-{name}")


def family(result: Family, folder: Path, name: str, energy_name: str) -> list[Path]:
    """Period or energy, and the largest multiplier, along a family."""
    plt = pyplot()
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0))
    values = np.array([m.value for m in result.members])
    other = [m.energy for m in result.members] if result.parameter != "energy" else [m.period for m in result.members]
    axes[0].plot(values, other, "-o", color=BLUE, ms=3)
    label = {"energy": energy_name, "period": "period [time unit]"}.get(result.parameter, result.parameter)
    axes[0].set(xlabel=label, ylabel=energy_name if result.parameter != "energy" else "period [time unit]")
    largest = np.array([m.largest for m in result.members])
    stable = np.array([m.stable for m in result.members])
    axes[1].plot(values, largest, "-", color=GREY, lw=0.8)
    axes[1].plot(values[stable], largest[stable], "o", color=GREEN, ms=4, label="stable")
    axes[1].plot(values[~stable], largest[~stable], "^", color=RED, ms=4, label="unstable")
    if np.max(largest) > 30:
        axes[1].set_yscale("log")
    axes[1].set(xlabel=label, ylabel="largest |Floquet multiplier|")
    axes[1].legend(fontsize=7)
    figure.suptitle(f"{name} followed in {result.parameter}", fontsize=9)
    return save(figure, folder, f"family-{name}-{result.parameter}")
