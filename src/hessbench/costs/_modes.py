"""Forward and reverse mode on counting numbers, operation by operation.

Beside the operation itself, a product or quotient costs 3 more in forward mode and at most 4 in reverse mode (two products
and their two additions to what other uses contribute), every other operation no more (`arcsin` and `arccos`: one more).
Source: Griewank & Walther, Evaluating Derivatives, 2nd ed., sections 3.1, 3.2 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._number import Number, reachable


def tangent(outputs: Sequence[Number], inputs: Sequence[Number], directions: Sequence[Number]) -> list[Number]:
    """Forward mode: the derivatives of `outputs` along `directions`, one number for each of `inputs`."""
    zero = inputs[0].tape.constant(0.0)
    dots = {x: dot for x, dot in zip(inputs, directions, strict=True) if dot.value != 0.0}
    for n in reachable(outputs):
        moving = [(k, dots[a]) for k, a in enumerate(n.args) if a in dots]
        if n.op == "div" and len(moving) == 2:
            dots[n] = (moving[0][1] - n * moving[1][1]) / n.args[1]
        elif moving:
            first, *others = (scaled_partial(n, k, dot) for k, dot in moving)
            dots[n] = first + others[0] if others else first
    return [dots.get(output, zero) for output in outputs]


def gradient(outputs: Sequence[Number], weights: Sequence[Number], inputs: Sequence[Number]) -> list[Number]:
    """Reverse mode: the derivatives of `sum weights_k outputs_k` by each of `inputs`."""
    zero = inputs[0].tape.constant(0.0)
    nodes, active = reachable(outputs), set(inputs)
    for n in nodes:
        if any(a in active for a in n.args):
            active.add(n)
    bars: dict[Number, Number] = {}

    def contribute(n: Number, bar: Number) -> None:
        if n in active:
            bars[n] = bars[n] + bar if n in bars else bar

    for output, weight in zip(outputs, weights, strict=True):
        contribute(output, weight)
    for n in reversed(nodes):
        if n in bars:
            for k, a in enumerate(n.args):
                if a in active:
                    contribute(a, scaled_partial(n, k, bars[n]))
    return [bars.get(x, zero) for x in inputs]


def scaled_partial(n: Number, k: int, factor: Number) -> Number:
    """`factor * dn/da_k` for operand number `k` of `n`."""
    a, other = n.args[k], n.args[1 - k] if len(n.args) == 2 else n
    match n.op:
        case "add":
            return factor
        case "neg":
            return -factor
        case "mul":
            return factor * other
        case "div":
            return factor / other if k == 0 else -(factor / a) * n
        case "pow":
            return factor * (other * a ** (other - 1.0))
        case "select":
            return n.tape.select(n.args[0], factor if k == 1 else 0.0, factor if k == 2 else 0.0)
        case "sqrt":
            return 0.5 * factor / n
        case "exp":
            return factor * n
        case "expm1":
            return factor * (n + 1.0)
        case "log":
            return factor / a
        case "log1p":
            return factor / (1.0 + a)
        case "sin":
            return factor * a.tape.function("cos", a)
        case "cos":
            return -factor * a.tape.function("sin", a)
        case "tan":
            return factor * (1.0 + n * n)
        case "tanh":
            return factor * (1.0 - n * n)
        case "sinh":
            return factor * a.tape.function("cosh", a)
        case "cosh":
            return factor * a.tape.function("sinh", a)
        case "arctan":
            return factor / (1.0 + a * a)
        case "arcsin" | "arccos":
            slope = factor / a.tape.function("sqrt", 1.0 - a * a)
            return slope if n.op == "arcsin" else -slope
    raise AssertionError(n.op)
