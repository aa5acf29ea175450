"""Rules on shapes: broadcasting, ranges, concatenation; findings go to the reporter."""

from __future__ import annotations

from hessbench.tcd.errors import Diagnostic, Pos
from hessbench.tcd.sizes import ONE, Size, differ
from hessbench.tcd.types import FunctionType, Shape, TensorType, Type


class Reporter:
    """Collects findings, each place and message once."""

    def __init__(self) -> None:
        self.findings: dict[tuple[Pos, str], Diagnostic] = {}

    def error(self, code: str, message: str, pos: Pos, *, expected: str = "", suggestion: str = "") -> None:
        """Records an error."""
        self.findings.setdefault((pos, message), Diagnostic("error", code, message, pos, "", expected, suggestion))

    def warn(self, code: str, message: str, pos: Pos, *, suggestion: str = "") -> None:
        """Records a warning."""
        self.findings.setdefault((pos, message), Diagnostic("warning", code, message, pos, "", "", suggestion))

    def unfinished(self, message: str, pos: Pos) -> None:
        """Reports a call that lacks arguments where its value is needed."""
        self.error(
            "argument", message, pos, expected="all arguments: the value is needed here, not a function of the rest"
        )

    def need_tensor(self, value: Type, pos: Pos) -> TensorType | None:
        """The value if it is a tensor; `None` otherwise, and a finding if it is a function."""
        if isinstance(value, FunctionType) and (left_out := value.left_out()) is not None:
            self.unfinished(*left_out)
        elif isinstance(value, FunctionType):
            names = ", ".join(f"`{s.name}`" for s in value.slots)
            self.error(
                "argument",
                f"{value} where a tensor is needed",
                pos,
                expected="a tensor",
                suggestion=f"bind {names} in a call",
            )
        return value if isinstance(value, TensorType) else None


def broadcast(check: Reporter, a: Shape, b: Shape, pos: Pos, what: str) -> Shape | None:
    """The shape of an element-wise operation: the same number of indices, lengths equal or one of them 1."""
    if len(a) != len(b):
        low, rank = min(len(a), len(b)), max(len(a), len(b))
        axes = ", ".join([":"] * low + ["+"] * (rank - low))
        check.error(
            "rank",
            f"{what} of {TensorType(a)} and {TensorType(b)}",
            pos,
            expected="the same number of indices on both sides",
            suggestion=f"add axes with `+`: `e[{axes}]`, or use `&es`",
        )
        return None
    lengths = []
    for axis, (m, n) in enumerate(zip(a, b, strict=True)):
        if m == ONE or n == ONE:
            lengths.append(n if m == ONE else m)
            continue
        if differ(m, n):
            check.error(
                "shape", f"{what}: axis {axis} has lengths {m} and {n}", pos, expected="equal lengths, or one of 1"
            )
            lengths.append(None)
            continue
        lengths.append(common(m, n))
    return tuple(lengths)


def common(m: Size | None, n: Size | None) -> Size | None:
    """The better known of two lengths that do not differ."""
    if m == n or n is None:
        return m
    if m is None or n.stated:
        return n
    return m if m.stated else None


def range_length(
    check: Reporter, length: Size | None, start: Size | None, stop: Size | None, step: Size | None, pos: Pos
) -> Size | None:
    """Length of `start:stop:step` of an axis; bounds outside the axis are errors. `None` bounds are not known."""
    if step is not None and step.number == 0:
        check.error("index", "a range with step 0", pos)
        return None
    bounds = [_from_end(b, length) for b in (start, stop)]
    for bound in bounds:
        if bound is None or length is None or not (bound.stated and length.stated):
            continue
        if (bound - length).always_positive() or bound.always_negative():
            check.error("index", f"bound {bound} lies outside an axis of length {length}", pos)
            return None
    first, last = bounds
    if first is None or last is None or step is None:
        return None
    numbers = first.number, last.number, step.number
    if None not in numbers and length is not None and length.number is not None:
        return Size.of(len(range(*numbers)))  # type: ignore[arg-type]
    if step != ONE:
        return None
    span = last - first
    if span.always_negative():
        return Size.of(0)
    return span


def _from_end(bound: Size | None, length: Size | None) -> Size | None:
    if bound is None or not bound.always_negative():
        return bound
    return None if length is None else bound + length


def concat_shape(check: Reporter, axis: int, shapes: list[Shape], pos: Pos) -> Shape | None:
    """Shape of `&concat(axis, ...)`: lengths add along `axis`, agree elsewhere."""
    rank = len(shapes[0])
    if any(len(s) != rank for s in shapes):
        kinds = ", ".join(str(TensorType(s)) for s in shapes)
        check.error("rank", f"`&concat` of {kinds}", pos, expected="the same number of indices in all parts")
        return None
    if not 0 <= axis < rank:
        check.error("index", f"`&concat` along axis {axis} of {TensorType(shapes[0])}", pos, expected=_axes(rank))
        return None
    lengths: list[Size | None] = []
    for k in range(rank):
        column = [s[k] for s in shapes]
        if k == axis:
            total = Size()
            for n in column:
                total = None if n is None or total is None else total + n
            lengths.append(total)
        else:
            lengths.append(_all_equal(check, column, pos, f"`&concat`: axis {k}"))
    return tuple(lengths)


def stack_shape(check: Reporter, axis: int, shapes: list[Shape], pos: Pos) -> Shape | None:
    """Shape of `&stack(axis, ...)`: equal shapes, and a new axis in place `axis`."""
    rank = len(shapes[0])
    if any(len(s) != rank for s in shapes):
        kinds = ", ".join(str(TensorType(s)) for s in shapes)
        check.error("rank", f"`&stack` of {kinds}", pos, expected="the same number of indices in all parts")
        return None
    if not 0 <= axis <= rank:
        check.error("index", f"`&stack` along axis {axis} of {TensorType(shapes[0])}", pos, expected=_axes(rank + 1))
        return None
    lengths = [_all_equal(check, [s[k] for s in shapes], pos, f"`&stack`: axis {k}") for k in range(rank)]
    return (*lengths[:axis], Size.of(len(shapes)), *lengths[axis:])


def _axes(rank: int) -> str:
    return f"an axis from 0 to {rank - 1}" if rank else "a tensor with at least one index"


def _all_equal(check: Reporter, lengths: list[Size | None], pos: Pos, what: str) -> Size | None:
    known: Size | None = lengths[0]
    for n in lengths[1:]:
        if differ(known, n):
            check.error("shape", f"{what} has lengths {known} and {n}", pos, expected="equal lengths")
            return None
        known = common(known, n)
    return known


def combined(op: str, a: Size | None, b: Size | None) -> Size | None:
    """Value of an operation on integers of which the values may be known."""
    if a is None or b is None or op == "/":
        return None
    return a + b if op == "+" else a - b if op == "-" else a * b
