"""Small constructors of expressions that leave out what changes nothing: factors 1, double signs, full ranges."""

from __future__ import annotations

from collections.abc import Sequence

from hessbench.tcd.sizes import Size, size_expr
from hessbench.tcd.syntax import (
    Binding,
    Call,
    Einsum,
    EsFactor,
    Expr,
    Factor,
    Index,
    Item,
    Number,
    Product,
    Range,
    Slot,
    Special,
    Sum,
    Term,
    free_names,
)

ONE_EXPR = Number("1")


def negated(expr: Expr) -> Expr | None:
    """`e` if the expression is `-e`, else `None`."""
    if isinstance(expr, Sum) and len(expr.terms) == 1 and expr.terms[0].sign == "-":
        return expr.terms[0].expr
    return None


def neg(expr: Expr) -> Expr:
    """`-e`."""
    inner = negated(expr)
    return Sum((Term("-", expr),)) if inner is None else inner


def add(terms: Sequence[Expr]) -> Expr:
    """The sum of at least one expression; `-e` becomes a term with a minus sign."""
    if len(terms) == 1:
        return terms[0]
    signed = ((t, negated(t)) for t in terms)
    return Sum(tuple(Term("+", t) if inner is None else Term("-", inner) for t, inner in signed))


def mul(first: Expr, rest: Sequence[Factor]) -> Expr:
    """`first * ...`, element-wise, with the operations of `rest`."""
    inner = negated(first)
    if inner is not None:
        return neg(mul(inner, rest))
    if first == ONE_EXPR and rest and rest[0].op == "*":
        head, *rest = rest
        return mul(head.expr, rest)
    if not rest:
        return first
    own = first.factors if isinstance(first, Product) else (Factor("*", first),)
    return Product((*own, *rest))


def times(a: Expr, b: Expr) -> Expr:
    """`a * b`, element-wise."""
    return mul(a, [Factor("*", b)])


Indexed = tuple[Expr, tuple[str, ...]]


def es(factors: Sequence[Indexed], result: tuple[str, ...]) -> Expr:
    """An Einstein sum, or something plainer where that says the same."""
    kept: list[Indexed] = []
    negative = False
    for expr, names in factors:
        inner = negated(expr)
        negative ^= inner is not None
        expr = expr if inner is None else inner
        if expr != ONE_EXPR:
            kept.append((expr, names))
    if not kept:
        value: Expr = ONE_EXPR
    elif all(names == result for _, names in kept) and len(set(result)) == len(result):
        value = mul(kept[0][0], [Factor("*", e) for e, _ in kept[1:]])
    else:
        value = Einsum(tuple(EsFactor(e, names) for e, names in kept), result)
    return neg(value) if negative else value


def index(base: Expr, items: Sequence[Item]) -> Expr:
    """`base[items]`, or `base` if every item is a full range."""
    return base if all(i == Range() for i in items) else Index(base, tuple(items))


def ranged(start: Size, stop: Size, length: Size) -> Range:
    """The index `start:stop` of an axis of the given length, bounds left out where they are its ends."""
    return Range(size_expr(start) if start != Size() else None, size_expr(stop) if stop != length else None)


def call(callee: Expr, args: Sequence[tuple[Slot, Expr]]) -> Call:
    """A call whose arguments stand in an order in which none sees an earlier slot instead of an outer name.

    Raises `ValueError` if there is no such order.
    """
    left, ordered = list(args), []
    while left:
        for k, (slot, expr) in enumerate(left):
            others = [e for m, (_, e) in enumerate(left) if m != k]
            if not any(slot.name in free_names(e) for e in others):
                ordered.append(Binding(slot, expr))
                del left[k]
                break
        else:
            raise ValueError("arguments that name each other's slots")
    return Call(callee, tuple(ordered))


def zeros(shape: Sequence[Size]) -> Expr:
    """`&zeros(...)`, or 0 for a scalar."""
    return Special("zeros", tuple(size_expr(n) for n in shape)) if shape else Number("0")


def ones(length: Size) -> Expr:
    """A vector of ones: the language has zeros, and the exponential of zero is one."""
    return Special("exp", (zeros([length]),))


def onehot(position: Expr, length: Size) -> Expr:
    """`&onehot(position, length)`."""
    return Special("onehot", (position, size_expr(length)))


def letters(count: int, avoid: Sequence[str] = ()) -> tuple[str, ...]:
    """Index names that do not occur in `avoid`."""
    names = (n + suffix for suffix in ("", *map(str, range(1, 1000))) for n in "abceghijklmnopqrstuvwxyz")
    found: list[str] = []
    while len(found) < count:
        name = next(names)
        if name not in avoid:
            found.append(name)
    return tuple(found)
