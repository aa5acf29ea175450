"""torchdiffeq's adaptive solver, differentiated through its steps twice: the reverse mode applied to the reverse mode.

    L(x) = l(y0, y1),   y1 = odeint(F, y0, (t0, t1))[-1],   H = d/dx (dL/dx), both by torch.autograd

torchdiffeq steps past the end and interpolates back, at order 4. An explicit last grid point (`step_t`) makes the last
step end at t1. The first step is given, because otherwise its size is differentiated too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import IntegrationError, Limits, Result, Strategy, Vector
from hessbench.plugins import Counted


@dataclass(frozen=True)
class TorchdiffeqBackprop(Strategy):
    """One adaptive solve on a tape, one sweep back through it, and one batched sweep of n rows back through both.

    Nothing is compiled: every operation of every stage costs its overhead in each of the three passes. The error of `y`
    alone chooses the steps. Not for long runs, because memory grows with the number of steps.
    Source: torchdiffeq 0.2.5, `odeint`; Chen et al., NeurIPS 2018, section 2 ("backpropagating through the operations of
    the solver").
    """

    method: str = "dopri8"
    backends: ClassVar[tuple[str, ...]] = ("torch",)
    packages: ClassVar[tuple[str, ...]] = ("torchdiffeq",)
    limits: ClassVar[Limits] = Limits(parameters=True)
    variants: ClassVar = {"": {}, "dopri5": {"method": "dopri5"}}

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import torch
        from torchdiffeq import odeint

        params, rhs, (t0, t1) = backend.params(problem), backend.rhs(problem), problem.t_span
        times, end = torch.tensor([t0, t1], dtype=torch.float64), torch.tensor([t1], dtype=torch.float64)

        def solve(f, y0):
            options = {"step_t": end, "first_step": 1e-2 * abs(t1 - t0), "max_num_steps": ivp.max_steps}
            try:
                return odeint(f, y0, times, rtol=ivp.rtol, atol=ivp.atol, method=self.method, options=options)[-1]
            except AssertionError as error:  # how torchdiffeq reports a solve that fails
                raise IntegrationError(f"torchdiffeq, {self.method}: {error}.") from error

        def loss(x):
            y0, p = problem.unpack(x, params)
            y0, f = backend.asarray(y0), Counted(lambda t, y: rhs(t, y, p))
            y1 = solve(f, y0)
            f.report(ivp.counters, size=1)
            return problem.loss(torch, y0, y1, p)

        all_three = backend.value_grad_hessian(loss)

        def hessian(x):
            value, grad, hess = (backend.to_numpy(a) for a in all_three(backend.asarray(x)))
            return Result(float(value), grad, hess)

        return hessian
