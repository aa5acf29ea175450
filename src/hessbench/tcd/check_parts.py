"""Type rules of the parts of an expression that have rules of their own: indices, special functions, Einstein sums."""

from __future__ import annotations

from collections.abc import Mapping

from hessbench.tcd.check_shapes import Reporter, broadcast, common, concat_shape, range_length, stack_shape
from hessbench.tcd.errors import Pos, did_you_mean
from hessbench.tcd.printer import show_slot
from hessbench.tcd.scope import Inference, Scope
from hessbench.tcd.sizes import ONE, Size, differ
from hessbench.tcd.syntax import (
    At,
    Diff,
    Einsum,
    Expr,
    Index,
    Item,
    Name,
    NewAxis,
    Number,
    Product,
    Range,
    Special,
    Sum,
)
from hessbench.tcd.types import UNKNOWN, FunctionType, Shape, TensorType, Type, Unknown


def infer_integer(check: Inference, expr: Expr, scope: Scope) -> Size | None:
    """Symbolic value of an integer expression: names and integers, sums, products and quotients."""
    if isinstance(expr, Number):
        return Size.of(int(expr.value))
    if isinstance(expr, Sum):
        total: Size | None = Size()
        for term in expr.terms:
            value = infer_integer(check, term.expr, scope)
            total = None if value is None or total is None else total - value if term.sign == "-" else total + value
        return total
    if isinstance(expr, Product):
        product: Size | None = ONE
        for factor in expr.factors:
            value = infer_integer(check, factor.expr, scope)
            if factor.op == "//" and value is not None and value.number == 0:
                check.error("integer", "an index is divided by zero", factor.pos, expected="another integer")
            if value is None or product is None:
                product = None
            else:
                product = product.over(value) if factor.op == "//" else product * value
        return product
    value = check.expr(expr, scope)
    if isinstance(value, FunctionType) or (isinstance(value, TensorType) and value.shape):
        name = expr.id if isinstance(expr, Name) else "this"
        check.error("integer", f"`{name}` is {value}", expr.pos, expected="an integer such as `dim`, `2*dim`, `3`")
        return None
    return value.value if isinstance(value, TensorType) else None


def infer_index(check: Inference, base: Type, node: Index, scope: Scope) -> Type:
    """Type of `base[items]`; of a function it is the function with the index applied to what it returns."""
    diffs = [i for i in node.items if isinstance(i, Diff)]
    bounds = {id(i): _bounds(check, i, scope) for i in node.items}
    if isinstance(base, Unknown):
        return UNKNOWN
    if isinstance(base, TensorType):
        if diffs:
            check.error(
                "function",
                f"{base} has no slots to differentiate with respect to",
                diffs[0].pos,
                expected="a function",
                suggestion=f"write it as a function: `^({show_slot(diffs[0].slot)}) -> ...`",
            )
            return UNKNOWN
        return _index_tensor(check, base, node, bounds, {})
    slots = {s.name: s for s in base.slots}
    for item in diffs:
        own = slots.get(item.slot.name)
        if own is None:
            check.error(
                "function",
                f"`{item.slot.name}` is no unbound slot of this function",
                item.pos,
                expected=", ".join(f"`{show_slot(s)}`" for s in base.slots),
                suggestion=did_you_mean(item.slot.name, slots),
            )
            return UNKNOWN
        if None not in (own.rank, item.slot.rank) and own.rank != item.slot.rank:
            message = f"the slot is `{show_slot(own)}`, not `{show_slot(item.slot)}`"
            check.error("rank", message, item.pos, suggestion=f"`d {show_slot(own)}`")
            return UNKNOWN

    def apply(args: Mapping[str, Type], pos: Pos) -> Type:
        result = base.apply(args, pos)
        if isinstance(result, FunctionType):
            message = "an index on a function that returns a function"
            check.error("function", message, node.pos, suggestion="call it, then index what it returns")
        return _index_tensor(check, result, node, bounds, args) if isinstance(result, TensorType) else UNKNOWN

    return FunctionType(base.slots, apply, base.begun)


Bounds = tuple[Size | None, ...]


def _bounds(check: Inference, item: Item, scope: Scope) -> Bounds:
    if isinstance(item, At):
        return (check.integer(item.index, scope),)
    if isinstance(item, Range):
        return tuple(None if e is None else check.integer(e, scope) for e in (item.start, item.stop, item.step))
    return ()


def _index_tensor(
    check: Inference, base: TensorType, node: Index, bounds: dict[int, Bounds], args: Mapping[str, Type]
) -> Type:
    rest = list(base.shape)
    shape: list[Size | None] = []
    taken = sum(isinstance(i, At | Range) for i in node.items)
    differentiates = any(isinstance(i, Diff) for i in node.items)
    # A derivative's axes have their place among the others only if all of those are written.
    if taken > len(rest) or (taken < len(rest) and (differentiates or not node.items)):
        wanted = f"{len(rest)} component {'index' if len(rest) == 1 else 'indices'}"
        check.error("rank", f"{taken} component indices on {base}", node.pos, expected=wanted)
        return UNKNOWN
    for item in node.items:
        if isinstance(item, NewAxis):
            shape.append(ONE)
        elif isinstance(item, Diff):
            slot = args.get(item.slot.name, UNKNOWN)
            if isinstance(slot, FunctionType):
                check.error("function", "a derivative with respect to a function", item.pos, expected="a tensor slot")
            if not isinstance(slot, TensorType):
                return UNKNOWN
            shape += slot.shape
        elif isinstance(item, At):
            _check_inside(check, bounds[id(item)][0], rest.pop(0), item.pos)
        else:
            shape.append(_range(check, item, bounds[id(item)], rest.pop(0)))
    value = base.value if not node.items else None
    return TensorType((*shape, *rest), value)


