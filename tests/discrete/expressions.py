"""Random right-hand sides over everything that can be recorded, and points where ties and zeros are frequent."""

from dataclasses import dataclass

import numpy as np

N, POINTS = 3, 8
GRID = (-2.0, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.0)  # few values, so that ties and zeros are frequent
VARIED = ("a", "n", "v")
UNARY = [
    "exp",
    "log",
    "sin",
    "cos",
    "tan",
    "tanh",
    "sinh",
    "cosh",
    "arctan",
    "arcsin",
    "arccos",
    "expm1",
    "log1p",
    "exp2",
    "log2",
    "log10",
    "cbrt",
    "arcsinh",
    "arccosh",
    "arctanh",
    "abs",
    "absolute",
    "fabs",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "sign",
    "sqrt",
    "square",
    "reciprocal",
    "negative",
    "deg2rad",
    "rad2deg",
    "nan_to_num",
]
BINARY = [
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "power",
    "heaviside",
    "fmod",
    "remainder",
    "floor_divide",
    "add",
    "subtract",
    "multiply",
    "divide",
]
EXPONENTS = [
    "2",
    "3",
    "-1",
    "-2",
    "0.5",
    "-0.5",
    "1.5",
    "-1.5",
    "19",
    "-3",
    "0",
    "1",
    "2.0",
    "0.3",
    "2.5",
    "20",
    "-2.5",
    "p['n']",
    "p['a']",
    "t",
    "p['k']",
]
NUMBERS = ["0.0", "1.0", "2.0", "-1.0", "0.5", "3", "-2", "0.3", "1.5"]
SHAPED = (
    "xp.cumsum({0})", "xp.cumprod({0})", "xp.roll({0}, 1)", "xp.concatenate([{0}[1:], {1}[:1]])", "xp.stack([{2}, {3}, t])",
    "({0} * xp.sum({1}))", "({0} + xp.mean({1}))", "({0} - xp.max({1}))", "({0} * xp.min({1}))", "({0} + xp.prod({1}))",
    "xp.flip({0})", "({0} + {1}.sum())", "({0} + {1}.mean())", "xp.array([{2}, 1.0, {3}])", "(xp.outer({0}, {1}) @ {0})",
    "({0} * xp.dot({0}, {1}))", "(p['m'] @ {0})", "xp.einsum('ij,j->i', p['m'], {0})", "{0}[p['k']]",
    "{0}[np.array([2, 0, 1])]", "xp.reshape(xp.tile({0}, 2), (2, 3))[1]", "({0} * xp.sum({4}))",
    "xp.where(xp.any({4}), {0}, {1})", "xp.where(xp.all({4}), {0}, {1})", "xp.select([{4}, {0} > 0], [{0}, {1}], 0.5)",
    "xp.interp({0}, [-1.0, 0.0, 1.0], p['v'])", "xp.interp({0}, p['q'], p['w'])", "xp.interp({0}, p['q'], y)",
    "({0} * xp.var({1}))", "xp.diff({0}, append=0.0)", "xp.where(p['mask'], {0}, {1})", "({4} * {0})", "({0} + {4})",
    "(1.0 * {4})", "({0} ** {4})", "xp.where({4}, {0}, {1})", "xp.where({4}, {2}, {0})", "xp.clip({0}, {2}, {3})",
    "xp.clip({0}, -1.0, 1.0)", "xp.where({4}, xp.sqrt({0}), {1})", "xp.maximum({0}, 0)",
    "xp.where({0} > 0, xp.log({0}), {1})", "({0} / {0})", "(xp.sqrt({0}) ** 2)", "(({0} ** 2) ** 0.5)", "({0} - {0})",
)  # fmt: skip


