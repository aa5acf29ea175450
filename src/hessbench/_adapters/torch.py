"""A problem as a function of torch that can be differentiated twice: the adapter's classes need torch at their definition."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from .._errors import InvalidInput, Unavailable, Unsupported
from .._model.problem import Problem
from .._plugins.conditions import Conditions
from .evaluations import Evaluations, Remade


def as_torch(problem: Problem | Conditions, **options: Any) -> Callable[[Any], Any]:
    """The loss as a function of a torch tensor `x` (n,), for `backward`, `torch.autograd.grad` and `functional.hessian`.

    Computed in double precision on the CPU; results have the type and device of `x`, so a float32 `x` gets rounded ones.
    Second derivatives (`create_graph=True`) are products of the Hessian, which is not formed; a third one raises
    `Unsupported`. `torch.func` is not served. `options` are those of `hessbench.prepare_products`: the strategy has to offer
    products (`auto`, `discrete-adjoint`, `implicit-adjoint`).
    Raises `Unavailable` without torch, `InvalidInput` for another shape, and what a solve raises.
    """
    try:
        torch = import_module("torch")
    except ImportError:
        raise Unavailable("`as_torch` needs `torch`: pip install torch") from None
    evaluations = Evaluations(problem, **options)
    n = evaluations.x0.size

    def numbers(tensor: Any) -> np.ndarray:
        return tensor.detach().cpu().to(torch.float64).numpy()

    def like(found: Any, x: Any) -> Any:
        return torch.tensor(np.array(found), dtype=x.dtype, device=x.device)

    class Product(torch.autograd.Function):
        """`(x, v) -> H(x) v`; backward by `v` is itself."""

        @staticmethod
        def forward(ctx: Any, x: Any, v: Any) -> Any:
            ctx.save_for_backward(x)
            return like(evaluations.times(numbers(x), numbers(v)[:, None])[:, 0], x)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            if ctx.needs_input_grad[0]:
                raise Unsupported("`as_torch` gives two derivatives; a third one was asked for.")
            return None, Product.apply(*ctx.saved_tensors, *cotangents)

    class Gradient(torch.autograd.Function):
        """`x -> g(x)`."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return like(evaluations.first(numbers(x)).grad, x)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return Product.apply(*ctx.saved_tensors, *cotangents)

    class Loss(torch.autograd.Function):
        """`x -> L(x)`."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return like(evaluations.first(numbers(x)).value, x)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return cotangents[0] * Gradient.apply(*ctx.saved_tensors)

    def function(x: Any) -> Any:
        """The loss at `x` (n,), a scalar."""
        if not isinstance(x, torch.Tensor) or tuple(x.shape) != (n,) or not x.is_floating_point():
            raise InvalidInput(f"`x` must be a real tensor of shape ({n},), got {x!r}.")
        return Loss.apply(x)

    return Remade(function, as_torch, problem, options)
