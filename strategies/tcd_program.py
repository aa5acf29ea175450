"""The row program of the tensor-calculus-dependencies language, derived by machine and executed on JAX.

    T(y_start, y_end),  y_end = ODE(ydot, y_start, t_start, t_end)

`tcd.derive` turns this into the program of one row of the Hessian: a forward solve (N states), a backward solve (2N),
then for each row a forward solve (4N) and a backward solve (2N), the loss's blocks in between; see docs/tcd.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Accuracy, IntegrationError, Limits, Result, Strategy, Vector

OBJECTIVE = """
^(y_start[:],
  y_end[:] = ODE(ydot{}=ydot, y[:]=y_start, t0[]=t_start, t1[]=t_end)
) -> T(y0[:]=y_start, y1[:]=y_end)
"""


@dataclass(frozen=True)
class TcdProgram(Strategy):
    """One solve of N, one of 2N, and for each row one of 4N and one of 2N states, all rows in one batch or one by one.

    Solves are DOP853 in JAX whatever method is asked for, at the tolerances that are asked for.
    Not for dissipative problems, because the state is integrated backward; the language knows neither time nor running
    losses. Compiling takes seconds: not for a single small Hessian.
    Source: Ciceri & Fischbacher, arXiv:2301.08085, the row program of the orbit non-closure.
    """

    backends: ClassVar[tuple[str, ...]] = ("jax",)
    packages: ClassVar[tuple[str, ...]] = ("lark",)
    limits: ClassVar[Limits] = Limits(autonomous_only=True, reversible_only=True)
    accuracy: ClassVar[Accuracy] = Accuracy(factor=5e3)  # as of hand-adjoint, whose equations it has
    variants: ClassVar = {"": {}, "rows": {"batched": False}}

    batched: bool = True

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import jax
        import jax.numpy as jnp

        from hessbench import tcd
        from hessbench.tcd.counting import count, logged
        from hessbench.tcd.environment import from_problem

        environment = from_problem(problem)
        options = tcd.Options(rtol=ivp.rtol, atol=ivp.atol, max_steps=ivp.max_steps)
        programs = (tcd.parse(OBJECTIVE), tcd.derive(OBJECTIVE, "y_start"))
        row_program = tcd.derive(OBJECTIVE, "y_start", order="hessian")

        def ends(x):
            return logged(lambda o: [tcd.evaluate(p, environment, o)(y_start=x) for p in programs], options)

        def row(x, j):
            """Row j, the solves that all rows have in common (of N and 2N states), and its own (of 4N and 2N)."""
            at_j = {**environment, "j": j}
            value, solves = logged(lambda o: tcd.evaluate(row_program, at_j, o)(y_start=x), options)
            return value, solves[:2], solves[2:]

        def batch(x):
            return jax.vmap(lambda j: row(x, j), out_axes=(0, None, 0))(numbers)

        numbers, x0 = jnp.arange(problem.dim), jnp.asarray(problem.x0)
        ends_of = jax.jit(ends).lower(x0).compile()
        rows_of = (jax.jit(batch).lower(x0) if self.batched else jax.jit(row).lower(x0, numbers[0])).compile()

        def hessian(x):
            x = jnp.asarray(x)
            (value, grad), solves = ends_of(x)
            parts = [rows_of(x)] if self.batched else [rows_of(x, j) for j in numbers]
            hess = np.vstack([part[0] for part in parts])
            for done in (solves, *(s for part in parts for s in part[1:])):
                count(ivp.counters, done, problem.dim)
            if not (np.isfinite(value) and np.all(np.isfinite(hess))):
                raise IntegrationError(f"A solve of the derived program failed within {ivp.max_steps} steps.")
            return Result(float(value), np.array(grad), hess, note="DOP853 in JAX")

        return hessian
