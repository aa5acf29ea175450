"""What names mean at a place, and what the rules of single expressions ask of the checker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

from hessbench.tcd.check_shapes import Reporter
from hessbench.tcd.errors import Pos
from hessbench.tcd.printer import show_slot
from hessbench.tcd.sizes import Size
from hessbench.tcd.syntax import FUNCTION_RANK, Binding, Expr, Slot
from hessbench.tcd.types import FunctionType, TensorType, Type, Unknown


@dataclass(slots=True)
class Scope:
    """What names mean at a place: their types, and for those that could be unused, where they were bound."""

    types: dict[str, Type]
    origin: dict[str, Pos] = field(default_factory=dict)

    def copy(self) -> Scope:
        """A scope that can grow on its own."""
        return Scope(dict(self.types), dict(self.origin))


class Inference(Reporter, ABC):
    """The types of expressions and what is wrong with them, for rules that need those of the parts."""

    @abstractmethod
    def expr(self, expr: Expr, scope: Scope) -> Type:
        """The type of an expression."""

    @abstractmethod
    def integer(self, expr: Expr, scope: Scope) -> Size | None:
        """The symbolic value of an integer expression, if known."""

    def tensor(self, expr: Expr, scope: Scope) -> TensorType | None:
        """The type of an expression that must be a tensor; `None`, reported, if it is none."""
        return self.need_tensor(self.expr(expr, scope), expr.pos)

    def fits(self, slot: Slot, value: Type, pos: Pos) -> bool:
        """Whether a slot can hold a value; reports if not."""
        if slot.rank is None or isinstance(value, Unknown):
            return True
        is_function = isinstance(value, FunctionType)
        if is_function == (slot.rank == FUNCTION_RANK) and (is_function or len(value.shape) == slot.rank):
            return True
        if isinstance(value, FunctionType) and (left_out := value.left_out()) is not None:
            self.unfinished(*left_out)
            return False
        wanted = "a function" if slot.rank == FUNCTION_RANK else str(TensorType((None,) * slot.rank))
        code = "argument" if is_function else "rank"
        self.error(code, f"slot `{show_slot(slot)}` cannot hold {value}", pos, expected=wanted)
        return False

    def duplicates(self, args: Iterable[Binding]) -> None:
        """Reports slots that occur twice in a list of arguments."""
        seen: dict[str, Pos] = {}
        for arg in args:
            if arg.slot.name in seen:
                before = seen[arg.slot.name]
                self.error("duplicate", f"slot `{arg.slot.name}` occurs twice, first at line {before.line}", arg.pos)
            seen.setdefault(arg.slot.name, arg.pos)
