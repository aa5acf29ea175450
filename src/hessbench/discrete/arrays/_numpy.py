"""NumPy's functions of arrays on `_record.Tensor`.

What only moves entries is NumPy's own on ids. All that is not listed here is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from ._record import Tensor, dispatch, each, number
from ._table import Table

MOVING = frozenset({
    "append", "array_split", "atleast_1d", "atleast_2d", "atleast_3d", "block", "broadcast_arrays", "broadcast_to",
    "column_stack", "concatenate", "concat", "copy", "delete", "diagonal", "dsplit", "dstack", "expand_dims", "flip", "fliplr",
    "flipud", "hsplit", "hstack", "insert", "matrix_transpose", "moveaxis", "permute_dims", "ravel", "repeat", "reshape",
    "roll", "rollaxis", "rot90", "split", "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile", "transpose",
    "unstack", "vsplit", "vstack",
})  # fmt: skip
ASKING = frozenset({"ndim", "shape", "size", "iscomplexobj", "isrealobj"})
COMPOSED = frozenset({"diff", "trapezoid"})
PLACES = {
    "append": (2,),
    "delete": (1, 2),
    "insert": (1, 3),
    "take": (1,),
    "take_along_axis": (1,),
}  # no values of these


def tensors(values: Any) -> list[Tensor]:
    """Those among nested arguments."""
    if isinstance(values, Tensor):
        return [values]
    return [t for v in values for t in tensors(v)] if isinstance(values, list | tuple) else []


def handle(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The NumPy function of arrays `function`. Raises `CannotTrace` for what is not known."""
    found = tensors([*args, *kwargs.values()])
    table, name = found[0].table, function.__name__
    kwargs = {k: v for k, v in kwargs.items() if v is not np._NoValue and v is not None}  # pyright: ignore
    if function in RECORDED:
        try:
            return RECORDED[function](table, *args, **kwargs)
        except TypeError as error:
            raise table.refuse(f"it calls `{name}` with arguments that are not known") from error
    if getattr(np, name, None) is not function:
        raise table.refuse(f"it calls `{name}`")
    if name in ASKING:
        return function(*(a.ids if isinstance(a, Tensor) else a for a in args), **kwargs)
    if name in COMPOSED:
        return function._implementation(*args, **kwargs)
    if name not in MOVING:
        raise table.refuse(f"it calls `{name}`")
    if len({t.truth for t in found}) > 1:
        raise table.refuse("it joins truth values and numbers")
    fixed = PLACES.get(name, ()) if name in PLACES else range(1, len(args))  # arguments that are places, shapes or axes
    moved = [a if k in fixed else _ids(table, a) for k, a in enumerate(args)]
    if name == "broadcast_arrays":
        moved = [_ids(table, a) for a in args]
    out = function(*moved, **kwargs)
    return type(out)(found[0].like(o) for o in out) if isinstance(out, list | tuple) else found[0].like(out)


def _ids(table: Table, a: Any) -> Any:
    """Ids in the place of arrays and of numbers."""
    if isinstance(a, Tensor):
        return a.ids
    if isinstance(a, list | tuple):
        return type(a)(_ids(table, v) for v in a)
    return table.constants(a)


def tensor(table: Table, a: Any) -> Tensor:
    if isinstance(a, Tensor):
        return number(a)
    return Tensor(table, np.asarray(_stacked(table, a)))


def _stacked(table: Table, a: Any) -> Any:
    if isinstance(a, list | tuple):
        parts = [_stacked(table, v) for v in a]
        return np.stack(parts) if parts else np.zeros(0, dtype=np.int64)
    return number(a).ids if isinstance(a, Tensor) else table.constants(a)


