"""The elementary functions that can be recorded: their NumPy meaning, their name in C, and their derivatives.

Every function here is that of NumPy at every number, ties, zeros and nan included. Steps (`sign`, `floor`, ...) have derivative
zero; jumps and kinks of other functions are written with conditions (see `_operations`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._build import fixed_part

if TYPE_CHECKING:
    from ._graph import Graph, Node

LN2, LN10 = math.log(2.0), math.log(10.0)


@dataclass(frozen=True)
class Function:
    """`numpy` evaluates it, `c` is its name in C, and `partials(graph, value, arguments)` are its derivatives by each.

    `bounded`: finite at every finite argument, so that zero times it is zero.
    """

    numpy: np.ufunc
    c: str
    partials: Callable[[Graph, Node, Sequence[Node]], list[Node]] | None = None
    bounded: bool = False
    positive: bool = False

    @property
    def step(self) -> bool:
        """Whether it is constant between jumps."""
        return self.partials is None


def _one(slope: Callable[[Graph, Node, Node], Node]) -> Callable[[Graph, Node, Sequence[Node]], list[Node]]:
    return lambda g, value, arguments: [slope(g, value, arguments[0])]


def _over(g: Graph, a: Node, c: float = 1.0) -> Node:
    return g.scale(g.const(c), g.power(a, -1.0))


def _plus(g: Graph, a: Node, c: float) -> Node:
    return g.add(a, g.const(c))


def _powers(g: Graph, value: Node, arguments: Sequence[Node]) -> list[Node]:
    x, y = arguments
    over = g.power(value, -1.0)
    return [g.mul(x, over), g.mul(y, over)]


def _angle(g: Graph, value: Node, arguments: Sequence[Node]) -> list[Node]:
    y, x = arguments
    over = g.power(g.add(g.power(x, 2.0), g.power(y, 2.0)), -1.0)
    return [g.mul(x, over), -g.mul(y, over)]


def _shares(base: str) -> Callable[[Graph, Node, Sequence[Node]], list[Node]]:
    return lambda g, value, arguments: [g.function(base, g.add(a, -value)) for a in arguments]


def _rest(rounding: str) -> Callable[[Graph, Node, Sequence[Node]], list[Node]]:
    def partials(g: Graph, value: Node, arguments: Sequence[Node]) -> list[Node]:
        a, b = arguments
        whole = (
            g.function(rounding, a, b)
            if rounding == "floor_divide"
            else g.function(rounding, g.mul(a, g.power(b, -1.0)))
        )
        return [g.const(1.0), -whole]

    return partials


FUNCTIONS: dict[str, Function] = {
    "exp": Function(np.exp, "exp", _one(lambda g, v, a: v), positive=True),
    "sqrt": Function(np.sqrt, "sqrt", _one(lambda g, v, a: g.scale(g.const(0.5), g.power(a, -0.5))), positive=True),
    "exp2": Function(np.exp2, "exp2", _one(lambda g, v, a: g.scale(g.const(LN2), v)), positive=True),
    "expm1": Function(np.expm1, "expm1", _one(lambda g, v, a: g.function("exp", a))),
    "log": Function(np.log, "log", _one(lambda g, v, a: _over(g, a))),
    "log2": Function(np.log2, "log2", _one(lambda g, v, a: _over(g, a, 1 / LN2))),
    "log10": Function(np.log10, "log10", _one(lambda g, v, a: _over(g, a, 1 / LN10))),
    "log1p": Function(np.log1p, "log1p", _one(lambda g, v, a: _over(g, _plus(g, a, 1.0)))),
    "sin": Function(np.sin, "sin", _one(lambda g, v, a: g.function("cos", a)), bounded=True),
    "cos": Function(np.cos, "cos", _one(lambda g, v, a: -g.function("sin", a)), bounded=True),
    "tan": Function(np.tan, "tan", _one(lambda g, v, a: _plus(g, g.mul(v, v), 1.0)), bounded=True),
    "tanh": Function(np.tanh, "tanh", _one(lambda g, v, a: _plus(g, -g.mul(v, v), 1.0)), bounded=True),
    "sinh": Function(np.sinh, "sinh", _one(lambda g, v, a: g.function("cosh", a))),
    "cosh": Function(np.cosh, "cosh", _one(lambda g, v, a: g.function("sinh", a)), positive=True),
    "arctan": Function(np.arctan, "atan", _one(lambda g, v, a: _over(g, _plus(g, g.mul(a, a), 1.0))), bounded=True),
    "arcsin": Function(np.arcsin, "asin", _one(lambda g, v, a: g.power(_plus(g, -g.mul(a, a), 1.0), -0.5))),
    "arccos": Function(np.arccos, "acos", _one(lambda g, v, a: -g.power(_plus(g, -g.mul(a, a), 1.0), -0.5))),
    "arcsinh": Function(np.arcsinh, "asinh", _one(lambda g, v, a: g.power(_plus(g, g.mul(a, a), 1.0), -0.5)), bounded=True),
    "arccosh": Function(
        np.arccosh, "acosh",
        _one(lambda g, v, a: g.mul(g.power(_plus(g, a, 1.0), -0.5), g.power(_plus(g, a, -1.0), -0.5))),
    ),
    "arctanh": Function(np.arctanh, "atanh", _one(lambda g, v, a: _over(g, _plus(g, -g.mul(a, a), 1.0)))),
    "cbrt": Function(np.cbrt, "cbrt", _one(lambda g, v, a: _over(g, g.power(v, 2.0), 1 / 3)), bounded=True),
    "arctan2": Function(np.arctan2, "atan2", _angle, bounded=True),
    "hypot": Function(np.hypot, "hypot", _powers, bounded=True, positive=True),
    "logaddexp": Function(np.logaddexp, "log_add_exp", _shares("exp"), bounded=True),
    "logaddexp2": Function(np.logaddexp2, "log_add_exp2", _shares("exp2"), bounded=True),
    "sign": Function(np.sign, "sign_of", bounded=True),
    "floor": Function(np.floor, "floor", bounded=True),
    "ceil": Function(np.ceil, "ceil", bounded=True),
    "trunc": Function(np.trunc, "trunc", bounded=True),
    "rint": Function(np.rint, "rint", bounded=True),
    "floor_divide": Function(np.floor_divide, "floor_divide"),
    "remainder": Function(np.remainder, "modulo", _rest("floor_divide")),
    "fmod": Function(np.fmod, "fmod", _rest("trunc")),
}  # fmt: skip


def scalars() -> str:
    """The functions in C."""
    return fixed_part("discrete", "scalars.h")


def vectors() -> str:
    """The same for vectors of numbers, to follow these."""
    one = " ".join(f"X({f.c})" for name, f in FUNCTIONS.items() if f.numpy.nin == 1 and name != "sqrt")
    two = " ".join(f"X({f.c})" for f in FUNCTIONS.values() if f.numpy.nin == 2)
    return f"#define EACH_OF_ONE(X) {one}\n#define EACH_OF_TWO(X) {two}\n" + fixed_part("discrete", "vectors.h")
