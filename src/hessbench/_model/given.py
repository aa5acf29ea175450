"""What users give to a `Problem`, checked and converted; each raises `InvalidInput` that names the problem and the remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._errors import HessbenchWarning, InvalidInput, Mistake
from .arrays import Array, Params
from .mistakes import SIGNATURES, arguments, missing, order, place_of, words_for

TIMES = ("t0", "t1")
LOSS = "loss"


def vector(name: str, what: str, value: Any, size: int | None = None) -> Array:
    """`value` as finite doubles (n,), `n = size` where that is given."""
    out = real(name, what, value, "a vector of numbers").astype(np.float64)
    if out.ndim != 1 or out.size == 0 or (size is not None and out.size != size):
        expected = "(n,) with n >= 1" if size is None else f"({size},)"
        raise InvalidInput(f"problem {name!r}: `{what}` has shape {out.shape}, expected {expected}.")
    if np.count_nonzero(np.isfinite(out)) < out.size:
        raise InvalidInput(f"problem {name!r}: `{what}` holds a value that is not finite: {out}.")
    return out


def parameter(name: str, key: str, value: Any) -> Array:
    """A copy of the parameter `key`: doubles, whole numbers or truth values."""
    out = real(name, f"params[{key!r}]", value, "a number or an array of numbers")
    return out.astype(np.float64) if out.dtype.kind == "f" else out.copy()


def real(name: str, what: str, value: Any, expected: str) -> Array:
    """`value` as an array of real numbers; raises `InvalidInput` for anything else.

    JAX makes arrays in single precision unless told otherwise, which is warned of.
    """
    try:
        out = np.asarray(value)
    except (TypeError, ValueError):
        rows = value if isinstance(value, list | tuple) else []
        lengths = {len(row) for row in rows if isinstance(row, list | tuple)}
        if len(lengths) > 1:
            raise InvalidInput(
                f"problem {name!r}: `{what}` has rows of {' and '.join(map(str, sorted(lengths)[:5]))} numbers: make them as "
                f"long as each other, or give each a name of its own."
            ) from None
        out = np.asarray(None)
    if isinstance(value, str):
        raise InvalidInput(
            f"problem {name!r}: `{what}` is the text {value!r}: write {expected}, without quotation marks."
        )
    if out.dtype.kind == "c":
        raise InvalidInput(
            f"problem {name!r}: `{what}` is complex ({out.dtype}); give real and imaginary parts by themselves."
        )
    if isinstance(value, Mapping):
        raise InvalidInput(
            f"problem {name!r}: `{what}` must be {expected}, got {value!r}: write `Problem(name, rhs, loss, t_span, "
            f"y0, params)` in this order (is one missing?), or name each, such as `{what}=...`."
        )
    if out.dtype == np.float32 and type(value).__module__.partition(".")[0] in ("jax", "jaxlib"):
        warnings.warn(
            f"problem {name!r}: `{what}` is a float32 array of JAX, whose numbers have seven digits: call "
            f'`jax.config.update("jax_enable_x64", True)` before the first array is made, or give NumPy arrays.',
            HessbenchWarning,
            stacklevel=2,
        )
    if out.dtype.kind not in "biuf":
        raise InvalidInput(f"problem {name!r}: `{what}` must be {expected}, got {value!r}.")
    return out


def times(name: str, t_span: Any) -> tuple[float, float]:
    """Start and end of a span."""
    try:
        t0, t1 = (float(real(name, "t_span", t, "two numbers (t0, t1)")) for t in t_span)
    except (TypeError, ValueError):
        swapped = " Are `t_span` and `y0` swapped? `t_span` comes first." if np.ndim(t_span) == 1 else ""
        raise InvalidInput(
            f"problem {name!r}: `t_span` must be two numbers (t0, t1), got {t_span!r}.{swapped}"
        ) from None
    if not (np.isfinite(t0) and np.isfinite(t1)) or t0 == t1:
        raise InvalidInput(f"problem {name!r}: `t_span` is {t_span!r}; start and end must be finite and differ.")
    return t0, t1


def called(name: str, what: str, function: Callable[[], Any], own: Any = None, p: Params | None = None) -> Any:
    """What `function`, which calls the user's function `own` with parameters `p`, returns; `what` shows the call."""
    try:
        return function()
    except Exception as error:
        key, functions = what.partition("(")[0], {what: own}
        if own is not None and key in SIGNATURES and (said := arguments(key, own) or order(key, own)):
            raise Mistake(f"problem {name!r}: {said}") from error
        if said := words_for(error, functions, p or {}):
            raise Mistake(f"problem {name!r}: {said}") from error
        where = place_of(error, functions)
        at = f"{where}: " if where else ""
        hint = f"; {said}" if (said := missing(error, p or {})) else ""
        raise InvalidInput(f"problem {name!r}: {at}`{what}` raised {type(error).__name__}: {error}{hint}") from error


def check_wrt(name: str, params: Params, wrt: tuple[str, ...]) -> None:
    """Raise `InvalidInput` for reserved names of parameters, and for what a Hessian cannot be taken by."""
    for key in ("y0", *TIMES):
        if key in params:
            raise InvalidInput(
                f"problem {name!r}: `params` holds {key!r}, a reserved name: give it as "
                f"{'`y0`' if key == 'y0' else '`t_span`'}, or rename the parameter."
            )
    known = ["y0", *params]
    if not wrt or len(set(wrt)) < len(wrt):
        raise InvalidInput(f"problem {name!r}: `wrt` is {wrt!r}; name each of {known} and t0, t1 at most once.")
    for key in wrt:
        if key not in (*known, *TIMES):
            raise InvalidInput(f"problem {name!r}: `wrt` names {key!r}, but this problem has {known} and t0, t1.")
        if key in params and not np.issubdtype(params[key].dtype, np.floating):
            kind = params[key].dtype
            raise InvalidInput(
                f"problem {name!r}: parameter {key!r} has type {kind}; a Hessian needs floating point. "
                f"Write it as a float."
            )


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
