"""The one problem interface: an initial-value problem and a loss of its solution, written once for every framework."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import InvalidInput
from .data import Data
from .derivatives import Array, Derivatives, Params
from .events import Event
from .given import LOSS, TIMES, called, check_wrt, checked_scale, parameter, times, vector
from .mistakes import returning
from .notebook import of_problem

if TYPE_CHECKING:
    from .counters import Counters
    from .loss import LossBlocks


@dataclass(frozen=True, eq=False)
class Problem:
    """`dy/dt = rhs(xp, t, y, p)` on `t_span` from `y0`, and the scalar `loss(xp, y0, y1, p)` with `y1 = y(t_span[1])`.

    With a running loss `g`, the loss is `loss(xp, y0, y1, p) +` the integral of `g` over `t_span` (Bolza form).

    `rhs` and `loss` are written once against a namespace `xp` that is `numpy`, `jax.numpy`, `torch` or
    `autograd.numpy`. Use names that all four share: arithmetic, `@`, slices (`y[:1]`, not `y[0]`), `sum sqrt sin cos
    exp log where einsum stack concatenate reshape`. CasADi calls them with `numpy` and object arrays of symbols.
    `p` is a mapping of names to arrays of the same framework. That of the loss also holds the end times as scalars `"t0"`
    and `"t1"`, which the loss may use; right-hand side and running loss depend on time through `t` alone.

    Parameters
    ----------
    name
        lower-case letters, digits and dashes
    t_span
        `(t0, t1)`; `t1 < t0` integrates backward. Where an end time is in `wrt`, every `x` keeps this direction.
    y0 : (dim,)
        initial state, which is also the point where the Hessian is taken by default
    params
        named constants and trainable parameters, real arrays of any shape, which are copied, floats of any width to
        doubles; `y0`, `t0` and `t1` are reserved names
    wrt
        what the Hessian is taken with respect to: any of `"y0"`, names of `params`, `"t0"` and `"t1"`, in this order in
        the flat vector `x`
    running_loss
        `g(xp, t, y, p)`, a scalar whose integral over `t_span` is added to the loss
    autonomous, loss_uses_y0, dissipative
        facts that strategies may rely on. The defaults promise nothing.
        `dissipative` says that the flow contracts so strongly that integrating the state backward fails.
    derivatives
        hand-written NumPy derivatives of `rhs`
    loss_blocks
        hand-written `blocks(y0, y1, p) -> LossBlocks`, NumPy derivatives of `loss`
    exact
        `exact(x)` -> (value, grad (n,), hess (n, n)) in closed form, or `None` at an `x` where there is none
    overrides
        per-framework replacement of `rhs`, for example `{"casadi": rhs_mx}` with `xp = casadi`
    perturbed
        a second point `x` where the Hessian is checked too, away from any special one such as a closed orbit
    scale
        sizes of unknowns where `|x|` does not tell them, for error norms and the gate: by names of `wrt`, a number or one
        for each entry, such as `{"k": 0.1}`; `"loss"` is the size of the loss where it nearly vanishes
    data
        observations at many times, whose terms are added to the loss (`Data`); `loss` may then be `None`
    events
        what happens at known times, at times that are parameters, or at roots of a function of the state (`Event`):
        the state jumps, a step has to end, or the problem does
    written_in
        the one framework that `rhs` is written in, set by `from_torch` and `from_jax`; others cannot differentiate it
    size
        what `size` means for the family (for labels), for example `10` in `random-quadratic`, N = 10
    logs
        set by `on_log_scale`: names of parameters that are logarithms, with the names of what they are the logarithm of
    counters
        set by the harness, which counts the derivatives that are generated for a problem without hand-written ones

    Raises
    ------
    InvalidInput
        for a name, shape, type or time that cannot be used
    """

    name: str
    rhs: Callable[..., Any]
    loss: Any  # a function, or `None` with `data`
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
    scale: Mapping[str, Any] = field(default_factory=dict)
    data: Data | None = None
    events: Sequence[Event] = ()
    size: int | None = None
    written_in: str | None = None
    logs: Mapping[str, str] = field(default_factory=dict, repr=False)
    counters: Counters | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", self.name):
            raise InvalidInput(f"`name` is {self.name!r}; use lower-case letters, digits and dashes, such as 'my-ode'.")
        if self.loss is None and self.data is not None:
            object.__setattr__(self, "loss", no_end_loss)
        functions = ("rhs", "loss") if self.running_loss is None else ("rhs", "loss", "running_loss")
        for what in functions:
            if not callable(getattr(self, what)):
                raise InvalidInput(f"problem {self.name!r}: `{what}` must be a function, got {getattr(self, what)!r}.")
        object.__setattr__(self, "y0", vector(self.name, "y0", self.y0))
        params = {key: parameter(self.name, key, value) for key, value in self.params.items()}
        object.__setattr__(self, "params", MappingProxyType(params))
        wrt = (self.wrt,) if isinstance(self.wrt, str) else tuple(self.wrt)
        object.__setattr__(self, "wrt", wrt)
        object.__setattr__(self, "t_span", times(self.name, self.t_span))
        check_wrt(self.name, params, wrt)
        self._check_events()
        names = {
            LOSS: (),
            "y0": self.y0.shape,
            **{key: value.shape for key, value in self.params.items()},
            "t0": (),
            "t1": (),
        }
        object.__setattr__(self, "scale", MappingProxyType(checked_scale(self.name, self.scale, names)))
        if self.perturbed is not None:
            object.__setattr__(self, "perturbed", self.check_x(self.perturbed))

    def _check_events(self) -> None:
        events = (self.events,) if isinstance(self.events, Event) else tuple(self.events)
        if not all(isinstance(event, Event) for event in events) or not isinstance(self.data, Data | None):
            raise InvalidInput(
                f"problem {self.name!r}: `data` must be a `Data` and `events` a list of `Event`; got {self.data!r}, {events!r}."
            )
        object.__setattr__(self, "events", events)

    @property
    def dim(self) -> int:
        """Number of states N."""
        return self.y0.size

    @property
    def varied(self) -> tuple[str, ...]:
        """The parameters that the Hessian is taken with respect to, in the order of `wrt`."""
        return tuple(key for key in self.wrt if key in self.params)

    @property
    def of_state_alone(self) -> bool:
        """Whether the problem is of the simplest form: by the initial state alone, and the loss is one of the end points."""
        smooth = self.data is None and not self.events
        return self.wrt == ("y0",) and self.running_loss is None and smooth

    @cached_property
    def carried_dim(self) -> int:
        """The number of states with all that is not the initial state carried as states too (`hessbench.augmented`)."""
        names = [key for key in self.wrt if key != "y0"]
        return self.dim + (self.running_loss is not None) + sum(math.prod(self.shapes[key]) for key in names)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each name of `wrt`; an end time has shape ()."""
        own = {"y0": self.y0.shape, "t0": (), "t1": ()}
        return {key: own[key] if key in own else self.params[key].shape for key in self.wrt}

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Where each name of `wrt` stands in the flat decision vector `x`."""
        out, start = {}, 0
        for key, shape in self.shapes.items():
            stop = start + math.prod(shape)
            out[key], start = slice(start, stop), stop
        return out

    @cached_property
    def constants(self) -> Params:
        """`params` with the end times of `t_span`: the `p` of the loss where `wrt` is the initial state alone."""
        return MappingProxyType({**self.params, **dict(zip(TIMES, self.t_span, strict=True))})

    @property
    def x0(self) -> Array:
        """The default decision vector (n,): `y0`, parameters and times, flattened in the order of `wrt`."""
        return np.concatenate([self.y0 if key == "y0" else np.ravel(self.constants[key]) for key in self.wrt])

    def unpack(self, x: Any, params: Params | None = None) -> tuple[Any, Params]:
        """Split a flat decision vector of any framework into `(y0, p)`; `p` holds the end times `"t0"` and `"t1"` too.

        `params` are the problem's parameters in that framework (`Backend.params`); NumPy by default. `y0` comes back as
        NumPy when it is not in `wrt`, and so do the times.
        """
        base = self.constants if params is None else {**self.constants, **params}
        if self.wrt == ("y0",):
            return x, base
        new = {key: x[self.blocks[key]].reshape(shape) for key, shape in self.shapes.items() if key != "y0"}
        return (x[self.blocks["y0"]] if "y0" in self.blocks else self.y0), {**base, **new}

    def times(self, x: Any) -> tuple[Any, Any]:
        """`(t0, t1)` at the decision vector `x` of any framework: scalars of that framework where they are in `wrt`."""
        t0, t1 = (x[self.blocks[k]].reshape(()) if k in self.blocks else self.constants[k] for k in TIMES)
        return t0, t1

    def check_x(self, x: Any) -> Array:
        """`x` as a finite (n,) float64 copy, the default point if `None`; raises `InvalidInput` otherwise.

        An end time in `x` has to stay on its side of the other one, as in `t_span`.
        """
        if x is None:
            return self.x0
        x = vector(self.name, "x", x, self.x0.size)
        (t0, t1), (before, after) = self.times(x), self.t_span
        if (t1 - t0) * (after - before) <= 0:
            order = "before" if after > before else "after"
            raise InvalidInput(
                f"problem {self.name!r}: `x` has t0 = {t0:g} and t1 = {t1:g}, but the start is {order} the end in `t_span` = "
                f"{self.t_span}. Keep this order, or build the problem with the other one."
            )
        return x

    def sizes(self, x: Array, states: Array | None = None) -> Array:
        """`d` (n,) at `x` (n,): the largest of `|x_i|`, the declared scale and, for an initial state, `states` (dim,).

        An end time has its declared scale or the length of the time span: `|x_i|` depends on where time starts. An unknown of
        which none of these says anything gets the largest size in its own array, and 1 where that is zero too: declare its
        scale.
        """
        out, (t0, t1) = np.abs(x), map(float, self.times(x))
        for key, at in self.blocks.items():
            if key in TIMES:
                out[at] = 0.0 if key in self.scale else abs(t1 - t0)
            if key in self.scale:
                out[at] = np.maximum(out[at], np.broadcast_to(self.scale[key], self.shapes[key]).ravel())
            if key == "y0" and states is not None:
                out[at] = np.maximum(out[at], states)
            out[at] = np.where(out[at] > 0, out[at], float(np.max(out[at], initial=0.0)) or 1.0)
        return out

    @property
    def loss_scale(self) -> float:
        """The declared size of the loss; zero where none is."""
        return float(self.scale[LOSS]) if LOSS in self.scale and LOSS not in self.params else 0.0

    def at(self, x: Array) -> Problem:
        """The same problem whose default point is `x`."""
        y0, p = self.unpack(self.check_x(x))
        t_span = (float(p["t0"]), float(p["t1"]))
        return replace(self, y0=y0, params={key: p[key] for key in self.params}, t_span=t_span, perturbed=None)

    def perturbed_by(self, scale: float) -> Problem:
        """The same problem with a perturbed point off its own one by up to `scale`, in a fixed pattern without zeros."""
        pattern = (7 * np.arange(self.x0.size) % 11 - 5.5) / 5.5
        return replace(self, perturbed=self.x0 + scale * pattern)

    def perturbed_by_share(self, share: float) -> Problem:
        """The same, off by up to `share` of the size of each unknown."""
        off = self.perturbed_by(share)
        return replace(self, perturbed=self.x0 + (off.perturbed - self.x0) * self.sizes(self.x0))

    def counted(self, counters: Counters) -> Problem:
        """The same problem, whose derivatives, hand-written or generated, tick `counters`."""
        hand_written = None if self.derivatives is None else self.derivatives.counted(counters)
        return replace(self, derivatives=hand_written, counters=counters)

    def validate(self) -> None:
        """Evaluate `rhs` and `loss` once in NumPy and raise `InvalidInput` for anything that cannot work."""
        y0, p, (t0, t1) = self.y0, self.params, self.t_span
        state, what = y0.copy(), "rhs(numpy, t, y, p)"
        slope = called(self.name, what, lambda: self.rhs(np, t0, state, p), self.rhs, p)
        if not np.array_equal(state, y0):  # changed in place: where, says an array that refuses it
            state.flags.writeable = False
            called(self.name, what, lambda: self.rhs(np, t0, state, p), self.rhs, p)
        if slope is None or np.shape(slope) != (self.dim,):
            got = "nothing" if slope is None else f"shape {np.shape(slope)}"
            said = f"{returning(self.rhs)}`rhs` returned {got}, expected ({self.dim},), the shape of `y0`"
            raise InvalidInput(f"problem {self.name!r}: {said}: write `return xp.stack([...])`.")
        self._check_real("rhs", slope)
        if not np.all(np.isfinite(slope)):
            raise InvalidInput(f"problem {self.name!r}: `rhs` is not finite at `y0`, t = {t0}: {slope}.")
        loss, running, constants = self.loss, self.running_loss, self.constants
        what = "loss(numpy, y0, y1, p)"
        values = {"loss": called(self.name, what, lambda: loss(np, y0.copy(), y0 + 0.1, constants), loss, constants)}
        if running is not None:
            what = "running_loss(numpy, t, y, p)"
            values["running_loss"] = called(self.name, what, lambda: running(np, t0, y0.copy(), p), running, p)
        for what, value in values.items():
            self._check_real(what, value)
            if np.shape(value) != ():
                raise InvalidInput(
                    f"problem {self.name!r}: {returning(getattr(self, what))}`{what}` returned shape {np.shape(value)}, "
                    f"expected a scalar: write `xp.sum(...)`, for example."
                )
        free = tuple(key for key in TIMES if key in self.wrt)
        if self.data is not None:
            self.data.check(self.name, self.t_span, free)
        for event in self.events:
            event.check(self, free)
        if self.autonomous:
            later = self.rhs(np, t0 + 0.37 * (t1 - t0), y0.copy(), p)
            if not np.array_equal(slope, later):
                raise InvalidInput(f"problem {self.name!r} says `autonomous=True`, but `rhs` changes with `t`.")

    def _repr_html_(self) -> str:
        """For notebooks: sizes, times, parameters, and what the Hessian is taken with respect to."""
        return of_problem(self)

    def _check_real(self, what: str, value: Any) -> None:
        kind = np.asarray(value).dtype
        if kind.kind not in "biuf":
            raise InvalidInput(
                f"problem {self.name!r}: `{what}` returned numbers of type {kind}; they have to be real."
            )


def no_end_loss(xp: Any, y0: Any, y1: Any, p: Any) -> Any:
    """The loss of end points of a problem whose loss is that of its data alone: zero."""
    return 0.0 * xp.sum(y1)
