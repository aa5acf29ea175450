"""What the checker knows about a value: a tensor with symbolic lengths, a function, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hessbench.tcd.errors import Pos
from hessbench.tcd.printer import show_slot
from hessbench.tcd.sizes import Size
from hessbench.tcd.syntax import FUNCTION_RANK, Slot

Shape: TypeAlias = tuple[Size | None, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known: a bare slot, or the result of something already reported. Fits everywhere."""

    def __str__(self) -> str:
        return "something of unstated rank"


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor; `None` is a length not known. `value` is set for integers whose value is known symbolically."""

    shape: Shape
    value: Size | None = None

    def __str__(self) -> str:
        kind = {0: "a scalar", 1: "a vector", 2: "a matrix"}.get(len(self.shape), f"a tensor of rank {len(self.shape)}")
        lengths = ", ".join("?" if s is None or not s.stated else str(s) for s in self.shape)
        return f"{kind} [{lengths}]" if self.shape else kind


@dataclass(frozen=True, slots=True, eq=False)
class FunctionType:
    """A function: its unbound slots, and what it returns for given argument types (all slots present).

    `begun` is the call, with its place, that bound some slots of a function with a name and left these.
    """

    slots: tuple[Slot, ...]
    apply: Callable[[Mapping[str, Type], Pos], Type]
    begun: tuple[str, Pos] | None = None

    def left_out(self) -> tuple[str, Pos] | None:
        """What to say, and where, if the slots that are left should have been given in that call."""
        if self.begun is None:
            return None
        name, pos = self.begun
        return f"`{name}` is called without {', '.join(f'`{show_slot(s)}`' for s in self.slots)}", pos

    def __str__(self) -> str:
        return f"a function of {', '.join(f'`{show_slot(s)}`' for s in self.slots) or 'nothing'}"


Type: TypeAlias = Unknown | TensorType | FunctionType
UNKNOWN = Unknown()
SCALAR = TensorType(())


def tensor_of_slot(slot: Slot) -> Type:
    """The type of an unbound slot about which only its own writing is known; lengths are named after it."""
    if slot.rank is None or slot.rank == FUNCTION_RANK:
        return UNKNOWN
    names = [f"|{slot.name}|"] if slot.rank == 1 else [f"|{slot.name}.{k}|" for k in range(slot.rank)]
    return TensorType(tuple(Size.of(n) for n in names))


def integer(name: str) -> TensorType:
    """An integer of the environment, known by its name."""
    return TensorType((), Size.of(name))


def vector(*lengths: str) -> TensorType:
    """A tensor whose lengths are named integers."""
    return TensorType(tuple(Size.of(n) for n in lengths))


def declared(slots: Mapping[str, TensorType], result: TensorType) -> FunctionType:
    """A function of tensors with fixed result type."""
    return FunctionType(tuple(Slot(n, len(t.shape)) for n, t in slots.items()), lambda args, pos: result)


def problem_types() -> dict[str, Type]:
    """The names that a problem supplies: vector field, loss and its blocks, start, times, `dim`, `j`."""
    ends = {"y0": vector("dim"), "y1": vector("dim")}
    types: dict[str, Type] = {
        "dim": integer("dim"),
        "j": integer("j"),
        "y_start": vector("dim"),
        "t_start": SCALAR,
        "t_end": SCALAR,
        "ydot": declared({"y": vector("dim")}, vector("dim")),
        "T": declared(ends, SCALAR),
    }
    types |= {f"T{a}": declared(ends, vector("dim")) for a in "01"}
    types |= {f"T{ab}": declared(ends, vector("dim", "dim")) for ab in ("00", "01", "11")}
    return types
