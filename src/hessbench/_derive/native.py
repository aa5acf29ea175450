"""A right-hand side that is written in one framework, torch or JAX, in the place of one that is written with `xp`.

It runs natively in its own framework, and for values alone in NumPy, by way of it. Whatever else would call it, another
framework or a recorder of symbols, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .._errors import InvalidInput, Unsupported
from .._model.arrays import Array
from .._model.problem import Problem
from ..backends import backend, differentiating
from ..backends._base import Use
from .switches import Tainted

CHOOSING = {  # operations that choose between numbers, so that a derivative jumps
    "torch": """abs argmax argmin bucketize ceil celu clamp clamp_max clamp_min copysign elu eq floor floor_divide fmax fmin
        fmod frac ge gt hardshrink hardsigmoid hardswish hardtanh heaviside le leaky_relu lt max maximum median min minimum
        msort ne prelu relu relu6 remainder round searchsorted sgn sign signbit softshrink sort threshold topk trunc""",
    "jax": """abs argmax argmin ceil clamp cummax cummin eq floor ge gt le lt max min reduce_max reduce_min rem round sign sort
        top_k""",
}
SMOOTH = ("softplus", "softmax", "logsumexp", "log_sigmoid", "log_softmax")  # choose inside, and have all derivatives
SINGLE = {
    "torch": "give its constants `dtype=torch.float64`, or call `torch.set_default_dtype(torch.float64)` first.",
    "jax": 'call `jax.config.update("jax_enable_x64", True)` before the first array is made.',
}


@dataclass(frozen=True, eq=False)
class Native:
    """`rhs(xp, t, y, p)` that calls `function(t, y, own)` in `framework`; `own(p)` takes its parameters out of `p`."""

    framework: str
    function: Callable[[Any, Any, Any], Any]
    own: Callable[[Mapping[str, Any]], Any]

    def __call__(self, xp: Any, t: Any, y: Any, p: Mapping[str, Any]) -> Any:
        """The slope (dim,), as an array of the framework `xp` that the arguments belong to. Raises `Unsupported`."""
        if xp is np and np.asarray(y).dtype.kind == "f":
            return self._in_numpy(t, y, p)
        if getattr(xp, "__name__", "") != namespace(self.framework):
            raise Unsupported(f"the right-hand side is written in {self.framework} alone, not with `xp`")
        return self.function(t, y, self.own(p))

    def _in_numpy(self, t: Any, y: Any, p: Mapping[str, Any]) -> Array:
        used = {key: value for key, value in p.items() if key in self.own}  # type: ignore[operator]
        for value in (t, y, *used.values()):
            if isinstance(value, Tainted):
                value.log.escaped = True  # nobody sees what is done with it
        plain = {key: np.asarray(value) for key, value in used.items()}
        out = evaluated(self)(np.asarray(t, dtype=np.float64), np.asarray(y), plain)
        if out.dtype != np.float64:
            raise InvalidInput(
                f"the right-hand side returned {out.dtype}, in which a Hessian has seven digits at most: "
                f"{SINGLE.get(self.framework, 'compute in double precision.')}"
            )
        return out


def namespace(framework: str) -> str:
    """The name of the module of arrays of a framework."""
    return "jax.numpy" if framework == "jax" else framework


def evaluated(rhs: Native) -> Callable[[Any, Array, Mapping[str, Any]], Array]:
    """`rhs` as a function of NumPy arrays: eager in torch, compiled in JAX, which is slow otherwise."""
    if rhs not in _evaluated:
        _evaluated[rhs] = _by_jax(rhs) if rhs.framework == "jax" else _by_torch(rhs)
    return _evaluated[rhs]


_evaluated: WeakKeyDictionary[Native, Callable[..., Array]] = WeakKeyDictionary()


def _by_jax(rhs: Native) -> Callable[..., Array]:
    jax, function, own = backend("jax").jax, rhs.function, rhs.own  # type: ignore[attr-defined]
    compiled = jax.jit(lambda t, y, p: function(t, y, own(p)))
    return lambda t, y, p: np.asarray(compiled(t, y, p))


def _by_torch(rhs: Native) -> Callable[..., Array]:
    b, function, own = backend(rhs.framework), rhs.function, rhs.own

    def call(t: Any, y: Array, p: Mapping[str, Any]) -> Array:
        with b.xp.no_grad():
            out = function(b.asarray(t), b.asarray(y), own({key: b.asarray(value) for key, value in p.items()}))
        return out.numpy() if isinstance(out, b.xp.Tensor) else np.asarray(out)

    return call


def able(problem: Problem, *operations: str, use: Use = "derivatives") -> tuple[str, ...]:
    """The installed backends that can differentiate `problem.rhs` twice and offer `operations`, preferred ones first."""
    names = differentiating(2, *operations, use=use)
    return names if problem.written_in is None else tuple(name for name in names if name == problem.written_in)


def unseen(problem: Problem) -> tuple[str, ...]:
    """A sentence on the switches of a right-hand side that no strategy can look for; none where it has none.

    Those of a right-hand side that is written with `xp` are found by recording it, and strategies speak for themselves.
    """
    rhs = problem.rhs
    if not isinstance(rhs, Native):
        return ()
    if rhs not in _unseen:
        _unseen[rhs] = _said(rhs, problem)
    return _unseen[rhs]


_unseen: WeakKeyDictionary[Native, tuple[str, ...]] = WeakKeyDictionary()


def _said(rhs: Native, problem: Problem) -> tuple[str, ...]:
    try:
        found = sorted(choices(rhs, problem) & set(CHOOSING[rhs.framework].split()))
    except Exception:  # whatever a framework raises for a function that it cannot trace
        found = ["what cannot be traced"]
    if not found:
        return ()
    return (
        f"the right-hand side, written in {rhs.framework}, chooses between numbers ({', '.join(found)}), which is not looked "
        f"for there: where the solution crosses such a kink or jump, gradient and Hessian may be wrong (verify=True tells).",
    )


def choices(rhs: Native, problem: Problem) -> set[str]:
    """The names of all operations that `rhs` is made of, on floating point numbers."""
    b = backend(rhs.framework)
    p = {key: b.asarray(value) for key, value in problem.params.items() if key in rhs.own}  # type: ignore[operator]
    t, y = b.asarray(problem.t_span[0]), b.asarray(problem.y0)

    def slope(t: Any, y: Any, p: Any) -> Any:
        return rhs.function(t, y, rhs.own(p))

    if rhs.framework == "jax":
        return set(_primitives(b.jax.make_jaxpr(slope)(t, y, p).jaxpr))  # type: ignore[attr-defined]
    make_fx: Any = import_module("torch.fx.experimental.proxy_tensor").make_fx
    nodes = [n for n in make_fx(slope)(t, y, p).graph.nodes if n.op == "call_function"]
    return {getattr(n.target, "_schema", n.target).name.rpartition("::")[2].rstrip("_") for n in nodes}


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
