"""The pages of the oscillator and of Kepler's problem: closed-form Hessians against computed ones, and their figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from .._plugins.registry import problem as build
from ._extended import tangent_map
from ._figures import BLUE, GREY, ORANGE, RED, pyplot, save


@dataclass(frozen=True, eq=False)
class Page:
    """`at` (k,): times or numbers of periods; eigenvalues (k, N) by closed form and computed; largest relative error (k,)."""

    at: Array
    exact: Array
    computed: Array
    error: Array


def _exact_hessian(problem: Problem) -> Array:
    closed = problem.exact(problem.x0) if problem.exact is not None else None
    assert closed is not None
    return closed[2]


def _compare(problems, at: Array) -> Page:
    exact, computed, error = [], [], []
    for problem in problems:
        hess = _exact_hessian(problem)
        off = tangent_map(problem, problem.y0, problem.t_span)[1].astype(float) - np.eye(problem.dim)
        scale = max(float(np.max(np.abs(hess))), 1e-3)  # at a resonance the Hessian vanishes
        exact.append(np.linalg.eigvalsh(hess))
        computed.append(2 * np.linalg.svd(off, compute_uv=False)[::-1] ** 2)
        error.append(float(np.max(np.abs(2 * off.T @ off - hess))) / scale)
    return Page(at, np.array(exact), np.array(computed), np.array(error))


def oscillator(omega: tuple[float, ...] = (1.0, 1.5), n: int = 60) -> Page:
    """The Hessian of |y(t) - y(0)|^2 through the resonances of unit frequency, up to two of its periods."""
    times = np.linspace(0.2, 4 * np.pi, n)
    return _compare([build("harmonic-oscillator", d=len(omega), omega=list(omega), t=float(t)) for t in times], times)


def kepler(periods: int = 6, y0: tuple[float, ...] = (0.5, 0.0, 0.0, 3**0.5)) -> Page:
    """The Hessian after 1 to `periods` periods; its one non-zero eigenvalue grows with their square."""
    numbers = np.arange(1, periods + 1)
    return _compare([build("kepler", y0=list(y0), periods=int(k)) for k in numbers], numbers)


def draw_oscillator(page: Page, folder: Path, omega: tuple[float, ...] = (1.0, 1.5)) -> list[Path]:
    """Eigenvalues through resonance, and the error."""
    plt = pyplot()
    figure, (ax, low) = plt.subplots(2, 1, figsize=(6.2, 4.8), height_ratios=(2.2, 1), sharex=True)
    fine = np.linspace(0.05, 4 * np.pi, 800)
    d = len(omega)
    members = (build("harmonic-oscillator", d=d, omega=list(omega), t=float(t)) for t in fine)
    curves = np.array([np.linalg.eigvalsh(_exact_hessian(member)) for member in members])
    ax.plot(fine / np.pi, curves, color=GREY, lw=0.9)
    ax.plot(page.at / np.pi, page.computed, ".", color=BLUE, ms=4)
    ax.plot([], [], color=GREY, label="closed form")
    ax.plot([], [], ".", color=BLUE, label="computed")
    for k, w in enumerate(omega):
        for j, at in enumerate(np.arange(2, 4.01 * w, 2) / w):
            ax.axvline(
                at,
                color=(ORANGE, RED)[k % 2],
                lw=0.8,
                ls=("--", ":")[k % 2],
                label=f"resonance of w = {w}" if j == 0 else None,
            )
    ax.set(ylabel="eigenvalues of $H$")
    ax.legend(fontsize=7, ncol=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    low.semilogy(page.at / np.pi, np.maximum(page.error, 1e-17), ".", color=BLUE, ms=4)
    low.set(xlabel=r"time t [$\pi$ / unit frequency]", ylabel="relative error")
    return save(figure, folder, "oscillator")


def draw_kepler(page: Page, folder: Path) -> list[Path]:
    """The eigenvalue against the number of periods, and what should be null."""
    plt = pyplot()
    figure, (ax, low) = plt.subplots(2, 1, figsize=(5.4, 4.2), height_ratios=(2.2, 1), sharex=True)
    ax.loglog(page.at, page.exact[:, -1], color=GREY, label="closed form, $\\propto n^2$")
    ax.loglog(page.at, page.computed[:, -1], "o", color=BLUE, ms=5, label="computed")
    ax.set(ylabel="the non-zero eigenvalue of $H$", title="Kepler's problem, eccentricity 0.5")
    ax.legend(fontsize=7)
    low.loglog(page.at, np.maximum(page.computed[:, -2], 1e-30), "^", color=ORANGE, ms=5)
    low.set(
        xlabel="number of periods n", ylabel="largest null one", xticks=page.at, xticklabels=[str(k) for k in page.at]
    )
    low.minorticks_off()
    return save(figure, folder, "kepler")
