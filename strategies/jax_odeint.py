"""`jax.experimental.ode.odeint`, differentiated in reverse twice: its costate system, and the costate system of that.

    L(x) = l(y0, y1) + integral of g,   y1 = odeint(F, y0)[-1],   Hessian = d/dx (dL/dx), both by `jax.jacrev`

Parameters in `wrt` are arguments of the solve; a running loss is integrated as one more state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import IntegrationError, Limits, Result, Strategy, Vector

STAGES = 6  # evaluations of each attempted step


@dataclass(frozen=True)
class JaxOdeint(Strategy):
    """One adaptive solve, one backward of twice as many states, and for each of n rows one of four times and one of twice.

    Dormand-Prince 5 whatever method is asked for. The value at the end is interpolated, at order 4. All rows rest on the end
    state and on the costate, whose errors they magnify, and `odeint` has one tolerance for all solves: it gets a hundredth
    of the one asked for. Counted is the first solve alone, rejected steps among its steps: `odeint` does not tell them.
    Not for dissipative problems, because the state is integrated backward. Not for a stiff or long problem at a tight
    tolerance, because of the order. Source: Chen et al., Neural ODEs, NeurIPS 2018, appendix B and C.
    """

    backends: ClassVar[tuple[str, ...]] = ("jax",)
    limits: ClassVar[Limits] = Limits(reversible_only=True, parameters=True, running_loss=True)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import jax
        import jax.numpy as jnp
        from jax.experimental.ode import odeint

        n, params, rhs, running = problem.dim, backend.params(problem), backend.rhs(problem), problem.running_loss
        t0, t1 = problem.t_span
        way, names = np.sign(t1 - t0), [key for key in problem.wrt if key != "y0"]
        options = {"rtol": max(1e-2 * ivp.rtol, 1e-14), "atol": 1e-2 * ivp.atol, "mxstep": ivp.max_steps}
        times, evaluations = np.array([0.0, abs(t1 - t0)]), 0

        def slope(z, elapsed, varied):
            t, p = t0 + way * elapsed, {**params, **varied}
            f = rhs(t, z[:n], p)
            return way * (f if running is None else jnp.append(f, running(jnp, t, z[:n], p)))

        def end(x, slope):
            y0, p = problem.unpack(x, params)
            z0 = jnp.asarray(y0) if running is None else jnp.append(y0, 0.0)
            return z0[:n], odeint(slope, z0, jnp.asarray(times), {key: p[key] for key in names}, **options)[-1], p

        def loss(x):
            y0, z1, p = end(x, slope)
            return problem.loss(jnp, y0, z1[:n], p) + jnp.sum(z1[n:])

        def tick():
            nonlocal evaluations
            evaluations += 1

        def ticking(*args):
            jax.debug.callback(tick)
            return slope(*args)

        all_three = jax.jit(backend.value_grad_hessian(loss, "reverse-over-reverse"))
        counted = jax.jit(lambda x: end(x, ticking)[1])
        known: dict[bytes, int] = {}  # evaluations of the first solve, counted once for each point

        def evaluations_at(x):
            nonlocal evaluations
            if x.tobytes() not in known:
                evaluations = 0
                jax.block_until_ready(counted(x))
                jax.effects_barrier()
                known.clear()
                known[x.tobytes()] = evaluations
            return known[x.tobytes()]

        def hessian(x):
            value, grad, hess = map(np.asarray, all_three(x))
            made = evaluations_at(x)
            steps = (made - 2) // STAGES
            ivp.counters.add(steps=steps, rhs=made, size=1.0 if running is None else (n + 1) / n)
            if steps >= ivp.max_steps or not (np.all(np.isfinite(hess)) and np.isfinite(value)):
                raise IntegrationError(
                    f"odeint stopped after {steps} steps of at most {ivp.max_steps}, at rtol {options['rtol']:g}, or its "
                    f"derivatives are not finite; choose a looser tolerance, or more steps."
                )
            return Result(float(value), grad, hess, note="Dormand-Prince 5, rejected steps counted as steps")

        hessian(problem.x0)
        return hessian
