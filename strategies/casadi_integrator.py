"""CasADi's own integrators, whose sensitivities CasADi derives: forward sensitivities of the adjoint system.

    L(x) = l(y0, y1, p) + q1,   (y1, q1) = integrator(y0, p),   q' = running loss
    dL/dx by the adjoint of the integrator, d2L/dx2 by n tangents of that adjoint

`rk` and `collocation` take fixed steps and differentiate them; `cvodes` integrates the sensitivity systems with steps of
their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from hessbench import Accuracy, IntegrationError, Limits, Result, Strategy, Vector, count_fixed, steps_for, tableau

CONTROLLED = {"quad_err_con": True, "fsens_err_con": True}
ADAMS = {
    **CONTROLLED,
    "linear_multistep_method": "adams",
    "nonlinear_solver_iteration": "functional",
    "interpolation_type": "polynomial",
}
GAUSS = {"collocation_scheme": "legendre", "interpolation_order": 4}  # stages


@dataclass(frozen=True)
class CasadiIntegrator(Strategy):
    """Four integrations: the states, their n tangents, the adjoint, and its n tangents.

    - `cvodes` (SUNDIALS) controls the error of the tangents (`fsens_err_con`) and of the quadratures (`quad_err_con`),
      which gradients in parameters are. The plain one takes Adams's formulas up to order 12 with fixed-point iteration.
      `bdf` takes those for stiff problems, of order 5, with Newton's method, at a tenth of the tolerance, because their
      errors are larger: 6e-5 of the Hessian of the driven pendulum at 1e-8, 1e-6 so.
    - `cvodes-defaults` is what tolerances alone give: the quadratures are not controlled, and derivatives in parameters
      are silently wrong, by half. It is kept to show that.
    - `rk`: Runge-Kutta of order 4. `collocation`: Gauss-Legendre of order 8, implicit, on the number of steps that
      Dormand-Prince 8 needs, whose error constant is larger. Counted is one evaluation per stage: how often Newton's
      method repeats it is not visible.

    Not for large dense systems: the linear algebra is sparse and scalar.
    Source: Andersson et al., Math. Prog. Comp. 11 (2019) 1-36, section 4.5; Hindmarsh et al., ACM TOMS 31 (2005) 363-396.
    """

    plugin: str = "cvodes"
    options: Mapping[str, Any] = field(default_factory=lambda: ADAMS)
    sharpen: float = 1.0  # of the tolerance, for adaptive steps
    backends: ClassVar[tuple[str, ...]] = ("casadi",)
    limits: ClassVar[Limits] = Limits(max_dim=64, parameters=True, running_loss=True)
    accuracy: ClassVar[Accuracy] = Accuracy(factor=5e3)  # values beside the figure-8
    variants: ClassVar = {
        "": {},
        "bdf": {"options": CONTROLLED, "sharpen": 0.1},
        "cvodes-defaults": {"options": {}},
        "rk": {"plugin": "rk", "options": {}},
        "collocation": {"plugin": "collocation", "options": GAUSS},
    }

    def prepare(self, problem, backend: Any, ivp) -> Callable[[Vector], Result]:
        import casadi as ca

        n, (t0, t1), size, running = problem.dim, problem.t_span, problem.x0.size, problem.running_loss
        sign, scheme, steps = np.sign(t1 - t0), tableau("RK4" if self.plugin == "rk" else "DOP853"), 0
        given: dict[str, Any] = dict(self.options)
        if self.plugin == "cvodes":
            reltol, abstol = self.sharpen * ivp.rtol, self.sharpen * ivp.atol
            given |= {"reltol": reltol, "abstol": abstol, "max_num_steps": ivp.max_steps}
        else:
            steps = steps_for(problem, scheme, ivp)
            given |= {"number_of_finite_elements": steps}

        matrix_form = "casadi" in problem.overrides and problem.wrt == ("y0",)
        kind: Any = ca.MX if matrix_form else ca.SX
        at = problem.blocks.get("y0", slice(0, 0))
        tau, y, q = kind.sym("tau"), kind.sym("y", n), kind.sym("q", size - (at.stop - at.start))
        before, behind = ca.vertsplit(q, [0, at.start, q.numel()])
        x = ca.vertcat(before, y, behind) if at.stop else q  # only the parameters of it are used
        if matrix_form:
            slope = backend.rhs(problem)(t0 + sign * tau, y, problem.params)
        else:
            rhs = backend.traced("rhs", lambda t, y, x: problem.rhs(np, t[0], y, problem.unpack(x)[1]), 1, n, size)
            slope = rhs(t0 + sign * tau, y, x)
        dae = {"t": tau, "x": y, "p": q, "ode": sign * slope}
        if running is not None:
            g = backend.traced("running", lambda t, y, x: running(np, t[0], y, problem.unpack(x)[1]), 1, n, size)
            dae["quad"] = sign * g(t0 + sign * tau, y, x)
        integrate = ca.integrator("integrate", self.plugin, dae, 0.0, abs(t1 - t0), given)

        x = ca.MX.sym("x", size)
        before, y0, behind = ca.vertsplit(x, [0, at.start, at.stop, size])
        y0 = y0 if at.stop else ca.MX(problem.y0)
        end = integrate(x0=y0, p=ca.vertcat(before, behind))
        loss = backend.traced("loss", lambda y0, y1, x: problem.loss(np, y0, y1, problem.unpack(x)[1]), n, n, size)
        value = loss(y0, end["xf"], x) + (0 if running is None else end["qf"])
        run = ca.Function("all_three", [x], list(backend.value_grad_hessian(lambda x: value)(x)))
        note = f"{steps} steps" if steps else ""

        def hessian(x):
            try:
                value, grad, hess = run(x)
            except RuntimeError as error:
                raise IntegrationError(f"casadi, {self.plugin}: {str(error).strip().splitlines()[-1]}") from error
            if self.plugin == "cvodes":
                count_cvodes(ivp.counters, run, n)
            elif self.plugin == "rk":
                count_fixed(ivp.counters, scheme, steps)
            else:
                ivp.counters.add(steps=steps, rhs=steps * self.options["interpolation_order"])
            return Result(float(value), grad.full().ravel(), hess.full(), note=note)

        return hessian


def count_cvodes(counters: Any, run: Any, n: int) -> None:
    """Add the last solves of all integrators within the CasADi function `run`, forward and backward, by their statistics."""
    for part in run.find_functions():
        if part.class_name() == "CvodesInterface":
            stats = part.stats(1)  # an embedded function evaluates in its second memory
            backward_size = part.numel_out("adj_x0") + part.numel_out("adj_p")
            for suffix, size in (("", part.numel_out("xf")), ("B", backward_size)):
                if size:
                    steps, rhs, rejected = (stats[name + suffix] for name in ("nsteps", "nfevals", "netfails"))
                    counters.add(steps=steps, rhs=rhs, rejected=rejected, size=size / n)
