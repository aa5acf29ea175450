"""JAX, in double precision."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ._base import Backend, Ranks, float64

SMOOTH = ("softplus", "softmax", "logsumexp", "log_sigmoid", "log_softmax")  # choose inside, and have all derivatives


class JaxBackend(Backend):
    """Everything is traced, so `compile` and `iterate` are `jax.jit` and `jax.lax.scan`."""

    name = "jax"
    distributions = ("jax", "jaxlib")
    order = 2
    operations = ("vjp", "jvp", "grad", "value_grad_hessian", "checkpoint")
    ranks = Ranks(derivatives=1, loss=1, reference=4, contractions=1)
    compiles = True
    compiles_loops = True
    double = 'Call `jax.config.update("jax_enable_x64", True)` before the first array is made.'
    choosing = """abs argmax argmin ceil clamp cummax cummin eq floor ge gt le lt max min reduce_max reduce_min rem round sign
        sort top_k"""

    def __init__(self) -> None:
        import jax
        import jax.numpy

        jax.config.update("jax_enable_x64", True)
        self.jax: Any = jax
        self.xp = jax.numpy

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, self.jax.Array) else self.xp.asarray(float64(a))

    def to_numpy(self, a: Any) -> np.ndarray:
        return np.array(self.jax.block_until_ready(a), dtype=np.float64)

    def vjp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        value, pull = self.jax.vjp(f, x)
        return value, pull(v)[0]

    def jvp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        if v.ndim == 1:
            return self.jax.jvp(f, (x,), (v,))
        return self.jax.vmap(lambda column: self.jax.jvp(f, (x,), (column,)), in_axes=1, out_axes=(None, 1))(v)

    def vmap(self, f: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
        return self.jax.vmap(f, in_axes=in_axes)

    def grad(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return self.jax.grad(f)

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        outer = self.jax.jacrev if mode == "reverse-over-reverse" else self.jax.jacfwd

        def gradient(x: Any) -> tuple[Any, Any]:
            value, g = self.jax.value_and_grad(f)(x)
            return g, (value, g)

        def all_three(x: Any) -> tuple[Any, Any, Any]:
            h, (value, g) = outer(gradient, has_aux=True)(x)
            return value, g, h

        return all_three

    def checkpoint(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return self.jax.checkpoint(f)

    def iterate(self, step: Callable[[Any, Any], Any], y: Any, n: int) -> Any:
        return self.jax.lax.scan(lambda y, i: (step(i, y), None), y, self.xp.arange(n))[0]

    def choose(self, number: Any, functions: Sequence[Callable[..., Any]], *args: Any) -> Any:
        return self.jax.lax.switch(number, functions, *args)

    def compile(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return self.jax.jit(f)

    def on_numpy(self, f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        compiled = self.jax.jit(f)  # takes NumPy arrays as they are, faster than through `asarray`
        return lambda *args: np.asarray(compiled(*args))

    def evaluated(self, f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        return self.on_numpy(f)  # every operation by itself takes a hundred times as long

    def named_operations(self, f: Callable[..., Any], *args: Any) -> set[str]:
        return set(_primitives(self.jax.make_jaxpr(f)(*args).jaxpr))


def _primitives(jaxpr: Any) -> Iterator[str]:
    for equation in jaxpr.eqns:
        if equation.params.get("name") in SMOOTH:
            continue
        if any(variable.aval.dtype.kind == "f" for variable in equation.invars):
            yield equation.primitive.name
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    yield from _primitives(inner)
