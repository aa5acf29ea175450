"""Second-order training where it pays: a stiff recurrent network with few parameters, beside well-tuned first-order methods.

    y' = e^s (-y + W tanh(y + b)),   four neurons, W (4, 4), b (4,), s (4,): 24 parameters, time constants e^-s from 1 to 1/50

A continuous-time recurrent network (Beer, Adaptive Behavior 3 (1995) 469) is to follow another one of its kind whose parameters
it does not know: loss the integral of |y - d|^2 / 2 over (0, 3), with the other's states `d` integrated beside. It begins at
the other's parameters with errors of 0.2. The time constants differ 50 times, and the curvatures of the loss a million times:
what is weak is learnt last.

All optimisers use gradients, Hessians and products of one program (`discrete-adjoint`); costs are those of
`neural_ode_second_order.py`. First-order methods get the best of several rates, for each seed anew.
- Adam (Kingma and Ba, arXiv:1412.6980), with its rate falling to a hundredth along a cosine
- Shampoo (Gupta, Koren and Singer, arXiv:1802.09568) with running averages, the matrix of each block by both of its sides
- L-BFGS, and with the matrix of second derivatives Newton (`trust-exact`), with products alone Newton-CG (`trust-ncg`)
- Gauss-Newton in the same trust region

    OMP_NUM_THREADS=1 python examples/stiff_recurrent_network.py --out figures
"""

from __future__ import annotations

import argparse
import sys
import warnings
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from hessbench import HessbenchError, HessbenchWarning, Problem

sys.path.insert(0, str(Path(__file__).parent))
from neural_ode_second_order import COSTS, BudgetSpent, Derivatives, Training, by_scipy

N = 4
TRUE_RATES = np.array([1.0, 4.0, 15.0, 50.0])
TRUE_W = np.array([[2.4, -2.0, 0.4, 0.3], [2.1, 1.8, -0.5, 0.6], [-1.2, 1.0, 0.7, -0.8], [0.9, 1.1, -0.6, 0.5]])
TRUE_B = np.array([0.2, -0.3, 0.1, 0.4])
START = np.array([0.5, -0.4, 0.2, 0.1])
ERROR = 0.2  # of the parameters at the start
BOX = 1.5  # half width of the box that keeps the line search of L-BFGS where the network can be integrated
TARGETS = (1e-3, 1e-5, 1e-8)
ADAM_RATES, SHAMPOO_RATES = (0.01, 0.03, 0.1), (0.01, 0.03, 0.1)
COLOURS = {
    "Adam": "#666666", "Shampoo": "#CC79A7", "L-BFGS": "#E69F00",
    "Newton": "#0072B2", "Newton-CG": "#56B4E9", "Gauss-Newton": "#D55E00",
}  # fmt: skip


def network(xp, y, w, b, s):
    return xp.exp(s) * (-y + w @ xp.tanh(y + b))


def problem(seed: int) -> Problem:
    """The network beside the one that it is to follow; `seed` draws the errors at the start."""
    rng = np.random.RandomState(seed)
    true = {"W": TRUE_W, "b": TRUE_B, "s": np.log(TRUE_RATES)}
    start = {name: v + ERROR * rng.normal(size=v.shape) for name, v in true.items()}

    def rhs(xp, t, y, p):
        own = network(xp, y[:N], p["W"], p["b"], p["s"])
        return xp.concatenate([own, network(xp, y[N:], p["true_W"], p["true_b"], p["true_s"])])

    return Problem(
        name="recurrent-network",
        rhs=rhs,
        loss=lambda xp, y0, y1, p: 0.0 * xp.sum(y1),
        running_loss=lambda xp, t, y, p: xp.sum((y[:N] - y[N:]) ** 2) / 2,
        t_span=(0.0, 3.0),
        y0=np.tile(START, 2),
        params={**start, **{f"true_{name}": v for name, v in true.items()}},
        wrt=("W", "b", "s"),
        autonomous=True,
        loss_uses_y0=False,
    )


class Guarded(Training):
    """Where a step goes so far that the network cannot be integrated, its loss is huge: line searches come back."""

    def gradient(self, x):
        try:
            return super().gradient(x)
        except HessbenchError:
            return 1e9, np.zeros(x.size)


def adam(training: Training, x, rate: float, steps: int) -> None:
    """With a rate that falls to a hundredth over `steps`."""
    m = v = np.zeros(x.size)
    for k in count(1):
        g = training.gradient(x)[1]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        share = 0.01 + 0.99 * (1 + np.cos(np.pi * min(k / steps, 1.0))) / 2
        x = x - share * rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)


def shampoo(training: Training, x, rate: float, steps: int) -> None:
    """Both sides of W, and the whole matrix of each vector, by running averages; the rate falls as that of `adam`."""
    blocks = [(slice(0, N * N), (N, N)), (slice(N * N, N * N + N), (N, 1)), (slice(N * N + N, N * N + 2 * N), (N, 1))]
    left = [1e-12 * np.eye(rows) for _, (rows, _) in blocks]
    right = [1e-12 * np.eye(columns) for _, (_, columns) in blocks]
    m = np.zeros(x.size)
    for k in count(1):
        g = training.gradient(x)[1]
        m = 0.9 * m + 0.1 * g
        share = 0.01 + 0.99 * (1 + np.cos(np.pi * min(k / steps, 1.0))) / 2
        step = np.empty(x.size)
        for i, (block, shape) in enumerate(blocks):
            a = g[block].reshape(shape)
            left[i], right[i] = 0.99 * left[i] + 0.01 * a @ a.T, 0.99 * right[i] + 0.01 * a.T @ a
            part = m[block].reshape(shape) / (1 - 0.9**k)
            if shape[1] == 1:
                step[block] = (_power(left[i] / (1 - 0.99**k), -0.5) @ part).ravel()
            else:
                scaled = [matrix / (1 - 0.99**k) for matrix in (left[i], right[i])]
                step[block] = (_power(scaled[0], -0.25) @ part @ _power(scaled[1], -0.25)).ravel()
        x = x - share * rate * step


