"""What programs compute with: numbers, JAX arrays, and functions with named slots."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hessbench.tcd.errors import START, Pos, TcdRunError, did_you_mean
from hessbench.tcd.ode import Solution
from hessbench.tcd.printer import show_slot
from hessbench.tcd.syntax import FUNCTION_RANK, Slot

Value: TypeAlias = Any
"""A Python number, an array, or a `Function`."""


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function of named slots. `apply` takes values for all slots, and the place of the call for messages.

    `begun` is the call, by name and place, that bound some slots and left these.
    """

    slots: tuple[Slot, ...]
    apply: Callable[[Mapping[str, Value], Pos], Value]
    begun: tuple[str, Pos] | None = None

    def __call__(self, **args: Value) -> Value:
        """Calls the function from Python, by slot name; binding only some slots gives the function of the rest."""
        return bind(self, args, START)

    def __str__(self) -> str:
        return f"a function of {', '.join(f'`{show_slot(s)}`' for s in self.slots) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Options:
    """How programs run: tolerances and step limit of `ODE`, and bounds on what one program may take.

    `observe(length, solution)` is told of every `ODE` that is solved, with values or, under a transformation, tracers.
    """

    rtol: float = 1e-10
    atol: float = 1e-10
    max_steps: int = 10_000
    max_size: int = 10_000_000
    max_evaluations: int = 1_000_000
    observe: Callable[[int, Solution], None] | None = None


def bind(function: Function, args: Mapping[str, Value], pos: Pos) -> Value:
    """The function's value if every slot is given, else the function of the rest. Raises `TcdRunError`."""
    slots = {s.name: s for s in function.slots}
    for name, value in args.items():
        if name not in slots:
            raise TcdRunError(
                f"`{name}` is no unbound slot of this function",
                pos,
                expected=", ".join(f"`{show_slot(s)}`" for s in function.slots) or "no argument",
                suggestion=did_you_mean(name, slots),
            )
        require_fit(slots[name], value, pos)
    rest = tuple(s for s in function.slots if s.name not in args)
    if rest:
        return Function(rest, lambda more, where: function.apply({**args, **more}, where))
    return function.apply(args, pos)


def rank(value: Value) -> int:
    """Number of indices of a tensor."""
    return len(getattr(value, "shape", ()))


def describe(value: Value) -> str:
    """A value's kind for messages."""
    if isinstance(value, Function):
        return str(value)
    return f"a tensor [{', '.join(str(n) for n in value.shape)}]" if rank(value) else "a scalar"


def require_fit(slot: Slot, value: Value, pos: Pos) -> None:
    """Raises `TcdRunError` if a slot cannot hold a value."""
    if slot.rank is None:
        return
    is_function = isinstance(value, Function)
    if is_function != (slot.rank == FUNCTION_RANK) or (not is_function and rank(value) != slot.rank):
        require_finished(value)
        raise TcdRunError(f"slot `{show_slot(slot)}` cannot hold {describe(value)}", pos)


def require_finished(value: Value) -> None:
    """Raises `TcdRunError` at the call that left slots of a function unbound whose value is needed."""
    if isinstance(value, Function) and value.begun is not None:
        name, pos = value.begun
        missing = ", ".join(f"`{show_slot(s)}`" for s in value.slots)
        raise TcdRunError(f"`{name}` is called without {missing}", pos, code="argument", expected="all arguments")


def python_function(function: Callable[..., Value], *slots: str) -> Function:
    """A Python function as a function of the language.

    `slots` are written as in programs (`"y[:]"`), one per parameter; without them the parameters' names are used, ranks
    unstated. Parameters are passed by position. Raises `TcdError` if a slot is misspelt.
    """
    from hessbench.tcd.parser import parse_slot

    stated = tuple(parse_slot(s) for s in slots) or tuple(Slot(p) for p in inspect.signature(function).parameters)
    return Function(stated, lambda args, pos: function(*(args[s.name] for s in stated)))


def as_values(environment: Mapping[str, Value]) -> dict[str, Value]:
    """An environment whose Python functions are functions of the language, and whose arrays are JAX arrays."""
    import jax
    import jax.numpy as jnp
    from jax.core import Tracer

    jax.config.update("jax_enable_x64", True)

    def convert(value: Value) -> Value:
        if isinstance(value, Function | int | float | Tracer):
            return value
        if callable(value):
            return python_function(value)
        array = jnp.asarray(value)
        return array if array.ndim == 0 and jnp.issubdtype(array.dtype, jnp.integer) else array.astype(float)

    return {name: convert(value) for name, value in environment.items()}
