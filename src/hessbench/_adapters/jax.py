"""A problem as a function of JAX that can be differentiated twice.

    L(x): jvp dL = g(x) . dx;   g(x): jvp dg = H(x) dx, whose transpose is itself

Each is a callback to the prepared strategy. A product with many directions at one `x` (`jax.hessian`) is one call.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from .._errors import InvalidInput, Unavailable, Unsupported
from .._model.problem import Problem
from .._plugins.conditions import Conditions
from .evaluations import Evaluations, Remade

SINGLE = (
    "JAX computes in single precision here, which leaves a Hessian seven digits at most: "
    'call `jax.config.update("jax_enable_x64", True)` before the first array is made.'
)


def as_jax(problem: Problem | Conditions, **options: Any) -> Callable[[Any], Any]:
    """The loss as a JAX function of `x` (n,) float64, for `jax.grad`, `jax.hessian`, `jvp`, `vjp`, `jit` and `vmap`.

    Second derivatives are products of the Hessian, which is not formed; a third one raises `Unsupported`. `options` are those
    of `hessbench.prepare_products`: the strategy has to offer products (`auto`, `discrete-adjoint`, `implicit-adjoint`). Points
    of a batch are solved one after the other.
    Raises `Unavailable` without JAX, `InvalidInput` where JAX is not in double precision. What a solve raises comes out of JAX
    as an error of its own that holds the message.
    """
    try:
        jax = import_module("jax")
    except ImportError:
        raise Unavailable("`as_jax` needs `jax`: pip install jax") from None
    if not jax.config.jax_enable_x64:
        raise InvalidInput(SINGLE)
    jnp = import_module("jax.numpy")
    evaluations = Evaluations(problem, **options)
    n = evaluations.x0.size
    evaluations.first(evaluations.x0)  # prepared here, where errors are told as they are
    scalar, vector = jax.ShapeDtypeStruct((), np.float64), jax.ShapeDtypeStruct((n,), np.float64)

    def values(x: Any) -> np.ndarray:
        """(...) for points (..., n)."""
        points = np.asarray(x)
        return np.array([evaluations.first(point).value for point in points.reshape(-1, n)]).reshape(points.shape[:-1])

    def gradients(x: Any) -> np.ndarray:
        """(..., n) for points (..., n)."""
        points = np.asarray(x)
        return np.array([evaluations.first(point).grad for point in points.reshape(-1, n)]).reshape(points.shape)

    def products(x: Any, v: Any) -> np.ndarray:
        """For batches (..., n) that broadcast; directions at one point are multiplied together."""
        x, v = np.asarray(x), np.asarray(v)
        batch = np.broadcast_shapes(x.shape, v.shape)
        points = np.broadcast_to(x, batch).reshape(-1, n)
        directions = np.broadcast_to(v, batch).reshape(-1, n)
        distinct, which = np.unique(points, axis=0, return_inverse=True)
        out = np.empty(directions.shape)
        for i, point in enumerate(distinct):
            at = which.ravel() == i
            out[at] = evaluations.times(point, directions[at].T).T
        return out.reshape(batch)

    def call(f: Callable[..., Any], shape: Any, *arguments: Any) -> Any:
        return jax.pure_callback(f, shape, *arguments, vmap_method="expand_dims")

    @jax.custom_jvp
    def twice(x: Any) -> Any:
        return x

    @twice.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        raise Unsupported("`as_jax` gives two derivatives; a third one was asked for.")

    def product(x: Any, v: Any) -> Any:
        """`H(x) v`, symmetric in its transpose: JAX has no other primitive that is transposed and takes batches."""
        x = twice(x)
        return jax.lax.custom_linear_solve(lambda y: y, v, lambda _, b: call(products, vector, x, b), symmetric=True)

    @jax.custom_jvp
    def gradient(x: Any) -> Any:
        return call(gradients, vector, x)

    @gradient.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return gradient(*primals), product(*primals, *tangents)

    @jax.custom_jvp
    def loss(x: Any) -> Any:
        return call(values, scalar, x)

    @loss.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return loss(*primals), gradient(*primals) @ tangents[0]

    def function(x: Any) -> Any:
        """The loss at `x` (n,)."""
        if not jax.config.jax_enable_x64:
            raise InvalidInput(SINGLE)
        x = jnp.asarray(x, dtype=np.float64)
        if x.shape != (n,):
            raise InvalidInput(f"`x` has shape {x.shape}; expected ({n},). A batch of points goes through `jax.vmap`.")
        return loss(x)

    return Remade(function, as_jax, problem, options)
