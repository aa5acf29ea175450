"""SymPy expressions as Python source of functions `(xp, ...)`, which every framework runs and the recorder reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._errors import Unsupported

NAMES = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "Abs": "abs", "floor": "floor", "ceiling": "ceil", "sign": "sign",
}  # fmt: skip
JOINED = {"And": "logical_and", "Or": "logical_or", "Max": "maximum", "Min": "minimum"}
COMPARED = {
    "StrictLessThan": "<", "LessThan": "<=", "StrictGreaterThan": ">", "GreaterThan": ">=", "Equality": "==",
    "Unequality": "!=",
}  # fmt: skip
TIME = "time"


def written(expr: Any) -> str:
    """The source of an expression whose symbols are variables `variable(name)`. Raises `Unsupported` for other functions."""
    kind = type(expr).__name__
    if expr.is_Symbol:
        return variable(name_of(expr))
    if expr.is_Number or kind in ("Pi", "Exp1"):
        return f"({float(expr)!r})"
    if kind in ("BooleanTrue", "BooleanFalse"):
        return "True" if kind == "BooleanTrue" else "False"
    if kind == "Piecewise":
        return _piecewise(expr)
    args = [written(a) for a in expr.args]
    if kind in ("Add", "Mul"):
        return "(" + (" + " if kind == "Add" else " * ").join(args) + ")"
    if kind == "Pow":
        return _power(expr, args)
    if kind in COMPARED:
        return f"({args[0]} {COMPARED[kind]} {args[1]})"
    if kind in JOINED:
        out = args[0]
        for a in args[1:]:
            out = f"xp.{JOINED[kind]}({out}, {a})"
        return out
    if kind == "Not":
        return f"xp.logical_not({args[0]})"
    if kind in NAMES and len(args) == 1:
        return f"xp.{NAMES[kind]}({args[0]})"
    raise Unsupported(
        f"the function {kind} in {expr} is not among those that are understood: {', '.join(sorted(NAMES))}"
    )


def _power(expr: Any, args: list[str]) -> str:
    exponent = expr.args[1]
    if exponent.is_Integer:
        return f"({args[0]} ** {int(exponent)})"
    if exponent.is_Number and float(exponent) == 0.5:
        return f"xp.sqrt({args[0]})"
    return f"({args[0]} ** {args[1]})"


def _piecewise(expr: Any) -> str:
    pieces = list(expr.args)
    last, condition = pieces.pop()
    if condition != True:  # noqa: E712  (a SymPy condition)
        raise Unsupported(f"{expr} has no value where none of its conditions holds; give it an `otherwise`")
    out = f"(0.0 + {written(last)})"
    for value, condition in reversed(pieces):
        out = f"xp.where({written(condition)}, {written(value)}, {out})"
    return out


def name_of(symbol: Any) -> str:
    """The name; that of the time of SBML is `time`."""
    return TIME if type(symbol).__name__ == "TimeSymbol" else str(symbol.name)


def variable(name: str) -> str:
    """What a symbol is called in the source."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise Unsupported(f"{name!r} is not a name that can be written into a formula")
    return f"v_{name}"


def symbols_of(expr: Any) -> set[str]:
    """The names of an expression's symbols."""
    return {name_of(s) for s in expr.free_symbols}


def substituted(expr: Any, by: Mapping[str, Any]) -> Any:
    """The same with symbols replaced by name."""
    return expr.xreplace({s: by[name_of(s)] for s in expr.free_symbols if name_of(s) in by})


def in_order(rules: Mapping[str, Any], wanted: Iterable[str]) -> list[str]:
    """Those of `rules` that `wanted` names need, directly or not, operands first. Raises `Unsupported` for a circle."""
    out: list[str] = []
    open_: set[str] = set()

    def visit(name: str) -> None:
        if name not in rules or name in out:
            return
        if name in open_:
            raise Unsupported(f"the rule of {name!r} needs its own value")
        open_.add(name)
        for other in sorted(symbols_of(rules[name])):
            visit(other)
        open_.discard(name)
        out.append(name)

    for name in sorted(wanted):
        visit(name)
    return out


def function(arguments: str, lines: Iterable[str]) -> Callable[..., Any]:
    """The function of these lines."""
    source = "\n".join([f"def made({arguments}):", *(f"    {line}" for line in lines)])
    place: dict[str, Any] = {}
    exec(source, place)
    return place["made"]
