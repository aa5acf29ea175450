"""An existing right-hand side of torch or JAX as a `Problem`, without rewriting it with `xp`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from .._derive.native import Native
from .._errors import InvalidInput, Unavailable
from .._model.problem import Problem
from ..backends import about, remedy


def from_torch(
    name: str,
    f: Any,
    loss: Any,
    t_span: Any,
    y0: Any,
    params: Mapping[str, Any] | None = None,
    *,
    wrt: Any = None,
    **fields: Any,
) -> Problem:
    """A `Problem` whose right-hand side is torch code: a function `f(t, y, p)` or `f(t, y)`, or an `nn.Module` of `(t, y)`.

    `t` () and `y` (dim,) are tensors, `p` the mapping `params` as tensors, all float64; `f` returns (dim,). The parameters of a
    module are those of the problem, by their own names such as `"net.0.weight"`, beside `params`, and by default the Hessian
    is by those that require a gradient; the module itself is copied, to the CPU, in double precision and evaluation mode (no
    dropout). `name`, `t_span`, `y0`, `wrt` and `fields` are as in `Problem`, and so is `loss(xp, y0, y1, p)`, which is
    written with `xp`.

    Strategies that run on torch take it as it is, those in NumPy with derivatives made by torch (each evaluation is then a call
    of torch, some 20 to 100 microseconds); others refuse it. Switches inside are not found, which a warning says. In-place
    assignment to new tensors (`out[0] = ...`) cannot be differentiated in batches by torch: use `torch.stack`.
    Raises `Unavailable` without torch, `InvalidInput` as `Problem` does, and for an `f` of other arguments.
    """
    torch = _imported("torch")
    given = dict(params or {})
    if not isinstance(f, torch.nn.Module):
        return _problem("torch", name, _called(name, f), Named(tuple(given)), loss, t_span, y0, given, wrt, fields)
    _takes(name, f.forward, ("t", "y"))
    module = copy.deepcopy(f).cpu().double().eval()
    named = dict(module.named_parameters())
    if taken := set(named) & set(given):
        raise InvalidInput(f"problem {name!r}: `params` names {sorted(taken)[0]!r}, as the module does; rename it.")
    own = {key: value.detach().cpu().numpy() for key, value in named.items()}
    if wrt is None:
        wrt = tuple(key for key, value in named.items() if value.requires_grad) or None
    rhs = OfModule(module.requires_grad_(False))
    return _problem("torch", name, rhs, Named(tuple(own)), loss, t_span, y0, {**own, **given}, wrt, fields)


def from_jax(
    name: str,
    f: Callable[..., Any],
    loss: Any,
    t_span: Any,
    y0: Any,
    params: Any = None,
    *,
    wrt: Any = None,
    **fields: Any,
) -> Problem:
    """A `Problem` whose right-hand side is JAX code: a function `f(t, y, p)` or `f(t, y)` that `jax.jit` takes.

    `p` is `params`, any pytree (nested dictionaries and lists, Equinox modules). Its arrays and numbers of floating point are
    the parameters of the problem, by their paths, such as `"layers.0.weight"`; whatever else it holds stays as it is.
    `name`, `t_span`, `y0`, `wrt` and `fields` are as in `Problem`, and so is `loss(xp, y0, y1, p)`, where `p` has them by these
    names, and which is written with `xp`.

    Strategies that run on JAX take it as it is, those in NumPy with derivatives made by JAX; others refuse it. Switches inside
    are not found, which a warning says.
    Raises `Unavailable` without JAX, `InvalidInput` where JAX is in single precision, as `Problem` does, and for an `f` of
    other arguments.
    """
    jax = _imported("jax")
    if not jax.config.jax_enable_x64:
        raise InvalidInput(f"problem {name!r}: JAX computes in single precision here. {about('jax').double}")
    leaves = {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]}
    numbers = {key: np.asarray(leaf) for key, leaf in leaves.items() if _is_number(leaf)}
    like = jax.tree_util.tree_map(lambda leaf: np.asarray(leaf) if _is_number(leaf) else leaf, params)
    return _problem("jax", name, _called(name, f), Tree(like, tuple(numbers)), loss, t_span, y0, numbers, wrt, fields)


@dataclass(frozen=True, eq=False)
class Named:
    """The parameters of a function that takes them by name."""

    names: tuple[str, ...]

    def __contains__(self, key: str) -> bool:
        return key in self.names

    def __call__(self, p: Mapping[str, Any]) -> dict[str, Any]:
        return {key: p[key] for key in self.names}


@dataclass(frozen=True, eq=False)
class Tree:
    """A pytree `like`, whose leaves `names` are parameters."""

    like: Any
    names: tuple[str, ...]

    def __contains__(self, key: str) -> bool:
        return key in self.names

    def __call__(self, p: Mapping[str, Any]) -> Any:
        from jax.tree_util import tree_map_with_path

        return tree_map_with_path(lambda path, leaf: p[k] if (k := path_name(path)) in self.names else leaf, self.like)


@dataclass(frozen=True, eq=False)
class OfState:
    """`f(t, y)` as a function that gets parameters as well."""

    f: Callable[..., Any]

    def __call__(self, t: Any, y: Any, p: Any) -> Any:
        return self.f(t, y)


@dataclass(frozen=True, eq=False)
class OfModule:
    """A module of torch with other parameters than its own."""

    module: Any

    def __call__(self, t: Any, y: Any, p: Any) -> Any:
        from torch.func import functional_call

        return functional_call(self.module, p, (t, y))


def path_name(path: Any) -> str:
    """The path of a leaf in a pytree, such as `layers.0.weight`; `p` where the tree is a leaf itself."""
    parts = [getattr(key, "name", getattr(key, "key", getattr(key, "idx", key))) for key in path]
    return ".".join(map(str, parts)) or "p"


def _problem(
    framework: str,
    name: str,
    function: Callable[..., Any],
    own: Any,
    loss: Any,
    t_span: Any,
    y0: Any,
    params: Mapping[str, Any],
    wrt: Any,
    fields: Mapping[str, Any],
) -> Problem:
    rhs, wrt = Native(framework, function, own), ("y0",) if wrt is None else wrt
    return Problem(name, rhs, loss, t_span, y0, params, wrt, written_in=framework, **fields)


def _called(name: str, f: Any) -> Callable[..., Any]:
    """`f` as a function of `(t, y, p)`."""
    if not callable(f):
        raise InvalidInput(f"problem {name!r}: the right-hand side must be a function `f(t, y, p)`, got {f!r}.")
    return f if _binds(f, 3) else OfState(_takes(name, f, ("t", "y", "p")))


def _takes(name: str, f: Callable[..., Any], wanted: tuple[str, ...]) -> Callable[..., Any]:
    """`f`, which has to take two arguments. Raises `InvalidInput`."""
    if not _binds(f, 2):
        raise InvalidInput(
            f"problem {name!r}: the right-hand side takes `{inspect.signature(f)}`, expected `({', '.join(wanted)})`: wrap "
            f"it in a function or module that does."
        )
    return f


def _binds(f: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(f).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # of something that does not tell
        return True
    return True


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, float) or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"


def _imported(framework: str) -> Any:
    try:
        return import_module(framework)
    except ImportError:
        raise Unavailable(f"`from_{framework}` needs `{framework}`: {remedy(framework)}") from None
