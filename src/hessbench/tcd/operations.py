"""Operations on tensors with the language's rules: ranks must match, indices stay inside, sizes stay bounded."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence

from hessbench.tcd.errors import Pos, TcdRunError
from hessbench.tcd.syntax import At, Einsum, Index, NewAxis, Number, Range, Special
from hessbench.tcd.values import Options, Value, describe, rank

EXACT_INTEGERS = 2**53


def as_number(node: Number) -> Value:
    """A literal's value: an integer while it is exact in double precision, else a float."""
    value = node.value
    return value if abs(value) < EXACT_INTEGERS else float(node.text)


def negate(value: Value) -> Value:
    """The leading minus sign."""
    return -value


def _shape(value: Value) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def _require_size(shape: Sequence[int], pos: Pos, options: Options) -> None:
    if any(n < 0 for n in shape):
        raise TcdRunError("a negative length", pos, code="shape")
    if math.prod(shape) > options.max_size:
        raise TcdRunError(f"a tensor of more than {options.max_size} components", pos, code="limit")


def combine(op: str, a: Value, b: Value, pos: Pos, options: Options) -> Value:
    """`a op b`, element-wise with broadcasting of axes of length 1; integers stay integers but for quotients."""
    import jax.numpy as jnp

    if rank(a) != rank(b):
        raise TcdRunError(
            f"`{op.strip() or '*'}` of {describe(a)} and {describe(b)}",
            pos,
            code="rank",
            expected="the same number of indices on both sides",
            suggestion="add axes with `+` as an index, or use `&es`",
        )
    pairs = list(zip(_shape(a), _shape(b), strict=True))
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        message = f"`{op.strip() or '*'}` of {describe(a)} and {describe(b)}"
        raise TcdRunError(message, pos, code="shape", expected="equal lengths, or one of 1")
    _require_size([max(m, n) if 0 not in (m, n) else 0 for m, n in pairs], pos, options)
    if op == "/":
        return jnp.divide(a, b)
    if op == "//":
        return _quotient(integer(a, pos), integer(b, pos), pos)
    result = a + b if op == "+" else a - b if op == "-" else a * b
    return float(result) if isinstance(result, int) and abs(result) > EXACT_INTEGERS else result


def _quotient(a: Value, b: Value, pos: Pos) -> Value:
    """Of integers, rounded down."""
    if isinstance(b, int) and b == 0:
        raise TcdRunError("an index is divided by zero", pos, code="integer", expected="another integer")
    return a // b


def integer(value: Value, pos: Pos) -> Value:
    """The value as a Python integer, or as a traced integer where JAX is transforming."""
    import jax.numpy as jnp
    from jax.core import Tracer

    if isinstance(value, int):
        return value
    if rank(value) or not jnp.issubdtype(jnp.result_type(value), jnp.integer):
        raise TcdRunError(f"{describe(value)} is no integer", pos, code="integer", expected="an integer")
    return value if isinstance(value, Tracer) else int(value)


def static_integer(value: Value, pos: Pos) -> int:
    """The value as a Python integer; lengths and bounds must be known when a program is traced."""
    value = integer(value, pos)
    if not isinstance(value, int):
        raise TcdRunError("this length depends on a traced value", pos, code="integer")
    return value


def index_tensor(value: Value, node: Index, bounds: list[list[Value]], slot_ranks: list[int]) -> Value:
    """`value[items]`; the axes of `d slot` items, `slot_ranks` of them, are already in place among the others."""
    import jax.numpy as jnp

    own = rank(value) - sum(slot_ranks)
    components = sum(isinstance(i, At | Range) for i in node.items)
    if components > own or (components < own and not node.items):
        raise TcdRunError(f"{components} component indices on a tensor of rank {own}", node.pos, code="rank")
    if not node.items:
        return value
    array = jnp.asarray(value)
    ranks = iter(slot_ranks)
    axes: list[Value] = []
    axis = 0
    for item, given in zip(node.items, bounds, strict=True):
        if isinstance(item, NewAxis):
            axes.append(None)
        elif isinstance(item, At):
            axes.append(_inside(given[0], array.shape[axis], item.pos))
            axis += 1
        elif isinstance(item, Range):
            axes.append(_slice(given, array.shape[axis], item.pos))
            axis += 1
        else:
            size = next(ranks)
            axes += [slice(None)] * size
            axis += size
    return array[tuple(axes)]


def _inside(index: Value, length: int, pos: Pos) -> Value:
    index = integer(index, pos)
    if isinstance(index, int) and not -length <= index < length:
        raise TcdRunError(f"index {index} lies outside an axis of length {length}", pos, code="index")
    return index


