"""How well data determine the parameters of an ODE: a fit by Newton's method, and standard deviations from the Hessian.

    du/dt = alpha u - beta u v,   dv/dt = delta u v - gamma v,   data d_j = y(t_j) + errors N(0, sigma^2), j = 1 .. m

With `sigma` known the negative logarithm of the likelihood is, up to a constant,

    L(a, d) = sum over j of |y(t_j; a) - d_j|^2 / (2 sigma^2)   with a = (alpha, beta, gamma, delta)

At its minimum, with H = L_,aa and B = L_,ad, four estimates of the covariance of `a`:

    Laplace       H^-1, with no factor, because L is the logarithm itself: the likelihood is near exp(-(a - a^) H (a - a^) / 2)
    sandwich      H^-1 B (sigma^2 1) B^T H^-1: the errors of the data, through da^/dd = -H^-1 B
    Monte Carlo   of the fits to data that are drawn anew from the fitted model: nothing is linearised
    profile       half the distance between the two values of a_k at which twice the minimum of L over the others rises by 1

Had L been the sum of squares without 1 / (2 sigma^2), the first would be 2 sigma^2 H^-1.

A loss of this package sees the state at the end alone, and the data stand at many times. So the state is `m` copies of
(u, v), each in a time of its own, tau = t / t_j from 0 to 1: dy_j/dtau = t_j F(y_j). The data are in `wrt`, which gives `B`
and lets one prepared Hessian serve all data. The loss of the problem `lotka-volterra`, with its smooth kernels, is no
likelihood: the spread of y under the kernel adds to every term. Source of the profile: Raue et al., Bioinformatics 25
(2009) 1923.

    OMP_NUM_THREADS=1 python examples/lotka_volterra_uncertainty.py --out figures
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import hessbench
from hessbench import Problem, Result

NAMES = ("alpha", "beta", "gamma", "delta")
TRUE, GUESS = np.array([0.66, 0.44, 0.84, 0.26]), np.array([0.6, 0.5, 0.9, 0.3])
Y0, T1 = (2.0, 1.5), 10.0
OFFSETS = np.linspace(-3.0, 3.0, 13)  # of the profiles, in standard deviations


def rhs(xp, tau, y, p):
    m = y.shape[0] // 2
    u, v = y[:m], y[m:]
    slopes = p["alpha"] * u - p["beta"] * u * v, p["delta"] * u * v - p["gamma"] * v
    return xp.concatenate([p["times"] * slope for slope in slopes])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["data"]) ** 2) / (2 * p["sigma"] ** 2)


def stacked(m: int, sigma: float) -> Problem:
    """Data at `m` equidistant times up to `T1`, by default all zero."""
    params = dict(zip(NAMES, TRUE, strict=True))
    params |= {"times": T1 * np.arange(1, m + 1) / m, "sigma": sigma, "data": np.zeros(2 * m)}
    y0, wrt = np.repeat(Y0, m), (*NAMES, "data")
    return Problem(
        "many-times", rhs, loss, (0.0, 1.0), y0, params=params, wrt=wrt, autonomous=True, loss_uses_y0=False, size=m
    )


@dataclass(frozen=True)
class Profile:
    """Twice the rise of the minimum of L above its least value, (k,), with one parameter held at `values` (k,)."""

    values: np.ndarray
    rise: np.ndarray

    @property
    def deviation(self) -> float:
        """Half the distance between the two places where the rise is 1."""
        root, signs = np.sqrt(np.maximum(self.rise, 0.0)), np.sign(self.values - self.values[np.argmin(self.rise)])
        low, high = np.interp([-1.0, 1.0], signs * root, self.values)
        return (high - low) / 2


class Likelihood:
    """`L` and its derivatives by parameters and data, prepared once."""

    def __init__(self, m: int, sigma: float, rtol: float = 1e-8) -> None:
        self.sigma, self.hessians = sigma, 0
        self.prepared = hessbench.prepare(stacked(m, sigma), rtol=rtol)

    def __call__(self, a, data) -> Result:
        self.hessians += 1
        return self.prepared(np.concatenate([a, data]))

    def model(self, a) -> np.ndarray:
        """The states (2m,) at the times of the data, from `L_,d = -(y - d) / sigma^2` at d = 0."""
        zero = np.zeros(self.prepared.problem.dim)
        return -(self.sigma**2) * self(a, zero).gradient("data")

    def fit(self, data, start, free: slice | np.ndarray = slice(None)) -> tuple[np.ndarray, Result]:
        """Minimise `L` over the parameters `free` from `start` (4,) by Newton's method in a trust region."""

        @lru_cache(maxsize=1)
        def at(z: bytes) -> Result:
            a = start.copy()
            a[free] = np.frombuffer(z)
            return self(a, data)

        def value_and_gradient(z):
            result = at(z.tobytes())
            return result.value, result.grad[:4][free]

        def hessian(z):
            return at(z.tobytes()).hess[:4, :4][free][:, free]

        # SciPy's first step may be as long as 1, to negative rates, where solutions blow up
        options = {"gtol": 1e-3, "initial_trust_radius": 0.1, "max_trust_radius": 0.2}
        best = minimize(
            value_and_gradient, start[free], jac=True, hess=hessian, method="trust-exact", options=options
        ).x
        gradient = value_and_gradient(best)[1]
        if gradient @ np.linalg.solve(hessian(best), gradient) > 1e-6:
            raise RuntimeError(
                f"The fit from {start} ended more than a thousandth of a standard deviation off a minimum."
            )
        a = start.copy()
        a[free] = best
        return a, at(best.tobytes())

    def profile(self, k: int, data, a, deviation: float, offsets=OFFSETS) -> Profile:
        """Along parameter `k` at `offsets` of `deviation` from the minimum `a` (4,)."""
        least, others, rise = self(a, data).value, np.delete(np.arange(4), k), []
        for offset in offsets:
            start = a.copy()
            start[k] += offset * deviation
            rise.append(2 * (self.fit(data, start, others)[1].value - least))
        return Profile(a[k] + offsets * deviation, np.array(rise))


