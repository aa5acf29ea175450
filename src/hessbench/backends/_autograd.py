"""HIPS autograd: NumPy on tapes, mostly reverse mode."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import Backend, Ranks, float64

if TYPE_CHECKING:
    from .._model.problem import Problem

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
    `f` has outputs, where these are no more, which is cheaper than tracing `f` once per column.
    """

    name = "autograd"
    order = 2
    operations = ("vjp", "jvp", "grad", "value_grad_hessian", "checkpoint")
    ranks = Ranks(derivatives=3, loss=2, reference=3, contractions=4)

    def __init__(self) -> None:
        import autograd
        import autograd.numpy
        from autograd.extend import Box, vspace

        self.autograd: Any = autograd  # its wrappers carry no usable types
        self.xp, self.box, self.vspace = autograd.numpy, Box, vspace

    def asarray(self, a: Any) -> Any:
        return a if isinstance(a, self.box) else float64(a)

    def rhs(self, problem: Problem) -> Callable[[Any, Any, Any], Any]:
        """As of the base, but for arrays of boxes, which NumPy's own functions make: every operation on them takes ages."""
        own = super().rhs(problem)

        def checked(t: Any, y: Any, p: Any) -> Any:
            slope = own(t, y, p)
            if isinstance(slope, np.ndarray) and slope.dtype.kind == "O":
                raise TypeError("the right-hand side returned a NumPy array of autograd's boxes")
            return slope

        return checked

    @alone
    def vjp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        pull, value = self.autograd.make_vjp(f)(x)
        return value, pull(v)

    @alone
    def jvp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        if v.ndim == 1:
            return self.autograd.make_jvp(f)(x)(v)
        pull, value = self.autograd.make_vjp(f)(x)
        if np.size(value) > v.shape[1]:
            push = self.autograd.make_jvp(f)(x)
            return value, self.xp.stack([push(column)[1] for column in v.T], axis=1)
        return value, self.xp.stack([pull(e) for e in self.vspace(value).standard_basis()]) @ v

    def grad(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return alone(self.autograd.grad(f))

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        def both(x: Any) -> Any:
            value, g = self.autograd.value_and_grad(f)(x)
            return self.xp.concatenate([self.xp.reshape(value, (1,)), g])

        def all_three(x: Any) -> tuple[Any, Any, Any]:
            basis = np.eye(len(x))
            if mode == "forward-over-reverse":
                push = self.autograd.make_jvp(both)(x)
                pairs = [push(e) for e in basis]
                return pairs[0][0][0], pairs[0][0][1:], np.stack([tangent[1:] for _, tangent in pairs], axis=1)
            pull, out = self.autograd.make_vjp(both)(x)
            return out[0], out[1:], np.stack([pull(np.append(0.0, e)) for e in basis])

        return alone(all_three)

    def checkpoint(self, f: Callable[..., Any]) -> Callable[..., Any]:
        return self.autograd.differential_operators.checkpoint(f)
