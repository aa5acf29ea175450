"""The lengths that reverse-mode rules write down: those that somebody stated."""

from __future__ import annotations

from hessbench.tcd.checker import Checker
from hessbench.tcd.errors import Pos, TcdDeriveError
from hessbench.tcd.scope import Scope
from hessbench.tcd.sizes import Size
from hessbench.tcd.syntax import Expr
from hessbench.tcd.types import TensorType

KnownShape = tuple[Size, ...]


class Lengths:
    """Types and lengths of expressions in a scope; what has none that can be written down is refused."""

    def __init__(self, checker: Checker, scope: Scope) -> None:
        self.checker = checker
        self.scope = scope

    def delta(self, length: Size) -> Expr:
        """An identity matrix of that length."""
        raise NotImplementedError

    def type_of(self, expr: Expr) -> TensorType:
        """The tensor type of an expression; refuses what is none."""
        value = self.checker.expr(expr, self.scope)
        if not isinstance(value, TensorType):
            raise TcdDeriveError(f"cannot derive through {value}", expr.pos, expected="a tensor of known rank")
        return value

    def shape(self, expr: Expr) -> KnownShape:
        """The expression's shape with every length stated; refuses otherwise."""
        return tuple(self.stated(n, expr.pos) for n in self.type_of(expr).shape)

    def stated(self, length: Size | None, pos: Pos) -> Size:
        """The length if it can be written down in a program."""
        if length is None or not length.stated:
            what = f" {length}" if length is not None else ""
            raise TcdDeriveError(
                f"the derivative needs a length{what} that is not stated",
                pos,
                suggestion="state the slot's lengths: `--size x=dim`, or `sizes={'x': 'dim'}`",
            )
        return length