def laplace(result: Result) -> np.ndarray:
    """The inverse Hessian by the parameters, (4, 4)."""
    return np.linalg.inv(result.hess[:4, :4])


def sandwich(result: Result, sigma: float) -> np.ndarray:
    moved = np.linalg.solve(result.hess[:4, :4], result.hess[:4, 4:])
    return sigma**2 * moved @ moved.T


@dataclass(frozen=True)
class Uncertainty:
    """The estimate (4,), covariances (4, 4), refitted parameters (refits, 4), profiles, and Hessians that were computed."""

    estimate: np.ndarray
    laplace: np.ndarray
    sandwich: np.ndarray
    refits: np.ndarray
    profiles: list[Profile]
    hessians: int

    def deviations(self) -> dict[str, np.ndarray]:
        """Standard deviations (4,) by the four methods."""
        return {
            "Laplace": np.sqrt(np.diag(self.laplace)),
            "sandwich": np.sqrt(np.diag(self.sandwich)),
            "Monte Carlo": self.refits.std(axis=0, ddof=1),
            "profile": np.array([profile.deviation for profile in self.profiles]),
        }

    def disagreement(self, method: str) -> float:
        """The largest relative difference between the standard deviations of Laplace and of `method`."""
        deviations = self.deviations()
        return float(np.max(np.abs(deviations["Laplace"] / deviations[method] - 1)))


def study(m: int, sigma: float, refits: int, seed: int) -> Uncertainty:
    """Fit to one set of data, and all four estimates."""
    likelihood, rng = Likelihood(m, sigma), np.random.default_rng(seed)

    def draw(a):
        states = likelihood.model(a)
        return states + sigma * rng.standard_normal(states.size)

    data = draw(TRUE)
    estimate, result = likelihood.fit(data, GUESS)
    covariance = laplace(result)
    others = np.array([likelihood.fit(draw(estimate), estimate)[0] for _ in range(refits)])
    profiles = [likelihood.profile(k, data, estimate, np.sqrt(covariance[k, k])) for k in range(4)]
    return Uncertainty(estimate, covariance, sandwich(result, sigma), others, profiles, likelihood.hessians)


def report(found: Uncertainty) -> None:
    deviations = found.deviations()
    print(f"{'':8}{'true':>8}{'fitted':>9}   standard deviation:" + "".join(f"{name:>13}" for name in deviations))
    for k, name in enumerate(NAMES):
        cells = "".join(f"{values[k]:13.5f}" for values in deviations.values())
        print(f"{name:8}{TRUE[k]:8.3f}{found.estimate[k]:9.4f}{'':22}{cells}")
    for method in list(deviations)[1:]:
        print(f"Laplace differs from {method} by at most {100 * found.disagreement(method):.1f} %.")
    count = len(found.refits)
    print(f"{count} fits alone give deviations with an error of {100 / np.sqrt(2 * (count - 1)):.1f} %.")
    print(f"{found.hessians} Hessians in all.")


def draw_figure(found: Uncertainty, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = np.array([np.cos(turn), np.sin(turn)])
    for ax, pair in zip(axes, ((0, 1), (0, 2)), strict=False):
        at = list(pair)
        root = np.linalg.cholesky(found.laplace[np.ix_(at, at)])
        ax.plot(*found.refits[:, at].T, ".", ms=2, color="#666666", alpha=0.4, label="fits to new data")
        for percent, style in ((68, "-"), (95, "--")):
            ellipse = found.estimate[at, None] + np.sqrt(-2 * np.log(1 - percent / 100)) * root @ circle
            ax.plot(*ellipse, style, color="#D55E00", zorder=4, label=f"Laplace, {percent} %")
        ax.plot(*TRUE[at], "k+", ms=10, mew=2, zorder=5, label="true")
        ax.set(xlabel=NAMES[at[0]], ylabel=NAMES[at[1]])
    axes[0].legend(fontsize=7, loc="upper left", markerscale=1.5)
    z = np.linspace(-3, 3, 100)
    axes[2].plot(z, z**2, color="#D55E00", label="Laplace")
    marks = zip(NAMES, found.profiles, ("#0072B2", "#009E73", "#CC79A7", "#E69F00"), "os^v", strict=True)
    for k, (name, profile, colour, mark) in enumerate(marks):
        offset = (profile.values - found.estimate[k]) / np.sqrt(found.laplace[k, k])
        axes[2].plot(offset, profile.rise, mark, ms=4, color=colour, label=f"profile, {name}")
    axes[2].set(xlabel="offset [Laplace's deviation]", ylabel="twice the rise of L")
    axes[2].legend(fontsize=7, loc="upper center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> Uncertainty:
    """Fit, print, draw; returns what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--m", type=int, default=20, help="times of data")
    parser.add_argument("--sigma", type=float, default=0.1, help="standard deviation of the data's errors")
    parser.add_argument("--refits", type=int, default=400, help="fits of the Monte Carlo")
    parser.add_argument("--seed", type=int, default=0, help="of all errors")
    parser.add_argument("--quick", action="store_true", help="150 fits")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder of the figure")
    options = parser.parse_args(arguments)
    found = study(options.m, options.sigma, 150 if options.quick else options.refits, options.seed)
    report(found)
    draw_figure(found, options.out / "lotka-volterra-uncertainty.png")
    return found


if __name__ == "__main__":
    main()
