"""Events: times at which a step has to end, the state jumps, or the problem ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .data import inside


@dataclass(frozen=True, eq=False)
class Event:
    """At known times (`at`), or whenever `when` passes through zero.

    Raises `InvalidInput` unless exactly one of `at` and `when` is given, and for other values that cannot be used.

    Parameters
    ----------
    at
        a time, a list of times, the name of a parameter that holds one or several, or `at(xp, p)` -> times (m,)
    when
        `g(xp, t, y, p)`, a scalar; the event is at its roots
    direction
        of `g` at the root: 1 for rising, -1 for falling, 0 for both
    jump
        `h(xp, t, y, p)` -> the state (N,) behind the event; `None` leaves the state as it is
    terminal
        the problem ends there, and its end time is that of the event (`t_span[1]` where it does not happen)
    most
        how often it may happen; more is an error (a ball that comes to rest bounces infinitely often)
    """

    at: Any = None
    when: Callable[..., Any] | None = None
    direction: int = 0
    jump: Callable[..., Any] | None = None
    terminal: bool = False
    most: int = 1000

    def __post_init__(self) -> None:
        if (self.at is None) == (self.when is None):
            raise InvalidInput("`Event` takes either `at` (times) or `when` (a function whose roots are the times).")
        if self.direction not in (-1, 0, 1):
            raise InvalidInput(f"`Event`: `direction` is {self.direction!r}, expected -1, 0 or 1.")
        if not isinstance(self.most, int) or self.most < 1:
            raise InvalidInput(f"`Event`: `most` is {self.most!r}, expected a whole number of at least 1.")
        for what in ("when", "jump"):
            if not (getattr(self, what) is None or callable(getattr(self, what))):
                raise InvalidInput(
                    f"`Event`: `{what}` must be a function of `(xp, t, y, p)`, got {getattr(self, what)!r}."
                )
        if self.terminal and self.when is None:
            raise InvalidInput("`Event`: only one with `when` can be `terminal`; end `t_span` at a known time instead.")
        if not (self.at is None or isinstance(self.at, str) or callable(self.at)):
            try:
                times = np.atleast_1d(np.array(self.at, dtype=np.float64))
            except (TypeError, ValueError):
                times = np.array([np.nan])
            if times.ndim != 1 or not np.all(np.isfinite(times)):
                raise InvalidInput(
                    f"`Event`: `at` is {self.at!r}; expected a time, a list of times, the name of a parameter, or a function "
                    f"`at(xp, p)`."
                )
            object.__setattr__(self, "at", times)

    def check(self, problem: Any, free: tuple[str, ...]) -> None:
        """Raise `InvalidInput` for a time or a function that cannot be used in `problem`, called at its own point."""
        name, p, t, y = problem.name, problem.constants, problem.t_span[0], problem.y0
        if isinstance(self.at, str):
            if self.at not in problem.params:
                raise InvalidInput(
                    f"problem {name!r}: an event is at {self.at!r}, but there is no such parameter; it has {[*problem.params]}."
                )
            inside(name, f"the event at {self.at!r}", problem.params[self.at], problem.t_span, free)
        elif callable(self.at):
            inside(name, "an event", np.asarray(self.at(np, p), dtype=np.float64), problem.t_span, free)
        elif self.at is not None:
            inside(name, "an event", self.at, problem.t_span, free)
        for what, f, shapes in (("when", self.when, ((), (1,))), ("jump", self.jump, (y.shape,))):
            shape = shapes[0] if f is None else np.shape(f(np, t, y.copy(), p))
            if shape not in shapes:
                raise InvalidInput(
                    f"problem {name!r}: `{what}` of an event returned shape {shape}, expected {shapes[0]}"
                    f"{', a scalar' if what == 'when' else ', the shape of `y0`'}."
                )
