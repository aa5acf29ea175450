"""A counting number: a function that runs on it records every scalar operation.

Counted are `+ - * /`, powers and elementary functions, 1 each; a product with a number or a parameter is a product. Free
are a change of sign, a comparison, a selection, what is done to parameters alone (once, before the solve), and arithmetic
with an exact 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import InvalidInput

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "arctan": np.arctan, "arcsin": np.arcsin, "arccos": np.arccos,
    "expm1": np.expm1, "log1p": np.log1p,
}  # fmt: skip
COUNTED = frozenset({"add", "mul", "div", "pow", *FUNCTIONS})
MOST_OPERATIONS = 3_000_000


class Number:
    """The result of `op(*args)`. `value` is known for plain numbers only; `fixed`: made of numbers and parameters alone.

    `index` grows in order of creation.
    """

    __slots__ = ("args", "fixed", "index", "op", "tape", "value")

    def __init__(self, tape: Tape, op: str, args: tuple[Number, ...], fixed: bool, value: float | None = None) -> None:
        self.tape, self.op, self.args, self.fixed, self.value, self.index = tape, op, args, fixed, value, tape.size

    def __add__(self, other: Any) -> Any:
        return _binary(self.tape.add, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _binary(self.tape.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.tape.sub(self.tape.lift(other), self)

    def __mul__(self, other: Any) -> Any:
        return _binary(self.tape.mul, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return _binary(self.tape.div, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.tape.div(self.tape.lift(other), self)

    def __pow__(self, other: Any) -> Any:
        return _binary(self.tape.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.tape.power(self.tape.lift(other), self)

    def __neg__(self) -> Number:
        return self.tape.neg(self)

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> Number:
        return self.tape.select(self < 0.0, -self, self)

    def __lt__(self, other: Any) -> Any:
        return _binary(lambda a, b: self.tape.node("less", a, b), self, other)

    def __gt__(self, other: Any) -> Any:
        return _binary(lambda a, b: self.tape.node("less", b, a), self, other)

    __le__, __ge__ = __lt__, __gt__

    def __bool__(self) -> bool:
        raise InvalidInput("it branches on a value (`if`, `max`, ...); use `where` of the namespace it is given")

    def __float__(self) -> float:
        if self.value is None:
            raise InvalidInput("it converts a value to a Python number")
        return self.value

    def square(self) -> Number:
        return self * self

    def reciprocal(self) -> Number:
        return 1.0 / self

    def conjugate(self) -> Number:
        return self


def _binary(operation: Callable[[Number, Number], Number], a: Number, other: Any) -> Any:
    if isinstance(other, np.ndarray) and other.ndim:
        return NotImplemented
    return operation(a, a.tape.lift(other))


def _method(name: str) -> Callable[[Number], Number]:
    return lambda self: self.tape.function(name, self)


for _name in FUNCTIONS:
    setattr(Number, _name, _method(_name))


class Tape:
    """Creates numbers. With `shared`, an operation on the same operands is done once, up to sign and order; without, each time.

    Raises `InvalidInput` past `MOST_OPERATIONS`.
    """

    def __init__(self, *, shared: bool = True) -> None:
        self.shared, self.size, self._known = shared, 0, dict[tuple, Number]()

    def node(self, op: str, *args: Number) -> Number:
        """`op(*args)` as it is."""
        key = (op, *(a.index for a in args))
        if self.shared and key in self._known:
            return self._known[key]
        if self.size >= MOST_OPERATIONS:
            raise InvalidInput(f"it takes more than {MOST_OPERATIONS} operations to count; choose a smaller size")
        self.size += 1
        out = Number(self, op, args, all(a.fixed for a in args))
        if self.shared:
            self._known[key] = out
        return out

    def leaf(self, *, fixed: bool = False) -> Number:
        """A new variable, or a parameter if `fixed`."""
        self.size += 1
        return Number(self, "leaf", (), fixed)

    def constant(self, value: float) -> Number:
        """A plain number."""
        key = ("constant", float(value))
        if key not in self._known:
            self.size += 1
            self._known[key] = Number(self, "constant", (), True, float(value))
        return self._known[key]

    def lift(self, value: Any) -> Number:
        """`value` itself if it is a counting number."""
        return value if isinstance(value, Number) else self.constant(value)

    def neg(self, a: Number) -> Number:
        """`-a`"""
        if a.value is not None:
            return self.constant(-a.value)
        return a.args[0] if a.op == "neg" else self.node("neg", a)

    def add(self, a: Number, b: Number) -> Number:
        """`a + b`; a negative first operand is moved in front: `-(x - y)`."""
        if a.value is not None and b.value is not None:
            return self.constant(a.value + b.value)
        if a.value == 0.0 or b.value == 0.0:
            return b if a.value == 0.0 else a
        (sign_a, a), (sign_b, b) = self._ordered(a, b)
        total = self.node("add", a, b if sign_a == sign_b else self.neg(b))
        return total if sign_a > 0 else self.neg(total)

    def sub(self, a: Number, b: Number) -> Number:
        """`a - b`"""
        return self.add(a, self.neg(b))

    def mul(self, a: Number, b: Number) -> Number:
        """`a b`; signs are moved in front."""
        if a.value is not None and b.value is not None:
            return self.constant(a.value * b.value)
        (sign_a, a), (sign_b, b) = self._ordered(a, b)
        if a.value == 0.0 or b.value == 0.0:
            return self.constant(0.0)
        product = b if a.value == 1.0 else a if b.value == 1.0 else self.node("mul", a, b)
        return product if sign_a == sign_b else self.neg(product)

    def div(self, a: Number, b: Number) -> Number:
        """`a / b`; signs are moved in front."""
        if a.value is not None and b.value is not None:
            return self.constant(a.value / b.value)
        (sign_a, a), (sign_b, b) = self._sign(a), self._sign(b)
        if a.value == 0.0:
            return a
        quotient = a if b.value == 1.0 else self.node("div", a, b)
        return quotient if sign_a == sign_b else self.neg(quotient)

    def power(self, a: Number, b: Number) -> Number:
        """`a ** b`: one operation if the exponent is fixed, else `exp(b log a)`."""
        if a.value is not None and b.value is not None:
            return self.constant(a.value**b.value)
        if b.value == 0.0 or b.value == 1.0:
            return a if b.value == 1.0 else self.constant(1.0)
        if not b.fixed:
            return self.function("exp", self.mul(b, self.function("log", a)))
        return self.node("pow", a, b)

    def function(self, name: str, a: Number) -> Number:
        """An elementary function by its NumPy name."""
        return self.node(name, a) if a.value is None else self.constant(FUNCTIONS[name](a.value))

    def select(self, condition: Any, a: Any, b: Any) -> Number:
        """`a` where the condition holds, else `b`."""
        a, b = self.lift(a), self.lift(b)
        if not isinstance(condition, Number):
            return a if condition else b
        return a if a is b else self.node("select", condition, a, b)

    def _ordered(self, a: Number, b: Number) -> tuple[tuple[int, Number], tuple[int, Number]]:
        left, right = self._sign(a), self._sign(b)
        return (left, right) if left[1].index <= right[1].index else (right, left)

    def _sign(self, a: Number) -> tuple[int, Number]:
        if a.op == "neg":
            return -1, a.args[0]
        return (-1, self.constant(-a.value)) if a.value is not None and a.value < 0 else (1, a)


def reachable(outputs: Sequence[Number]) -> list[Number]:
    """All numbers that `outputs` are computed from, operands first."""
    seen, stack = set(outputs), list(outputs)
    while stack:
        new = [a for a in stack.pop().args if a not in seen]
        seen.update(new)
        stack.extend(new)
    return sorted(seen, key=lambda n: n.index)


def operations(outputs: Sequence[Number]) -> int:
    """How many counted operations `outputs` need."""
    return sum(n.op in COUNTED and not n.fixed for n in reachable(outputs))
