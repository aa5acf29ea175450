"""What a result does not say by itself: sentences for `Result.warnings`, and the warnings that users see."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np

from .._errors import HessbenchWarning
from .._integrate.ivp import IVP
from .._model.result import Result
from .derivatives import Array

NEAR = 0.8  # of `max_steps`
NO_COMPILER = "no C compiler"  # what a note says where code could not be compiled for that reason


def remarkable(result: Result, ivp: IVP) -> bool:
    """Whether there may be anything to say: a quick look."""
    counted = result.counters
    return bool(
        result.warnings
        or not all_finite(result.value, result.grad, result.hess)
        or counted.steps >= NEAR * ivp.max_steps * (counted.solves or 1)
        or NO_COMPILER in result.note
    )


def all_finite(value: float, grad: Array, hess: Array | None) -> bool:
    """Whether value, gradient and Hessian are; counting takes half the time of `np.all`."""
    first = math.isfinite(value) and np.count_nonzero(np.isfinite(grad)) == grad.size
    return bool(first and (hess is None or np.count_nonzero(np.isfinite(hess)) == hess.size))


def sentences(result: Result, ivp: IVP) -> tuple[str, ...]:
    """What the strategy said, and what the harness sees in any result: not finite, `max_steps` near, no compiler.

    Several solves are compared with `max_steps` by their mean, so that a strategy of many is not warned of too soon.
    """
    out = list(result.warnings)
    parts = {"value": result.value, "gradient": result.grad, "Hessian": result.hess}
    bad = [name for name, part in parts.items() if not np.all(np.isfinite(part))]
    if bad:
        out.append(
            f"the {' and the '.join(bad)} {'is' if len(bad) == 1 else 'are'} not finite: the loss or the right-hand side "
            f"has no derivative there, or a number was too large"
        )
    counters = result.counters
    if counters.steps >= NEAR * ivp.max_steps * max(1, counters.solves):
        each = counters.steps // max(1, counters.solves)
        out.append(
            f"{each} steps were taken, and max_steps = {ivp.max_steps}: points nearby may fail; raise `max_steps`, or loosen "
            f"`rtol`"
        )
    if NO_COMPILER in result.note:
        out.append(
            "no C compiler was found (set CC, install gcc or clang, or pip install 'hessbench[compiler]'): this runs some "
            "hundred times slower than compiled code"
        )
    return tuple(dict.fromkeys(out))


def kind(sentence: str) -> str:
    """The sentence, whatever numbers it holds."""
    return re.sub(r"[-+]?\d[\d.e+-]*", "#", sentence)


def warn(result: Any, stacklevel: int, known: set[str] | None = None) -> None:
    """Emit the sentences of `result.warnings` as `HessbenchWarning`, from the caller that is `stacklevel` calls up.

    Those in `known` are left out, whatever numbers they hold, and new ones are added to it.
    """
    for sentence in result.warnings:
        if known is None or kind(sentence) not in known:
            if known is not None:
                known.add(kind(sentence))
            warnings.warn(sentence, HessbenchWarning, stacklevel=stacklevel + 1)