def _power(matrix, exponent: float):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-16 * values[-1] + 1e-300) ** exponent) @ vectors.T


def optimisers(steps: int) -> dict:
    return {
        **{f"Adam, rate {r}": partial(adam, rate=r, steps=steps) for r in ADAM_RATES},
        **{f"Shampoo, rate {r}": partial(shampoo, rate=r, steps=steps) for r in SHAMPOO_RATES},
        "L-BFGS": lambda training, x: by_scipy(training, x, "L-BFGS-B", bounds=[(v - BOX, v + BOX) for v in x]),
        "Newton": lambda training, x: by_scipy(training, x, "trust-exact", hess=training.hessian),
        "Newton-CG": lambda training, x: by_scipy(training, x, "trust-ncg", hessp=training.product),
        "Gauss-Newton": lambda training, x: by_scipy(training, x, "trust-exact", hess=training.gauss_newton),
    }


def train(seed: int, gradients: int, rtol: float) -> dict[str, np.ndarray]:
    """For each optimiser the best loss so far against the three costs, (k, 4); first-order ones by their best rate.

    Everyone may evaluate f as often as `gradients` gradients do at the start.
    """
    own = problem(seed)
    derivatives = Derivatives.of(own, rtol)
    probe = Training(derivatives, np.inf)
    probe.gradient(own.x0)
    curves: dict[str, np.ndarray] = {}
    for name, optimise in optimisers(gradients).items():
        training = Guarded(derivatives, gradients * probe.spent[0])
        with suppress(BudgetSpent), np.errstate(all="ignore"):
            optimise(training, own.x0)
        curve, family = np.array(training.best), name.partition(",")[0]
        if family not in curves or curve[-1, -1] < curves[family][-1, -1]:
            curves[family] = curve
    return curves


def cost_of(curve: np.ndarray, target: float) -> np.ndarray:
    """The three costs (3,) at which a curve (k, 4) gets to `target`; infinite where it does not."""
    there = curve[curve[:, -1] <= target]
    return there[0, :3] if there.size else np.full(3, np.inf)


def interval(values: np.ndarray, draws: int = 2000) -> tuple[float, float, float]:
    """Geometric mean of positive `values` (k,), and its 90 % interval by resampling; infinite ones make it infinite."""
    if not np.all(np.isfinite(values)):
        return np.inf, np.inf, np.inf
    logs = np.log(values)
    means = np.mean(np.random.RandomState(0).choice(logs, (draws, logs.size)), axis=1)
    return tuple(float(np.exp(v)) for v in (np.mean(logs), *np.quantile(means, [0.05, 0.95])))  # type: ignore[return-value]


def report(runs: list[dict[str, np.ndarray]]) -> None:
    """Last losses, and for each target what everyone spends beside L-BFGS, seed by seed, as a mean with its interval."""
    print(f"{len(runs)} seeds; last loss: median (smallest to largest)")
    for name in runs[0]:
        last = sorted(float(run[name][-1, -1]) for run in runs)
        print(f"  {name:14s} {np.median(last):.1e} ({last[0]:.1e} to {last[-1]:.1e})")
    for target in TARGETS:
        print(f"\nto a loss of {target:g}: how many get there; how many times less than L-BFGS, mean [90 % interval]")
        print(f"  {'':14s} {'seeds':>6s} " + " ".join(f"{cost:>24s}" for cost in COSTS))
        for name in runs[0]:
            costs = np.array([cost_of(run[name], target) for run in runs])
            base = np.array([cost_of(run["L-BFGS"], target) for run in runs])
            both = np.isfinite(costs[:, 0]) & np.isfinite(base[:, 0])
            cells = []
            for k in range(3):
                mean, low, high = interval(base[both, k] / costs[both, k]) if both.any() else (np.nan,) * 3
                cells.append(f"{mean:8.2f} [{low:.2f}, {high:.2f}]" if both.any() else "-")
            reached = int(np.sum(np.isfinite(costs[:, 0])))
            print(f"  {name:14s} {reached:3d}/{len(runs)} " + " ".join(f"{cell:>24s}" for cell in cells))


def draw(runs: list[dict[str, np.ndarray]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
    for k, (ax, cost) in enumerate(zip(axes, COSTS, strict=True)):
        for i, run in enumerate(runs):
            for name, curve in run.items():
                ax.step(curve[:, k], curve[:, -1], where="post", color=COLOURS[name], lw=0.9, label=None if i else name)
        ax.set(xscale="log", yscale="log", xlabel=cost, ylim=(1e-14, None))
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("best loss so far")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> list[dict[str, np.ndarray]]:
    """Train, print, draw; returns the curves of each seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=6, help="starts")
    parser.add_argument("--gradients", type=int, default=1500, help="budget of each, in gradients at the start")
    parser.add_argument("--rtol", type=float, default=1e-8, help="tolerance of the solver")
    parser.add_argument("--quick", action="store_true", help="one seed and 150 gradients")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder of the figure")
    options = parser.parse_args(arguments)
    seeds, gradients = (1, 150) if options.quick else (options.seeds, options.gradients)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HessbenchWarning)  # optimisers try unstable networks on their way
        runs = [train(seed, gradients, options.rtol) for seed in range(seeds)]
    report(runs)
    draw(runs, options.out / "stiff-recurrent-network.png")
    return runs


if __name__ == "__main__":
    main()
