"""Second-order discrete adjoint of an implicit integrator, for stiff problems: Radau IIA of order 5, steps frozen.

Y_i = y_n + h A_ij F(t_j, Y_j),   N = 1 - h [A_ij J_j],   V_j = dY_j/du,   u = (y0, parameters, end times)

tangents N V = 1 (x) Phi_n + h A_ij F_,u,   multipliers N^T m = e_3 (x) lambda_{n+1},   q_j = h sum_i A_ij m_i
Hessian = sum over steps and stages of (V_j, 1)^T [q_j . F_,vv(Y_j)] (V_j, 1),  v = (y, u),  and the loss's blocks through Phi
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import Limits, Result, Strategy, Vector


@dataclass(frozen=True)
class ImplicitAdjoint(Strategy):
    """One forward solve whose error norm holds `probes` random tangents; stages are solved to round-off.

    One factorisation of a matrix of 3 N rows in each step, at the converged stages, serves tangents, multipliers and products.
    Not for problems that are not stiff: `discrete-adjoint` takes about as many steps there, each for a fraction of the cost.
    `form` is "auto" (generated C where it can be had), "compiled" or "numpy"; `memory` in bytes bounds the factors
    that are kept. With `atol` left out, the error of each component is measured against its own size along the solution.
    `hessbench.products` multiplies by the Hessian without it. Source: Hairer & Wanner, Solving ODEs II, section IV.8, for the
    integrator; Hager, Numer. Math. 87 (2000) 247, for the first-order discrete adjoint.
    """

    form: str = "auto"
    probes: int = 1
    memory: float = 2**30
    default_method: ClassVar[str] = "Radau"
    scales_by_component: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, times=True)
    variants: ClassVar = {"": {}, "numpy": {"form": "numpy"}}
    thread_safe: ClassVar[bool] = True

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        from hessbench.implicit import Options, prepare

        return prepare(problem, ivp, Options(self.form, self.probes, self.memory))

    def prepare_products(self, problem, backend, ivp):
        from hessbench.implicit import Options, prepare_products

        return prepare_products(problem, ivp, Options(self.form, self.probes, self.memory))
