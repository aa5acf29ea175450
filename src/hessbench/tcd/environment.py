"""The environment that a `Problem` supplies to a program: vector field, loss and its blocks, start, times, `dim`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hessbench.tcd.errors import START, TcdError
from hessbench.tcd.values import Value, as_values, python_function

if TYPE_CHECKING:
    from hessbench._model.problem import Problem


def refusal(problem: Problem) -> str | None:
    """One sentence that says why programs cannot describe a problem, or `None`."""
    if not problem.autonomous:
        return "A program's `ydot` is a function of the state alone, and this right-hand side depends on time."
    if problem.running_loss is not None:
        return "A program's loss `T` is a function of the end states, and this problem has a running loss."
    if tuple(problem.wrt) != ("y0",):
        return f"A program's `y_start` is the initial state, and this problem asks for {', '.join(problem.wrt)}."
    return None


def from_problem(problem: Problem) -> dict[str, Value]:
    """The values of `problem_types` but for `j`: `ydot{y}`, `T{y0, y1}`, `T0`, `T1` (dim,), `T00`, `T01`, `T11`
    (dim, dim), `y_start` (dim,), `t_start`, `t_end`, `dim`. `T01[k, l]` differentiates by `y0[k]` and `y1[l]`.

    Raises `TcdError` for a problem that depends on time or has a running loss.
    """
    import jax
    import jax.numpy as jnp

    reason = refusal(problem)
    if reason:
        raise TcdError(f"problem `{problem.name}`: {reason}", START, code="problem")
    jax.config.update("jax_enable_x64", True)
    p = {name: jnp.asarray(value) for name, value in problem.params.items()}
    t0, t1 = problem.t_span

    def rhs(y: Any) -> Any:
        return problem.rhs(jnp, t0, y, p)

    def loss(y0: Any, y1: Any) -> Any:
        return problem.loss(jnp, y0, y1, p)

    environment = {"ydot": python_function(rhs, "y[:]"), "T": python_function(loss, "y0[:]", "y1[:]")}
    for a in (0, 1):
        gradient = jax.grad(loss, a)
        environment[f"T{a}"] = python_function(gradient, "y0[:]", "y1[:]")
        for b in range(a, 2):
            environment[f"T{a}{b}"] = python_function(jax.jacfwd(gradient, b), "y0[:]", "y1[:]")
    numbers = {"y_start": problem.y0, "t_start": float(t0), "t_end": float(t1), "dim": problem.dim}
    return as_values({**environment, **numbers})
