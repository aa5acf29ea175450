"""torchdiffeq's `odeint_adjoint`, differentiated twice: a wrong Hessian, kept to show it.

Its backward pass integrates the costate without recording anything, so that the gradient has no graph behind it, and torch
takes `s(t0)` for a constant. With V = dy1/dy0, all that is left of

    H = l_00 + l_01 V + (l_01 V)^T + V^T l_11 V + l_1k V_ki,j

is `l_00 + l_01 V`: zeros for a loss of y1 alone, a matrix that is not symmetric for one of y0 and y1. No error is raised.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import IntegrationError, Limits, Result, Strategy, Vector
from hessbench.plugins import Counted


@dataclass(frozen=True)
class TorchdiffeqAdjoint(Strategy):
    """One adaptive solve forward, one of the costate with the state backward, and one of these for each row if the loss
    depends on y0. Value and gradient are right. Not for Hessians.

    Source: torchdiffeq 0.2.5, `odeint_adjoint`; Chen et al., NeurIPS 2018, appendix C.
    """

    method: str = "dopri8"
    backends: ClassVar[tuple[str, ...]] = ("torch",)
    packages: ClassVar[tuple[str, ...]] = ("torchdiffeq",)
    limits: ClassVar[Limits] = Limits(reversible_only=True, parameters=True)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import torch
        from torchdiffeq import odeint_adjoint

        params, rhs, counters = backend.params(problem), backend.rhs(problem), ivp.counters
        times = torch.tensor(problem.t_span, dtype=torch.float64)
        first = 1e-2 * float(abs(times[1] - times[0]))
        ahead, back = (
            {"step_t": end, "first_step": first, "max_num_steps": ivp.max_steps} for end in (times[1:], times[:1])
        )

        def hessian(x):
            x = backend.asarray(x).requires_grad_()
            y0, p = problem.unpack(x, params)
            y0, f = backend.asarray(y0), Counted(lambda t, y: rhs(t, y, p))
            unknown = tuple(p[key] for key in problem.varied)
            try:
                y1 = odeint_adjoint(
                    f,
                    y0,
                    times,
                    rtol=ivp.rtol,
                    atol=ivp.atol,
                    method=self.method,
                    options=ahead,
                    adjoint_options=back,
                    adjoint_params=unknown,
                )[-1]
                f.report(counters, size=1)
                value = problem.loss(torch, y0, y1, p) + 0.0 * (x * x).sum()  # connects both derivatives to x
                (grad,) = torch.autograd.grad(value, x, create_graph=True)
                f.report(counters, size=2)
                rows = []
                for g in grad:
                    rows += torch.autograd.grad(g, x, retain_graph=True)
                    f.report(counters, size=2)
            except AssertionError as error:  # how torchdiffeq reports a solve that fails
                raise IntegrationError(f"torchdiffeq, {self.method}: {error}.") from error
            return Result(value.item(), backend.to_numpy(grad), backend.to_numpy(torch.stack(rows)))

        return hessian
