"""Central differences of the adjoint gradient, a column for each unknown: H e_j = (g(x + h e_j) - g(x - h e_j)) / 2h."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Accuracy, Limits, Result, Strategy, adjoint_gradient


@dataclass(frozen=True)
class Columns(Strategy):
    """2n + 1 gradients; half of the digits. Not for production."""

    step: float = 2.0**-12
    accuracy: ClassVar[Accuracy] = Accuracy(factor=1e5, floor=1e-3)
    limits: ClassVar[Limits] = Limits(max_dim=10)

    def prepare(self, problem, backend, ivp):
        gradient = adjoint_gradient(problem, ivp)

        def hessian(x):
            value, grad = gradient(x)
            shifts = self.step * np.eye(x.size)
            columns = [(gradient(x + e)[1] - gradient(x - e)[1]) / (2 * self.step) for e in shifts]
            return Result(value, grad, np.stack(columns, axis=1))

        return hessian
