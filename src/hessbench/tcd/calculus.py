"""The parts of the language that differentiate: `d slot` indices, `OBP`; and `ODE` as a function of the language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hessbench.tcd.errors import Pos, TcdRunError, did_you_mean
from hessbench.tcd.ode import solve
from hessbench.tcd.printer import show_slot
from hessbench.tcd.syntax import FUNCTION_RANK, Diff, Index, NewAxis, Slot
from hessbench.tcd.values import Function, Options, Value, bind, describe, rank, require_fit

MAX_ORDER = 8
"""Each order nests one more differentiation, and doubles what is computed at least."""

ODE_SLOTS = (Slot("ydot", FUNCTION_RANK), Slot("y", 1), Slot("t0", 0), Slot("t1", 0))


def differentiated(function: Function, node: Index, finish: Callable[[Value, list[int]], Value]) -> Function:
    """The function whose value is `function`'s with the derivatives that `node`'s `d slot` items ask for.

    Derivatives are taken forward, one tangent per component of the slot and order: cost grows with the product of the
    slots' lengths, and anything that can be differentiated forward, an `ODE` too, may stand inside. `finish(value,
    ranks)` applies the remaining indices to a tensor whose axes are in the order of the items; `ranks` are those of
    the `d slot` items.
    """
    diffs = [i for i in node.items if isinstance(i, Diff)]
    slots = {s.name: s for s in function.slots}
    if len(diffs) > MAX_ORDER:
        raise TcdRunError(
            f"a derivative of order {len(diffs)}", node.pos, code="limit", expected=f"at most {MAX_ORDER}"
        )
    for item in diffs:
        if item.slot.name not in slots:
            raise TcdRunError(
                f"`{item.slot.name}` is no unbound slot of this function",
                item.pos,
                expected=", ".join(f"`{show_slot(s)}`" for s in function.slots),
                suggestion=did_you_mean(item.slot.name, slots),
            )

    def apply(args: Mapping[str, Value], pos: Pos) -> Value:
        import jax.numpy as jnp

        for item in diffs:
            require_fit(item.slot, args[item.slot.name], item.pos)
            if isinstance(args[item.slot.name], Function):
                raise TcdRunError("a derivative with respect to a function", item.pos, expected="a tensor slot")

        def value(given: Mapping[str, Value]) -> Value:
            result = function.apply(given, pos)
            if isinstance(result, Function):
                raise TcdRunError("an index on a function that returns a function", node.pos)
            return jnp.asarray(result, dtype=float) if diffs else result

        derivative = value
        for item in diffs:
            derivative = _jacobian(derivative, item.slot.name)
        result = derivative(args)
        slot_ranks = [rank(args[i.slot.name]) for i in diffs]
        own = rank(result) - sum(slot_ranks)
        return finish(_in_item_order(result, node, own, slot_ranks), slot_ranks)

    return Function(function.slots, apply, function.begun)


def _jacobian(function: Callable[[Mapping[str, Value]], Value], name: str) -> Callable[[Mapping[str, Value]], Value]:
    """args -> d function / d args[name], the slot's axes last."""
    import jax
    import jax.numpy as jnp

    def derivative(args: Mapping[str, Value]) -> Value:
        return jax.jacfwd(lambda v: function({**args, name: v}))(jnp.asarray(args[name], dtype=float))

    return derivative


def _in_item_order(result: Value, node: Index, own: int, slot_ranks: list[int]) -> Value:
    """Moves axes from (function's own, then slot by slot) to the order in which the items name them."""
    import jax.numpy as jnp

    if not slot_ranks:
        return result
    components = [i for i in node.items if not isinstance(i, Diff | NewAxis)]
    if len(components) != own:
        raise TcdRunError(f"{len(components)} component indices on a function of rank {own}", node.pos)
    order: list[int] = []
    next_own, next_slot = 0, own
    ranks = iter(slot_ranks)
    for item in node.items:
        if isinstance(item, Diff):
            size = next(ranks)
            order += range(next_slot, next_slot + size)
            next_slot += size
        elif not isinstance(item, NewAxis):
            order.append(next_own)
            next_own += 1
    return jnp.transpose(result, order)


def builtins(options: Options) -> dict[str, Function]:
    """`ODE` and `OBP`."""
    return {
        "ODE": Function(ODE_SLOTS, lambda args, pos: _ode(args, pos, options)),
        "OBP": Function((Slot("ydot", FUNCTION_RANK),), lambda args, pos: extended_field(args["ydot"], pos)),
    }


def _field(function: Value, pos: Pos, who: str) -> Callable[[Value], Value]:
    """A vector field of the language as a Python function of the state (n,)."""
    import jax.numpy as jnp

    if not isinstance(function, Function) or len(function.slots) != 1 or function.slots[0].rank not in (1, None):
        message = f"the vector field of `{who}` is {describe(function)}"
        raise TcdRunError(message, pos, expected="a function of one vector")
    name = function.slots[0].name

    def field(y: Value) -> Value:
        rate = bind(function, {name: y}, pos)
        if isinstance(rate, Function) or getattr(rate, "shape", ()) != y.shape:
            raise TcdRunError(f"the vector field of `{who}` returns {describe(rate)} for {describe(y)}", pos)
        return jnp.asarray(rate, dtype=float)

    return field


def _ode(args: Mapping[str, Value], pos: Pos, options: Options) -> Value:
    from jax.core import Tracer

    field = _field(args["ydot"], pos, "ODE")
    solution = solve(field, args["y"], args["t0"], args["t1"], options.rtol, options.atol, options.max_steps)
    if options.observe is not None:
        options.observe(solution.y.shape[0], solution)
    # Under a JAX transformation nobody can look at the values: a failed solve is then a state of NaNs.
    if not isinstance(solution.ok, Tracer) and not bool(solution.ok):
        t, steps = float(solution.t), int(solution.steps)
        raise TcdRunError(
            f"`ODE` failed at t = {t:.6g} after {steps} steps",
            pos,
            code="ode",
            suggestion="a looser tolerance, more steps, or a shorter time; the solution may blow up",
        )
    return solution.y


def extended_field(function: Value, pos: Pos) -> Function:
    """`OBP`: on (y, s) of length 2N the field (f(y), -s_k f_k,i(y)), the second half by one vector-Jacobian product."""
    field = _field(function, pos, "OBP")

    def apply(args: Mapping[str, Value], where: Pos) -> Value:
        import jax
        import jax.numpy as jnp

        state = args["y"]
        if state.shape[0] % 2:
            raise TcdRunError(f"`OBP`'s field takes states and costates, got {describe(state)}", where)
        y, s = jnp.split(state, 2)
        rate, pullback = jax.vjp(field, y)
        return jnp.concatenate([rate, -pullback(s)[0]])

    return Function((Slot("y", 1),), apply)
