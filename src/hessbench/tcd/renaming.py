"""Other names for the slots of the environment's functions: published programs call the loss's ends `pos0` and `pos1`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from hessbench.tcd.errors import START, TcdError, did_you_mean
from hessbench.tcd.syntax import Slot
from hessbench.tcd.types import FunctionType, Type
from hessbench.tcd.values import Function, Value

Anything = TypeVar("Anything")


def renamed_types(types: Mapping[str, Type], names: Mapping[str, str]) -> dict[str, Type]:
    """`types` whose functions have a slot `pos0` in the place of `y0` for `names = {"pos0": "y0"}`.

    Raises `TcdError` if no function has such a slot, or if one would have two of a name.
    """
    new = {old: name for name, old in names.items()}
    slots = {s.name for kind in types.values() if isinstance(kind, FunctionType) for s in kind.slots}
    for old in new:
        if old not in slots:
            suggestion = did_you_mean(old, slots)
            expected = ", ".join(f"`{name}`" for name in sorted(slots))
            raise TcdError(
                f"no function has a slot `{old}`", START, code="problem", expected=expected, suggestion=suggestion
            )
    return {name: _type(kind, new) if isinstance(kind, FunctionType) else kind for name, kind in types.items()}


def renamed_values(values: Mapping[str, Value], names: Mapping[str, str]) -> dict[str, Value]:
    """The same of values."""
    new = {old: name for name, old in names.items()}
    return {name: _value(value, new) if isinstance(value, Function) else value for name, value in values.items()}


def _type(kind: FunctionType, new: Mapping[str, str]) -> FunctionType:
    slots, back = _slots(kind.slots, new)
    return replace(kind, slots=slots, apply=_translated(kind.apply, back))


def _value(value: Function, new: Mapping[str, str]) -> Function:
    slots, back = _slots(value.slots, new)
    return Function(slots, _translated(value.apply, back))


def _slots(slots: tuple[Slot, ...], new: Mapping[str, str]) -> tuple[tuple[Slot, ...], dict[str, str]]:
    """The slots with other names, and the way back."""
    names = [new.get(s.name, s.name) for s in slots]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TcdError(
            f"two slots of one function would be called `{twice}`", START, code="problem", expected="another name"
        )
    return tuple(replace(s, name=name) for s, name in zip(slots, names, strict=True)), dict(
        zip(names, (s.name for s in slots), strict=True)
    )


def _translated(apply: Callable[..., Anything], back: Mapping[str, str]) -> Callable[..., Anything]:
    return lambda args, pos: apply({back[name]: value for name, value in args.items()}, pos)