def expression(below, depth=3):
    """The text of a vector of three numbers; `below(n)` draws a whole number from 0 to n - 1."""

    def pick(choices):
        return choices[below(len(choices))]

    def number(depth):
        return pick(("t", "p['a']", "p['n']", "y[0]", "y[2]", "p['b']", pick(NUMBERS), pick(NUMBERS)))

    def vector(depth):
        kind = below(10) if depth > 0 else 9
        if kind < 2:
            return f"xp.{pick(UNARY)}({vector(depth - 1)})"
        if kind < 4:
            a, b = vector(depth - 1), vector(depth - 1) if below(2) else number(depth)
            return f"({a} {pick('+-*/')} {b})"
        if kind == 4:
            return f"({vector(depth - 1)} ** {pick(EXPONENTS)})"
        if kind == 5:
            return pick(("(2.0 ** {})", "(p['a'] ** {})", "(1 / {})", "({} % 2)", "({} // 0.5)", "(2 - {})")).format(
                vector(depth - 1)
            )
        if kind == 6:
            return f"xp.{pick(BINARY)}({vector(depth - 1)}, {vector(depth - 1) if below(2) else number(depth)})"
        if kind < 9:
            return pick(SHAPED).format(
                vector(depth - 1), vector(depth - 1), number(depth), number(depth), condition(depth - 1)
            )
        return pick(("y", "y[::-1]", "p['v']", "y", "p['w']", "p['k']", "(y * p['a'])", "(y - p['v'])"))

    def condition(depth):
        kind = below(8) if depth > 0 else below(5)
        if kind < 5:
            sign = pick(("<", "<=", ">", ">=", "==", "!="))
            return f"({vector(depth - 1)} {sign} {pick((number(depth), vector(depth - 1)))})"
        if kind == 5:
            return f"({condition(depth - 1)} {pick('&|^')} {condition(depth - 1)})"
        if kind == 6:
            name = pick(("logical_and", "logical_or", "logical_xor"))
            return f"xp.{name}({vector(depth - 1)}, {condition(depth - 1)})"
        single = pick(("(~{})", "xp.logical_not({})")).format(condition(depth - 1))
        return pick((single, f"xp.isfinite({vector(depth - 1)})", f"xp.isnan({vector(depth - 1)})", "p['mask']"))

    return vector(depth)


def usable(below, depth, point):
    """An expression that NumPy computes: it has no whole numbers to negative powers, for example."""
    while True:
        text = expression(below, depth)
        try:
            value(text, point)
        except (TypeError, ValueError):
            continue
        return text


@dataclass
class Point:
    """Where an expression is evaluated."""

    t: float
    y: np.ndarray
    p: dict[str, np.ndarray]
    s: np.ndarray


def points(below, count=POINTS):
    """Points of the grid; the last quarter lie off it."""

    def draw(n=None, off=0.0):
        flat = np.array([GRID[below(len(GRID))] + off * (below(1000) / 1000 - 0.5) for _ in range(n or 1)])
        return flat if n else flat[0]

    out = []
    for k in range(count):
        off = 0.7 if k >= count * 3 // 4 else 0.0
        p = {"a": draw(off=off), "n": draw(off=off) + 1.0, "v": draw(3, off), "b": draw(off=off), "w": draw(3, off)}
        p |= {"q": np.cumsum(1.0 + below(2) * np.ones(3)) - 3.0, "m": draw(9, off).reshape(3, 3)}
        p = {key: np.asarray(value) for key, value in p.items()}
        p |= {"mask": np.array([True, False, True]), "k": np.array([2, 0, 1])}
        out.append(Point(float(draw(off=off)), draw(3, off), p, np.array([1.0, -0.75, 0.5])))
    return out


def function(text):
    """The expression as a right-hand side."""
    return eval(f"lambda xp, t, y, p: {text}")


def value(text, point, kind=np.float64):
    """What NumPy gives, in doubles or in wider numbers."""
    p = {key: v.astype(kind) if v.dtype.kind == "f" else v for key, v in point.p.items()}
    with np.errstate(all="ignore"):
        try:
            return np.asarray(function(text)(np, kind(point.t), point.y.astype(kind), p), dtype=np.float64)
        except TypeError:  # NumPy's `interp` has doubles only
            if kind is np.float64:
                raise
            return value(text, point)
