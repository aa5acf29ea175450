"""An `ODE` whose field depends on quantities that are being differentiated: they join the state and stand still.

For `dy/dt = f(y; a)` the system is `w = (y, a)`, `dw/dt = (f(y; a), 0)`; its costate is that of `y` and the
derivative with respect to `a`, by the same `OBP` that serves a field without parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hessbench.tcd.build import call, zeros
from hessbench.tcd.errors import Pos, TcdDeriveError
from hessbench.tcd.sizes import ONE, Size, size_expr
from hessbench.tcd.syntax import At, Binding, Expr, Index, Lambda, Name, NewAxis, Number, Range, Slot, Special
from hessbench.tcd.types import TensorType, Type

Infer = Callable[[Expr], Type]


class ParameterState(NamedTuple):
    """The extended field and start, and the index that takes `y` out of the state."""

    field: Lambda
    start: Expr
    own: Range


def parameter_state(
    infer: Infer, field: Expr, slot: Slot, y: Expr, captured: list[str], state: str, pos: Pos
) -> ParameterState:
    """The extended system of `field`, whose argument is `slot`; its own argument is called `state`. Inside it the captured
    names are bound to components of the state; `infer` gives their types.
    """
    n = _lengths(infer, y, pos)[0]
    parts: list[Expr] = [y]
    bindings: list[Binding] = [Binding(Slot(state, 1))]
    offset = n
    for name in captured:
        lengths = _lengths(infer, Name(name), pos)
        parts.append(_flattened(Name(name), lengths))
        count = ONE
        for length in lengths:
            count = count * length
        bindings.append(Binding(Slot(name, len(lengths)), _taken(Name(state), offset, count, lengths)))
        offset = offset + count
    inner = call(field, [(slot, Index(Name(state), (Range(None, size_expr(n)),)))])
    rate = Special("concat", (Number("0"), inner, zeros([offset - n])))
    return ParameterState(
        Lambda(tuple(bindings), rate, pos=pos), Special("concat", (Number("0"), *parts)), Range(None, size_expr(n))
    )


def _lengths(infer: Infer, expr: Expr, pos: Pos) -> tuple[Size, ...]:
    kind = infer(expr)
    if not isinstance(kind, TensorType) or any(n is None or not n.stated for n in kind.shape):
        raise TcdDeriveError(
            f"the field of `ODE` depends on what is differentiated, and the lengths of {kind} are not stated",
            pos,
            suggestion="state the slot's lengths: `--size x=dim`, or `sizes={'x': 'dim'}`",
        )
    return tuple(n for n in kind.shape if n is not None)


def _flattened(expr: Expr, lengths: tuple[Size, ...]) -> Expr:
    if not lengths:
        return Index(expr, (NewAxis(),))
    count = ONE
    for length in lengths:
        count = count * length
    return expr if len(lengths) == 1 else Special("reshape", (expr, size_expr(count)))


def _taken(state: Expr, offset: Size, count: Size, lengths: tuple[Size, ...]) -> Expr:
    if not lengths:
        return Index(state, (At(size_expr(offset)),))
    part = Index(state, (Range(size_expr(offset), size_expr(offset + count)),))
    return part if len(lengths) == 1 else Special("reshape", (part, *(size_expr(n) for n in lengths)))
