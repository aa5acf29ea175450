"""NumPy's functions of arrays on symbols.

Three lists say what each does here: those that only move, add and multiply entries are NumPy's own on arrays of objects; those
that NumPy composes of others are its own on symbols; `RECORDED` are written here. All others are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._graph import CannotTrace
from ._symbols import (
    FLOATS,
    Symbol,
    Symbols,
    _objects,
    _refused,
    array_function,
    each,
    native,
    plain,
    reduced,
    symbols,
    tidy,
)

MOVING = [
    "append",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block",
    "broadcast_arrays",
    "broadcast_to",
    "column_stack",
    "concatenate",
    "copy",
    "cross",
    "delete",
    "diag",
    "diagflat",
    "diagonal",
    "dot",
    "dsplit",
    "dstack",
    "einsum",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "inner",
    "insert",
    "kron",
    "matrix_transpose",
    "meshgrid",
    "moveaxis",
    "ndim",
    "outer",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "resize",
    "roll",
    "rollaxis",
    "rot90",
    "shape",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "tensordot",
    "tile",
    "transpose",
    "tril",
    "triu",
    "unstack",
    "vdot",
    "vsplit",
    "vstack",
    "concat",
    "trim_zeros",
    "iscomplexobj",
    "isrealobj",
]
COMPOSED = ("diff", "trapezoid", "polyval", "ediff1d")


def dispatch(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The NumPy function of arrays `function` on symbols. Raises `CannotTrace` for what is not known."""
    name = function.__name__
    if function in RECORDED:
        return RECORDED[function](*args, **{k: v for k, v in kwargs.items() if v is not np._NoValue})  # pyright: ignore
    if name in COMPOSED and getattr(np, name, None) is function:
        return function._implementation(*args, **kwargs)
    if name in MOVING and getattr(np, name, None) is function:
        out = function(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
        return type(out)(map(tidy, out)) if type(out) in (list, tuple) else tidy(out)
    raise _refused([*args, *kwargs.values()], f"it calls `{name}`")


def _reduction(name: str) -> Callable[..., Any]:
    def function(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **rest: Any
    ) -> Any:
        _only(rest, "initial")
        if dtype not in FLOATS or out is not None:
            raise CannotTrace("it reduces with `dtype` or `out`")
        return reduced(name, a, axis=axis, keepdims=keepdims, **rest)

    return function


def _extreme(name: str) -> Callable[..., Any]:
    def function(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **rest: Any) -> Any:
        return _reduction(name)(a, axis, None, out, keepdims, **rest)

    return function


def _only(given: dict[str, Any], *known: str) -> None:
    for key, value in given.items():
        if key not in known and not (key == "where" and value is True):
            raise CannotTrace(f"it calls a function with `{key}`")


def _mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    total = _reduction("add")(a, axis, dtype, out, keepdims)
    return total / (np.size(a) / max(1, np.size(total)))


def _var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False) -> Any:
    gap = a - _mean(a, axis, keepdims=True)
    total = _reduction("add")(gap * gap, axis, dtype, out, keepdims)
    return total / (np.size(a) / max(1, np.size(total)) - ddof)


def _std(a: Any, *args: Any, **options: Any) -> Any:
    return np.sqrt(_var(a, *args, **options))


