"""JAX, in double precision."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._base import Backend, float64

jax.config.update("jax_enable_x64", True)


class JaxBackend(Backend):
    """Everything is traced, so `compile` and `iterate` are `jax.jit` and `jax.lax.scan`."""

    name = "jax"
    compiles = True
    compiles_loops = True
    xp = jnp

    def asarray(self, a: Any) -> jax.Array:
        return a if isinstance(a, jax.Array) else jnp.asarray(float64(a))

    def to_numpy(self, a: Any) -> np.ndarray:
        return np.array(jax.block_until_ready(a), dtype=np.float64)

    def vjp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        value, pull = jax.vjp(f, x)
        return value, pull(v)[0]

    def jvp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        if v.ndim == 1:
            return jax.jvp(f, (x,), (v,))
        return jax.vmap(lambda column: jax.jvp(f, (x,), (column,)), in_axes=1, out_axes=(None, 1))(v)

    def vmap(self, f: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
        return jax.vmap(f, in_axes=in_axes)

    def grad(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return jax.grad(f)

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        outer = jax.jacrev if mode == "reverse-over-reverse" else jax.jacfwd

        def gradient(x: Any) -> tuple[Any, Any]:
            value, g = jax.value_and_grad(f)(x)
            return g, (value, g)

        def all_three(x: Any) -> tuple[Any, Any, Any]:
            h, (value, g) = outer(gradient, has_aux=True)(x)
            return value, g, h

        return all_three

    def iterate(self, step: Callable[[Any, Any], Any], y: Any, n: int) -> Any:
        return jax.lax.scan(lambda y, i: (step(i, y), None), y, jnp.arange(n))[0]

    def compile(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return jax.jit(f)

    def on_numpy(self, f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        compiled = jax.jit(f)  # takes NumPy arrays as they are, faster than through `asarray`
        return lambda *args: np.asarray(compiled(*args))


BACKEND = JaxBackend()
