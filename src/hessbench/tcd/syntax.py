"""The syntax tree of TCD programs: small frozen nodes; positions and notes never take part in equality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TypeAlias

from hessbench.tcd.errors import START, Pos

FUNCTION_RANK = -1
"""`Slot.rank` of a function slot `f{}`; `None` is a bare name, whose rank is not stated."""


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes: every node knows where it begins."""

    pos: Pos = field(default=START, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Slot(Node):
    """A name with the number of indices of what it holds: `x[:]` has rank 1, `t[]` 0, `f{}` FUNCTION_RANK, `x` None."""

    name: str
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A literal, kept as it was written."""

    text: str

    @property
    def value(self) -> int | float:
        """The number; digits alone are an integer."""
        return int(self.text) if self.text.isdecimal() else float(self.text)


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A reference to a binding; `suffix` is "{}" where the program wrote `f{}`."""

    id: str
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Term(Node):
    """A summand with its sign, "+" or "-"."""

    sign: str
    expr: Expr


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """`a + b - c`, or `-a`: at least one term."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Factor(Node):
    """A factor with the operation that joins it to what stands before: "*", "/", " " for juxtaposition, or "//"
    for the quotient of integers, rounded down, which is written `/`, too."""

    op: str
    expr: Expr


@dataclass(frozen=True, slots=True)
class Product(Node):
    """`a * b / c`, from left to right; the first factor's operation is "*"."""

    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class At(Node):
    """The index `i`: picks one component and drops the axis."""

    index: Expr


@dataclass(frozen=True, slots=True)
class Range(Node):
    """The index `start:stop:step`, any part of which may be left out."""

    start: Expr | None = None
    stop: Expr | None = None
    step: Expr | None = None


@dataclass(frozen=True, slots=True)
class NewAxis(Node):
    """The index `+`: a new axis of length 1."""


@dataclass(frozen=True, slots=True)
class Diff(Node):
    """The index `d slot`: the derivative with respect to that slot, with the slot's own axes."""

    slot: Slot


Item: TypeAlias = At | Range | NewAxis | Diff


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`base[items]`."""

    base: Expr
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Binding(Node):
    """`slot = expr`, or an unbound slot. `notes` are comments that the printer sets beside the summands of `expr`."""

    slot: Slot
    expr: Expr | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)
    heading: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`callee(slot=expr, ...)`."""

    callee: Expr
    args: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    """`^(args) -> body`; one without unbound slots is the value of its body."""

    args: tuple[Binding, ...]
    body: Expr


@dataclass(frozen=True, slots=True)
class Special(Node):
    """`&op(args)`: every special function but the Einstein sum; which arguments are integers depends on `op`."""

    op: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class EsFactor(Node):
    """One factor of an Einstein sum with the names of its indices."""

    expr: Expr
    indices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Einsum(Node):
    """`&es(factor @ i, j; ... -> k)`."""

    factors: tuple[EsFactor, ...]
    result: tuple[str, ...]


Expr: TypeAlias = Number | Name | Sum | Product | Index | Call | Lambda | Special | Einsum


@dataclass(frozen=True, slots=True)
class Definition(Node):
    """The statement `slot = expr`."""

    binding: Binding


@dataclass(frozen=True, slots=True)
class Signature(Node):
    """`name: ^(args) => result`; the result is a slot without a name, or another signature."""

    slot: Slot | None
    args: tuple[Binding, ...]
    result: Slot | Signature


@dataclass(frozen=True, slots=True)
class Bare(Node):
    """An expression as a statement: the program's result."""

    expr: Expr


Statement: TypeAlias = Definition | Signature | Bare


@dataclass(frozen=True, slots=True)
class Program(Node):
    """Statements in order. `source` is the text it was parsed from, for messages."""

    statements: tuple[Statement, ...]
    source: str = field(default="", compare=False, repr=False)


_CHILDREN: dict[type, tuple[str, ...]] = {}


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node, in order of writing."""
    kind = type(node)
    if kind not in _CHILDREN:
        _CHILDREN[kind] = tuple(f.name for f in fields(kind) if f.name not in ("pos", "notes", "heading", "source"))
    for name in _CHILDREN[kind]:
        value = getattr(node, name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, Node))


def free_names(node: Node) -> dict[str, Pos]:
    """Names that a node takes from outside, with the place of their first use; einsum indices are no names.

    A call's earlier arguments and a function's earlier slots hide outer names in what follows them.
    """
    found: dict[str, Pos] = {}
    _collect(node, frozenset(), found)
    return found


def _collect(node: Node, hidden: frozenset[str], found: dict[str, Pos]) -> None:
    if isinstance(node, Name):
        if node.id not in hidden:
            found.setdefault(node.id, node.pos)
        return
    if isinstance(node, Call):
        _collect(node.callee, hidden, found)
    if isinstance(node, Call | Lambda):
        for arg in node.args:
            if arg.expr is not None:
                _collect(arg.expr, hidden, found)
            hidden = hidden | {arg.slot.name}
        if isinstance(node, Lambda):
            _collect(node.body, hidden, found)
        return
    for child in children(node):
        _collect(child, hidden, found)
