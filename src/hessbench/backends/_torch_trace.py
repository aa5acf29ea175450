"""Tracing a torch function, derivatives included, into a graph of elementary operations that runs without Python."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def traced(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, traced anew for each combination of argument shapes; takes and returns nested structures of tensors."""
    from torch.utils import _pytree as pytree

    known: dict[Any, tuple[Callable[..., Any], Any]] = {}
    alone = threading.Lock()

    def call(*args: Any) -> Any:
        flat, form = pytree.tree_flatten(args)
        flat = [a.contiguous() for a in flat]  # a trace holds for one memory layout
        key = (form, *(a.shape for a in flat))
        if key not in known:
            with alone:
                known[key] = known.get(key) or _trace(f, flat, form)
        script, out_form = known[key]
        return pytree.tree_unflatten(list(script(*flat)), out_form)

    return call


def _trace(f: Callable[..., Any], flat: list[torch.Tensor], form: Any) -> tuple[Callable[..., Any], Any]:
    """A graph of elementary operations from the leaves `flat` of `f`'s arguments to the leaves of its result."""
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.jit._trace import TracerWarning
    from torch.utils import _pytree as pytree

    out_form: Any = None

    def flat_f(*flat: torch.Tensor) -> tuple[torch.Tensor, ...]:
        nonlocal out_form
        out, out_form = pytree.tree_flatten(f(*pytree.tree_unflatten(list(flat), form)))
        return tuple(out)

    with torch.no_grad(), warnings.catch_warnings():
        graph = make_fx(flat_f)(*flat)
        warnings.filterwarnings(
            "ignore", "`torch.jit", DeprecationWarning
        )  # it is in maintenance, and nothing is as fast
        warnings.filterwarnings("ignore", category=TracerWarning)  # of constants in the graph
        script = torch.jit.freeze(torch.jit.trace(graph.eval(), tuple(flat), check_trace=False))
        for _ in range(3):  # the first runs are spent on optimising the graph
            script(*flat)
    return script, out_form


def operations(f: Callable[..., Any], *args: Any) -> set[str]:
    """The names of the operations that `f(*args)` consists of, such as `tanh`."""
    from torch.fx.experimental.proxy_tensor import make_fx

    nodes: list[Any] = [node.target for node in make_fx(f)(*args).graph.nodes if node.op == "call_function"]
    names = [getattr(target, "_schema", target) for target in nodes]
    return {getattr(name, "name", str(name)).rpartition("::")[2].rstrip("_") for name in names}
