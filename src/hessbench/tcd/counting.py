"""Counting the solves of a program, inside `jax.jit` too: what was done comes back as an array beside the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hessbench.tcd.ode import Solution
from hessbench.tcd.values import Options

if TYPE_CHECKING:
    from hessbench import Counters


def logged(compute: Callable[[Options], Any], options: Options) -> tuple[Any, list[Any]]:
    """`compute(options)`, and for each solve an integer array (4,): length of the state, attempted and accepted
    steps, evaluations of the field."""
    import jax.numpy as jnp

    log: list[Any] = []

    def observe(length: int, solution: Solution) -> None:
        log.append(jnp.stack([jnp.asarray(length), solution.steps, solution.accepted, solution.rhs]))

    result = compute(replace(options, observe=observe))
    return result, log


def count(counters: Counters, solves: Any, dim: int) -> None:
    """Adds logged solves, arrays (..., 4), to the counters of a problem with `dim` states."""
    import numpy as np

    length, attempted, accepted, rhs = np.concatenate([np.reshape(s, (-1, 4)) for s in solves]).T
    counters.solves += length.size
    counters.steps += int(accepted.sum())
    counters.rejected += int((attempted - accepted).sum())
    counters.rhs += int(rhs.sum())
    counters.rhs_weighted += float((rhs * length).sum()) / dim
