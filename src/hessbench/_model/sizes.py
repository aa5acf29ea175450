"""How large the unknowns of a problem are: what `Problem(scale=...)` declares, and what the solution shows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import InvalidInput
from .derivatives import Array

if TYPE_CHECKING:
    from .problem import Problem

LOSS = "loss"
STEPS = 2000


def checked_scale(name: str, scale: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Declared sizes as arrays; `shapes` holds the names that may be declared. Raises `InvalidInput` for all others."""
    if not isinstance(scale, Mapping):
        raise InvalidInput(
            f"problem {name!r}: `scale` is {scale!r}; expected names with sizes, such as {{'y0': 1e-9}}."
        )
    out = {}
    for key, value in scale.items():
        if key not in shapes:
            known = ", ".join(shapes)
            raise InvalidInput(f"problem {name!r}: `scale` names {key!r}, but this problem has {known}.")
        try:
            size = np.array(value, dtype=np.float64)
            np.broadcast_to(size, shapes[key])
        except (TypeError, ValueError):
            raise InvalidInput(
                f"problem {name!r}: `scale[{key!r}]` is {value!r}; expected a number, or one for each entry, {shapes[key]}."
            ) from None
        if not np.all(np.isfinite(size) & (size > 0)):
            raise InvalidInput(f"problem {name!r}: `scale[{key!r}]` is {value!r}; sizes are positive and finite.")
        out[key] = size
    return out


def sizes(problem: Problem, x: Array, states: Array | None = None) -> Array:
    """`d` (n,) at `x` (n,): the largest of `|x_i|`, the declared scale and, for an initial state, `states` (dim,).

    An unknown of which none of these says anything gets the largest size in its own array, an end time the length of the
    time span, and 1 where that is zero too: declare its scale.
    """
    out, (t0, t1) = np.abs(x), map(float, problem.times(x))
    for key, at in problem.blocks.items():
        if key in problem.scale:
            out[at] = np.maximum(out[at], np.broadcast_to(problem.scale[key], problem.shapes[key]).ravel())
        if key == "y0" and states is not None:
            out[at] = np.maximum(out[at], states)
        unknown = abs(t1 - t0) if key in ("t0", "t1") else float(np.max(out[at], initial=0.0)) or 1.0
        out[at] = np.where(out[at] > 0, out[at], unknown)
    return out


def state_sizes(problem: Problem, x: Array) -> Array:
    """The largest `|y_i|` along the solution at `x`, (dim,), from a rough solve by LSODA, which stiffness does not stop.

    What was seen so far where it fails or takes more than `STEPS` steps.
    """
    if problem.data is not None or problem.events:
        from .._hybrid.judging import largest_states

        return largest_states(problem, x)
    from scipy.integrate import LSODA

    y0, p = problem.unpack(x)
    (t0, t1), y0 = map(float, problem.times(x)), np.asarray(y0, dtype=np.float64)
    largest = np.abs(y0)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            slope = np.abs(problem.rhs(np, t0, y0.copy(), p)) * abs(t1 - t0)
            atol = 1e-6 * largest + 1e-9 * slope + 1e-200
            solver = LSODA(lambda t, y: problem.rhs(np, t, y, p), t0, y0.copy(), t1, rtol=1e-4, atol=atol)
            for _ in range(STEPS):
                if solver.status != "running":
                    break
                solver.step()
                if not np.all(np.isfinite(solver.y)):
                    break
                largest = np.maximum(largest, np.abs(solver.y))
    except Exception:  # the functions are the user's: the sizes at the start are something, too
        return largest
    return largest
