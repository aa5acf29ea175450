"""What a call does where the compiled form fails, and the words for results that are not finite.

The compiled form and the NumPy form take the same steps; where the first fails for another reason than the problem's, the
second still has the answer, and the note says so. Where both fail because a derivative is not finite, that is the message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import HessbenchError, IntegrationError
from .._integrate.ivp import IVP
from .._integrate.pairs import Pair
from .._model.counters import Counters
from .._model.derivatives import Array
from .._model.warnings import all_finite
from ._stepper import TOO_SMALL_STEP, integrate

if TYPE_CHECKING:
    from ._fold_derivatives import Folding
    from ._linearised import Linearised

BATCH = 4096  # stages at a time, looked through for derivatives that are not finite


def with_fallback(
    first: Callable[[Array], Any], second: Callable[[], Callable[[Array], Any]]
) -> Callable[[Array], Any]:
    """`first`, and `second()` in its place for an `x` where it fails or is not finite; prepared when it is first needed.

    Both give results with `value`, `grad`, `note` and perhaps `hess`. Raises what the second raises, if anything but that it
    cannot be had.
    """
    made: list[Callable[[Array], Any]] = []

    def run(x: Array) -> Any:
        result: Any = None
        try:
            result = first(x)
            if finite(result):
                return result
            failed, why = None, "the result was not finite"
        except IntegrationError as error:
            if TOO_SMALL_STEP not in str(error):
                raise
            failed, why = error, TOO_SMALL_STEP
        try:
            if not made:
                made.append(second())
        except HessbenchError:  # there is none
            if failed is not None:
                raise failed from None
            return replace(result, note=f"{result.note}; {not_finite(result)}")
        again = made[0](x)
        return replace(again, note=f"{again.note}; the compiled form failed here, {why}")

    return run


def finite(result: Any) -> bool:
    """Whether value, gradient and Hessian, as far as they are there, are."""
    return all_finite(result.value, result.grad, result.hess)


def not_finite(result: Any) -> str:
    """Which parts of a result are not finite."""
    parts = {"value": result.value, "gradient": result.grad, "Hessian": result.hess}
    bad = [key for key, part in parts.items() if part is not None and not np.isfinite(part).all()]
    return f"{' and '.join(bad)} not finite"


def explaining(at: Linearised, derivatives: Folding, scheme: Pair, ivp: IVP) -> Callable[[Array], Any]:
    """`at`, whose errors and results that are not finite say which derivative is not finite, where that is why."""
    folded = at.folded

    def run(x: Array) -> Any:
        y0, p = folded.problem.unpack(x)

        def first(tau: Array, z: Array) -> Array:
            return np.concatenate(derivatives.first(tau, z, p), axis=-1)

        def second(tau: Array, z: Array) -> Array:
            return derivatives.second(tau, z, np.ones(z.shape), p)

        def singular() -> str | None:
            f, z0, clock = folded.slope(p), folded.start(y0), lambda tau: folded.time(tau, p)
            return singular_derivative(f, first, second, scheme, folded.t_span, z0, ivp, folded.name, clock)

        try:
            point = at(x)
        except IntegrationError as error:
            raise explained(error, singular) from error
        return point if finite(point) else said_not_finite(point, point.end, singular)

    return run


def explained(error: IntegrationError, singular: Callable[[], str | None]) -> IntegrationError:
    """The error itself, or one that says which derivative is not finite where that is why steps became too small."""
    said = singular() if TOO_SMALL_STEP in str(error) else None
    return error if said is None else IntegrationError(f"{said[0].upper()}{said[1:]}.")


def said_not_finite(result: Any, end: Any, singular: Callable[[], str | None]) -> Any:
    """The result with a sentence on what is not finite, and why, in its note; `end` are the blocks of the loss."""
    why = singular_loss(end) or singular()
    return replace(result, note=f"{result.note}; {not_finite(result)}" + (f": {why}" if why else ""))


Rhs = Callable[[float, Array], Array]
Entries = Callable[[Array, Array], Array]


def singular_derivative(
    f: Rhs, first: Entries, second: Entries | None, scheme: Pair, t_span: tuple[float, float], y0: Array, ivp: IVP,
    name: Callable[[int], str], clock: Callable[[float], float] = float,
) -> str | None:  # fmt: skip
    """A sentence on the first stage of the solution at which a derivative of the right-hand side is not finite, or `None`.

    `first(t, y)` gives (m, n, n + P), `second` any contraction (m, n + P, n + P); `name` is that of an unknown, `clock` the
    time that `t` stands for.
    """
    quiet = replace(ivp, counters=Counters())
    try:
        with np.errstate(all="ignore"):
            path = integrate(f, lambda t, y: [], scheme, t_span, y0, quiet, 0)
    except IntegrationError:
        return None
    assert path.stages is not None
    times = (path.t[:, None] + scheme.c * path.h[:, None]).ravel()
    stages = path.stages.reshape(-1, y0.size)
    with np.errstate(all="ignore"):
        for start in range(0, times.size, BATCH):
            part = slice(start, start + BATCH)
            for order, entries in ((1, first), (2, second)):
                bad = np.argwhere(~np.isfinite(entries(times[part], stages[part]))) if entries is not None else []
                if len(bad):
                    i, k, j = bad[0]
                    what = f"is not finite at t = {clock(float(times[start + i])):.6g}"
                    if order == 1:
                        return f"the derivative of the right-hand side {what}, component {k} (by {name(j)})"
                    return f"the second derivative of the right-hand side {what} (by {name(k)} and {name(j)})"
    return None


def singular_loss(end: Any) -> str | None:
    """A sentence where the loss or a derivative of it is not finite at the end state; `end` holds blocks `l0`, `l11`, ..."""
    if end.marked is not None and not all(np.isfinite(v).all() for v in vars(end.marked).values() if v is not None):
        return "a term of the data, or a derivative of it, is not finite"
    if not np.isfinite(end.value):
        return "the loss is not finite at the end of the solution"
    blocks = {key: part for key, part in vars(end).items() if key[0] == "l" and part is not None}
    first = [part for key, part in blocks.items() if len(key) == 2]
    if not all(np.isfinite(part).all() for part in first):
        return "the loss has no derivative at the end of the solution (it is not finite)"
    if not all(np.isfinite(part).all() for part in blocks.values()):
        return "the loss has no second derivative at the end of the solution (it is not finite)"
    return None
