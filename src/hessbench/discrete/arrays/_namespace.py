"""The namespace that a right-hand side is given while it is recorded by the array, and recording it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._model.derivatives import Array
from .._graph import CannotTrace
from ._numpy import filled, tensor, tensors
from ._record import Tensor
from ._table import Table


class Namespace:
    """NumPy, whose new arrays can hold values that are recorded."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def array(self, a: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.array`; an array of numbers stays one unless it is to hold values."""
        if not tensors(a if isinstance(a, list | tuple) else [a]):
            return np.array(a, dtype=dtype)
        if dtype not in (None, float, np.float64):
            raise self._table.refuse("it converts values to another type")
        made = tensor(self._table, a)
        return made.copy()

    def asarray(self, a: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.asarray`"""
        return a if isinstance(a, Tensor) and dtype in (None, float, np.float64) else self.array(a, dtype)

    asanyarray = ascontiguousarray = asarray

    def zeros(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.zeros`"""
        return self.full(shape, 0.0, dtype)

    empty = zeros

    def ones(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.ones`"""
        return self.full(shape, 1.0, dtype)

    def full(self, shape: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Any:
        """`numpy.full`"""
        other = dtype not in (None, float, np.float64)
        return np.full(shape, fill_value, dtype=dtype) if other else filled(self._table, shape, fill_value)


def recorded(rhs: Callable[..., Any], n: int, params: Any) -> tuple[Table, Array]:
    """The table of `rhs(xp, t, y, p)` of n states, and the ids (n,) of its slopes. Raises `CannotTrace` with the reason."""
    return of_inputs(lambda xp, t, y: rhs(xp, t, y, params), n, n)


def of_inputs(function: Callable[..., Any], inputs: int, outputs: int) -> tuple[Table, Array]:
    """The same of `function(xp, t, v)` for v (inputs,), which returns (outputs,)."""
    table = Table(inputs)
    v, t = Tensor(table, np.arange(inputs, dtype=np.int64)), Tensor(table, np.array(inputs, dtype=np.int64))
    try:
        with np.errstate(all="ignore"):
            out = tensor(table, function(Namespace(table), t, v))
    except CannotTrace:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:120]
        raise CannotTrace(f"it raised {type(error).__name__} on arrays that are recorded: {said}") from error
    if table.refused is not None:
        raise table.refused
    if out.shape != (outputs,):
        raise CannotTrace(f"it returned shape {out.shape} on arrays that are recorded")
    return table, out.ids
