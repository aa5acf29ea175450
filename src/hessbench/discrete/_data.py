"""The terms of data recorded once, for one row of the values, with their derivatives by state and parameters.

    l(y, a, t, d) = sum of m loss(t, y, d, a) + |m residual(t, y, d, a)|^2 / 2     with m the mask, a the parameters in `wrt`

What is added up for each place (a time), with R parameters that the terms read:  l_,y (N,)  l_,yu (N, N + R), u = (y, a)
What is added up over all of them:                                                value, l_,a (R,), l_,aa (R, R)
With residuals, l_,yu and l_,aa stand there once more, without their second derivatives (Gauss-Newton).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._differentiate import forward, gradient, reachable
from ._graph import CannotTrace, Graph, Node
from ._namespace import Namespace
from ._symbols import Symbol, symbols
from ._trace import canonical, leaves, returned

Places = list[tuple[str, int]]  # "O": an entry of its place, "S": one of what is added over all places


class Recorded:
    """Outputs, each with where it is added: of inputs (y, a, t, d, m), the parameters `fixed` outside `wrt` as leaves p.

    Raises `InvalidInput` where the terms cannot be recorded, or return another shape than they may.
    """

    def __init__(self, problem: Problem) -> None:
        assert problem.data is not None
        self.problem, self.data, self.n = problem, problem.data, problem.dim
        self.row = self.data.values.shape[1:]
        self.count = sum(problem.params[key].size for key in problem.varied)
        entries = int(np.prod(self.row, dtype=int))
        self.inputs = self.n + self.count + 1 + 2 * entries
        self.fixed = {
            key: value
            for key, value in problem.params.items()
            if key not in problem.varied and np.issubdtype(value.dtype, np.floating)
        }
        graph = self.graph = Graph()
        self.leaves = [graph.leaf("x", k) for k in range(self.inputs)]
        loss, residuals = self._terms()
        half = graph.const(0.5)
        squares = [graph.scale(half, graph.mul(r, r)) for r in residuals]
        self.total = self._sum([*loss, *squares])
        self.loss, self.residuals = self._sum(loss), residuals
        used = {
            node.args[1] for node in reachable([self.total, *residuals]) if node.op == "leaf" and node.args[0] == "x"
        }
        self.read = [k for k in range(self.count) if self.n + k in used]  # parameters that the terms read

    @property
    def width(self) -> int:
        """N + R."""
        return self.n + len(self.read)

    @property
    def per_place(self) -> int:
        """Numbers for each place."""
        return self.n + self.n * self.width * (2 if self.residuals else 1)

    @property
    def over_all(self) -> int:
        """Numbers for all places together."""
        r = len(self.read)
        return 1 + r + r * r * (2 if self.residuals else 1)

    @cached_property
    def outputs(self) -> list[tuple[Node, Places]]:
        """What is computed for a row, and where it goes."""
        g, n, r = self.graph, self.n, len(self.read)
        inputs = [*self.leaves[:n], *(self.leaves[n + k] for k in self.read)]
        seeds = {x: {k: g.const(1.0)} for k, x in enumerate(inputs)}
        first = gradient([self.total], [g.const(1.0)], inputs)
        out: list[tuple[Node, Places]] = [(self.total, [("S", 0)])]
        out += [(node, [("O", k) if k < n else ("S", 1 + k - n)]) for k, node in enumerate(first)]
        out += self._second(forward(first, seeds), n, 1 + r)
        if self.residuals:
            rows = forward(self.residuals, seeds)
            part = forward(gradient([self.loss], [g.const(1.0)], inputs), seeds)
            for i in range(self.width):
                for j in range(i + 1):
                    products = [g.mul(row[i], row[j]) for row in rows if i in row and j in row]
                    if products:
                        part[i][j] = self._sum([*products, *([part[i][j]] if j in part[i] else [])])
            out += self._second(part, n + n * self.width, 1 + r + r * r)
        return [(node, places) for node, places in out if node.value != 0.0]

    def _second(self, rows: Any, at_place: int, over_all: int) -> Iterator[tuple[Node, Places]]:
        """The lower triangle of a Hessian, each entry with all places at which it stands."""
        n, width, r = self.n, self.width, len(self.read)
        for i, row in enumerate(rows):
            for j in sorted(k for k in row if k <= i):
                if i < n:
                    places = [("O", at_place + i * width + j), ("O", at_place + j * width + i)]
                elif j < n:
                    places = [("O", at_place + j * width + i)]
                else:
                    a, b = i - n, j - n
                    places = [("S", over_all + a * r + b), ("S", over_all + b * r + a)]
                yield row[j], list(dict.fromkeys(places))

    def _sum(self, nodes: list[Node]) -> Node:
        total = self.graph.const(0.0)
        for node in nodes:
            total = self.graph.add(total, node)
        return total

    def _terms(self) -> tuple[list[Node], list[Node]]:
        """The entries of loss and residual, masked."""
        problem, n, at = self.problem, self.n, self.n
        p: dict[str, Any] = dict(problem.params)
        for key in problem.varied:
            shape, size = problem.shapes[key], problem.params[key].size
            p[key], at = symbols(self.leaves[at : at + size], shape), at + size
        t, at = Symbol(self.leaves[at]), at + 1
        d, mask = (symbols(part, self.row) for part in np.array_split(np.array(self.leaves[at:], dtype=object), 2))
        place = 0
        for key, value in self.fixed.items():
            p[key] = symbols(leaves(self.graph, "p", value, place), value.shape)
            place += value.size
        y = symbols(self.leaves[:n], (n,))

        def entries(what: str, f: Any) -> list[Node]:
            if f is None:
                return []
            try:
                out = returned(self.graph, f"`{what}`", lambda: f(Namespace(), t, y, d if self.row else d[()], p))
                check_shape(problem, what, out.shape)
                masked = mask * out if out.shape == self.row else out
                return canonical(self.graph, np.ravel(np.asarray(masked, dtype=object)).tolist())
            except CannotTrace as reason:
                raise InvalidInput(
                    f"problem {problem.name!r}: `data.{what}` cannot be recorded: {reason}. Write it with functions of the "
                    f"`xp` that it is given."
                ) from reason

        return entries("loss", self.data.loss), entries("residual", self.data.residual)


def check_shape(problem: Problem, what: str, shape: tuple[int, ...]) -> None:
    """Raise `InvalidInput` unless a term of the data has the shape of a row of `values`, or is one number, unmasked."""
    assert problem.data is not None and problem.data.mask is not None
    row, whole = problem.data.values.shape[1:], bool(problem.data.mask.all())
    if shape not in ((), row):
        raise InvalidInput(
            f"problem {problem.name!r}: `{what}` of the data returned shape {shape}, expected () or {row}, that of a row of "
            f"`values`."
        )
    if shape == () and row != () and not whole:
        raise InvalidInput(
            f"problem {problem.name!r}: `{what}` of the data is one number, so that its masked values cannot be left out: "
            f"return an array of shape {row}."
        )


def rows_of(problem: Problem) -> Array:
    """(t, d, m) of each row of the data, (rows, 1 + 2 D)."""
    data = problem.data
    assert data is not None and data.mask is not None
    count = data.times.size
    return np.hstack([data.times[:, None], data.values.reshape(count, -1), data.mask.reshape(count, -1)])
