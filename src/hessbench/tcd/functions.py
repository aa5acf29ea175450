"""Functions while a program is being derived: what they are, how to write them over the names of the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from hessbench.tcd.build import call
from hessbench.tcd.errors import TcdDeriveError
from hessbench.tcd.syntax import Binding, Call, Expr, Index, Item, Lambda, Name, Node, Slot, children, free_names


@dataclass(frozen=True, slots=True, eq=False)
class FunctionValue:
    """Base: the unbound slots, an expression for the function, and the active names that it uses from outside."""

    slots: tuple[Slot, ...]

    def expr(self, active: set[str]) -> Expr:
        """The function as an expression; functions that capture active names are written out."""
        raise NotImplementedError

    def captures(self, active: set[str]) -> list[str]:
        """Active names free in `expr`, in order of use."""
        return [n for n in free_names(self.expr(active)) if n in active]

    def solves(self) -> bool:
        """Whether the function's text contains an `ODE`."""
        return False


SymbolicScope: TypeAlias = "dict[str, Expr | FunctionValue]"


@dataclass(frozen=True, slots=True, eq=False)
class Known(FunctionValue):
    """A function of the environment, about which only its type is known."""

    name: str

    def expr(self, active: set[str]) -> Expr:
        return Name(self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Builtin(FunctionValue):
    """`ODE` or `OBP`."""

    name: str

    def expr(self, active: set[str]) -> Expr:
        return Name(self.name)

    def solves(self) -> bool:
        return self.name == "ODE"


@dataclass(frozen=True, slots=True, eq=False)
class Closure(FunctionValue):
    """A function of the program with the scope it was written in; `name` is the step that holds it, if one does."""

    node: Lambda
    scope: SymbolicScope
    name: str | None = None

    def named(self, name: str) -> Closure:
        """The same function, known to be bound to a step."""
        return replace(self, name=name)

    def expr(self, active: set[str]) -> Expr:
        if self.name is not None:
            return Name(self.name, pos=self.node.pos)
        outer: dict[str, Expr] = {}
        for name in free_names(self.node):
            value = self.scope.get(name)
            if value is not None:
                outer[name] = value.expr(active) if isinstance(value, FunctionValue) else value
        return substitute(self.node, outer)

    def solves(self) -> bool:
        values = (self.scope.get(n) for n in free_names(self.node))
        return any(isinstance(v, FunctionValue) and v.solves() for v in values)


@dataclass(frozen=True, slots=True, eq=False)
class Partial(FunctionValue):
    """A function some of whose slots are bound."""

    base: FunctionValue
    args: Mapping[str, Expr | FunctionValue]

    def expr(self, active: set[str]) -> Expr:
        ranks = {s.name: s.rank for s in self.base.slots}
        bound = [
            (Slot(n, ranks.get(n)), a.expr(active) if isinstance(a, FunctionValue) else a) for n, a in self.args.items()
        ]
        base = self.base.expr(active)
        try:
            return call(base, bound)
        except ValueError:
            raise TcdDeriveError("arguments that name each other's slots", base.pos) from None

    def solves(self) -> bool:
        return self.base.solves() or any(isinstance(a, FunctionValue) and a.solves() for a in self.args.values())


@dataclass(frozen=True, slots=True, eq=False)
class Indexed(FunctionValue):
    """A function with an index on what it returns, derivatives among them."""

    base: FunctionValue
    items: tuple[Item, ...]

    def expr(self, active: set[str]) -> Expr:
        return Index(self.base.expr(active), self.items)

    def solves(self) -> bool:
        return self.base.solves()


@dataclass(frozen=True, slots=True, eq=False)
class Field(FunctionValue):
    """`OBP(ydot{}=base)`."""

    base: FunctionValue

    def expr(self, active: set[str]) -> Expr:
        return call(Name("OBP"), [(Slot("ydot", -1), self.base.expr(active))])

    def solves(self) -> bool:
        return self.base.solves()


def substitute(node: Any, outer: Mapping[str, Expr]) -> Any:
    """A tree with outer names replaced by expressions; slots hide outer names in what follows them.

    Raises `TcdDeriveError` where a slot would capture a name of what is put in.
    """
    if not outer:
        return node
    if isinstance(node, Name):
        return outer.get(node.id, node)
    if isinstance(node, Call | Lambda):
        callee = substitute(node.callee, outer) if isinstance(node, Call) else None
        args: list[Binding] = []
        for arg in node.args:
            args.append(replace(arg, expr=None if arg.expr is None else substitute(arg.expr, outer)))
            outer = {n: e for n, e in outer.items() if n != arg.slot.name}
            later = [a.expr for a in node.args[len(args) :] if a.expr is not None]
            later += [node.body] if isinstance(node, Lambda) else []
            needed = {n for e in later for n in free_names(e)}
            for name, value in outer.items():
                if name in needed and arg.slot.name in free_names(value):
                    raise TcdDeriveError(f"slot `{arg.slot.name}` would hide what `{name}` stands for", arg.pos)
        if isinstance(node, Call):
            return replace(node, callee=callee, args=tuple(args))
        return replace(node, args=tuple(args), body=substitute(node.body, outer))
    changes: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Node):
            changes[field.name] = substitute(value, outer)
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            changes[field.name] = tuple(substitute(v, outer) for v in value)
    return replace(node, **changes) if changes else node


def binders(node: Lambda) -> set[str]:
    """Every slot name that something inside a function binds."""
    found: set[str] = set()
    stack: list = list(children(node))
    while stack:
        child = stack.pop()
        if isinstance(child, Binding):
            found.add(child.slot.name)
        stack.extend(children(child))
    return found - {a.slot.name for a in node.args if a.expr is None}
