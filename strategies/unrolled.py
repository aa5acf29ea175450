"""A fixed-step Runge-Kutta integrator, differentiated through the whole trajectory by the framework.

    Y_i = y_n + h a_ij k_j,   k_i = F(t_n + c_i h, Y_i),   y_{n+1} = y_n + h b_i k_i,   L(x) = l(y0, y_{n_steps})

The number of steps is chosen once, in preparation, for the tolerance at the problem's own point. A running loss is
integrated as one more state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hessbench import Limits, Result, Strategy, Vector, choose_steps, count_fixed, integrate_fixed, tableau


@dataclass(frozen=True)
class Unrolled(Strategy):
    """n tangents of the gradient of the unrolled loop (`forward-over-reverse`), or n sweeps back through it
    (`reverse-over-reverse`), whichever is faster in the framework by default; any `wrt`.

    Not for long runs: memory grows with steps x stages x operations of `F`. Not far from the point it was prepared at,
    because the steps do not adapt. In eager frameworks every operation of every stage costs its overhead.
    Source: Griewank & Walther, Evaluating Derivatives, chapters 3 and 5; `discretise, then differentiate`.
    """

    scheme: str = "DOP853"
    mode: str | None = None
    backends: ClassVar[tuple[str, ...]] = ("jax", "torch", "autograd")
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True)
    variants: ClassVar = {
        "": {},
        "rk4": {"scheme": "RK4"},
        "reverse-over-reverse": {"mode": "reverse-over-reverse"},
    }

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        scheme, p, xp, f = tableau(self.scheme), backend.params(problem), backend.xp, backend.rhs(problem)
        steps = choose_steps(problem, problem.x0, scheme, ivp.rtol, most=ivp.max_steps)
        n, running = problem.dim, problem.running_loss

        def loss(x, p):
            y0, p = problem.unpack(x, p)
            y0 = backend.asarray(y0)
            if running is None:
                y1 = integrate_fixed(backend, scheme, lambda t, y: f(t, y, p), problem.t_span, y0, steps)
                return problem.loss(xp, y0, y1, p)

            def with_integral(t, z):
                return xp.concatenate((f(t, z[:n], p), xp.reshape(running(xp, t, z[:n], p), (1,))))

            z0 = xp.concatenate((y0, 0.0 * y0[:1]))
            z1 = integrate_fixed(backend, scheme, with_integral, problem.t_span, z0, steps)
            return problem.loss(xp, y0, z1[:n], p) + z1[n]

        everything = backend.compile(lambda x, p: backend.value_grad_hessian(lambda x: loss(x, p), self.mode)(x))

        def hessian(x):
            count_fixed(ivp.counters, scheme, steps)
            value, grad, hess = (backend.to_numpy(a) for a in everything(backend.asarray(x), p))
            return Result(value, grad, hess, note=f"{steps} steps of {scheme.name}")

        hessian(problem.x0)
        return hessian
