"""NumPy for symbols: numbers and arrays that record what is done with them, through NumPy's own functions or a namespace.

Whatever is not known here to mean the same on symbols is refused. An array of symbols is an array of objects, so that all that
only moves entries (indexing, reshaping, stacking) is NumPy's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._graph import CannotTrace, Graph, Node
from ._operations import KNOWN, WHOLE, lift, of_whole, operation

PRODUCTS = (np.matmul, np.vecdot, *(getattr(np, name) for name in ("matvec", "vecmat") if hasattr(np, name)))
REDUCED = {
    "add": 0.0, "multiply": 1.0, "maximum": None, "minimum": None, "fmax": None, "fmin": None, "logaddexp": None,
    "logaddexp2": None, "logical_and": True, "logical_or": False, "logical_xor": False,
}  # fmt: skip
FLOATS = (None, object, float, np.float64, np.floating, np.double)
TRUTHFUL = (
    "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not",
    "logical_xor", "isnan", "isinf", "isfinite", "signbit",
)  # fmt: skip
IN_AN_ARRAY = (
    "sum", "prod", "max", "min", "mean", "any", "all", "var", "std", "clip", "round", "astype", "copy", "item", "reshape",
    "ravel", "flatten", "squeeze", "T", "dot", "transpose", "cumsum", "cumprod",
)  # fmt: skip

array_function: list[
    Callable[[Any, Any, dict[str, Any]], Any]
] = []  # what `_array_functions`, one floor up, does for both


class Symbol:
    """A number that records. `==`, `<` and the like give truth values that record.

    `whole`: NumPy has an integer here, such as a count of truth values, with integer arithmetic (see `_operations.WHOLE`).
    """

    __slots__ = ("node", "whole")
    ndim, shape, size, __hash__ = 0, (), 1, object.__hash__

    def __init__(self, node: Node, whole: bool = False) -> None:
        self.node, self.whole = node, whole

    @property
    def real(self) -> Symbol:
        """Itself."""
        return self

    @property
    def imag(self) -> float:
        """Zero."""
        return 0.0

    def refuse(self, reason: str) -> CannotTrace:
        """The exception to raise, which stands even if it is caught by what is recorded."""
        self.node.graph.refused = CannotTrace(reason)
        return self.node.graph.refused

    def __bool__(self) -> bool:
        raise self.refuse("it branches on a value (`if`, `max`, ...); use `where` of the namespace it is given")

    def _convert(self, *args: Any) -> Any:
        raise self.refuse("it converts a value to a Python number")

    __float__ = __int__ = __complex__ = __round__ = __trunc__ = __floor__ = __ceil__ = __index__ = _convert

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return apply(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return array_function[0](function, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in KNOWN:
            return lambda *others: _scalars(name, self, *others)
        if name in IN_AN_ARRAY:
            return getattr(symbols([self], ()), name)
        raise AttributeError(name)


def _scalars(name: str, *values: Any) -> Any:
    """One operation on symbols and numbers."""
    values = tuple(map(_entry, values))
    graph = next((v.node.graph for v in values if isinstance(v, Symbol)), None) or Graph()
    nodes = [v.node if isinstance(v, Symbol) else lift(graph, v) for v in values]
    whole = all(map(_whole, values[1:] if name == "where" else values))
    out = of_whole(name, *nodes) if whole and name in WHOLE else operation(name, *nodes)
    return tuple(_symbol(o, False) for o in out) if isinstance(out, tuple) else _symbol(out, whole and name in WHOLE)


def _whole(value: Any) -> bool:
    if isinstance(value, Symbol):
        return value.whole or value.node.condition
    return isinstance(value, bool | np.bool_ | int | np.integer)


def _symbol(node: Node, whole: bool) -> Any:
    """A node as a symbol, or as the number that it is."""
    if node.value is not None:
        return int(node.args[0]) if whole and not node.condition else node.args[0]
    return Symbol(node, whole and not node.condition)


def _binary(name: str, reflected: bool = False) -> Callable[[Symbol, Any], Any]:
    def method(self: Symbol, other: Any) -> Any:
        if isinstance(other, np.ndarray | list | tuple):
            return NotImplemented if isinstance(other, np.ndarray) else _binary_array(name, reflected, self, other)
        if other is None or isinstance(other, str):
            return NotImplemented
        a, b = (other, self) if reflected else (self, other)
        if name in ("add", "multiply") and all(isinstance(v, Symbol) and v.node.condition for v in (a, b)):
            raise self.refuse("it adds or multiplies truth values; use `&` and `|`, or multiply by 1.0 first")
        return _scalars(name, a, b)

    return method


def _binary_array(name: str, reflected: bool, a: Symbol, b: Any) -> Any:
    ufunc, b = getattr(np, name), np.asarray(b)
    return ufunc(b, a) if reflected else ufunc(a, b)


for _name, _ufunc in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "mod": "remainder",
    "floordiv": "floor_divide", "divmod": "divmod", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}.items():  # fmt: skip
    setattr(Symbol, f"__{_name}__", _binary(_ufunc))
    setattr(Symbol, f"__r{_name}__", _binary(_ufunc, True))
for _name, _ufunc in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"
}.items():  # fmt: skip
    setattr(Symbol, f"__{_name}__", _binary(_ufunc))
for _name, _ufunc in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
    setattr(Symbol, f"__{_name}__", lambda self, name=_ufunc: _scalars(name, self))


class Symbols(np.ndarray):
    """An array of symbols and numbers."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return apply(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return array_function[0](function, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_place(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_place(key), value)

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """Itself for doubles; whole numbers and truth values only of numbers."""
        return each("positive", self * 1.0) if dtype in FLOATS else native(self).astype(dtype, *args, **options)


