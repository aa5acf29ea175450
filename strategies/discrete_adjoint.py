"""Second-order discrete adjoint: the exact Hessian of what an explicit Runge-Kutta integrator computes, steps frozen.

V_i = dY_i/dy0,   q_i = the multiplier of stage i,   Phi = dy1/dy0,
Hessian = l_00 + l_01 Phi + (l_01 Phi)^T + Phi^T l_11 Phi + sum over steps and stages of V_i^T [q_i . F_,yy(Y_i)] V_i
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import Result, Strategy, Vector


@dataclass(frozen=True)
class DiscreteAdjoint(Strategy):
    """One forward solve whose error norm holds `probes` random tangents, one backward sweep; nothing is integrated twice.

    About `6 N^3` operations per stage in dense form, `nnz N` in sparse form. Symmetric to round-off. `form` is "auto" (by
    structure, size and what the machine has; the result's note says which), "compiled" (generated C, cached on disk),
    "numpy" or "sparse"; a form that is not possible here gives way to NumPy, with a notice. `memory` in bytes bounds what
    is stored: beyond it, states at checkpoints, from which stages are computed again. `probes=0` controls the error of the
    state alone, which is faster and not safe. Not for stiff systems: the integrator is explicit (RK45 or DOP853).
    Source: Hager, Numer. Math. 87 (2000) 247, for the first-order discrete adjoint.
    """

    form: str = "auto"
    probes: int = 1
    memory: float = 2**30
    variants: ClassVar = {"": {}, "numpy": {"form": "numpy"}}

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        from hessbench.discrete import Options, prepare

        return prepare(problem, ivp, Options(self.form, self.probes, self.memory))
