"""HIPS autograd: NumPy on tapes, mostly reverse mode."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

import autograd
import autograd.numpy
import numpy as np
from autograd.extend import Box, vspace

from ._base import Backend, float64

ag: Any = autograd  # its wrappers carry no usable types
anp: Any = autograd.numpy
_ALONE = threading.RLock()


def alone(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` by one thread at a time: autograd numbers its traces by one counter for all threads."""

    @wraps(f)
    def call(*args: Any) -> Any:
        with _ALONE:
            return f(*args)

    return call


class AutogradBackend(Backend):
    """Nothing is compiled: each evaluation writes a tape. Several tangents are taken from one tape by as many pulls as
    `f` has outputs, which is cheaper than tracing `f` once per column.
    """

    name = "autograd"
    xp = anp

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, Box) else float64(a)

    @alone
    def vjp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        pull, value = ag.make_vjp(f)(x)
        return value, pull(v)

    @alone
    def jvp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        if v.ndim == 1:
            return ag.make_jvp(f)(x)(v)
        pull, value = ag.make_vjp(f)(x)
        return value, anp.stack([pull(e) for e in vspace(value).standard_basis()]) @ v

    def grad(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return alone(ag.grad(f))

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        def both(x: Any) -> Any:
            value, g = ag.value_and_grad(f)(x)
            return anp.concatenate([anp.reshape(value, (1,)), g])

        def all_three(x: Any) -> tuple[Any, Any, Any]:
            basis = np.eye(len(x))
            if mode == "forward-over-reverse":
                push = ag.make_jvp(both)(x)
                pairs = [push(e) for e in basis]
                return pairs[0][0][0], pairs[0][0][1:], np.stack([tangent[1:] for _, tangent in pairs], axis=1)
            pull, out = ag.make_vjp(both)(x)
            return out[0], out[1:], np.stack([pull(np.append(0.0, e)) for e in basis])

        return alone(all_three)


BACKEND = AutogradBackend()