def _method(name: str) -> Callable[..., Any]:
    return lambda self, *args, **options: getattr(np, name)(self, *args, **options)


for _name in (
    "sum", "prod", "max", "min", "mean", "any", "all", "var", "std", "cumsum", "cumprod", "clip", "round", "argmax", "argmin",
    "argsort", "argpartition", "partition", "searchsorted", "nonzero", "choose", "compress", "sort", "trace", "dot",
):  # fmt: skip
    setattr(Symbols, _name, _method(_name))


def _place(key: Any) -> Any:
    """An index without symbols: those that are numbers as NumPy's, others are refused."""
    parts = key if isinstance(key, tuple) else (key,)
    plain = tuple(native(k) if isinstance(k, Symbols | Symbol) else k for k in parts)
    return plain if isinstance(key, tuple) else plain[0]


def native(a: Any) -> Any:
    """An array of objects that are all numbers, as NumPy's own. Raises `CannotTrace` if one is a symbol."""
    values = np.asarray(a, dtype=object).ravel().tolist()
    for v in values:
        if isinstance(v, Symbol):
            raise v.refuse("it needs the number of a value, as an index or an argument")
    return np.array(values).reshape(np.shape(a))


def symbols(values: Any, shape: tuple[int, ...]) -> Symbols:
    """An array of `shape` of nodes, symbols and numbers."""
    out = np.empty(len(values), dtype=object)
    out[:] = [Symbol(v) if isinstance(v, Node) else v for v in values]
    return out.reshape(shape).view(Symbols)


def tidy(out: Any) -> Any:
    """A result: NumPy's array of objects as an array of symbols, or of numbers if it holds no symbol."""
    if not (isinstance(out, np.ndarray) and out.dtype == object):
        return out
    if any(isinstance(_entry(v), Symbol) for v in out.flat):
        return out.view(Symbols)
    return native(out) if out.size else out.astype(float)


def plain(a: Any, depth: int = 0) -> Any:
    """An argument for NumPy's own loops over objects; NumPy would ask symbols in a list once more what to do with them."""
    if isinstance(a, Symbols):
        return a.view(np.ndarray) if a.ndim or depth < 2 else a.item()
    if isinstance(a, Symbol):
        return np.array(a, dtype=object) if depth < 2 else a
    return type(a)(plain(v, depth + 1) for v in a) if type(a) in (list, tuple) else a


def _entry(a: Any) -> Any:
    """An array without axes, which NumPy would keep as an object inside of another, as what it holds."""
    return a[()] if isinstance(a, np.ndarray) and a.ndim == 0 else a


