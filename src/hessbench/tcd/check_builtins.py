"""Types of the built-in functions `ODE` and `OBP`."""

from __future__ import annotations

from collections.abc import Mapping

from hessbench.tcd.check_shapes import Reporter
from hessbench.tcd.errors import Pos
from hessbench.tcd.sizes import Size, differ
from hessbench.tcd.syntax import FUNCTION_RANK, Slot
from hessbench.tcd.types import FunctionType, TensorType, Type, Unknown


def _one_vector_slot(check: Reporter, field: Type, pos: Pos, who: str) -> str | None:
    """The name of the only slot of a vector field; reports and returns `None` if it has another form."""
    if isinstance(field, Unknown):
        return None
    if not isinstance(field, FunctionType) or len(field.slots) != 1 or field.slots[0].rank not in (1, None):
        check.error("argument", f"{who} got {field}", pos, expected="`ydot{}`, a function of one vector")
        return None
    return field.slots[0].name


def ode_type(check: Reporter) -> FunctionType:
    slots = (Slot("ydot", FUNCTION_RANK), Slot("y", 1), Slot("t0", 0), Slot("t1", 0))

    def apply(args: Mapping[str, Type], pos: Pos) -> Type:
        field, start = args["ydot"], args["y"]
        name = _one_vector_slot(check, field, pos, "`ODE`")
        if name is None or not isinstance(field, FunctionType):
            return start
        rate = field.apply({name: start}, pos)
        if isinstance(rate, TensorType) and isinstance(start, TensorType):
            bad = len(rate.shape) != 1 or differ(rate.shape[0], start.shape[0])
            if bad:
                check.error("shape", f"the vector field of `ODE` returns {rate} for a state that is {start}", pos)
            elif start.shape[0] is None:
                return rate
        elif isinstance(rate, FunctionType):
            check.error("argument", f"the vector field of `ODE` returns {rate}", pos, expected="a vector")
        return start

    return FunctionType(slots, apply)


def obp_type(check: Reporter) -> FunctionType:
    def apply(args: Mapping[str, Type], pos: Pos) -> Type:
        name = _one_vector_slot(check, args["ydot"], pos, "`OBP`")
        field = args["ydot"]

        def extended(inner: Mapping[str, Type], where: Pos) -> Type:
            state = inner["y"]
            length = state.shape[0] if isinstance(state, TensorType) and len(state.shape) == 1 else None
            half = _half(check, length, where)
            if name is not None and isinstance(field, FunctionType):
                field.apply({name: TensorType((half,))}, where)
            return state

        return FunctionType((Slot("y", 1),), extended)

    return FunctionType((Slot("ydot", FUNCTION_RANK),), apply)


def _half(check: Reporter, length: Size | None, pos: Pos) -> Size | None:
    if length is None or not length.stated:
        return None
    if any(c % 2 for _, c in length.terms):
        check.error("shape", f"`OBP`'s field takes states and costates, got a vector [{length}]", pos, expected="[2*n]")
        return None
    return Size(tuple((m, c // 2) for m, c in length.terms))
