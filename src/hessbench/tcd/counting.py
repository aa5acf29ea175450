"""Counting the solves of a program, inside `jax.jit` too: what was done comes back as an array beside the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hessbench.tcd.ode import STAGES, Solution
from hessbench.tcd.values import Options

if TYPE_CHECKING:
    from hessbench import Counters


def logged(compute: Callable[[Options], Any], options: Options) -> tuple[Any, list[Any]]:
    """`compute(options)`, and for each solve an integer array (3,): length of the state, attempted, accepted steps."""
    import jax.numpy as jnp

    log: list[Any] = []

    def observe(length: int, solution: Solution) -> None:
        log.append(jnp.stack([jnp.asarray(length), solution.steps, solution.accepted]))

    result = compute(replace(options, observe=observe))
    return result, log


def count(counters: Counters, solves: Any, dim: int) -> None:
    """Adds logged solves, arrays (..., 3), to the counters of a problem with `dim` states."""
    import numpy as np

    length, attempted, accepted = np.concatenate([np.reshape(s, (-1, 3)) for s in solves]).T
    counters.solves += length.size
    counters.steps += int(accepted.sum())
    counters.rejected += int((attempted - accepted).sum())
    counters.rhs += STAGES * int(attempted.sum())
    counters.rhs_weighted += STAGES * float((attempted * length).sum()) / dim
