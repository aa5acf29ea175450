"""torchode's adaptive solver, differentiated through its steps twice: the reverse mode applied to the reverse mode.

    L(x) = l(y0, y1),   y1 = AutoDiffAdjoint.solve(F, y0, (t0, t1)),   H = d/dx (dL/dx), both by torch.autograd

The sizes of the steps are constants for the derivatives (`backprop_through_step_size_control=False`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from hessbench import Accuracy, IntegrationError, Limits, Result, Strategy, Vector


@dataclass(frozen=True)
class TorchodeBackprop(Strategy):
    """One adaptive solve on a tape, one sweep back through it, and one batched sweep of n rows back through both.

    torchode integrates a batch of problems at once; here the batch is one, and every operation costs its overhead. The
    highest order is 5, so that tight tolerances take many steps, and the error of `y` alone chooses them.
    Source: torchode 1.0.1, `AutoDiffAdjoint`; Lienen & Günnemann, arXiv:2210.12375.
    """

    method: str = "Dopri5"
    backends: ClassVar[tuple[str, ...]] = ("torch",)
    packages: ClassVar[tuple[str, ...]] = ("torchode",)
    limits: ClassVar[Limits] = Limits(parameters=True)
    accuracy: ClassVar[Accuracy] = Accuracy(factor=5e3)  # the error of `y` alone chooses the steps, of order 5
    variants: ClassVar = {"": {}, "tsit5": {"method": "Tsit5"}}

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import torch
        import torchode as library

        torchode: Any = library  # annotated for scripted tensors only
        params, rhs = backend.params(problem), backend.rhs(problem)
        t0, t1 = (torch.tensor([t], dtype=torch.float64) for t in problem.t_span)

        def solve(f, y0):
            term = torchode.ODETerm(lambda t, y: f(t[0], y[0])[None])
            stepper = getattr(torchode, self.method)(term=term)
            control = torchode.IntegralController(ivp.atol, ivp.rtol, term=term)
            solver = torchode.AutoDiffAdjoint(
                stepper, control, max_steps=ivp.max_steps, backprop_through_step_size_control=False
            )
            start = torchode.InitialValueProblem(y0=y0[None], t_start=t0, t_end=t1)
            solution = solver.solve(start, term)
            steps, accepted, calls = (int(solution.stats[key][0]) for key in ("n_steps", "n_accepted", "n_f_evals"))
            ivp.counters.add(steps=accepted, rejected=steps - accepted, rhs=calls)
            if int(solution.status[0]) != torchode.Status.SUCCESS.value:
                reason = torchode.Status(int(solution.status[0])).name
                raise IntegrationError(f"torchode, {self.method}: {reason} after {steps} steps.")
            return solution.ys[0, -1]

        def loss(x):
            y0, p = problem.unpack(x, params)
            y0 = backend.asarray(y0)
            return problem.loss(torch, y0, solve(lambda t, y: rhs(t, y, p), y0), p)

        all_three = backend.value_grad_hessian(loss)

        def hessian(x):
            value, grad, hess = (backend.to_numpy(a) for a in all_three(backend.asarray(x)))
            return Result(float(value), grad, hess)

        return hessian
