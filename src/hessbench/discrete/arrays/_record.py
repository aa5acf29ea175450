"""Recording a function by the array: each array is one of ids, and whatever only moves entries is NumPy's own on these.

Parameters are not symbols here but the numbers that they are. An operation on arrays is one block of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._operations import KNOWN, TRUTHS
from ._table import Table

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
POINTWISE = KNOWN - {
    "divmod",
    "modf",
    "add",
    "subtract",
    "negative",
    "positive",
    "conjugate",
    "isnan",
    "isinf",
    "isfinite",
}

dispatch: list[Callable[[Any, Any, dict[str, Any]], Any]] = []  # `_numpy`, one floor up


class Tensor:
    """An array of ids. Assigning to entries changes it in place, as in NumPy. `truth`: of truth values."""

    __slots__ = ("ids", "table", "truth")
    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, table: Table, ids: Array, truth: bool = False) -> None:
        self.table, self.ids, self.truth = table, ids, truth

    shape = property(lambda self: self.ids.shape)
    ndim = property(lambda self: self.ids.ndim)
    size = property(lambda self: self.ids.size)
    dtype = property(lambda self: np.dtype(bool if self.truth else float))
    T = property(lambda self: self.like(self.ids.T))
    real = property(lambda self: self)

    def like(self, ids: Any) -> Tensor:
        """Other ids of the same kind."""
        return Tensor(self.table, np.asarray(ids), self.truth)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key: Any) -> Tensor:
        return self.like(self.ids[self._place(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        value = value if isinstance(value, Tensor) else Tensor(self.table, self.table.constants(value), self.truth)
        self.ids[self._place(key)] = (value if value.truth == self.truth else number(value)).ids

    def _place(self, key: Any) -> Any:
        for k in key if isinstance(key, tuple) else (key,):
            if isinstance(k, Tensor):
                raise self.table.refuse("it needs the number of a value, as an index")
        return key

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return apply(self.table, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return dispatch[0](function, args, kwargs)

    def _convert(self, *args: Any) -> Any:
        raise self.table.refuse("it converts a value to a Python number, or branches on it")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __array__ = _convert

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Tensor:
        """As numbers of double precision."""
        if dtype not in (float, np.float64, np.dtype(float)):
            raise self.table.refuse("it converts values to another type")
        return number(self) if self.truth else self.like(self.ids.copy())

    def copy(self) -> Tensor:
        """Its own ids."""
        return self.like(self.ids.copy())

    def reshape(self, *shape: Any, **options: Any) -> Tensor:
        """`numpy.reshape`"""
        return self.like(self.ids.reshape(*shape, **options))

    def ravel(self) -> Tensor:
        """`numpy.ravel`"""
        return self.like(self.ids.ravel())

    def flatten(self) -> Tensor:
        """`numpy.ravel`, copied."""
        return self.like(self.ids.flatten())

    def transpose(self, *axes: Any) -> Tensor:
        """`numpy.transpose`"""
        return self.like(self.ids.transpose(*axes))


def number(a: Tensor) -> Tensor:
    """Truth values as 0 and 1."""
    return each(a.table, "where", a, 1.0, 0.0) if a.truth else a


def each(table: Table, name: str, *operands: Any) -> Tensor:
    """The operation `name` on every entry of broadcast operands. Raises `CannotTrace` for what is not known."""
    given = [
        a if isinstance(a, Tensor) else Tensor(table, table.constants(a), np.asarray(a).dtype == bool) for a in operands
    ]
    logical = name in TRUTHS or name.startswith("bitwise") or name == "invert"
    if logical and not all(a.truth for a in given):
        raise table.refuse(f"it takes `{name}` of numbers")
    if not logical:
        if len(given) > 1 and name != "where" and all(a.truth for a in given):
            raise table.refuse(f"it takes `{name}` of truth values")
        given = [a if name == "where" and k == 0 else number(a) for k, a in enumerate(given)]
    if name == "where" and not given[0].truth:
        given[0] = each(table, "not_equal", given[0], 0.0)
    arrays = np.broadcast_arrays(*(a.ids for a in given))
    flat = np.stack([a.ravel() for a in arrays], axis=1)
    out = _evaluated(table, name, flat)
    return Tensor(table, out.reshape(arrays[0].shape), logical or name in COMPARISONS or name == "signbit")


def _evaluated(table: Table, name: str, a: Array) -> Array:
    """Ids (count,) of an operation on those of numbers (count, arity)."""
    if name in ("positive", "conjugate"):
        return a[:, 0].copy()
    if name in ("add", "subtract", "negative"):
        signs = {"add": (1.0, 1.0), "subtract": (1.0, -1.0), "negative": (-1.0,)}[name]
        return table.linear(a, np.tile(signs, (len(a), 1)))
    out, fixed = np.empty(len(a), dtype=np.int64), (a < 0).all(axis=1)
    if fixed.any():
        function = np.where if name == "where" else getattr(np, name)
        with np.errstate(all="ignore"):
            columns = [table.values(a[fixed, k]) for k in range(a.shape[1])]
            if name == "where" or name in TRUTHS or name == "invert" or name.startswith("bitwise"):
                columns = [c.astype(bool) if k == 0 or name != "where" else c for k, c in enumerate(columns)]
            out[fixed] = table.constants(function(*columns))
    left = ~fixed
    for mask, at, inverse in _scaled(name, a):
        mask &= left
        if mask.any():
            by = table.values(a[mask, at])
            out[mask] = table.linear(a[mask, 1 - at][:, None], (1.0 / by if inverse else by)[:, None])
            left &= ~mask
    if name == "where" and left.any():
        mask = left & (a[:, 0] < 0)
        if mask.any():
            out[mask] = np.where(table.values(a[mask, 0]) != 0, a[mask, 1], a[mask, 2])
            left &= ~mask
    if left.any():
        if name not in POINTWISE and name != "where":
            raise table.refuse(f"it calls `{name}`")
        out[left] = table.pointwise(name, a[left])
    return out


def _scaled(name: str, a: Array) -> list[tuple[Array, int, bool]]:
    """Where one factor is a constant: the mask, the constant's place, and whether it divides."""
    if name == "multiply":
        return [(a[:, 0] < 0, 0, False), (a[:, 1] < 0, 1, False)]
    return [(a[:, 1] < 0, 1, True)] if name == "divide" else []


