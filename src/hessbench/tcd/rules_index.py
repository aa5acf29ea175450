"""The index rule: the sensitivity of `base[items]` put back where it came from, zeros elsewhere."""

from __future__ import annotations

from hessbench.tcd.build import es, index, letters, onehot, ranged, zeros
from hessbench.tcd.rules_lengths import KnownShape, Lengths
from hessbench.tcd.sizes import ONE, Size, size_expr
from hessbench.tcd.syntax import At, Expr, Index, NewAxis, Number, Range, Special


def slice_axis(rules: Lengths, expr: Expr, axis: int, start: Size, stop: Size, shape: KnownShape) -> Expr:
    """Components `start:stop` of one axis of an expression of the given shape; a range of a range is one range."""
    if start == Size() and stop == shape[axis]:
        return expr
    if isinstance(expr, Index) and all(isinstance(i, Range) and i.step is None for i in expr.items):
        items = list(expr.items)
        old = items[axis] if axis < len(items) else Range()
        assert isinstance(old, Range)
        base = rules.type_of(expr.base).shape
        offset = rules.checker.integer(old.start, rules.scope) if old.start is not None else Size()
        length = base[axis]
        if offset is not None and length is not None and not offset.always_negative():
            items += [Range()] * (len(base) - len(items))
            items[axis] = ranged(offset + start, offset + stop, length)
            return index(expr.base, items)
    return index(expr, [ranged(start, stop, shape[axis]) if k == axis else Range() for k in range(len(shape))])


def scatter(rules: Lengths, node: Index, s: Expr) -> Expr:
    """The sensitivity of `node.base`: undoes new axes, then ranges, then single components."""
    if any(isinstance(i, NewAxis) for i in node.items):
        kept = [i for i in node.items if not isinstance(i, At)]
        s = index(s, [At(Number("0")) if isinstance(i, NewAxis) else Range() for i in kept])
    rank = len(rules.type_of(node.base).shape)
    items = [i for i in node.items if not isinstance(i, NewAxis)]
    items += [Range()] * (rank - len(items))
    axes = [k for k, i in enumerate(items) if not isinstance(i, At)]
    for place, axis in enumerate(axes):
        item = items[axis]
        assert isinstance(item, Range)
        if item != Range():
            s = _widen(rules, node.base, item, axis, s, [axes[:place], axes[place + 1 :]], items)
    names = letters(rank)
    factors = [(s, tuple(names[k] for k in axes))]
    for axis, item in enumerate(items):
        if isinstance(item, At):
            factors.append((_unit(rules, item, rules.shape(node.base)[axis]), (names[axis],)))
    return es(factors, names) if len(factors) > 1 else s


def _unit(rules: Lengths, item: At, length: Size) -> Expr:
    position = rules.checker.integer(item.index, rules.scope)
    from_end = position is not None and position.always_negative()
    return onehot(size_expr(position + length) if position is not None and from_end else item.index, length)


def _widen(rules: Lengths, base: Expr, item: Range, axis: int, s: Expr, around: list[list[int]], items: list) -> Expr:
    """Fills one axis of `s` up to the base's length: zeros before and after, or, for steps, by a selection matrix."""
    shape = rules.shape(base)
    before, after = around
    bounds = _bounds(rules, item, shape[axis])
    if bounds is None:
        names = letters(len(before) + len(after) + 2)
        inner, outer = names[-2], names[-1]
        left, right = names[: len(before)], names[len(before) : -2]
        rows = index(rules.delta(shape[axis]), [item, Range()])
        return es([(s, (*left, inner, *right)), (rows, (inner, outer))], (*left, outer, *right))
    start, stop = bounds

    def gap(length: Size) -> Expr:
        # Axes before this one are already filled; those after still have the lengths that their ranges leave.
        lengths = [shape[k] for k in before]
        rest = [_taken(rules, items[k], shape[k]) for k in after]
        return zeros([*lengths, length, *rest])

    parts = [gap(start)] if start != Size() else []
    parts.append(s)
    parts += [gap(shape[axis] - stop)] if stop != shape[axis] else []
    return s if len(parts) == 1 else Special("concat", (Number(str(len(before))), *parts))


def _bounds(rules: Lengths, item: Range, length: Size) -> tuple[Size, Size] | None:
    """Start and stop of a range of step 1, counted from the axis's beginning; `None` if they cannot be written so."""
    step = ONE if item.step is None else rules.checker.integer(item.step, rules.scope)
    ends = []
    for bound, default in ((item.start, Size()), (item.stop, length)):
        end = default if bound is None else rules.checker.integer(bound, rules.scope)
        if end is not None and end.always_negative():
            end = end + length
        ends.append(end)
    start, stop = ends
    if step != ONE or start is None or stop is None or not (start.stated and stop.stated):
        return None
    return None if (stop - start).always_negative() else (start, stop)


def _taken(rules: Lengths, item: Range, length: Size) -> Size:
    if item == Range():
        return length
    probe = Index(Special("zeros", (size_expr(length),)), (item,))
    return rules.stated(rules.type_of(probe).shape[0], item.pos)
