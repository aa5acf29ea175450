"""Recorded and canonical expressions as Python functions: of NumPy numbers or arrays, or of arrays of any framework."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._differentiate import reachable
from ._graph import Node

BINARY = {
    "plus": "+", "minus": "-", "times": "*", "over": "/", "mul": "*", "fixed_mul": "*", "fixed_add": "+",
    "less": "<", "less_equal": "<=", "equal": "==",
}  # fmt: skip


def powers(b: Any, n: Any, j: int, k: int) -> Any:
    """The derivative of `b ** n`, `j` times by b and `k` times by n, j + k <= 2; powers of 0 times its logarithm are 0."""
    first = [np.ones_like(n), n, n * (n - 1.0)][j]
    second = [np.zeros_like(n), np.ones_like(n)][min(j, 1)]

    def term(c: Any, m: Any, q: int) -> Any:
        log = np.log(b) ** q if q else 1.0
        value = c * np.power(b, m) * log
        return np.where((c == 0) | ((b == 0) & (q > 0) & (m >= 0)), 0.0, value)

    if k == 0:
        return term(first, n - j, 0)
    if k == 1:
        return term(second, n - j, 0) + term(first, n - j, 1)
    return term(first, n, 2)


def function(outputs: Sequence[Node], forced: Mapping[Node, int] | None = None) -> Callable[..., list[Any]]:
    """`f(v, w=(), c=())` -> the outputs as a list; `v[k]`, weights `w[k]` and parameters `c[k]` are NumPy numbers or arrays.

    With `forced`, `f(v, choose)` asks `choose(number, natural outcome)` for the outcome of each node in it.
    """
    forced = forced or {}
    lines, names = _statements(outputs, lambda node, a: _numpy(node, a, forced))
    text = [f"def f(v, {'choose' if forced else 'w=(), c=()'}):", *lines, f" return [{', '.join(names)}]"]
    return _defined("\n".join(text), {"np": np, "powers": powers})


def portable(outputs: Sequence[Node], leaf: Mapping[int, str], dim: int) -> str:
    """The body of a function of arrays of any framework that returns the outputs (m,), with inputs written as in `leaf`.

    Every number has shape (1,); `y[:1]` is there for the shape of what depends on nothing. No conditions: they are folded.
    """
    lines, names = _statements(outputs, lambda node, a: _portable(node, a, leaf))
    entries = [
        f"none + {name}" if not any(n.op == "leaf" and n.args[1] < dim for n in reachable([node])) else name
        for node, name in zip(outputs, names, strict=True)
    ]
    return "\n".join([" none = 0 * y[:1]", *lines, f" return xp.concatenate([{', '.join(entries)}])"])


def _defined(text: str, names: dict[str, Any]) -> Any:
    space: dict[str, Any] = {"inf": math.inf, "nan": math.nan, **names}
    exec(compile(text, "<recorded by hessbench>", "exec"), space)
    return space["f"]


def defined(text: str) -> Any:
    """The function `f` that `text` defines."""
    return _defined(text, {})


def _statements(outputs: Sequence[Node], text: Callable[[Node, list[str]], str]) -> tuple[list[str], list[str]]:
    """One statement for each node that is used, and the names of the outputs."""
    lines, names = [], dict[Node, str]()
    for node in reachable(list(outputs)):
        if node.value is not None and not node.condition:
            names[node] = f"({node.value!r})"
        else:
            names[node] = f"v{node.index}"
            lines.append(f" v{node.index} = {text(node, [names[a] for a in node.operands()])}")
    return lines, [names[n] for n in outputs]


def _numpy(node: Node, a: list[str], forced: Mapping[Node, int]) -> str:
    op = node.op
    if op == "leaf":
        return f"{ {'s': 'w', 'p': 'c'}.get(node.args[0], 'v') }[{node.args[1]}]"
    if node in forced:
        return f"choose({forced[node]}, {_operation(node, a, 'np')})"
    if op == "truth":
        return repr(bool(node.args[0]))
    if op == "not":
        return f"np.logical_not({a[0]})"
    if op in ("and", "or", "xor"):
        return f"np.logical_{op}({', '.join(a)})"
    if op == "signbit":
        return f"np.signbit({a[0]})"
    if op == "select":
        return f"({a[1]} if {a[0]} else {a[2]})" if forced else f"np.where({', '.join(a)})"
    return _operation(node, a, "np")


def _portable(node: Node, a: list[str], leaf: Mapping[int, str]) -> str:
    return leaf[node.args[1]] if node.op == "leaf" else _operation(node, a, "xp")


def _operation(node: Node, a: list[str], xp: str) -> str:
    op = node.op
    if op in BINARY:
        return f"{a[0]} {BINARY[op]} {a[1]}"
    if op == "negative":
        return f"-{a[0]}"
    if op == "raised":
        return f"{a[0]} ** {a[1]}"
    if op == "signbit":
        return f"{xp}.signbit({a[0]})"
    if op == "call":
        return f"{xp}.{node.args[0]}({', '.join(a)})"
    if op == "lin":
        return " + ".join([a[0], *(f"{c} * {n}" for n, c in zip(a[1::2], a[2::2], strict=True))])
    if op == "pow":
        e = node.args[1]
        return f"{xp}.sqrt({a[0]})" if e == 0.5 else f"{a[0]} * {a[0]}" if e == 2.0 else f"{a[0]} ** ({e!r})"
    if op == "power":
        return f"powers({a[0]}, {a[1]}, {node.args[2]}, {node.args[3]})"
    if op == "exact":
        return a[0]
    raise AssertionError(op)
