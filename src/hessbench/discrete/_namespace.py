"""The namespace that a right-hand side is given: NumPy, whose new arrays can hold symbols."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array_functions import filled
from ._graph import CannotTrace
from ._symbols import FLOATS, Symbol, Symbols, native, plain


class Namespace:
    """NumPy, whose new arrays can hold symbols."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def array(self, a: Any, dtype: Any = None, copy: Any = True, ndmin: int = 0, **_: Any) -> Any:
        """`numpy.array`"""
        return _converted(a, dtype, ndmin, copy is not None)

    def asarray(self, a: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.asarray`"""
        return _converted(a, dtype)

    asanyarray = ascontiguousarray = asarray

    def zeros(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.zeros`"""
        return filled(shape, 0.0, dtype)

    empty = zeros

    def ones(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.ones`"""
        return filled(shape, 1.0, dtype)

    def full(self, shape: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.full`"""
        known = fill_value if dtype is not None or isinstance(fill_value, Symbol | Symbols) else np.asarray(fill_value)
        return (
            np.full(shape, known)
            if isinstance(known, np.ndarray) and known.dtype != float
            else filled(shape, fill_value, dtype)
        )

    def copy(self, a: Any, *_: Any, **__: Any) -> Any:
        """`numpy.copy`"""
        return _converted(a, None, copy=True)


def _converted(a: Any, dtype: Any, ndmin: int = 0, copy: bool = False) -> Any:
    if isinstance(a, Symbols) and not copy and dtype in FLOATS and a.ndim >= ndmin:
        return a
    out = np.array(plain(a, depth=1 if isinstance(a, Symbol | Symbols) else 2), ndmin=ndmin)
    if out.dtype != object or not any(isinstance(v, Symbol) for v in out.flat):
        out = np.array(native(a) if isinstance(a, Symbols) else a, dtype=dtype, ndmin=ndmin)
        return filled(out.shape, out, dtype) if out.dtype == float and copy else out
    if dtype not in FLOATS:
        raise CannotTrace("it converts values to another type")
    if any(not isinstance(v, Symbol | int | float | np.number | np.bool_) for v in out.flat):
        raise CannotTrace("it makes an array of something else than numbers")
    return out.view(Symbols)
