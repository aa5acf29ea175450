"""Second-order discrete adjoint: the exact Hessian of what an explicit Runge-Kutta integrator computes, steps frozen.

V_i = dY_i/du,   q_i = the multiplier of stage i,   Phi = dy1/du,   u = (y0, parameters, end times) as far as `wrt` names them

Hessian = sum over steps and stages of (V_i, 1)^T [q_i . F_,vv(Y_i)] (V_i, 1),  v = (y, u),  and the loss's blocks through Phi
By y0 alone: l_00 + l_01 Phi + (l_01 Phi)^T + Phi^T l_11 Phi + sum of V_i^T [q_i . F_,yy(Y_i)] V_i
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import Limits, Result, Strategy, Vector


@dataclass(frozen=True)
class DiscreteAdjoint(Strategy):
    """One forward solve whose error norm holds `probes` random tangents, one backward sweep; nothing is integrated twice.

    About `6 N^3` operations per stage in dense form, `nnz N` in sparse form, `2 N P^2` with P parameters, which are no states.
    Symmetric to round-off. `hessbench.products` multiplies by the Hessian at the cost of a few gradients, without it.
    Where a right-hand side takes more than 12,000 scalar operations, code is loops over the arrays that it is written in.
    A dense quadratic right-hand side whose arrays are given (`hessbench.quadratic_derivatives`) runs several times faster.
    `form` is "auto" (by structure, size and what the machine has; the result's note says which), "compiled" (generated C,
    cached on disk), "numpy" or "sparse"; a form that is not possible here gives way to NumPy, with a notice. `memory` in
    bytes bounds what is stored: beyond it, states at checkpoints, from which stages are computed again. `probes=0` controls
    the error of the state alone, which is faster and not safe. With `atol` left out, the error of each component is measured
    against its own size along the solution. Steps end where the right-hand side has pulses, jumps or kinks at given times (at
    least 1e-4 of the span wide), and at the times of data and events, whose terms and jumps come on the way; derivatives at
    events are those of the exact flow. Not for stiff systems, which it names in a warning: the integrator is explicit (RK45 or
    DOP853).
    Source: Hager, Numer. Math. 87 (2000) 247, for the first-order discrete adjoint; events: Rozenvasser, Automation and Remote
    Control 28 (1967) 400.
    """

    form: str = "auto"
    probes: int = 1
    memory: float = 2**30
    scales_by_component: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, times=True, data=True, events=True)
    variants: ClassVar = {"": {}, "numpy": {"form": "numpy"}}
    thread_safe: ClassVar[bool] = True

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        from hessbench.discrete import Options, prepare

        return prepare(problem, ivp, Options(self.form, self.probes, self.memory))

    def prepare_products(self, problem, backend, ivp):
        from hessbench.discrete import Options, prepare_products

        return prepare_products(problem, ivp, Options(self.form, self.probes, self.memory))
