"""Small functions with first and second derivatives, from their record; for one point or a batch of points at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from ._differentiate import forward, gradient
from ._graph import CannotTrace, Node
from ._recording import Inputs, record
from ._trace import canonical
from ._writing import function


class Smooth:
    """`outputs` (m,) of inputs v (K,) and their derivatives. A batch stands along a last axis: v (K, B).

    Conditions that the outputs read are evaluated as NumPy does; derivatives are those of the branch taken. Derivatives are
    by the first `active` inputs (default: all).
    """

    def __init__(self, outputs: Sequence[Node], inputs: int, active: int | None = None) -> None:
        self.inputs = inputs if active is None else active
        self.nodes = canonical(outputs[0].graph, list(outputs))
        self.graph = outputs[0].graph
        self.size = len(self.nodes)

    @cached_property
    def _seeds(self) -> dict[Node, dict[int, Node]]:
        one = self.graph.const(1.0)
        return {self.graph.leaf("x", k): {k: one} for k in range(self.inputs)}

    @cached_property
    def _value(self) -> Callable[..., list[Any]]:
        return function(self.nodes)

    @cached_property
    def first_entries(self) -> dict[tuple[int, int], Node]:
        """The entries of the Jacobian that are not zero, by row and column."""
        rows = forward(self.nodes, self._seeds)
        return {(r, c): row[c] for r, row in enumerate(rows) for c in sorted(row)}

    @cached_property
    def second_entries(self) -> dict[tuple[int, int], Node]:
        """Those of the lower triangle of the Hessian of the outputs' sum with the leaves s as weights."""
        weights = [self.graph.leaf("s", k) for k in range(self.size)]
        first = gradient(self.nodes, weights, [self.graph.leaf("x", k) for k in range(self.inputs)])
        rows = forward(first, self._seeds)
        return {(r, c): row[c] for r, row in enumerate(rows) for c in sorted(row) if c <= r}

    @cached_property
    def _first(self) -> Callable[..., list[Any]]:
        return function([*self.first_entries.values()])

    @cached_property
    def _second(self) -> Callable[..., list[Any]]:
        return function([*self.second_entries.values()])

    def value(self, v: Array) -> Array:
        """(m, ...)"""
        with np.errstate(all="ignore"):
            return _stacked(self._value(v), np.shape(v)[1:])

    def first(self, v: Array) -> Array:
        """The Jacobian (m, K, ...)."""
        out = np.zeros((self.size, self.inputs, *np.shape(v)[1:]))
        with np.errstate(all="ignore"):
            for place, entry in zip(self.first_entries, self._first(v), strict=True):
                out[place] = entry
        return out

    def second(self, v: Array, weights: Array) -> Array:
        """The Hessian (K, K, ...) of `sum weights_k output_k`, weights (m, ...)."""
        out = np.zeros((self.inputs, self.inputs, *np.shape(v)[1:]))
        with np.errstate(all="ignore"):
            for (r, c), entry in zip(self.second_entries, self._second(v, weights), strict=True):
                out[r, c] = out[c, r] = entry
        return out


def _stacked(entries: list[Any], batch: tuple[int, ...]) -> Array:
    out = np.empty((len(entries), *batch))
    for k, entry in enumerate(entries):
        out[k] = entry
    return out


def smooth(name: str, what: str, f: Callable[[Any, Inputs], Any], active: int | None = None) -> Smooth:
    """`f(xp, inputs)` recorded. Raises `InvalidInput` that names problem and function where it cannot be."""
    try:
        return Smooth(*record(what, f), active)
    except CannotTrace as reason:
        raise InvalidInput(
            f"problem {name!r}: `{what}` cannot be recorded: {reason}. Write it with functions of the `xp` that it is given."
        ) from reason
