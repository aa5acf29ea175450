"""What each operation of NumPy on numbers does, as recorded nodes: the same numbers at ties, at zeros and for nan.

A truth value is a number, 0 or 1, where one is asked for; arrays of them are added by `or` and multiplied by `and`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._functions import FUNCTIONS
from ._graph import CannotTrace, Graph, Node

PLAIN: dict[str, Callable[..., Any]] = {
    "plus": np.add,
    "minus": np.subtract,
    "times": np.multiply,
    "over": np.divide,
    "negative": np.negative,
    "raised": np.power,
    "sqrt": np.sqrt,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "signbit": np.signbit,
}


def lift(graph: Graph, value: Any) -> Node:
    """`value` as a node; every real number is a double. Raises `CannotTrace` for anything else."""
    if isinstance(value, Node):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_):
        return graph.node("truth", (bool(value),), True)
    if isinstance(value, int | float | np.integer | np.floating):
        return graph.const(value)
    raise CannotTrace(f"it computes with a {type(value).__name__}, which is no real number")


def plain(op: str, *args: Node) -> Node:
    """The recorded operation `op`, evaluated if all its operands are numbers."""
    graph, values = args[0].graph, [a.value for a in args]
    if None not in values and op in PLAIN:
        with np.errstate(all="ignore"):
            return lift(graph, PLAIN[op](*(np.float64(v) for v in values if v is not None)))
    if op == "sqrt":
        return graph.node("call", ("sqrt", *args), args[0].fixed)
    return graph.node(op, args, all(a.fixed for a in args))


def call(name: str, *args: Node) -> Node:
    """An elementary function."""
    return args[0].graph.function(name, *args)


def number(a: Node) -> Node:
    """A truth value as 0 or 1."""
    if not a.condition:
        return a
    if a.value is not None:
        return a.graph.const(a.value)
    return a.graph.select(a, a.graph.const(1.0), a.graph.const(0.0))


def holds(a: Node) -> Node:
    """A number as a truth value: whether it is not 0."""
    return a if a.condition else opposite(plain("equal", a, a.graph.const(0.0)))


def opposite(a: Node) -> Node:
    """`not a`"""
    if a.value is not None:
        return lift(a.graph, not a.value)
    return a.args[0] if a.op == "not" else a.graph.node("not", (a,), a.fixed)


def joined(op: str, a: Node, b: Node) -> Node:
    """`a op b` for truth values, `op` and, or, xor."""
    for x, y in ((a, b), (b, a)):
        if x.value is not None:
            if op == "xor":
                return opposite(y) if x.value else y
            return y if bool(x.value) == (op == "and") else x
    return a.graph.node(op, (a, b), a.fixed and b.fixed)


def is_nan(a: Node) -> Node:
    """Whether `a` is not a number; a leaf of an ordinary problem may become one too."""
    return opposite(plain("equal", a, a))


def where(c: Node, a: Node, b: Node) -> Node:
    """`a` where `c` is true or not 0, else `b`."""
    if a.condition and b.condition:
        c = holds(c)
        return joined("or", joined("and", c, a), joined("and", opposite(c), b))
    return a.graph.select(holds(c), number(a), number(b))


def magnitude(a: Node) -> Node:
    """`|a|`, with slope 1 at 0."""
    return a.graph.select(plain("signbit", a), plain("negative", a), a)


def larger(a: Node, b: Node) -> Node:
    """`maximum`: nan if one is nan, `a` at a tie."""
    return a.graph.select(joined("or", plain("less", a, b), is_nan(b)), b, a)


def smaller(a: Node, b: Node) -> Node:
    """`minimum`: nan if one is nan, `a` at a tie."""
    return a.graph.select(joined("or", plain("less", b, a), is_nan(b)), b, a)


def clip(a: Node, low: Node, high: Node) -> Node:
    """`a` within bounds; a bound where it is equal to that, as in NumPy."""
    above = a.graph.select(joined("or", plain("less", low, a), is_nan(a)), a, low)
    return a.graph.select(joined("or", plain("less", above, high), is_nan(above)), above, high)


def _raise(a: Node, b: Node) -> Node:
    one = a.graph.const(1.0)
    fast = {2.0: lambda: plain("times", a, a), 1.0: lambda: a, 0.0: lambda: one, 0.5: lambda: plain("sqrt", a)}
    fast[-1.0] = lambda: plain("over", one, a)
    return fast[b.value]() if b.value in fast else plain("raised", a, b)


def _heaviside(a: Node, at_zero: Node) -> Node:
    g, zero = a.graph, a.graph.const(0.0)
    side = g.select(plain("less", a, zero), zero, g.select(is_nan(a), a, g.const(1.0)))
    return g.select(plain("equal", a, zero), at_zero, side)


def _copysign(a: Node, b: Node) -> Node:
    size = magnitude(a)
    return a.graph.select(plain("signbit", b), plain("negative", size), size)


def _times_number(factor: float) -> Callable[[Node], Node]:
    return lambda a: plain("times", a, a.graph.const(factor))


def _infinite(a: Node) -> Node:
    return plain("equal", magnitude(a), a.graph.const(math.inf))


def _modf(a: Node) -> tuple[Node, Node]:
    whole = call("trunc", a)
    part = a.graph.select(_infinite(a), a.graph.const(0.0), plain("minus", a, whole))
    return _copysign(part, a), whole


NUMBERS: dict[str, Callable[..., Any]] = {
    **{name: lambda *args, name=name: call(name, *args) for name in FUNCTIONS},
    "add": lambda a, b: plain("plus", a, b),
    "subtract": lambda a, b: plain("minus", a, b),
    "multiply": lambda a, b: plain("times", a, b),
    "divide": lambda a, b: plain("over", a, b),
    "negative": lambda a: plain("negative", a),
    "positive": lambda a: a,
    "conjugate": lambda a: a,
    "power": _raise,
    "float_power": _raise,
    "sqrt": lambda a: plain("sqrt", a),
    "square": lambda a: plain("times", a, a),
    "reciprocal": lambda a: plain("over", a.graph.const(1.0), a),
    "absolute": magnitude,
    "fabs": magnitude,
    "maximum": larger,
    "minimum": smaller,
    "fmax": lambda a, b: a.graph.select(joined("or", plain("less", a, b), is_nan(a)), b, a),
    "fmin": lambda a, b: a.graph.select(joined("or", plain("less", b, a), is_nan(a)), b, a),
    "clip": clip,
    "heaviside": _heaviside,
    "copysign": _copysign,
    "signbit": lambda a: plain("signbit", a),
    "deg2rad": _times_number(math.pi / 180.0),
    "radians": _times_number(math.pi / 180.0),
    "rad2deg": _times_number(180.0 / math.pi),
    "degrees": _times_number(180.0 / math.pi),
    "divmod": lambda a, b: (call("floor_divide", a, b), call("remainder", a, b)),
    "modf": _modf,
    "isnan": is_nan,
    "isinf": _infinite,
    "isfinite": lambda a: plain("less", magnitude(a), a.graph.const(math.inf)),
    "less": lambda a, b: plain("less", a, b),
    "greater": lambda a, b: plain("less", b, a),
    "less_equal": lambda a, b: plain("less_equal", a, b),
    "greater_equal": lambda a, b: plain("less_equal", b, a),
    "equal": lambda a, b: plain("equal", a, b),
    "not_equal": lambda a, b: opposite(plain("equal", a, b)),
    "nan_to_num": lambda a, nan, top, bottom: a.graph.select(
        is_nan(a), nan,
        a.graph.select(_infinite(a), a.graph.select(plain("signbit", a), bottom, top), a),
    ),
}  # fmt: skip
TRUTHS: dict[str, Callable[..., Any]] = {
    "logical_and": lambda a, b: joined("and", a, b),
    "logical_or": lambda a, b: joined("or", a, b),
    "logical_xor": lambda a, b: joined("xor", a, b),
    "logical_not": opposite,
}
BITS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor", "invert": "logical_not"}
OF_TRUTHS = {  # what an operation on numbers is where all operands are truth values
    "add": "logical_or",
    "multiply": "logical_and",
    "maximum": "logical_or",
    "minimum": "logical_and",
    "fmax": "logical_or",
    "fmin": "logical_and",
}
WHOLE = frozenset({  # operations that give integers for integers
    *("add", "subtract", "multiply", "negative", "positive", "conjugate", "absolute", "square", "sign", "clip", "where"),
    *("maximum", "minimum", "fmax", "fmin", "power", "floor_divide", "remainder", "fmod", "divmod", "reciprocal"),
})  # fmt: skip
NO_TRUTHS = ("subtract", "negative", "positive", "sign")  # NumPy refuses them too
KNOWN = frozenset({*NUMBERS, *TRUTHS, *BITS} - {"nan_to_num"})


def of_whole(name: str, *args: Node) -> Any:
    """`operation` for integers: divided by 0 they are 0, which is refused, and none of them is -0."""
    reason = ""
    if name == "reciprocal" or (name in ("floor_divide", "remainder", "fmod", "divmod") and not args[1].value):
        reason = f"it takes `{name}` of whole numbers"
    elif name == "power" and not number(args[1]).nonnegative:
        reason = "it raises whole numbers to a power that may be negative"
    if reason:
        args[0].graph.refused = CannotTrace(reason)
        raise args[0].graph.refused
    out = operation(name, *args)
    if name in ("multiply", "negative") and not out.condition:
        return plain("plus", out, out.graph.const(0.0))
    return out


def operation(name: str, *args: Node) -> Any:
    """What the ufunc `name` (or `where`, `nan_to_num`) gives for `args`: a node, or two.

    Raises `CannotTrace`, and notes it in the graph, so that it stands even if what is recorded catches it.
    """
    try:
        return _operation(name, *args)
    except CannotTrace as reason:
        args[0].graph.refused = reason
        raise


def _operation(name: str, *args: Node) -> Any:
    if name == "where":
        return where(*args)
    truths = all(a.condition for a in args)
    if name in BITS:
        if not truths:
            raise CannotTrace("it combines bits of numbers")
        name = BITS[name]
    if truths and name in OF_TRUTHS:
        name = OF_TRUTHS[name]
    if name in TRUTHS:
        return TRUTHS[name](*(holds(a) for a in args))
    if truths and name in NO_TRUTHS:
        raise CannotTrace(f"it takes `{name}` of truth values")
    if truths and name in ("absolute", "conjugate"):
        return args[0]
    return NUMBERS[name](*(number(a) for a in args))