def _accumulation(name: str) -> Callable[..., Any]:
    def function(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        if dtype not in FLOATS or out is not None:
            raise CannotTrace("it accumulates with `dtype` or `out`")
        a = _objects(a).ravel() if axis is None else _objects(a)
        return getattr(np, name).accumulate(a.view(Symbols), axis=axis or 0)

    return function


def _where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:
        raise _refused([condition, *choices], "it asks where a value is true")
    return each("where", condition, *choices)


def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    out = default
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        out = each("where", condition, choice, out)
    return out


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **given: Any) -> Any:
    low, high = given.pop("min", a_min), given.pop("max", a_max)
    _only(given)
    if out is not None:
        raise CannotTrace("it clips with `out`")
    if low is None or high is None:
        return np.positive(a) if low is high else each("minimum", a, high) if low is None else each("maximum", a, low)
    return each("clip", a, low, high)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    if out is not None:
        raise CannotTrace("it rounds with `out`")
    if decimals == 0:
        return np.rint(a)
    scale = 10.0 ** abs(decimals)
    return np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    most = np.finfo(float).max
    top, bottom = (most if posinf is None else posinf), (-most if neginf is None else neginf)
    if not copy:
        raise _refused([x], "it calls `nan_to_num` in place")
    return each("nan_to_num", x, nan, top, bottom)


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Piecewise linear; at a knot the piece that begins there, as in NumPy. Knots that are parameters have to increase."""
    if period is not None:
        raise _refused([x, xp, fp], "it calls `interp` with `period`")
    knots, values = _objects(xp).ravel().tolist(), _objects(fp).ravel().tolist()
    if len(knots) != len(values) or not knots:
        raise ValueError("fp and xp are not of the same length")
    if not any(isinstance(k, Symbol) for k in knots) and np.any(np.diff(np.array(knots, dtype=float)) <= 0):
        raise _refused([x, xp, fp], "it calls `interp` with knots that do not increase")
    before = values[0] if left is None else left
    after = values[-1] if right is None else right
    slopes = [(b - a) / (d - c) for a, b, c, d in zip(values, values[1:], knots, knots[1:], strict=False)]
    rates = [*slopes, 0.0]

    def piece(of: list[Any], at: Any, first: int, last: int) -> Any:
        """The entry of `of` that belongs to the last knot not above `at`, found by halving."""
        if first == last:
            return of[first]
        middle = (first + last + 1) // 2
        return _where(
            np.greater_equal(at, knots[middle]), piece(of, at, middle, last), piece(of, at, first, middle - 1)
        )

    def single(at: Any) -> Any:
        rate, origin, height = (piece(of, at, 0, len(knots) - 1) for of in (rates, knots, values))
        inside = rate * (at - origin) + height
        outside = _where(np.less(at, knots[0]), before, after)
        within = np.logical_and(np.greater_equal(at, knots[0]), np.less_equal(at, knots[-1]))
        return _where(within, inside, _where(np.isnan(at), at, outside))

    if np.ndim(x) == 0:
        return single(x if isinstance(x, Symbol) else _objects(x).item())
    return symbols([single(at) for at in _objects(x).ravel().tolist()], np.shape(x))


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Any:
    return filled(np.shape(a) if shape is None else shape, fill_value, dtype)


def _like(fill: float) -> Callable[..., Any]:
    return lambda a, dtype=None, order="K", subok=True, shape=None, **_: _full_like(a, fill, dtype, shape=shape)


def filled(shape: Any, value: Any, dtype: Any = None) -> Any:
    """An array into which symbols can be written, unless another type than that of doubles is asked for."""
    if dtype not in FLOATS:
        return np.full(shape, native(value) if isinstance(value, Symbols) else value, dtype=dtype)
    out = np.empty(shape, dtype=object)
    out[...] = float(value) if isinstance(value, bool | int | float) else plain(value)
    return out.view(Symbols)


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2) or (ord == 2 and axis is None and np.ndim(x) != 1) or isinstance(axis, tuple):
        raise _refused([x], "it calls `norm` of another order")
    return np.sqrt(_reduction("add")(np.multiply(x, x), axis, None, None, keepdims))


RECORDED: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction("add"), np.prod: _reduction("multiply"), np.max: _extreme("maximum"), np.min: _extreme("minimum"),
    np.amax: _extreme("maximum"), np.amin: _extreme("minimum"), np.any: _extreme("logical_or"), np.all: _extreme("logical_and"),
    np.mean: _mean, np.var: _var, np.std: _std, np.cumsum: _accumulation("add"), np.cumprod: _accumulation("multiply"),
    np.where: _where, np.select: _select, np.clip: _clip, np.round: _round, np.around: _round, np.fix: np.trunc,
    np.nan_to_num: _nan_to_num, np.interp: _interp, np.trace: _trace, np.linalg.norm: _norm,
    np.count_nonzero: lambda a, axis=None, *, keepdims=False: np.sum(np.not_equal(a, 0), axis=axis, keepdims=keepdims),
    np.real: lambda a: a, np.imag: lambda a: np.zeros(np.shape(a)), np.zeros_like: _like(0.0), np.ones_like: _like(1.0),
    np.empty_like: _like(0.0), np.full_like: _full_like,
}  # fmt: skip
array_function.append(dispatch)