def apply(table: Table, ufunc: Any, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """The NumPy function `ufunc` of arrays. Raises `CannotTrace` for what is not known."""
    name: str = ufunc.__name__
    target = options.pop("out", None)
    odd = {k for k, v in options.items() if v is not None and not (k == "where" and v is True)}
    if method == "reduce":
        return dispatch[0](_reduction(table, name), inputs, options)
    if getattr(np, name, None) is not ufunc or method != "__call__" or odd - {"casting", "order", "subok"}:
        raise table.refuse(f"it calls `{name}`" + ("" if method == "__call__" else f".{method}"))
    if name == "matmul":
        out = dispatch[0](np.matmul, inputs, {})
    elif name == "square":
        out = each(table, "multiply", inputs[0], inputs[0])
    else:
        out = each(table, name, *inputs)
    if target is None:
        return out
    (into,) = target
    if not isinstance(into, Tensor):
        raise table.refuse("it writes values into an array of numbers; make it with the namespace it is given")
    into[...] = out
    return into


def _reduction(table: Table, name: str) -> Any:
    known = {"add": np.sum, "multiply": np.prod, "maximum": np.max, "minimum": np.min}
    if name not in known:
        raise table.refuse(f"it calls `{name}.reduce`")
    return known[name]


def _binary(ufunc: Any, reflected: bool) -> Callable[[Any, Any], Any]:
    def method(self: Tensor, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented
        return ufunc(other, self) if reflected else ufunc(self, other)

    return method


def _in_place(ufunc: Any) -> Callable[[Any, Any], Any]:
    def method(self: Tensor, other: Any) -> Tensor:
        self[...] = ufunc(self, other)
        return self

    return method


for _name, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power, "mod": np.remainder,
    "floordiv": np.floor_divide, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _binary(_ufunc, False))
    setattr(Tensor, f"__r{_name}__", _binary(_ufunc, True))
    setattr(Tensor, f"__i{_name}__", _in_place(_ufunc))
for _name, _ufunc in {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal
}.items():  # fmt: skip
    setattr(Tensor, f"__{_name}__", _binary(_ufunc, False))
for _name, _ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}.items():
    setattr(Tensor, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *args, **options: getattr(np, name)(self, *args, **options)


for _name in ("sum", "prod", "max", "min", "mean", "dot", "squeeze", "swapaxes", "repeat", "take", "diagonal", "clip"):
    setattr(Tensor, _name, _method(_name))
