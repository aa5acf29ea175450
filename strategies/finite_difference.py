"""Central differences: of the adjoint gradient (2n + 1 gradients), or of the loss (2n^2 + 1 solves).

H_:j = (g(x + h_j e_j) - g(x - h_j e_j)) / 2h_j
H_ij = (L(x + h_i e_i + h_j e_j) - L(x + h_i e_i - h_j e_j) - L(x - h_i e_i + h_j e_j) + L(x - h_i e_i - h_j e_j)) / 4 h_i h_j
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hessbench import Accuracy, Limits, Result, Strategy, Vector, adjoint_gradient, bolza_slope, bolza_start


@dataclass(frozen=True)
class FiniteDifference(Strategy):
    """2n + 1 adjoint gradients (`of="gradient"`), or 2n^2 + 1 losses (`of="loss"`).

    Of the digits of a gradient (loss) two thirds (half) reach the Hessian, so the solves run at a tolerance of `rtol^2`
    (`rtol^2.5`), not below 1e-13. The increments balance truncation against it, in favour of truncation, which is large
    for eccentric orbits. Not for production: three digits are promised at best. It needs nothing but function values, so
    it is a check of everything else.
    Source: Nocedal & Wright, Numerical Optimization, 2nd ed., section 8.1.
    """

    of: str = "gradient"
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, times=True)
    accuracy: ClassVar[Accuracy] = Accuracy(factor=1e3, floor=1e-3)
    variants: ClassVar = {"": {}, "loss": {"of": "loss"}}

    def why_not(self, problem):
        most = 40 if self.of == "loss" else 200
        if problem.x0.size > most:
            return f"It is limited to {most} unknowns, and this problem has {problem.x0.size}."
        return self.limits.refusal(problem)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        return self._of_loss(problem, ivp) if self.of == "loss" else self._of_gradient(problem, ivp)

    def _of_gradient(self, problem, ivp):
        ivp = tightened(ivp, 2.0)
        gradient = adjoint_gradient(problem, ivp)

        def hessian(x):
            value, grad = gradient(x)
            hess = np.empty((x.size, x.size))
            for j, h in enumerate(increments(problem, x, 0.1 * ivp.rtol, 3)):
                up, down = x.copy(), x.copy()
                up[j] += h
                down[j] -= h
                hess[:, j] = (gradient(up)[1] - gradient(down)[1]) / (up[j] - down[j])
            return Result(value, grad, hess)

        return hessian

    def _of_loss(self, problem, ivp):
        ivp = tightened(ivp, 2.5)

        def loss(x):
            y0, p = problem.unpack(x)
            t0, t1 = map(float, problem.times(x))
            z1 = ivp.solve(bolza_slope(problem, p), (t0, t1), bolza_start(problem, y0)).y1
            return float(problem.loss(np, y0, z1[: problem.dim], p) + z1[problem.dim :].sum())

        def hessian(x):
            n, h = x.size, increments(problem, x, 1e-3 * ivp.rtol, 4)
            e, value = np.diag(h), loss(x)
            hess, grad = np.empty((n, n)), np.empty(n)
            for i in range(n):
                for j in range(i):
                    corners = (
                        loss(x + e[i] + e[j]) - loss(x + e[i] - e[j]) - loss(x - e[i] + e[j]) + loss(x - e[i] - e[j])
                    )
                    hess[i, j] = hess[j, i] = corners / (4 * h[i] * h[j])
                up, down = loss(x + e[i]), loss(x - e[i])
                grad[i] = (up - down) / (2 * h[i])
                hess[i, i] = (up - 2 * value + down) / h[i] ** 2
            return Result(value, grad, hess)

        return hessian


def tightened(ivp, power):
    """The same solver and counters with tolerances raised to `power`, at least 1e-13."""
    return replace(ivp, rtol=max(ivp.rtol**power, 1e-13), atol=max(ivp.atol**power, 1e-13))


def increments(problem, x, noise, order):
    """Step sizes (n,) that are powers of two near `noise^(1 / order)` times the size of each unknown.

    That is |x_j| or its declared scale; without one, at least a tenth of the largest entry under the same name.
    """
    size = problem.sizes(x)
    for key, block in problem.blocks.items():
        if key not in problem.scale:
            size[block] = np.maximum(np.where(x[block] == 0, 0.0, size[block]), 0.1 * np.max(size[block]))
    h = max(noise, 1e-15) ** (1 / order) * size
    return 2.0 ** np.round(np.log2(h))
