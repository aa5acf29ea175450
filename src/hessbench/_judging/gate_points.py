"""Where the gate compares beside the problem's own and its perturbed point: at a point drawn anew for each run.

The seed is in every record; `--gate-seed`, or the environment variable `HESSBENCH_GATE_SEED`, repeats it. All contenders
of a run are compared at the same point, whose reference is kept like every other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

import numpy as np

from .._errors import InvalidInput
from .._hybrid.sizes import state_sizes
from .._model.derivatives import Array
from .._model.problem import Problem
from .reference import is_cached, kept, points, reference

VARIABLE = "HESSBENCH_GATE_SEED"
AWAY = 0.02  # of the size of each unknown
DRAWS = 3


def run_seed() -> int:
    """The seed of this run: `HESSBENCH_GATE_SEED`, else one drawn once per process. `InvalidInput` for what is no number."""
    text = os.environ.get(VARIABLE)
    if text is None:
        return _drawn_seed()
    if not text.isdecimal():
        raise InvalidInput(f"{VARIABLE} is {text!r}; expected a number that is not negative.")
    return int(text)


def with_seed(seed: int | None) -> None:
    """Make `seed` that of this process and of all that it starts; nothing where it is `None`."""
    if seed is not None:
        os.environ[VARIABLE] = str(seed)


@cache
def _drawn_seed() -> int:
    return secrets.randbelow(2**31)


def drawn_points(problem: Problem, seed: int) -> list[Array]:
    """`DRAWS` points (n,) near the problem's own, to be tried one after the other.

    Each unknown moves by at most `AWAY` of its size and keeps its sign, which a concentration or a mass needs; from zero it
    moves up. End times move by at most `AWAY` of the time span.
    """
    x = problem.x0
    reach = _rounded(problem.sizes(x, state_sizes(problem, x)))
    signs = np.where(x < 0, -1.0, 1.0)
    out = []
    for draw in range(DRAWS):
        moved = AWAY * reach * np.random.default_rng([seed, draw]).uniform(-1.0, 1.0, x.size)
        out.append(np.where(signs * (x + moved) > 0, x + moved, x + signs * np.abs(moved)))
    return out


def _rounded(sizes: Array) -> Array:
    """To two digits, so that the last bits of a solve, which differ between machines, do not move the point."""
    tens = 10.0 ** (np.floor(np.log10(sizes)) - 1)
    return np.rint(sizes / tens) * tens


def first_with_reference(problem: Problem, candidates: Iterable[Array]) -> Array | None:
    """The first of the drawn points at which there is a reference, which is kept; `None` if there is none at any of them."""
    for x in candidates:
        with suppress(Exception):  # outside of what the problem allows its functions may raise anything
            reference(problem, x)
            return x
    return None


def first_kept(problem: Problem, candidates: Iterable[Array]) -> Array | None:
    """The first of the drawn points whose reference is there already; `None` if none is."""
    for x in candidates:
        with suppress(Exception):
            if kept(problem, x) is not None:
                return x
    return None


def settled(problem: Problem, candidates: Iterable[Array]) -> bool:
    """Whether all is known that a comparison needs: references at the problem's points and at one of those drawn.

    Also where it is known that there are none.
    """
    own = points(problem)
    if not all(is_cached(problem, x) for x in own):
        return False
    if any(kept(problem, x) is None for x in own):
        return True
    for x in candidates:
        with suppress(Exception):
            if not is_cached(problem, x):
                return False
            if kept(problem, x) is not None:
                return True
    return True
