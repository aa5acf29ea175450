"""Random well-typed programs, each with the same function written in JAX: what the derivation is tested against."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from hypothesis import strategies as st

Shape = tuple[int, ...]
Env = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """An expression as text (safe inside any operator), as a function of the values of names, and its shape."""

    text: str
    value: Callable[[Env], Any]
    shape: Shape


@dataclass
class Writer:
    """Draws a program: bindings seen so far, by shape, and functions."""

    draw: Any
    names: dict[str, Shape] = field(default_factory=dict)
    functions: dict[str, tuple[Shape, Shape, Callable[[Env, Any], Any]]] = field(default_factory=dict)

    def pick(self, options: list) -> Any:
        return self.draw(st.sampled_from(options))

    def leaf(self, shape: Shape) -> Piece:
        known = [n for n, s in self.names.items() if s == shape]
        if known and self.draw(st.integers(0, 4)):
            name = self.pick(known)
            return Piece(name, lambda env: env[name], shape)
        number = self.pick(["0.5", "1", "2", "1.5e-1", "0.25"])
        axes = ", ".join("+" for _ in shape)
        if not shape:
            return Piece(number, lambda env: float(number), shape)
        if any(n != 1 for n in shape):
            zeros = f"&zeros({', '.join(map(str, shape))})"
            return Piece(f"({zeros} + {number}[{axes}])", lambda env: jnp.full(shape, float(number)), shape)
        return Piece(f"{number}[{axes}]", lambda env: jnp.full(shape, float(number)), shape)

    def expr(self, shape: Shape, depth: int) -> Piece:
        if depth <= 0:
            return self.leaf(shape)
        rules = [
            self.leaf,
            self.sum,
            self.product,
            self.product,
            self.quotient,
            self.smooth,
            self.power,
            self.let,
            self.es,
        ]
        rules += [self.called] * 2
        if shape:
            rules += [self.indexed, self.indexed, self.joined, self.reshaped]
        else:
            rules += [self.es, self.component]
        rule = self.pick(rules)
        return rule(shape) if rule == self.leaf else rule(shape, depth - 1)

    def broadcastable(self, shape: Shape) -> Shape:
        return tuple(1 if n > 1 and self.draw(st.integers(0, 3)) == 0 else n for n in shape)

    def sum(self, shape: Shape, depth: int) -> Piece:
        a, b = self.expr(shape, depth), self.expr(self.broadcastable(shape), depth)
        sign = self.pick(["+", "-"])
        lead = self.pick(["", "-"])
        flip = -1.0 if lead else 1.0
        if sign == "+":
            return Piece(f"({lead}{a.text} + {b.text})", lambda env: flip * a.value(env) + b.value(env), shape)
        return Piece(f"({lead}{a.text} - {b.text})", lambda env: flip * a.value(env) - b.value(env), shape)

    def product(self, shape: Shape, depth: int) -> Piece:
        a, b = self.expr(self.broadcastable(shape), depth), self.expr(shape, depth)
        return Piece(f"({a.text} * {b.text})", lambda env: a.value(env) * b.value(env), shape)

    def quotient(self, shape: Shape, depth: int) -> Piece:
        a, b = self.expr(shape, depth), self.expr(self.broadcastable(shape), depth)
        two = f"2[{', '.join('+' for _ in shape)}]" if shape else "2"
        text = f"({a.text} / ({two} + {b.text} * {b.text}))"
        return Piece(text, lambda env: a.value(env) / (2 + b.value(env) ** 2), shape)

    def smooth(self, shape: Shape, depth: int) -> Piece:
        a = self.expr(shape, depth)
        one = f"1[{', '.join('+' for _ in shape)}]" if shape else "1"
        if self.draw(st.booleans()):
            bounded = f"{a.text} / ({one} + {a.text} * {a.text})"
            return Piece(f"&exp({bounded})", lambda env: jnp.exp(a.value(env) / (1 + a.value(env) ** 2)), shape)
        return Piece(f"&log({one} + {a.text} * {a.text})", lambda env: jnp.log(1 + a.value(env) ** 2), shape)

    def power(self, shape: Shape, depth: int) -> Piece:
        a = self.expr(shape, depth)
        if self.draw(st.booleans()):
            n = self.pick([1, 2, 3])
            return Piece(f"&pow({a.text}, {n})", lambda env: jnp.asarray(a.value(env)) ** n, shape)
        one = f"1[{', '.join('+' for _ in shape)}]" if shape else "1"
        exponent_shape = self.pick([(), shape])
        e = self.expr(exponent_shape, depth - 1)
        text = f"&pow({one} + {a.text} * {a.text}, &exp(-{e.text} * {e.text}))"
        return Piece(text, lambda env: (1 + a.value(env) ** 2) ** jnp.exp(-(e.value(env) ** 2)), shape)

    def component(self, shape: Shape, depth: int) -> Piece:
        n = self.pick([2, 3])
        a = self.expr((n,), depth)
        k = self.draw(st.integers(-n, n - 1))
        return Piece(f"{a.text}[{k}]", lambda env: a.value(env)[k], ())

    def indexed(self, shape: Shape, depth: int) -> Piece:
        if shape[0] == 1 and self.draw(st.booleans()):
            a = self.expr(shape[1:], depth)
            return Piece(f"({a.text})[+]", lambda env: jnp.asarray(a.value(env))[None], shape)
        if len(shape) == 1 and self.draw(st.booleans()):
            n = self.pick([2, 3])
            a = self.expr((n, shape[0]), depth)
            k = self.draw(st.integers(0, n - 1))
            if self.draw(st.booleans()):
                return Piece(f"{a.text}[{k}]", lambda env: a.value(env)[k], shape)
            b = self.expr((shape[0], n), depth)
            return Piece(f"{b.text}[:, {k}]", lambda env: b.value(env)[:, k], shape)
        longer = (shape[0] + 1, *shape[1:])
        a = self.expr(longer, depth)
        which = self.pick(["head", "tail", "back"])
        if which == "head":
            return Piece(f"{a.text}[:-1]", lambda env: a.value(env)[:-1], shape)
        if which == "tail":
            return Piece(f"{a.text}[1:]", lambda env: a.value(env)[1:], shape)
        return Piece(f"{a.text}[{shape[0]}:0:-1]", lambda env: a.value(env)[shape[0] : 0 : -1], shape)

    def joined(self, shape: Shape, depth: int) -> Piece:
        n = shape[0]
        if n > 1 and self.draw(st.booleans()):
            a, b = self.expr((1, *shape[1:]), depth), self.expr((n - 1, *shape[1:]), depth)
            text = f"&concat(0, {a.text}, {b.text})"
            return Piece(text, lambda env: jnp.concatenate([a.value(env), b.value(env)]), shape)
        parts = [self.expr(shape[1:], depth - 1) for _ in range(n)]
        text = f"&stack(0, {', '.join(p.text for p in parts)})"
        return Piece(text, lambda env: jnp.stack([jnp.asarray(p.value(env)) for p in parts]), shape)

    def reshaped(self, shape: Shape, depth: int) -> Piece:
        count = math.prod(shape)
        other = (count,) if len(shape) > 1 else (1, count)
        a = self.expr(other, depth)
        return Piece(
            f"&reshape({a.text}, {', '.join(map(str, shape))})", lambda env: a.value(env).reshape(shape), shape
        )

    def es(self, shape: Shape, depth: int) -> Piece:
        sizes = dict(zip("ab", shape, strict=False))
        sizes |= {n: self.pick([2, 3]) for n in self.pick(["", "i", "ij"])}
        pool = list(sizes)
        factors: list[tuple[Piece, str]] = []
        count = self.draw(st.integers(1, 3))
        for k in range(count):
            names = [self.pick(pool) for _ in range(self.draw(st.integers(0, min(2, len(pool)))))] if pool else []
            if k == 0:
                names = [n for n in pool if n in "ab"][: len(shape)] + (names[:1] if len(shape) < 2 else [])
            factors.append((self.expr(tuple(sizes[n] for n in names), depth), "".join(names)))
        result = "ab"[: len(shape)]
        text = "; ".join(p.text + (f" @ {', '.join(n)}" if n else "") for p, n in factors)
        spec = ",".join(n for _, n in factors) + "->" + result
        return Piece(
            f"&es({text} -> {', '.join(result)})",
            lambda env: jnp.einsum(spec, *(jnp.asarray(p.value(env)) for p, _ in factors)),
            shape,
        )

    def let(self, shape: Shape, depth: int) -> Piece:
        """A function without unbound slots, called on the spot."""
        own = self.pick([(), (2,), (3,)])
        bound = self.expr(own, depth)
        name = f"v{len(self.names)}"
        self.names[name] = own
        body = self.expr(shape, depth)
        del self.names[name]
        slot = f"{name}[{', '.join(':' for _ in own)}]"
        return Piece(
            f"(^({slot}={bound.text}) -> {body.text})",
            lambda env: body.value({**env, name: bound.value(env)}),
            shape,
        )

    def called(self, shape: Shape, depth: int) -> Piece:
        """A named function of the program, called, or its derivative."""
        fitting = [n for n, (arg, out, _) in self.functions.items() if out == shape or (out == () and arg == shape)]
        if not fitting:
            return self.expr(shape, depth)
        name = self.pick(fitting)
        arg_shape, out, value = self.functions[name]
        a = self.expr(arg_shape, depth)
        slot = f"u[{', '.join(':' for _ in arg_shape)}]"
        if out == shape:
            return Piece(f"{name}({slot}={a.text})", lambda env: value(env, a.value(env)), shape)
        return Piece(
            f"{name}[d {slot}]({slot}={a.text})",
            lambda env: jax.jacfwd(lambda u: value(env, u))(jnp.asarray(a.value(env), dtype=float)),
            shape,
        )


@st.composite
def programs(draw: Any, length: int, depth: int = 2, bindings: int = 3) -> tuple[str, Callable[[Any], Any]]:
    """The text of a function of `x[:]`, a vector of the given length, with a scalar value; and that function in JAX."""
    writer = Writer(draw)
    steps: list[tuple[str, Callable[[Env], Any]]] = []
    lines: list[str] = []
    writer.names["x"] = (length,)
    for k in range(draw(st.integers(0, bindings))):
        if draw(st.integers(0, 2)) == 0:
            arg, out = writer.pick([(), (length,)]), writer.pick([(), (length,)])
            outer, functions = dict(writer.names), dict(writer.functions)
            if draw(st.booleans()):
                writer.names = {}
            writer.names["u"] = arg
            writer.functions = {}
            body = writer.expr(out, depth - 1)
            writer.names, writer.functions = outer, functions
            name = f"f{k}"
            lines.append(f"{name}{{}} = ^(u[{', '.join(':' for _ in arg)}]) -> {body.text}")
            writer.functions[name] = (arg, out, lambda env, u, body=body: jnp.asarray(body.value({**env, "u": u})))
        else:
            shape = writer.pick([(), (length,), (2,), (2, length)])
            piece = writer.expr(shape, depth)
            name = f"q{k}"
            lines.append(f"{name}[{', '.join(':' for _ in shape)}] = {piece.text}")
            steps.append((name, piece.value))
            writer.names[name] = shape
    result = writer.expr((), depth)
    used = writer.expr((length,), 1)

    def function(x: Any) -> Any:
        env: Env = {"x": x}
        for name, value in steps:
            env[name] = value(env)
        return jnp.asarray(result.value(env) + jnp.sum(used.value(env) * x), dtype=float)

    args = ", ".join(["x[:]", *lines])
    return f"^({args}) -> {result.text} + &es({used.text} @ i; x @ i ->)", function
