"""The one problem interface: an initial-value problem and a loss of its end points, written once for every framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ._derivatives import Array, Derivatives, Params
from ._errors import InvalidInput

if TYPE_CHECKING:
    from ._counters import Counters
    from ._loss import LossBlocks


@dataclass(frozen=True, eq=False)
class Problem:
    """`dy/dt = rhs(xp, t, y, p)` on `t_span` from `y0`, and the scalar `loss(xp, y0, y1, p)` with `y1 = y(t_span[1])`.

    `rhs` and `loss` are written once against a namespace `xp` that is `numpy`, `jax.numpy`, `torch` or
    `autograd.numpy`. Use names that all four share: arithmetic, `@`, slices (`y[:1]`, not `y[0]`), `sum sqrt sin cos
    exp log where einsum stack concatenate reshape`. CasADi calls them with `numpy` and object arrays of symbols.
    `p` is a mapping of names to arrays of the same framework.

    Parameters
    ----------
    name : lower-case letters, digits and dashes
    t_span : `(t0, t1)`; `t1 < t0` integrates backward
    y0 : (dim,) initial state, which is also the point where the Hessian is taken by default
    params : named constants and trainable parameters, arrays of any shape
    wrt : what the Hessian is taken with respect to: `"y0"` and names of `params`, in this order in the flat vector `x`
    running_loss : `g(xp, t, y, p)`, a scalar whose integral over `t_span` is added to the loss
    autonomous, loss_uses_y0, dissipative : facts that strategies may rely on. The defaults promise nothing.
        `dissipative` says that the flow contracts so strongly that integrating the state backward fails.
    derivatives : hand-written NumPy derivatives of `rhs`
    loss_blocks : hand-written `blocks(y0, y1, p) -> LossBlocks`, NumPy derivatives of `loss`
    exact : `exact(x)` -> (value, grad (n,), hess (n, n)) in closed form, or `None` at an `x` where there is none
    overrides : per-framework replacement of `rhs`, for example `{"casadi": rhs_mx}` with `xp = casadi`
    perturbed : a second point `x` where the Hessian is checked too, away from any special one such as a closed orbit
    size : what `size` means for the family (for labels), for example `10` in `random-quadratic`, N = 10
    counters : set by the harness, which counts the derivatives that are generated for a problem without hand-written ones

    Raises
    ------
    InvalidInput : for a name, shape, type or time that cannot be used
    """

    name: str
    rhs: Callable[..., Any]
    loss: Callable[..., Any]
    t_span: tuple[float, float]
    y0: Array
    params: Params = field(default_factory=dict)
    wrt: tuple[str, ...] = ("y0",)
    running_loss: Callable[..., Any] | None = None
    autonomous: bool = False
    loss_uses_y0: bool = True
    dissipative: bool = False
    derivatives: Derivatives | None = None
    loss_blocks: Callable[[Array, Array, Params], LossBlocks] | None = None
    exact: Callable[[Array], tuple[float, Array, Array] | None] | None = None
    overrides: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    perturbed: Array | None = None
    size: int | None = None
    counters: Counters | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise InvalidInput(f"`name` is {self.name!r}; use lower-case letters, digits and dashes, such as 'my-ode'.")
        for what in ("rhs", "loss"):
            if not callable(getattr(self, what)):
                raise InvalidInput(f"problem {self.name!r}: `{what}` must be a function, got {getattr(self, what)!r}.")
        object.__setattr__(self, "y0", _vector(self.name, "y0", self.y0))
        params = {key: np.asarray(value) for key, value in self.params.items()}
        object.__setattr__(self, "params", MappingProxyType(params))
        wrt = (self.wrt,) if isinstance(self.wrt, str) else tuple(self.wrt)
        object.__setattr__(self, "wrt", wrt)
        object.__setattr__(self, "t_span", _times(self.name, self.t_span))
        self._check_wrt()
        if self.perturbed is not None:
            object.__setattr__(self, "perturbed", self.check_x(self.perturbed))

    def _check_wrt(self) -> None:
        known = ["y0", *self.params]
        if not self.wrt or len(set(self.wrt)) < len(self.wrt):
            raise InvalidInput(f"problem {self.name!r}: `wrt` is {self.wrt!r}; name each of {known} at most once.")
        for key in self.wrt:
            if key not in known:
                raise InvalidInput(f"problem {self.name!r}: `wrt` names {key!r}, but this problem has {known}.")
            if key != "y0" and not np.issubdtype(self.params[key].dtype, np.floating):
                kind = self.params[key].dtype
                raise InvalidInput(
                    f"problem {self.name!r}: parameter {key!r} has type {kind}; a Hessian needs floating point. "
                    f"Write it as a float."
                )

    @property
    def dim(self) -> int:
        """Number of states N."""
        return self.y0.size

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Where each name of `wrt` stands in the flat decision vector `x`."""
        out, start = {}, 0
        for key in self.wrt:
            stop = start + (self.dim if key == "y0" else self.params[key].size)
            out[key], start = slice(start, stop), stop
        return out

    @property
    def x0(self) -> Array:
        """The default decision vector (n,): `y0` and parameters, flattened in the order of `wrt`."""
        return np.concatenate([self.y0 if key == "y0" else self.params[key].ravel() for key in self.wrt])

    def unpack(self, x: Any, params: Params | None = None) -> tuple[Any, Params]:
        """Split a flat decision vector of any framework into `(y0, p)`.

        `params` are the problem's parameters in that framework (`Backend.params`); NumPy by default. `y0` comes back as
        NumPy when it is not in `wrt`.
        """
        base = self.params if params is None else params
        if self.wrt == ("y0",):
            return x, base
        new = {k: x[at].reshape(self.params[k].shape) for k, at in self.blocks.items() if k != "y0"}
        return (x[self.blocks["y0"]] if "y0" in self.blocks else self.y0), {**base, **new}

    def check_x(self, x: Any) -> Array:
        """`x` as a finite (n,) float64 copy, the default point if `None`; raises `InvalidInput` otherwise."""
        return self.x0 if x is None else _vector(self.name, "x", x, self.x0.size)

    def at(self, x: Array) -> Problem:
        """The same problem whose default point is `x`."""
        y0, params = self.unpack(self.check_x(x))
        return replace(self, y0=y0, params=dict(params), perturbed=None)

    def counted(self, counters: Counters) -> Problem:
        """The same problem, whose derivatives, hand-written or generated, tick `counters`."""
        hand_written = None if self.derivatives is None else self.derivatives.counted(counters)
        return replace(self, derivatives=hand_written, counters=counters)

    def validate(self) -> None:
        """Evaluate `rhs` and `loss` once in NumPy and raise `InvalidInput` for anything that cannot work."""
        y0, p, (t0, t1) = self.y0, self.params, self.t_span
        slope = _call(self.name, "rhs(numpy, t, y, p)", lambda: self.rhs(np, t0, y0.copy(), p))
        if np.shape(slope) != (self.dim,):
            raise InvalidInput(
                f"problem {self.name!r}: `rhs` returned shape {np.shape(slope)}, expected ({self.dim},), the shape of `y0`."
            )
        if not np.all(np.isfinite(slope)):
            raise InvalidInput(f"problem {self.name!r}: `rhs` is not finite at `y0`, t = {t0}: {slope}.")
        value = _call(self.name, "loss(numpy, y0, y1, p)", lambda: self.loss(np, y0.copy(), y0 + 0.1, p))
        if np.shape(value) != ():
            raise InvalidInput(f"problem {self.name!r}: `loss` returned shape {np.shape(value)}, expected a scalar.")
        if self.autonomous:
            later = self.rhs(np, t0 + 0.37 * (t1 - t0), y0.copy(), p)
            if not np.array_equal(slope, later):
                raise InvalidInput(f"problem {self.name!r} says `autonomous=True`, but `rhs` changes with `t`.")


def _vector(name: str, what: str, value: Any, size: int | None = None) -> Array:
    try:
        out = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"problem {name!r}: `{what}` must be a vector of numbers, got {value!r}.") from None
    if out.ndim != 1 or out.size == 0 or (size is not None and out.size != size):
        expected = "(n,) with n >= 1" if size is None else f"({size},)"
        raise InvalidInput(f"problem {name!r}: `{what}` has shape {out.shape}, expected {expected}.")
    if not np.all(np.isfinite(out)):
        raise InvalidInput(f"problem {name!r}: `{what}` holds a value that is not finite: {out}.")
    return out


def _times(name: str, t_span: Any) -> tuple[float, float]:
    try:
        t0, t1 = (float(t) for t in t_span)
    except (TypeError, ValueError):
        raise InvalidInput(f"problem {name!r}: `t_span` must be two numbers (t0, t1), got {t_span!r}.") from None
    if not (np.isfinite(t0) and np.isfinite(t1)) or t0 == t1:
        raise InvalidInput(f"problem {name!r}: `t_span` is {t_span!r}; start and end must be finite and differ.")
    return t0, t1


def _call(name: str, what: str, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        raise InvalidInput(f"problem {name!r}: `{what}` raised {type(error).__name__}: {error}") from error