def _slice(bounds: list[Value], length: int, pos: Pos) -> slice:
    start, stop, step = (None if b is None else static_integer(b, pos) for b in bounds)
    if step == 0:
        raise TcdRunError("a range with step 0", pos, code="index")
    for bound in (start, stop):
        if bound is not None and not -length <= bound <= length:
            raise TcdRunError(f"bound {bound} lies outside an axis of length {length}", pos, code="index")
    return slice(start, stop, step)


def special(node: Special, args: list[Value], options: Options) -> Value:
    """The value of a special function."""
    import jax.numpy as jnp

    pos = node.pos
    if node.op in ("concat", "stack"):
        return _join(node, static_integer(args[0], pos), [jnp.asarray(a) for a in args[1:]], options)
    if node.op == "zeros":
        shape = [static_integer(a, pos) for a in args]
        _require_size(shape, pos, options)
        return jnp.zeros(shape)
    if node.op == "onehot":
        length = static_integer(args[1], pos)
        _require_size([length], pos, options)
        return (jnp.arange(length) == _inside(args[0], length, pos)).astype(float)
    if node.op == "reshape":
        shape = [static_integer(a, pos) for a in args[1:]]
        _require_size(shape, pos, options)
        if math.prod(_shape(args[0])) != math.prod(shape):
            raise TcdRunError(f"`&reshape` of {describe(args[0])} to {shape}", pos, code="shape")
        return jnp.reshape(args[0], shape)
    if node.op == "pow":
        return _power(args[0], args[1], pos)
    if node.op in ("exp", "log"):
        return (jnp.exp if node.op == "exp" else jnp.log)(jnp.asarray(args[0], dtype=float))
    shape = _shape(args[0])
    if len(shape) != 2 or shape[0] != shape[1]:
        raise TcdRunError(
            f"`&{node.op}` of {describe(args[0])}", pos, code="rank", expected="a symmetric matrix [n, n]"
        )
    values, vectors = jnp.linalg.eigh(args[0])
    return values if node.op == "eigvals" else vectors


def _join(node: Special, axis: int, parts: list[Value], options: Options) -> Value:
    import jax.numpy as jnp

    shapes = [p.shape for p in parts]
    limit = parts[0].ndim + (node.op == "stack")
    off_axis = {s[:axis] + s[axis + 1 :] if node.op == "concat" else s for s in shapes}
    if not 0 <= axis < limit or len(off_axis) > 1 or len({len(s) for s in shapes}) > 1:
        kinds = ", ".join(describe(p) for p in parts)
        raise TcdRunError(f"`&{node.op}` along axis {axis} of {kinds}", node.pos, code="shape")
    _require_size([sum(math.prod(s) for s in shapes)], node.pos, options)
    return (jnp.concatenate if node.op == "concat" else jnp.stack)(parts, axis=axis)


def _power(base: Value, exponent: Value, pos: Pos) -> Value:
    import jax.numpy as jnp

    if rank(exponent) not in (0, rank(base)):
        message = f"`&pow` of {describe(base)} and {describe(exponent)}"
        raise TcdRunError(message, pos, code="rank", expected="an exponent of the same rank, or a scalar")
    if isinstance(exponent, int) and abs(exponent) <= 64:
        return jnp.asarray(base, dtype=float) ** exponent
    return jnp.power(jnp.asarray(base, dtype=float), exponent)


def einsum(node: Einsum, values: list[Value], options: Options) -> Value:
    """The generalised Einstein sum: every index that is not in the result is summed."""
    import jax.numpy as jnp

    lengths: dict[str, int] = {}
    for factor, value in zip(node.factors, values, strict=True):
        if rank(value) != len(factor.indices):
            raise TcdRunError(f"{describe(value)} with {len(factor.indices)} index names", factor.pos, code="einsum")
        for name, length in zip(factor.indices, _shape(value), strict=True):
            if lengths.setdefault(name, length) != length:
                message = f"index `{name}` has lengths {lengths[name]} and {length}"
                raise TcdRunError(message, factor.pos, code="einsum")
    missing = [n for n in node.result if n not in lengths]
    if missing or len(set(node.result)) < len(node.result):
        raise TcdRunError("a result index that occurs in no factor, or twice", node.pos, code="einsum")
    if len(lengths) > len(string.ascii_letters):
        raise TcdRunError(f"more than {len(string.ascii_letters)} index names", node.pos, code="limit")
    _require_size([lengths[n] for n in node.result], node.pos, options)
    letter = dict(zip(lengths, string.ascii_letters, strict=False))
    inputs = ",".join("".join(letter[n] for n in f.indices) for f in node.factors)
    output = "".join(letter[n] for n in node.result)
    # JAX's default looks for the best order of contraction, which takes exponential time in the number of factors.
    arrays = (jnp.asarray(v) for v in values)
    return jnp.einsum(f"{inputs}->{output}", *arrays, optimize="auto", precision="highest")
