"""diffrax's adaptive solve, differentiated twice by JAX through one of diffrax's adjoints.

    L(x) = l(y0, y1) + integral of g,   y1 = diffeqsolve(F, y0),   Hessian = d/dx (dL/dx)

`DirectAdjoint` differentiates the steps, their sizes held fixed; `ForwardMode` does so forward only; `BacksolveAdjoint`
integrates the costate backward, and here differentiates that solve by `DirectAdjoint`; `RecursiveCheckpointAdjoint` is
diffrax's default, which has no second derivative. A running loss is integrated as one more state.

With data and events at known times, one solve is scanned over the legs between them, each on (0, 1) in its own time; of the
loss, JAX differentiates the sum of the states with its multipliers (`hessbench.plugins.Course`), and the tangents.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from hessbench import IntegrationError, Limits, Result, Strategy, Unsupported, Vector
from hessbench.plugins import Course

ROOM = 1.5  # steps that a differentiated loop has room for, in those at the problem's own and perturbed point
BACKWARD = 4  # room of the backward solves of `backsolve`, in that of the forward one
FIRST, NEXT = 0.1, 2.0  # a leg's first step, in the time span and in the mean step of the leg before


@dataclass(frozen=True)
class DiffraxAdjoint(Strategy):
    """One adaptive solve and its derivatives: n tangents (of the gradient, or of n tangents), or n sweeps back.

    Dopri8 for the method DOP853, Tsit5 for RK45, tolerances in a `PIDController`. Memory of `DirectAdjoint` grows with the
    steps that there is room for, which is half as many again as at the problem's own and perturbed point (diffrax rounds it
    up to a power of 16). The error of `y` alone chooses the steps. Counted are the steps of the forward solve, not those
    that `backsolve` makes inside of its derivatives, where it integrates the state backward: not for dissipative problems.
    Compiling takes 10 s. `kvaerno5` is implicit, for stiff problems: an ESDIRK of order 5, whose Newton iterations JAX
    differentiates by the implicit function theorem; how often they evaluate is not visible, and counted is once per stage.
    With data or doses, what was traced serves all points at which they come in the same order; room is that of the longest leg.
    Source: Kidger, On Neural Differential Equations, arXiv:2202.02435, section 5.1.
    """

    adjoint: str = "direct"
    mode: str = "forward-over-reverse"
    implicit: str = ""  # a solver for stiff problems, whatever method the run asks for
    backends: ClassVar[tuple[str, ...]] = ("jax",)
    packages: ClassVar[tuple[str, ...]] = ("diffrax",)
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, data=True, doses=True)
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
        if problem.data is not None or problem.events:
            return self._on_the_way(problem, backend, ivp, solver)
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

        plain = jax.jit(lambda x: loss(x, diffrax.ForwardMode(), ivp.max_steps)[1][1]["num_steps"])
        adjoint, room = self._adjoint(lambda x: int(plain(x)), problem, ivp)

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

    def _adjoint(self, steps, problem, ivp):
        """diffrax's adjoint, and how many steps a solve may take, from those that `steps(x)` takes."""
        import diffrax

        if self.adjoint == "forward":
            return diffrax.ForwardMode(), ivp.max_steps
        if self.adjoint == "checkpoint":
            return diffrax.RecursiveCheckpointAdjoint(), ivp.max_steps
        points = [x for x in (problem.x0, problem.perturbed) if x is not None]
        room, adjoint = int(ROOM * max(map(steps, points))) + 2, diffrax.DirectAdjoint()
        if self.adjoint == "backsolve":
            return diffrax.BacksolveAdjoint(adjoint=adjoint, max_steps=BACKWARD * room), ivp.max_steps
        return adjoint, room

    def _on_the_way(self, problem, backend, ivp, solver):
        import diffrax
        import jax

        course, made, n = Course(problem), {}, problem.dim
        stages = solver.tableau.num_stages

        def for_order(order, x):
            if order not in made:
                states = self._travelled(course, order, x, backend, ivp, solver)
                plain = jax.jit(lambda x: states(x, diffrax.ForwardMode(), ivp.max_steps))
                adjoint, room = self._adjoint(lambda x: int(plain(x)[1][1].max()), problem.at(x), ivp)
                made[order] = plain, self._differentiated(states, adjoint, room, ivp), room
            return made[order]

        def hessian(x):
            plain, derivatives, room = for_order(course.order(x), x)
            states, (ok, accepted, rejected) = plain(x)
            terms = course.terms(x, np.asarray(states))
            (hess, along), (grad, also_ok) = derivatives(x, terms.multipliers)
            hess, along, accepted, rejected = map(np.asarray, (hess, along, accepted, rejected))
            evaluations = 2 * stages * int((accepted + rejected).sum())
            steps, more = 2 * int(accepted.sum()), 2 * int(rejected.sum())
            ivp.counters.add(steps=steps, rejected=more, rhs=evaluations, size=(n + 1) / n)
            if not (np.all(ok) and np.all(also_ok) and np.all(np.isfinite(hess))):
                raise IntegrationError(
                    f"{type(solver).__name__} stopped on a leg, of {int((accepted + rejected).max())} steps of at most {room}, "
                    f"or its derivatives are not finite. Prepare nearer to this point, at `problem.at(x)`, for more room."
                )
            note = f"{type(solver).__name__}, room for {room} steps a leg, {course.said}"
            return terms.result(np.asarray(grad), hess, along, note)

        hessian(problem.x0)
        return hessian

    def _differentiated(self, states, adjoint, room, ivp):
        """Hessian of m . S and tangents of S, then gradient and success; of x and m."""
        import diffrax
        import jax

        outer, inner = (jax.jacfwd if way == "forward" else jax.jacrev for way in self.mode.split("-over-"))

        def gradient(x, m):
            def weighted(x):
                s, (ok, *_) = states(x, adjoint, room)
                return m @ s, (s, ok)

            grad, (s, ok) = inner(weighted, has_aux=True)(x)
            return (grad, s), (grad, ok)

        def alone(x, m):
            (grad, _), aux = gradient(x, m)
            return grad, aux

        def derivatives(x, m):
            if outer is jax.jacfwd:
                return outer(gradient, has_aux=True)(x, m)
            hess, aux = outer(alone, has_aux=True)(x, m)
            forward = lambda x: states(x, diffrax.ForwardMode(), ivp.max_steps)[0]  # noqa: E731
            return (hess, jax.jacfwd(forward)(x)), aux

        return jax.jit(derivatives)

    def _travelled(self, course, order, x0, backend, ivp, solver):
        """`states(x, adjoint, max_steps)`: S, then of each leg whether it was solved, and steps accepted and rejected."""
        import diffrax
        import jax
        import jax.numpy as jnp

        problem, n = course.problem, course.problem.dim
        params, rhs, running = backend.params(problem), backend.rhs(problem), problem.running_loss
        names, inner = [key for key in problem.wrt if key != "y0"], jnp.asarray(course.inner(x0, order))
        kinds = jnp.asarray([1 + place.event if place.event >= 0 else 0 for place in order])
        seen = np.argsort([place.data if place.data >= 0 else len(order) for place in order], kind="stable")[
            : course.count
        ]
        controller = diffrax.PIDController(rtol=ivp.rtol, atol=ivp.atol)

        def slope(s, z, args):
            start, span, share, own = args
            t, p = start + span * (0.5 + share * (s - 0.5)), {**params, **own}
            integrand = 0.0 if running is None else running(jnp, t, z[:n], p)
            return span * jnp.append(rhs(t, z[:n], p), integrand)

        def states(x, adjoint, max_steps):
            y0, p = problem.unpack(x, params)
            clock, own = course.clock(jnp, p, order, jnp.asarray), {key: p[key] for key in names}

            def jumped(event):
                after = course.jump(event)
                return lambda t, z: z if after is None else jnp.concatenate([after(jnp, t, z[:n], p), z[n:]])

            jumps = [lambda t, z: z, *map(jumped, range(len(problem.events)))]

            def leg(carry, what):
                (z, h), (start, end, share, kind) = carry, what
                length = jnp.abs(jax.lax.stop_gradient(end - start))
                first = jnp.where(length > h, h / jnp.where(length > 0, length, 1.0), 1.0)
                solution: Any = diffrax.diffeqsolve(
                    diffrax.ODETerm(slope),
                    solver,
                    0.0,
                    1.0,
                    dt0=first,
                    y0=z,
                    args=(start, end - start, share, own),
                    stepsize_controller=controller,
                    adjoint=adjoint,
                    max_steps=max_steps,
                    throw=False,
                )
                z, stats = solution.ys[0], solution.stats
                accepted, rejected = stats["num_accepted_steps"], stats["num_rejected_steps"]
                h = jnp.where(length > 0, NEXT * length / jnp.maximum(accepted, 1), h)
                ok = solution.result == diffrax.RESULTS.successful
                return (jax.lax.switch(kind, jumps, end, z), h), (z[:n], ok, accepted, rejected)

            start = jnp.append(jnp.asarray(y0), 0.0), FIRST * abs(problem.t_span[1] - problem.t_span[0])
            (z, _), (ys, *said) = jax.lax.scan(leg, start, (clock[:-1], clock[1:], inner, kinds))
            return jnp.concatenate([ys[seen].ravel(), z]), said

        return states
