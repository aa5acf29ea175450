"""Second-order training of a neural ODE: what Hessians, and their products with vectors, buy against Adam and L-BFGS.

    dy/dt = f(y, p) = W2 tanh(W1 y + b1) + b2,   loss L(p) = integral of |y - d(t)|^2 / 2 over (0, 3),   d(t) a spiral

Adam and L-BFGS see gradients. Newton's method minimises the model `L + g.s + s.H s / 2` within a trust region, with the
Hessian H (`trust-exact`) or with its products with vectors alone (`trust-krylov`). Gauss-Newton replaces H by the part that is
never indefinite, G = integral of (dy/dp)^T (dy/dp). This is a Hessian too: that of the integral of |y - z|^2 / 2 by p, where
z' = f(z, p_) is a second network with p_ held fixed, taken at p = p_: the residual is zero there, and so is the rest of H.
All gradients, Hessians and products are those of one program (`discrete-adjoint`), so that only the optimisers differ.

Cost is measured in three ways, none of which includes compilation.
- evaluations of f: what forward solves evaluate, twice for the doubled system of G. Derivatives are not counted.
- weighted: at every stage of a step, one more for the random tangent in the error norm, one for the costate, and three for each
  direction (a tangent, a second-order costate, a second derivative). A Hessian with n columns has n directions.
- CPU seconds, with everything that the optimiser does.

Source of the idea: Ciceri and Fischbacher, arXiv:2301.08085; the problem: Chen et al., arXiv:1806.07366.

    OMP_NUM_THREADS=1 python examples/neural_ode_second_order.py --out figures
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

import hessbench
from hessbench import Counters, Prepared, PreparedProducts, Problem

COSTS = ("evaluations of f", "weighted evaluations", "CPU seconds")
COLOURS = {
    "Adam": "#666666",
    "L-BFGS": "#E69F00",
    "Newton": "#0072B2",
    "Newton-Krylov": "#56B4E9",
    "Gauss-Newton": "#D55E00",
}
RATES = (0.003, 0.01, 0.03, 0.1)
LARGEST = 300  # parameters for which a full matrix is worth while


def doubled(problem: Problem) -> Problem:
    """The network and its copy, whose parameters have the suffix `_`; the Hessian by the first half at equal halves is G."""
    n, names = problem.dim, tuple(problem.params)

    def rhs(xp, t, y, p):
        copy = {name: p[f"{name}_"] for name in names}
        return xp.concatenate([problem.rhs(xp, t, y[:n], p), problem.rhs(xp, t, y[n:], copy)])

    return Problem(
        name="gauss-newton",
        rhs=rhs,
        loss=lambda xp, y0, y1, p: 0.0 * xp.sum(y1),
        running_loss=lambda xp, t, y, p: xp.sum((y[:n] - y[n:]) ** 2) / 2,
        t_span=problem.t_span,
        y0=np.tile(problem.y0, 2),
        params={**problem.params, **{f"{name}_": value for name, value in problem.params.items()}},
        wrt=(*problem.wrt, *(f"{name}_" for name in problem.wrt)),
        autonomous=True,
        loss_uses_y0=False,
    )


@dataclass(frozen=True)
class Derivatives:
    """Gradient and products, and up to `LARGEST` parameters Hessian and G; prepared once for all optimisers."""

    problem: Problem
    products: PreparedProducts
    hessian: Prepared | None
    gauss_newton: Prepared | None

    @classmethod
    def of(cls, problem: Problem, rtol: float) -> Derivatives:
        wanted = (problem, doubled(problem)) if problem.x0.size <= LARGEST else ()
        full = [hessbench.prepare(each, rtol=rtol) for each in wanted] or [None, None]
        out = cls(problem, hessbench.prepare_products(problem, rtol=rtol), *full)
        for first_call in filter(None, (*full, partial(out.products, directions=np.zeros((problem.x0.size, 1))))):
            first_call(None)
        return out


class BudgetSpent(Exception):
    """Ends an optimiser."""


@dataclass
class Training:
    """What an optimiser may call at `x` (n,), until `budget` evaluations of f are spent; the best loss so far against cost."""

    derivatives: Derivatives
    budget: float
    start: float = field(default_factory=time.process_time)
    spent: list[float] = field(default_factory=lambda: [0.0, 0.0])
    best: list[tuple[float, ...]] = field(default_factory=list)

    def gradient(self, x):
        result = self.derivatives.products(x, np.zeros((x.size, 0)))
        self._count(result.counters, 0)
        if not self.best or result.value < self.best[-1][-1]:
            self.best.append((*self.spent, time.process_time() - self.start, result.value))
        return result.value, result.grad

    def product(self, x, v):
        result = self.derivatives.products(x, v[:, None])
        self._count(result.counters, 1)
        return result.products[:, 0]

    def hessian(self, x):
        assert self.derivatives.hessian is not None
        result = self.derivatives.hessian(x)
        self._count(result.counters, x.size)
        return result.hess

    def gauss_newton(self, x):
        assert self.derivatives.gauss_newton is not None
        result = self.derivatives.gauss_newton(np.tile(x, 2))
        self._count(result.counters, 2 * x.size, size=2)
        return result.hess[: x.size, : x.size]

    def _count(self, counters: Counters, directions: int, size: int = 1) -> None:
        self.spent[0] += size * counters.rhs
        self.spent[1] += size * (counters.rhs + (2 + 3 * directions) * counters.jacobians)
        if self.spent[0] > self.budget:
            raise BudgetSpent


def adam(training: Training, x, rate: float) -> None:
    """Kingma and Ba, arXiv:1412.6980, with their constants."""
    m = v = np.zeros(x.size)
    for k in count(1):
        g = training.gradient(x)[1]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)


def by_scipy(training: Training, x, method: str, **second) -> None:
    """Until the budget is spent, or until SciPy sees no progress any more."""
    options = {"maxiter": 10**6, "gtol": 1e-12}
    if method == "L-BFGS-B":
        options |= {"maxfun": 10**6, "ftol": 0.0, "maxcor": 20}
    minimize(training.gradient, x, jac=True, method=method, options=options, **second)


OPTIMISERS: dict[str, Callable[[Training, np.ndarray], None]] = {
    **{f"Adam, rate {rate}": partial(adam, rate=rate) for rate in RATES},
    "L-BFGS": lambda training, x: by_scipy(training, x, "L-BFGS-B"),
    "Newton": lambda training, x: by_scipy(training, x, "trust-exact", hess=training.hessian),
    "Newton-Krylov": lambda training, x: by_scipy(training, x, "trust-krylov", hessp=training.product),
    "Gauss-Newton": lambda training, x: by_scipy(training, x, "trust-exact", hess=training.gauss_newton),
}


def train(derivatives: Derivatives, budget: float) -> dict[str, np.ndarray]:
    """For each optimiser the best loss so far: rows of the three costs and the loss."""
    curves = {}
    for name, optimise in OPTIMISERS.items():
        if name in ("Newton", "Gauss-Newton") and derivatives.hessian is None:
            print(f"{name} is left out: more than {LARGEST} parameters.")
            continue
        training = Training(derivatives, budget)
        with suppress(BudgetSpent):
            optimise(training, derivatives.problem.x0)
        curves[name] = np.array(training.best)
    return curves


def best_adam(curves: dict[str, np.ndarray]) -> str:
    return min((name for name in curves if name.startswith("Adam")), key=lambda name: curves[name][-1, -1])


def savings(curves: dict[str, np.ndarray], reference: str) -> dict[str, np.ndarray]:
    """How many times less than `reference` each optimiser spends (3,), of each cost, on the loss where `reference` ends.

    Zero where it does not get there.
    """
    end, out = curves[reference][-1], {}
    for name, curve in curves.items():
        there = curve[curve[:, -1] <= end[-1]]
        out[name] = end[:3] / there[0, :3] if there.size else np.zeros(3)
    return out


def report(curves: dict[str, np.ndarray], budget: float) -> None:
    print(f"Budget of each: {budget:.0f} evaluations of f.")
    best = []
    for reference in (best_adam(curves), "L-BFGS"):
        saved = savings(curves, reference)
        print(f"\nHow many times less than {reference} to reach its last loss, {curves[reference][-1, -1]:.1e}:")
        print(f"{'':16}{'last loss':>10}" + "".join(f"{cost:>22}" for cost in COSTS))
        for name, factors in saved.items():
            cells = "".join(f"{factor:22.2f}" if factor else f"{'not reached':>22}" for factor in factors)
            print(f"{name:16}{curves[name][-1, -1]:10.1e}{cells}")
        best.append([max((saved[name][k], name) for name in saved if "Newton" in name) for k in range(3)])
    print("\nVerdict on second order:")
    for cost, (by_adam, name), (by_lbfgs, other) in zip(COSTS, *best, strict=True):
        ten = "at least ten times less" if by_adam >= 10 else "not ten times less"
        pays = "pays" if by_lbfgs > 1 else "does not pay"
        print(f"{cost}: {ten} than Adam ({by_adam:.1f}, {name}); {pays} against L-BFGS ({by_lbfgs:.1f}, {other}).")


def draw(curves: dict[str, np.ndarray], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True, layout="constrained")
    reference = best_adam(curves)
    for k, (ax, cost) in enumerate(zip(axes, COSTS, strict=True)):
        for name, curve in curves.items():
            faint = name.startswith("Adam") and name != reference
            label = "Adam, other rates" if faint else name
            style = {"lw": 0.7, "ls": ":"} if faint else {"lw": 1.6}
            ax.step(
                curve[:, k], curve[:, -1], where="post", color=COLOURS[name.partition(",")[0]], label=label, **style
            )
        ax.set(xscale="log", yscale="log", xlabel=cost)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("best loss so far")
    entries = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(
        entries.values(), entries.keys(), loc="outside upper center", ncols=len(entries), frameon=False, fontsize=8
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, np.ndarray]:
    """Train, print, draw; returns the curves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--h", type=int, default=20, help="hidden units; 5h + 2 parameters")
    parser.add_argument("--seed", type=int, default=0, help="of the weights at the start")
    parser.add_argument("--budget", type=float, default=4e5, help="evaluations of f for each optimiser")
    parser.add_argument("--rtol", type=float, default=1e-8, help="tolerance of the solver")
    parser.add_argument("--quick", action="store_true", help="a quarter of the budget")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder of the figure")
    options = parser.parse_args(arguments)
    budget = options.budget / 4 if options.quick else options.budget
    problem = hessbench.problem("neural-ode", h=options.h, seed=options.seed)
    curves = train(Derivatives.of(problem, options.rtol), budget)
    report(curves, budget)
    draw(curves, options.out / "neural-ode-training.png")
    return curves


if __name__ == "__main__":
    main()