def _range(check: Reporter, item: Range, given: Bounds, length: Size | None) -> Size | None:
    start, stop, step = given
    if item.start is None and item.stop is None and item.step is None:
        return length
    step = ONE if item.step is None else step
    backward = step is not None and step.always_negative()
    if backward and (item.start is None or item.stop is None):
        known = step.number if step is not None else None
        return length if known == -1 and item.start is None and item.stop is None else None
    start = Size() if item.start is None else start
    stop = length if item.stop is None else stop
    return range_length(check, length, start, stop, step, item.pos)


def _check_inside(check: Reporter, index: Size | None, length: Size | None, pos: Pos) -> None:
    if index is None or length is None or not (index.stated and length.stated):
        return
    beyond = index == length or (index - length).always_positive() or (index + length).always_negative()
    if beyond:
        check.error("index", f"index {index} lies outside an axis of length {length}", pos)


def infer_special(check: Inference, node: Special, scope: Scope) -> Type:
    """Type of a special function's value."""
    if node.op in ("concat", "stack"):
        axis = check.integer(node.args[0], scope)
        parts = [check.tensor(a, scope) for a in node.args[1:]]
        if axis is None or any(p is None for p in parts):
            return UNKNOWN
        if axis.number is None:
            check.error("integer", f"axis `{axis}` is not a number", node.args[0].pos, expected="an integer literal")
            return UNKNOWN
        rule = concat_shape if node.op == "concat" else stack_shape
        shape = rule(check, axis.number, [p.shape for p in parts if p is not None], node.pos)
        return UNKNOWN if shape is None else TensorType(shape)
    if node.op in ("onehot", "zeros"):
        sizes = [check.integer(a, scope) for a in node.args]
        if node.op == "onehot":
            _check_inside(check, sizes[0], sizes[1], node.args[0].pos)
            sizes = sizes[1:]
        return TensorType(tuple(_length(check, n, node.pos) for n in sizes))
    if node.op == "reshape":
        return _reshape(check, node, scope)
    if node.op == "pow":
        return _power(check, node, scope)
    value = check.tensor(node.args[0], scope)
    if value is None or node.op in ("exp", "log"):
        return UNKNOWN if value is None else TensorType(value.shape)
    return _eigen(check, node, value)


def _length(check: Reporter, size: Size | None, pos: Pos) -> Size | None:
    if size is not None and size.always_negative():
        check.error("shape", f"a length of {size}", pos, expected="a length that is not negative")
        return None
    return size


def _reshape(check: Inference, node: Special, scope: Scope) -> Type:
    value = check.tensor(node.args[0], scope)
    shape = tuple(_length(check, check.integer(a, scope), node.pos) for a in node.args[1:])
    if value is not None:
        have, want = _count(value.shape), _count(shape)
        if differ(have, want):
            check.error("shape", f"`&reshape` of {have} components to {want}", node.pos, expected="the same number")
    return TensorType(shape)


def _count(shape: Shape) -> Size | None:
    total: Size | None = ONE
    for n in shape:
        total = None if n is None or total is None else total * n
    return total


def _power(check: Inference, node: Special, scope: Scope) -> Type:
    base, exponent = (check.tensor(a, scope) for a in node.args)
    if base is None or exponent is None:
        return UNKNOWN
    if not exponent.shape:
        return TensorType(base.shape)
    shape = broadcast(check, base.shape, exponent.shape, node.pos, "power")
    return UNKNOWN if shape is None else TensorType(shape)


def _eigen(check: Reporter, node: Special, value: TensorType) -> Type:
    if len(value.shape) != 2 or differ(*value.shape):
        check.error("rank", f"`&{node.op}` of {value}", node.pos, expected="a symmetric matrix [n, n]")
        return UNKNOWN
    n = common(*value.shape)
    return TensorType((n,) if node.op == "eigvals" else (n, n))


def infer_einsum(check: Inference, node: Einsum, scope: Scope) -> Type:
    """Type of an Einstein sum: every index one length, every result index from a factor, once."""
    lengths: dict[str, Size | None] = {}
    for factor in node.factors:
        value = check.tensor(factor.expr, scope)
        if value is not None and len(value.shape) != len(factor.indices):
            names = ", ".join("ijklmn"[: len(value.shape)])
            check.error(
                "einsum",
                f"{value} with {len(factor.indices)} index names",
                factor.pos,
                expected=f"{len(value.shape)} names after `@`" if value.shape else "no `@`",
                suggestion=f"`@ {names}`" if names else "",
            )
            value = None
        for k, name in enumerate(factor.indices):
            length = value.shape[k] if value is not None else None
            if differ(lengths.get(name), length):
                message = f"index `{name}` has lengths {lengths[name]} and {length}"
                check.error("einsum", message, factor.pos, expected="one length for an index")
            lengths[name] = common(lengths.get(name), length)
    for k, name in enumerate(node.result):
        if name not in lengths:
            check.error(
                "einsum",
                f"result index `{name}` occurs in no factor",
                node.pos,
                suggestion=did_you_mean(name, lengths) or f"indices are {', '.join(lengths) or 'none'}",
            )
        if name in node.result[:k]:
            check.error("einsum", f"result index `{name}` occurs twice", node.pos, expected="different result indices")
    return TensorType(tuple(lengths.get(name) for name in node.result))
