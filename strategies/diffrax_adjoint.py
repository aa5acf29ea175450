"""diffrax's adaptive solve, differentiated twice by JAX through one of diffrax's adjoints.

    L(x) = l(y0, y1) + integral of g,   y1 = diffeqsolve(F, y0),   Hessian = d/dx (dL/dx)

`DirectAdjoint` differentiates the steps, their sizes held fixed; `ForwardMode` does so forward only; `BacksolveAdjoint`
integrates the costate backward, and here differentiates that solve by `DirectAdjoint`; `RecursiveCheckpointAdjoint` is
diffrax's default, which has no second derivative. A running loss is integrated as one more state.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from hessbench import IntegrationError, Limits, Result, Strategy, Unsupported, Vector

ROOM = 1.5  # steps that a differentiated loop has room for, in those at the problem's own and perturbed point
BACKWARD = 4  # room of the backward solves of `backsolve`, in that of the forward one


@dataclass(frozen=True)
class DiffraxAdjoint(Strategy):
    """One adaptive solve and its derivatives: n tangents (of the gradient, or of n tangents), or n sweeps back.

    Dopri8 for the method DOP853, Tsit5 for RK45, tolerances in a `PIDController`. Memory of `DirectAdjoint` grows with the
    steps that there is room for, which is half as many again as at the problem's own and perturbed point (diffrax rounds it
    up to a power of 16). The error of `y` alone chooses the steps. Counted are the steps of the forward solve, not those
    that `backsolve` makes inside of its derivatives, where it integrates the state backward: not for dissipative problems.
    Compiling takes 10 s. `kvaerno5` is implicit, for stiff problems: an ESDIRK of order 5, whose Newton iterations JAX
    differentiates by the implicit function theorem; how often they evaluate is not visible, and counted is once per stage.
    Source: Kidger, On Neural Differential Equations, arXiv:2202.02435, section 5.1.
    """

    adjoint: str = "direct"
    mode: str = "forward-over-reverse"
    implicit: str = ""  # a solver for stiff problems, whatever method the run asks for
    backends: ClassVar[tuple[str, ...]] = ("jax",)
    packages: ClassVar[tuple[str, ...]] = ("diffrax",)
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True)
    variants: ClassVar = {
        "": {},
        "reverse-over-reverse": {"mode": "reverse-over-reverse"},
        "forward-mode": {"adjoint": "forward", "mode": "forward-over-forward"},
        "backsolve": {"adjoint": "backsolve", "mode": "reverse-over-reverse"},
        "recursive-checkpoint": {"adjoint": "checkpoint"},
        "kvaerno5": {"implicit": "Kvaerno5"},
    }

    def why_not(self, problem):
        return replace(self.limits, reversible_only=self.adjoint == "backsolve").refusal(problem)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import diffrax
        import jax
        import jax.numpy as jnp

        solvers = {"DOP853": diffrax.Dopri8(), "RK45": diffrax.Tsit5()}
        if not self.implicit and ivp.method not in solvers:
            raise Unsupported(f"It has Dopri8 for DOP853 and Tsit5 for RK45, and this run asks for {ivp.method}.")
        solver: Any = getattr(diffrax, self.implicit)() if self.implicit else solvers[ivp.method]
        n, (t0, t1), params, rhs = problem.dim, problem.t_span, backend.params(problem), backend.rhs(problem)
        running, names = problem.running_loss, [key for key in problem.wrt if key != "y0"]
        controller = diffrax.PIDController(rtol=ivp.rtol, atol=ivp.atol)

        def slope(t, z, args):
            p = {**params, **args}
            f = rhs(t, z[:n], p)
            return f if running is None else jnp.append(f, running(jnp, t, z[:n], p))

        def loss(x, adjoint, max_steps):
            y0, p = problem.unpack(x, params)
            y0 = jnp.asarray(y0)
            solution: Any = diffrax.diffeqsolve(
                diffrax.ODETerm(slope),
                solver,
                t0,
                t1,
                dt0=None,
                y0=y0 if running is None else jnp.append(y0, 0.0),
                args={key: p[key] for key in names},
                stepsize_controller=controller,
                adjoint=adjoint,
                max_steps=max_steps,
                throw=False,
            )
            z1 = solution.ys[0]
            ok = solution.result == diffrax.RESULTS.successful
            return problem.loss(jnp, y0, z1[:n], p) + jnp.sum(z1[n:]), (ok, solution.stats)

        if self.adjoint == "forward":
            adjoint, room = diffrax.ForwardMode(), ivp.max_steps
        elif self.adjoint == "checkpoint":
            adjoint, room = diffrax.RecursiveCheckpointAdjoint(), ivp.max_steps
        else:
            plain = jax.jit(lambda x: loss(x, diffrax.ForwardMode(), ivp.max_steps)[1][1]["num_steps"])
            points = [x for x in (problem.x0, problem.perturbed) if x is not None]
            room = int(ROOM * max(int(plain(x)) for x in points)) + 2
            adjoint = diffrax.DirectAdjoint()
            if self.adjoint == "backsolve":
                adjoint, room = diffrax.BacksolveAdjoint(adjoint=adjoint, max_steps=BACKWARD * room), ivp.max_steps

        outer, inner = (jax.jacfwd if way == "forward" else jax.jacrev for way in self.mode.split("-over-"))

        def with_aux(x):
            value, aux = loss(x, adjoint, room)
            return value, (value, aux)

        def gradient(x):
            grad, (value, aux) = inner(with_aux, has_aux=True)(x)
            return grad, (jnp.append(value, grad), aux)

        all_three = jax.jit(outer(gradient, has_aux=True))
        stages = solver.tableau.num_stages

        def hessian(x):
            hess, (first, (ok, stats)) = all_three(x)
            first, hess = np.asarray(first), np.asarray(hess)
            accepted, rejected = int(stats["num_accepted_steps"]), int(stats["num_rejected_steps"])
            evaluations = 2 + stages * (accepted + rejected)
            size = 1.0 if running is None else (n + 1) / n
            ivp.counters.add(steps=accepted, rejected=rejected, rhs=evaluations, size=size)
            if not ok or not np.all(np.isfinite(hess)):
                raise IntegrationError(
                    f"{type(solver).__name__} stopped after {accepted + rejected} steps of at most {room}, or its "
                    f"derivatives are not finite. Prepare nearer to this point, at `problem.at(x)`, for more room."
                )
            return Result(float(first[0]), first[1:], hess, note=f"{type(solver).__name__}, room for {room} steps")

        hessian(problem.x0)
        return hessian