def each(name: str, *arrays: Any) -> Any:
    """The operation `name` on every entry of broadcast `arrays`."""
    outputs = 2 if name in ("divmod", "modf") else 1
    function = np.frompyfunc(lambda *values: _scalars(name, *values), len(arrays), outputs)
    out = function(*(np.asarray(a, dtype=object).view(np.ndarray) for a in arrays))
    return tuple(map(tidy, out)) if outputs == 2 else tidy(out)


def apply(ufunc: Any, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """The NumPy function `ufunc` of symbols. Raises `CannotTrace` for what is not known."""
    name = ufunc.__name__
    if getattr(np, name, None) is not ufunc and ufunc is not np.clip:
        raise _refused(inputs, f"it calls `{name}`, which is not of NumPy,")
    options = {k: v for k, v in options.items() if not (k in USUAL and _usual(k, v, name))}
    target = options.pop("out", None)
    if target is not None and not isinstance(target, np.ndarray):
        (target,) = target if len(target) == 1 else (None,)
    odd = set(options) - (set() if method == "__call__" else {"axis", "keepdims", "initial"})
    if odd:
        raise _refused(inputs, f"it calls `{name}` with `{min(odd)}`")
    if ufunc in PRODUCTS and method == "__call__":
        out = tidy(ufunc(*map(plain, inputs)))
    elif method == "__call__" and name in KNOWN:
        out = each(name, *inputs)
    elif method == "reduce" and name in REDUCED:
        out = reduced(name, *inputs, **options)
    elif method == "accumulate" and name in REDUCED:
        values = each("multiply", inputs[0], 1) if name in ("add", "multiply") else inputs[0]
        loop = np.frompyfunc(lambda a, b: _scalars(name, a, b), 2, 1)
        out = tidy(loop.accumulate(_objects(values), *inputs[1:], **options))
    elif method == "outer" and name in KNOWN:
        a, b = (np.asarray(v, dtype=object) for v in inputs)
        out = each(name, a.reshape(*a.shape, *(1,) * b.ndim), b)
    else:
        raise _refused(inputs, f"it calls `{name}.{method}`" if method != "__call__" else f"it calls `{name}`")
    if target is None:
        return out
    target[...] = out
    return target


USUAL = ("dtype", "casting", "order", "subok", "where", "initial", "axis", "axes", "keepdims", "signature", "out")


def _usual(option: str, value: Any, name: str) -> bool:
    """Whether an option changes nothing."""
    if option == "dtype":
        return value in FLOATS or (value in (bool, np.bool_) and name in TRUTHFUL)
    if option == "where":
        return value is True
    if option == "initial":
        return value is np._NoValue  # pyright: ignore
    return option in ("casting", "order", "subok") or (option == "out" and value is None)


def reduced(name: str, a: Any, axis: Any = 0, keepdims: bool = False, initial: Any = None, **rest: Any) -> Any:
    """`ufunc.reduce`, from the first entry on; a sum or product of truth values is one of numbers."""
    a, start = np.asarray(a, dtype=object), REDUCED[name]
    if name in ("add", "multiply"):
        a = _objects(each("multiply", a, 1)) if a.size else a
    if initial is None and a.size == 0 and start is not None:
        initial = start
    more = {} if initial is None else {"initial": initial}
    loop = np.frompyfunc(lambda x, y: _scalars(name, x, y), 2, 1, identity=None)
    out = tidy(loop.reduce(a.view(np.ndarray), axis=axis, keepdims=bool(keepdims), **more))
    return each(name, out, out) if name.startswith("logical_a") or name == "logical_or" else out


def _objects(a: Any) -> Any:
    return np.asarray(a, dtype=object).view(np.ndarray)


def _refused(arguments: Any, reason: str) -> CannotTrace:
    """The exception to raise, noted in the graph of the symbols among `arguments`."""
    for a in arguments:
        for v in np.asarray(plain(a), dtype=object).flat:
            if isinstance(v, Symbol):
                return v.refuse(reason)
    return CannotTrace(reason)
