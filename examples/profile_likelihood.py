"""Profile likelihood of the lynx and hare model: intervals that need no parabola, by Newton's method with exact Hessians.

    u' = alpha u - beta u v,   v' = delta u v - gamma v,   log d = log y + sigma e,   e of N(0, 1),   at 21 years

L(x) is the negative log-likelihood by x = (u0, v0, log alpha, ..., log sigma_u, log sigma_v). With the rest r of the unknowns
minimised out, the profile of x_k and its confidence interval at level c are

    P(x_k) = min over r of L,   { x_k : 2 (P(x_k) - min L) <= quantile of chi^2_1 at c }

Steps along x_k start from the tangent of the minimiser, dr/dx_k = -H_rr^-1 H_rk, and Newton's method with the same Hessian
comes down from there in a few steps. Source: Raue et al., Bioinformatics 25 (2009) 1923; Venzon & Moolgavkar, Applied
Statistics 37 (1988) 87; data as in the problem `lynx-hare`.

    OMP_NUM_THREADS=1 python examples/profile_likelihood.py --out figures
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import ndtri

import hessbench
from hessbench import Data, LogNormal, Prepared, Problem, Result

LEVEL = 0.95
RISE = ndtri((1 + LEVEL) / 2) ** 2  # of 2 L: 3.84
LABELS = ("u0", "v0", "alpha", "beta", "gamma", "delta", "sigma u", "sigma v")
STEP, FARTHEST = 0.4, 6.0  # along x_k, in standard deviations
TOLERANCE = 1e-8  # of half the Newton decrement, in units of L


def fitted_problem() -> Problem:
    """The built-in problem with its likelihood declared, by initial state and logarithms of all parameters."""
    problem = hessbench.problem("lynx-hare")
    assert problem.data is not None
    likelihood = LogNormal(lambda xp, t, y, p: y, "sigma")
    return hessbench.on_log_scale(
        replace(problem, data=Data(problem.data.times, problem.data.values, likelihood=likelihood))
    )


@dataclass
class Minimised:
    """The minimiser x (n,), the result there, and how many Hessians it took."""

    x: np.ndarray
    result: Result
    hessians: int


def minimise(at: Callable[[np.ndarray], Result], x: np.ndarray, free: np.ndarray) -> Minimised:
    """Newton's method over the unknowns `free` (a mask), with steps that are halved until L falls; others stay as they are."""
    x, result, count = x.copy(), at(x), 1
    for _ in range(60):
        grad, hess = result.grad[free], result.hess[np.ix_(free, free)]
        sizes, vectors = np.linalg.eigh(hess)
        sizes = np.maximum(np.abs(sizes), 1e-8 * np.max(np.abs(sizes)))  # downhill where it is not convex
        step = -vectors @ ((vectors.T @ grad) / sizes)
        if -grad @ step / 2 < TOLERANCE:
            return Minimised(x, result, count)
        for halving in range(30):
            new = x.copy()
            new[free] += 0.5**halving * step
            try:
                found = at(new)
            except hessbench.HessbenchError:
                continue
            count += 1
            if found.value < result.value:
                break
        else:
            return Minimised(x, result, count)  # at round-off
        x, result = new, found
    raise RuntimeError("no minimum within 60 steps of Newton's method")


@dataclass
class Profile:
    """`values` (m,) of one unknown, in order, and twice the `rise` (m,) of P above the least value of L."""

    values: np.ndarray
    rise: np.ndarray

    def interval(self, rise: float = RISE) -> tuple[float, float]:
        """Where twice the rise is `rise`, by a cubic through the signed roots; infinite where it does not get there."""
        from scipy.interpolate import CubicSpline

        best = int(np.argmin(self.rise))
        root = np.sqrt(np.maximum(self.rise, 0.0)) * np.sign(np.arange(self.rise.size) - best)
        if np.any(np.diff(root) <= 0):
            raise RuntimeError("the profile is not monotone on each side of its minimum")
        ends = CubicSpline(root, self.values)([-np.sqrt(rise), np.sqrt(rise)])
        low = float(ends[0]) if root[0] <= -np.sqrt(rise) else -np.inf
        return low, float(ends[1]) if root[-1] >= np.sqrt(rise) else np.inf