def _sum(table: Table, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Tensor:
    if dtype not in (None, float, np.float64) or out is not None:
        raise table.refuse("it adds with `dtype` or `out`")
    rows, shape = _rows(tensor(table, a).ids, axis, keepdims)
    if rows.shape[1] == 0:
        return Tensor(table, np.broadcast_to(table.constants(0.0), shape).copy())
    return Tensor(table, table.linear(rows, np.ones(rows.shape)).reshape(shape))


def _rows(ids: Array, axis: Any, keepdims: bool) -> tuple[Array, tuple[int, ...]]:
    """What is reduced, in rows (count, k), and the shape of the result."""
    axes = range(ids.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(range(ids.ndim)[k] for k in axes)
    kept = [k for k in range(ids.ndim) if k not in axes]
    shape = tuple(1 if k in axes else ids.shape[k] for k in range(ids.ndim) if keepdims or k in kept)
    rows = ids.transpose(*kept, *axes)
    count = int(np.prod([ids.shape[k] for k in kept], dtype=int))
    return rows.reshape(count, ids.size // count if count else 0), shape


def _mean(table: Table, a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    total = _sum(table, a, axis, keepdims=keepdims)
    return each(table, "divide", total, np.size(tensor(table, a).ids) / max(1, total.size))


def _folded(name: str) -> Callable[..., Tensor]:
    def function(table: Table, a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        rows, shape = _rows(tensor(table, a).ids, axis, keepdims)
        if rows.shape[1] == 0:
            raise table.refuse(f"it takes `{name}` of nothing")
        out = Tensor(table, rows[:, 0])
        for k in range(1, rows.shape[1]):
            out = each(table, name, out, Tensor(table, rows[:, k]))
        return out.reshape(shape)

    return function


def _cumsum(table: Table, a: Any, axis: Any = None) -> Tensor:
    ids = tensor(table, a).ids
    ids = ids.ravel() if axis is None else np.moveaxis(ids, axis, 0)
    parts = [Tensor(table, ids[:1])]
    for k in range(1, len(ids)):
        parts.append(each(table, "add", parts[-1], Tensor(table, ids[k : k + 1])))
    joined = np.concatenate([p.ids for p in parts])
    return Tensor(table, joined if axis is None else np.moveaxis(joined, 0, axis))


def _clip(table: Table, a: Any, a_min: Any = None, a_max: Any = None, **given: Any) -> Tensor:
    low, high = given.pop("min", a_min), given.pop("max", a_max)
    if given or low is None or high is None:
        raise table.refuse("it clips on one side, or with options")
    return each(table, "clip", a, low, high)


def _einsum(table: Table, subscripts: Any, *operands: Any) -> Tensor:
    if not isinstance(subscripts, str) or "..." in subscripts:
        raise table.refuse("it calls `einsum` with an ellipsis, or without a string")
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if "->" not in subscripts:
        output = "".join(sorted(c for c in set(inputs) - {","} if inputs.count(c) == 1))
    if any(len(set(term)) < len(term) for term in terms):
        raise table.refuse("it takes a diagonal by `einsum`")
    parts = [(term, tensor(table, a)) for term, a in zip(terms, operands, strict=True)]
    while len(parts) > 1:  # from the last to the first, so that factors that are constant stay until then
        (left, a), (right, b) = parts[-2:]
        rest = {c for term, _ in parts[:-2] for c in term} | set(output)
        if len(parts) > 2 and not _moving(a) and not _moving(b):
            rest |= set(left + right)
        parts[-2:] = [_contracted(table, left, a, right, b, "".join(sorted((set(left) | set(right)) & rest)))]
    term, a = parts[0]
    if set(term) != set(output):
        a = _sum(table, a, tuple(k for k, c in enumerate(term) if c not in output))
        term = "".join(c for c in term if c in output)
    return a.transpose([term.index(c) for c in output]) if term != output else a


def _moving(a: Tensor) -> bool:
    return bool((a.ids >= 0).any())


def _contracted(table: Table, left: str, a: Tensor, right: str, b: Tensor, kept: str) -> tuple[str, Tensor]:
    """The product of two arrays over the axes that are not `kept`."""
    size = {**dict(zip(left, a.shape, strict=True)), **dict(zip(right, b.shape, strict=True))}
    summed = [c for c in size if c not in kept]
    order = [*kept, *summed]
    whole = tuple(size[c] for c in order)

    def laid(term: str, t: Tensor) -> Array:
        ids = t.ids.transpose([term.index(c) for c in order if c in term])
        ids = ids.reshape([size[c] if c in term else 1 for c in order])
        return np.broadcast_to(ids, whole).reshape(-1, int(np.prod([size[c] for c in summed], dtype=int)))

    x, y = laid(left, a), laid(right, b)
    if not (_moving(a) and _moving(b)):
        fixed, moving = (y, x) if _moving(a) else (x, y)
        out = table.linear(moving, table.values(fixed))
    else:
        products = each(table, "multiply", Tensor(table, x), Tensor(table, y)).ids
        out = table.linear(products, np.ones(products.shape)) if summed else products[:, 0]
    return kept, Tensor(table, out.reshape([size[c] for c in kept]))


def _matmul(table: Table, a: Any, b: Any) -> Tensor:
    a, b = tensor(table, a), tensor(table, b)
    if not a.ndim or not b.ndim or max(a.ndim, b.ndim) > 2:
        raise table.refuse("it multiplies stacks of matrices by `@`; use `einsum`")
    return (
        _einsum(table, f"{'ij'[2 - a.ndim :]},{'jk'[: b.ndim]}", a, b)
        if a.ndim == b.ndim == 1
        else _einsum(table, f"{'ij'[2 - a.ndim :]},{'jk'[: b.ndim]}->{'i' * (a.ndim == 2)}{'k' * (b.ndim == 2)}", a, b)
    )


def _dot(table: Table, a: Any, b: Any) -> Tensor:
    return each(table, "multiply", a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else _matmul(table, a, b)


def _outer(table: Table, a: Any, b: Any) -> Tensor:
    a, b = tensor(table, a), tensor(table, b)
    return each(table, "multiply", a.reshape(-1, 1), b.reshape(1, -1))


def _norm(table: Table, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    if ord not in (None, 2) or (ord == 2 and axis is None and np.ndim(x) != 1) or isinstance(axis, tuple):
        raise table.refuse("it calls `norm` of another order")
    return each(table, "sqrt", _sum(table, each(table, "multiply", x, x), axis, keepdims=keepdims))


def _where(table: Table, condition: Any, *choices: Any) -> Tensor:
    if len(choices) != 2:
        raise table.refuse("it asks where a value is true")
    return each(table, "where", condition, *choices)


def _like(fill: float | None) -> Callable[..., Tensor]:
    def function(table: Table, a: Any, fill_value: Any = fill, dtype: Any = None, shape: Any = None) -> Tensor:
        return filled(table, np.shape(a) if shape is None else shape, fill_value, dtype)

    return function


def filled(table: Table, shape: Any, value: Any, dtype: Any = None) -> Tensor:
    """An array into which values can be written."""
    if dtype not in (None, float, np.float64):
        raise table.refuse("it makes an array of another type")
    out = Tensor(table, np.empty(shape, dtype=np.int64))
    out[...] = value
    return out


RECORDED: dict[Any, Callable[..., Any]] = {
    np.sum: _sum, np.mean: _mean, np.prod: _folded("multiply"), np.max: _folded("maximum"), np.min: _folded("minimum"),
    np.amax: _folded("maximum"), np.amin: _folded("minimum"), np.cumsum: _cumsum, np.clip: _clip, np.where: _where,
    np.einsum: _einsum, np.matmul: _matmul, np.dot: _dot, np.outer: _outer, np.linalg.norm: _norm,
    np.zeros_like: _like(0.0), np.empty_like: _like(0.0), np.ones_like: _like(1.0), np.full_like: _like(None),
}  # fmt: skip
dispatch.append(handle)
