"""
Write a strategy
================

A strategy is one class with one method. This one takes differences of adjoint gradients, one for each unknown: n + 1
gradients, and about half of the digits.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

import hessbench
from hessbench import Accuracy, Result, Strategy, adjoint_gradient


@dataclass(frozen=True)
class Rows(Strategy):
    """n + 1 gradients; half of the digits. Not for production."""

    step: float = 1e-6
    accuracy = Accuracy(factor=1e4, floor=2e-3)

    def prepare(self, problem, backend, ivp):
        gradient = adjoint_gradient(problem, ivp)

        def hessian(x):
            value, grad = gradient(x)
            columns = [(gradient(x + self.step * e)[1] - grad) / self.step for e in np.eye(x.size)]
            return Result(value, grad, np.stack(columns, axis=1))

        return hessian


# %%
# It runs on any problem, here on one with a Hessian in closed form.
problem = hessbench.problem("harmonic-oscillator")
result = hessbench.hessian(problem, strategy=Rows())
exact = problem.exact(problem.x0)[2]
error = np.abs(result.hess - exact).max() / np.abs(exact).max()
print(f"error {error:.1e} in {result.counters.solves} solves")

# %%
# Its error against its increment: Kepler's problem is judged by a reference that two independent methods agree on. A
# large increment truncates, a small one magnifies the errors of the gradients.
problem = hessbench.problem("kepler")
right = hessbench.reference(problem).hess
steps = np.geomspace(1e-9, 1e-2, 8)
for rtol, style in ((1e-8, "o--"), (1e-12, "s-")):
    hessians = [hessbench.hessian(problem, strategy=Rows(step), rtol=rtol).hess for step in steps]
    errors = [np.abs(hess - right).max() / np.abs(right).max() for hess in hessians]
    plt.loglog(steps, errors, style, label=f"rtol {rtol:g}")
assert 1e-9 < min(errors) < 1e-4
own = hessbench.hessian(problem, rtol=1e-12).hess
error = np.abs(own - right).max() / np.abs(right).max()
plt.axhline(error, color="k", label="discrete-adjoint, rtol 1e-12")
plt.xlabel("increment")
plt.ylabel("relative error of the Hessian")
plt.legend()
plt.show()

# %%
# In a file of its own, ``hessbench check rows.py`` tries whether it keeps the laws of the interface, and ``hessbench
# compare sir -s rows.py -s hand-adjoint`` what it costs.