def profile(at: Callable[[np.ndarray], Result], best: Minimised, k: int, deviation: float) -> tuple[Profile, int]:
    """The profile of unknown `k`, out to just beyond the interval, and how many Hessians it took."""
    free = np.arange(best.x.size) != k
    points, count = [(best.x[k], 0.0)], 0
    for direction in (-1.0, 1.0):
        here = best
        while abs(here.x[k] - best.x[k]) < FARTHEST * deviation:
            by = direction * STEP * deviation
            hess = here.result.hess
            start = here.x.copy()
            start[k] += by
            start[free] -= by * np.linalg.solve(hess[np.ix_(free, free)], hess[free, k])
            here = minimise(at, start, free)
            count += here.hessians
            points.append((here.x[k], 2 * (here.result.value - best.result.value)))
            if points[-1][1] > 1.3 * RISE:
                break
    values, rise = np.array(sorted(points)).T
    return Profile(values, rise), count


@dataclass
class Study:
    """All of it: the fit, Laplace's deviations (n,), profiles, and Hessians by step."""

    best: Minimised
    deviations: np.ndarray
    profiles: list[Profile]
    hessians: list[int]


def study(unknowns: tuple[int, ...] = tuple(range(8)), rtol: float = 1e-9) -> Study:
    """Fit, covariance and the profiles of `unknowns`."""
    problem = fitted_problem()
    at: Prepared = hessbench.prepare(problem, rtol=rtol).quiet()
    best = minimise(at, problem.x0, np.ones(problem.x0.size, dtype=bool))
    deviations = np.sqrt(np.diag(best.result.covariance()))
    made = [profile(at, best, k, deviations[k]) for k in unknowns]
    return Study(best, deviations, [p for p, _ in made], [n for _, n in made])


def report(found: Study, unknowns: tuple[int, ...]) -> None:
    """Print intervals by both ways; those of logarithms are put back."""
    print(f"least negative log-likelihood {found.best.result.value:.6f}, after {found.best.hessians} Hessians")
    for k, made, count in zip(unknowns, found.profiles, found.hessians, strict=True):
        reach = np.sqrt(RISE) * found.deviations[k]
        laplace, by_profile = (found.best.x[k] - reach, found.best.x[k] + reach), made.interval()
        back = np.exp if k > 1 else (lambda v: v)
        one, other = ("{:.4g} to {:.4g}".format(*map(float, map(back, ends))) for ends in (laplace, by_profile))
        print(f"{LABELS[k]:8}  Laplace {one:22}  profile {other:22}  {count} Hessians")


def draw_figure(found: Study, unknowns: tuple[int, ...], path: Path) -> None:
    """Twice the rise against each unknown: profile, Laplace's parabola, and the level of the interval."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = (len(unknowns) + 3) // 4
    figure, axes = plt.subplots(rows, 4, figsize=(11, 2.7 * rows), squeeze=False, layout="constrained", sharey=True)
    for axis, k, made in zip(axes.flat, unknowns, found.profiles, strict=False):
        off = np.linspace(made.values[0], made.values[-1], 200)
        back = np.exp if k > 1 else (lambda v: v)
        axis.plot(
            back(off), ((off - found.best.x[k]) / found.deviations[k]) ** 2, color="#E69F00", ls="--", label="Laplace"
        )
        axis.plot(back(made.values), made.rise, color="#0072B2", marker="o", ms=3, label="profile")
        axis.axhline(RISE, color="0.5", lw=0.8)
        axis.set_xlabel(LABELS[k])
        axis.set_ylim(0, 1.5 * RISE)
    for row in axes:
        row[0].set_ylabel("2 (P - min L)")
    axes[0, 0].legend(frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> Study:
    """Run the study, print it, and draw `lynx-hare-profiles.png` into `--out`."""
    parser = argparse.ArgumentParser(description="Profile likelihood of the lynx and hare model.")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder of the figure")
    parser.add_argument("--quick", action="store_true", help="the first sigma and alpha alone")
    given = parser.parse_args(arguments)
    unknowns = (2, 6) if given.quick else tuple(range(8))
    found = study(unknowns)
    report(found, unknowns)
    given.out.mkdir(parents=True, exist_ok=True)
    draw_figure(found, unknowns, given.out / "lynx-hare-profiles.png")
    return found


if __name__ == "__main__":
    main()
